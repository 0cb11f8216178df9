"""The notebooks run under papermill, in order and again, and are stored as the house rules say."""

import ast
import copy
import errno
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import jupyter_client.client
import nbformat
import pandas as pd
import papermill
import pytest
import yaml
from nbclient import NotebookClient
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb

from fingerspelling.data.competition import ENVIRONMENT_VARIABLE
from fingerspelling.processes import exit_status
from fingerspelling.runs import provenance
from fingerspelling.runs.config import NOTEBOOKS, ROOT, RunConfig
from fingerspelling.workbook.notebooks import START_SECONDS, execute_all

FOLDER = ROOT / "notebooks"
TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())
FEWER_FRAMES = "after[0] > before[0] and after[1] == 0 < before[1]"
NONE_WORSE = "after[0] == 3 < before[0] and after[1] <= before[1] and after[2] <= before[2]"


class Try(NamedTuple):
    """What a chapter suggests to try: the last cell to run, and the effect on a value of the notebook."""

    until: str
    value: str
    effect: str  # an expression of `before` and `after`


TRIES = {
    "00_start": [
        Try("start-7", "len(frames)", "after != before"),
        Try("start-9", "metric.score([prediction], [phrase])", "after < 0.5"),
        Try("start-7", "np.isfinite(frames[:, :, 0]).mean()", "after < before"),
    ],
    "01_eda": [
        Try("01-12", "(len(clip['phrase']), clip['frames'])", "after[0] > 20 > before[0] and after[1] > before[1]"),
        Try("01-12", "other['seen']", "after <= before"),
        Try("01-20", "samples['frames per character'].mean()", "after > 1.5 * before"),
    ],
    "02_extraction": [
        Try("02-11", "(place, np.nanmax(np.abs(source - frames)))", "after[0] != before[0] and after[1] < 0.002"),
        Try("02-16", "sample['n_frames'].sum()", "after > before"),
        Try("02-16", "(comparable.any(), {*summary['changed']})", "before[0] and after == (False, {'mirrored'})"),
    ],
    "03_training": [
        Try("03-41", "(len(plan), sum(max(each) - length for each in lengths for length in each))", FEWER_FRAMES),
        Try("03-39", "example['score']", "after <= before"),
        Try(
            "03-20", "histories['seed1']['eval_loss'].dropna().tolist()", "len(after) == 14 and after[-1] < before[-1]"
        ),
    ],
    "04_error_analysis": [
        Try("04-37", "hardest['score'].min()", "after <= before"),
        Try("04-37", "worst['score']", "after >= before"),
        Try("04-25", "(everybody['score'], decodings['score'].iloc[0])", "abs(after[0] - before[1]) < 1e-9"),
    ],
    "05_submission": [
        Try("05-27", "(len(clip), edge_parity['same'].mean())", "after[0] < before[0] and after[1] == before[1] == 1"),
        Try("05-12", "(len(results), results['clip_score'].mean(), chosen['score'].mean())", NONE_WORSE),
        Try("05-05", "archive.stat().st_size", "after < before"),
    ],
    "06_your_own_hand": [
        Try("06-17", "len(letters)", "after < before"),  # and nothing that follows fails where nothing is readable
        Try("06-11", "(len(texts), len(letters))", "before[0] == 1 and after[0] == 2 and after[1] < before[1]"),
        Try("06-11", "texts == [phrase]", "before and not after"),
    ],
}
LONGEST_CELL, USUAL_CELL = 20, 6  # lines of code
LARGEST = 1_500_000  # bytes of an executed notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `fingerspelling run` with the smallest parameters; returns the run's folder."""
    folder = tmp_path_factory.mktemp("run")
    params = folder / "tiny.yaml"
    params.write_text(yaml.safe_dump({**TINY, "run_dir": str(folder / "tiny")}))
    command = [sys.executable, "-m", "fingerspelling", "run", "--params", str(params)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "eavesdropping" not in done.stdout + done.stderr
    return folder / "tiny"


def execute(name: str, run_dir: Path, **parameters: object) -> nbformat.NotebookNode:
    output = run_dir.parent / f"again_{name}.ipynb"
    values = {**TINY, "run_dir": str(run_dir), **parameters}
    return papermill.execute_notebook(
        FOLDER / f"{name}.ipynb",
        output,
        values,
        kernel_name="python3",
        progress_bar=False,
        start_timeout=START_SECONDS,
        cwd=FOLDER,
    )


@pytest.mark.timeout(600)
def test_all_notebooks_run_and_leave_a_submission_and_its_score(executed: Path) -> None:
    assert sorted(path.stem for path in (executed / "notebooks").glob("*.ipynb")) == NOTEBOOKS
    with zipfile.ZipFile(executed / "submission.zip") as archive:
        assert {"model.tflite", "inference_args.json"} == set(archive.namelist())
    metrics = json.loads((executed / "metrics.json").read_text())
    assert metrics["parity"] == 1.0
    assert metrics["submission_clips"] == TINY["submission"]["clips"]
    assert -1 <= metrics["submission_score"] <= 1
    assert len(list((executed / "figures").glob("*.png"))) >= 14
    first = nbformat.read(executed / "notebooks/00_start.ipynb", 4)
    shown = "".join(
        output["data"].get("text/html", "")
        for cell in first.cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert "submission.zip" in shown and "metrics.json" in shown, "it does not show what the run has made"


def test_no_parameter_of_a_run_is_unknown_to_papermill(executed: Path) -> None:
    for name in NOTEBOOKS:
        notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)
        injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
        known = {parameter.split(":")[0] for parameter in parameters_cell(FOLDER / f"{name}.ipynb").splitlines()}
        assert {line.split(" =")[0] for line in injected.source.splitlines() if " = " in line} <= known


def test_each_notebook_ends_with_what_it_ran_with(executed: Path) -> None:
    records = provenance.read(executed)
    assert sorted(records) == NOTEBOOKS
    for name, record in records.items():
        notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)
        assert notebook.metadata["provenance"] == record
        printed = "".join(output["text"] for output in notebook.cells[-1].outputs)  # now and then in two pieces
        assert printed == provenance.line(record) + "\n"
        assert record["parameters"]["training"] == TINY["training"] and record["seeds"] == TINY["seeds"]
        assert {"torch", "python"} <= record["versions"].keys() and 0 < record["seconds"] < 600


def parameters_cell(path: Path) -> str:
    (cell,) = (c for c in nbformat.read(path, 4).cells if "parameters" in c.metadata.get("tags", []))
    return cell.source


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_executed_notebook_is_small(executed: Path, name: str) -> None:
    assert (executed / "notebooks" / f"{name}.ipynb").stat().st_size <= LARGEST


def test_both_rounds_run_in_one_go(executed: Path) -> None:
    assert len(pd.read_parquet(executed / "scores.parquet")) == TINY["simulation"]["clips"]
    trained = {path.parent.name for path in executed.rglob("model") if path.is_dir()}
    assert trained == {"fold0", "fold1", "seed1", "seed2"}
    assert (executed / "figures/first_round.png").is_file()
    printed = "".join(told(executed / "notebooks/05_submission.ipynb"))
    assert "2 model(s)" in printed
    assert (executed / "your_own_hand.html").is_file()
    assert "clips of simulated signers that training never saw" in printed


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_picture_says_what_it_shows(executed: Path, name: str) -> None:
    notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    pictures = [output for output in outputs if "image/png" in output.data]
    for picture in pictures:
        alt = picture.metadata["image/png"]["alt"]
        assert len(alt) > 30 and alt == picture.data["text/plain"], alt
    for picture, following in pairwise([*outputs, None]):
        if "image/png" in picture.data:
            assert len(following.data["text/markdown"]) > 20, f"no reading below: {picture.data['text/plain']}"
    players = [output.data["text/html"] for output in outputs if "clip-" in output.data.get("text/html", "")]
    assert all("aria-label=" in player for player in players)
    assert len(players) == {"01_eda": 1, "04_error_analysis": 2, "06_your_own_hand": 1}.get(name, 0)


def told(notebook: Path) -> list[str]:
    return [
        output["text"]
        for cell in nbformat.read(notebook, 4).cells
        for output in cell.get("outputs", [])
        if "text" in output
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nothing_that_is_shown_is_red_or_names_a_place_on_this_machine(executed: Path, name: str) -> None:
    for cell in nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4).cells:
        if "book.parameters" in cell.source:  # a run elsewhere than in the project says where, as it was told
            continue
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output
            assert "...</td>" not in output.get("data", {}).get("text/html", ""), "a table's cell is cut"
            assert str(ROOT) not in str(output) and str(executed.parent) not in str(output), output


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_all_cells_run_twice_in_one_kernel_and_make_nothing_again(executed: Path, name: str) -> None:
    made = [executed / "submission.zip", *executed.glob("seed*/model/model.safetensors")]
    written = [path.stat().st_mtime_ns for path in made]
    notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)  # with its injected parameters
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [*cells, nbformat.v4.new_code_cell("seed, table_of_mine = 3, {}"), *copy.deepcopy(cells)]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}}).execute()
    assert [path.stat().st_mtime_ns for path in made] == written
    again = notebook.cells[len(cells) + 1 :]
    pictures = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in again]
    assert pictures == [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]
    assert sum(pictures) >= (0 if name == "05_submission" else 1)


def test_run_says_in_one_line_what_is_wrong_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    params = tmp_path / "params.yaml"
    for content, data, said in [
        (None, None, "No such file"),
        ("training: {epochs: [", None, "while parsing"),
        ("- a list", None, "expected names with values"),
        ("training: {epoch: 1}", None, "training.epoch: no such parameter; did you mean epochs?"),
        ("first_round: nowhere.yaml", None, "nowhere.yaml: No such file"),
        ("{}", tmp_path / "nowhere", "nowhere"),
    ]:
        if content:
            params.write_text(content)
        assert exit_status(partial(execute_all, params, data)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith(f"{data or params}: ") and said in error
    assert exit_status(partial(execute_all, params, names=["03_trainig"])) == 2
    assert "no 03_trainig; there are 00_start, " in capsys.readouterr().err
    assert exit_status(partial(execute_all, params, names=["3", "03", "7"])) == 2
    assert "no 7; there are 00_start, " in capsys.readouterr().err


def test_what_papermill_writes_is_there_only_when_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({**TINY, "run_dir": str(tmp_path / "run")}))
    states = [nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"{n} cells")]) for n in (1, 2)]

    def full(path: Path, written: bytes) -> None:
        with path.open("wb") as file:
            file.write(written[: len(written) // 2])
        raise OSError(errno.ENOSPC, "no space left", str(path))

    def execute(_: Path, target: Path, *__: object, **___: object) -> None:
        write_ipynb(states[0], str(target))
        monkeypatch.setattr(Path, "write_bytes", full)
        write_ipynb(states[1], str(target))

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    with pytest.raises(OSError, match="no space"):
        execute_all(params, names=["01_eda"])
    assert nbformat.read(tmp_path / "run/notebooks/01_eda.ipynb", 4) == states[0]
    assert [path.name for path in (tmp_path / "run/notebooks").iterdir()] == ["01_eda.ipynb"]


def kernel_of(process: subprocess.Popen) -> int:
    """Return the process id of the kernel that a batch run has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (kernel,) = (child for child in children if b"ipykernel_launcher" in Path(f"/proc/{child}/cmdline").read_bytes())
    return int(kernel)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the kernel as Linux has it")
def test_a_kernel_that_is_killed_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    longer = {**TINY["simulation"], "clips": 300, "clips_per_file": 100}
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({**TINY, "run_dir": str(tmp_path / "run"), "simulation": longer}))
    command = [sys.executable, "-m", "fingerspelling", "run", "--params", str(params), "--notebooks", "02_extraction"]
    batch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run/data.txt").is_file():  # the third cell has begun to simulate
        assert batch.poll() is None
        time.sleep(0.05)
    os.kill(kernel_of(batch), signal.SIGKILL)
    _, error = batch.communicate(timeout=120)
    assert error == "02_extraction, cell 4: the kernel died; most often, memory has run out\n"
    assert batch.returncode == 1
    notebook = nbformat.read(tmp_path / "run/notebooks/02_extraction.ipynb", 4)
    assert "book.extract()" in [cell for cell in notebook.cells if cell.cell_type == "code"][3].source

    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not [*tmp_path.rglob("*.tmp")]


def test_a_kernel_that_does_not_start_in_time_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({**TINY, "run_dir": str(tmp_path / "run")}))
    beginning = "Kernel didn't respond in "
    assert beginning in inspect.getsource(jupyter_client.client)  # as that says it

    def execute(*_: object, **__: object) -> None:
        raise RuntimeError(f"{beginning}600 seconds")

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    assert execute_all(params, names=["01_eda"]) == 1
    assert capsys.readouterr().err == "01_eda: its kernel did not start in 600 s; try again\n"


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"training": {"epoch": 1}}, "ParameterError.*training.epoch.*epochs"),
        ({"data_dir": "nowhere"}, "DataError.*nowhere"),
    ],
)
def test_papermill_fails_with_the_name_of_what_is_wrong(tmp_path: Path, parameters: dict, error: str) -> None:
    with pytest.raises(PapermillExecutionError, match=error) as failure:
        execute("02_extraction", tmp_path / "run", **parameters)
    assert len(failure.value.traceback) == 1, "a traceback is of no use to whoever mistyped a parameter"


def test_papermill_can_read_every_parameter() -> None:
    for name in NOTEBOOKS:
        found = papermill.inspect_notebook(FOLDER / f"{name}.ipynb")
        assert list(found) == [field.name for field in fields(RunConfig)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TRIES)
def test_what_a_chapter_suggests_to_try_has_the_effect_that_it_says(executed: Path, tmp_path: Path, name: str) -> None:
    notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)
    text = "".join(cell.source for cell in notebook.cells if cell.source.startswith("## Try this"))
    suggestions = re.findall(r"^\d\. `([^`]+)`: \w", text, re.M)
    assert len(suggestions) == len(TRIES[name]) == 3
    places = {cell.id: place for place, cell in enumerate(notebook.cells)}
    last = max(places[attempt.until] for attempt in TRIES[name])
    cells, undone = [cell for cell in notebook.cells[: last + 1] if cell.cell_type == "code"], []
    for suggestion, (until, value, effect) in zip(suggestions, TRIES[name], strict=True):
        suggestion = suggestion.replace("run_dir=outputs/", f"run_dir={tmp_path}/")
        first = next(place for place, cell in enumerate(notebook.cells) if changed(cell, suggestion))
        section = [cell for cell in notebook.cells[first : places[until] + 1] if cell.cell_type == "code"]
        again = copy.deepcopy(section)
        again[0].source = changed(again[0], suggestion)
        kept = f"__before = {value}"  # under a name that no chapter has
        check = f"__tried = (__before, {value})\nassert (lambda before, after: {effect})(*__tried), __tried"
        cells += [*undone, nbformat.v4.new_code_cell(kept), *again, nbformat.v4.new_code_cell(check)]
        undone = copy.deepcopy(section)  # the next suggestion starts from the chapter as it is
    notebook.cells = cells
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}}).execute()


def changed(cell: nbformat.NotebookNode, suggestion: str) -> str:
    """Return a cell's code with a suggestion such as "name = value" or "name=value"; "" where it has no such name."""
    if cell.cell_type != "code":
        return ""
    name, equals, _ = re.fullmatch(r"(\w+)( ?= ?)(.+)", suggestion).groups()
    for node in ast.walk(ast.parse(cell.source)):
        targets = [*getattr(node, "targets", []), getattr(node, "target", None)]
        assigns = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if assigns if equals == " = " else isinstance(node, ast.keyword) and node.arg == name:
            return cell.source.replace(ast.get_source_segment(cell.source, node), suggestion, 1)
    return ""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_stored_as_chapters(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "stored with outputs"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[-1].source == f'print(book.keep_provenance("{name}"))'
    lines = [len([line for line in cell.source.splitlines() if line]) for cell in code]
    assert max(lines) <= LONGEST_CELL and median(lines) <= USUAL_CELL
    for before, cell in pairwise(notebook.cells):
        tells = before.cell_type == "markdown" and before.source.strip()
        assert cell.cell_type == "markdown" or tells, f"no sentence before: {cell.source}"
    for line in parameters_cell(FOLDER / f"{name}.ipynb").splitlines():
        assert ":" in line.split("=")[0], f"no type: {line}"
        assert "  # " in line, f"no comment: {line}"


def test_ten_questions_are_answered_under_headings_that_are_there() -> None:
    cells = nbformat.read(FOLDER / "00_start.ipynb", 4).cells
    (text,) = (" ".join(cell.source.split()) for cell in cells if cell.source.startswith("## Ten questions"))
    answers = re.split(r" \d+\. ", text)[1:]
    assert len(answers) == 10
    for answer in answers:
        chapter = re.search(r"\((\w+)\.ipynb\)", answer)
        sources = [
            cell.source for cell in nbformat.read(FOLDER / f"{chapter[1] if chapter else '00_start'}.ipynb", 4).cells
        ]
        for heading in (found := re.findall(r"\*([^*]+)\*", answer)):
            assert any(source.startswith(f"## {heading}\n") for source in sources), answer
        assert found, answer
