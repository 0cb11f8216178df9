"""The notebooks run under papermill, in order and again, and are stored as the house rules say."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import papermill
import pytest
import yaml
from papermill.exceptions import PapermillExecutionError

from fingerspelling.workbook import NOTEBOOKS, ROOT

FOLDER = ROOT / "notebooks"
TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())
LONGEST_CELL = 14  # lines of code


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run `python -m fingerspelling.workbook` with the smallest parameters; returns the run's folder."""
    folder = tmp_path_factory.mktemp("run")
    params = folder / "tiny.yaml"
    params.write_text(yaml.safe_dump({**TINY, "run_dir": str(folder / "tiny")}))
    command = [sys.executable, "-m", "fingerspelling.workbook", "--params", str(params)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "tiny"


def execute(name: str, run_dir: Path, **parameters: object) -> nbformat.NotebookNode:
    output = run_dir.parent / f"again_{name}.ipynb"
    values = {**TINY, "run_dir": str(run_dir), **parameters}
    return papermill.execute_notebook(
        FOLDER / f"{name}.ipynb", output, values, kernel_name="python3", progress_bar=False, cwd=FOLDER
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


def test_no_parameter_of_a_run_is_unknown_to_papermill(executed: Path) -> None:
    for name in NOTEBOOKS:
        notebook = nbformat.read(executed / "notebooks" / f"{name}.ipynb", 4)
        injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
        known = {parameter.split(":")[0] for parameter in parameters_cell(FOLDER / f"{name}.ipynb").splitlines()}
        assert {line.split(" =")[0] for line in injected.source.splitlines() if " = " in line} <= known


def parameters_cell(path: Path) -> str:
    (cell,) = (c for c in nbformat.read(path, 4).cells if "parameters" in c.metadata.get("tags", []))
    return cell.source


def test_a_notebook_alone_goes_on_from_what_is_there(executed: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "tiny"
    shutil.copytree(executed, run_dir)
    model = (run_dir / "model/model.safetensors").stat().st_mtime_ns
    notebook = execute("04_error_analysis", run_dir)
    assert (run_dir / "model/model.safetensors").stat().st_mtime_ns == model
    figures = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("image/png" in output["data"] for output in figures) >= 5


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"training": {"epoch": 1}}, "ParameterError.*training.epoch.*epochs"),
        ({"data_dir": "nowhere"}, "DataError.*nowhere"),
    ],
)
def test_papermill_fails_with_the_name_of_what_is_wrong(tmp_path: Path, parameters: dict, error: str) -> None:
    with pytest.raises(PapermillExecutionError, match=error):
        execute("02_extraction", tmp_path / "run", **parameters)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_stored_as_chapters(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "stored with outputs"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[-1].cell_type == "markdown" or name == NOTEBOOKS[-1]
    for cell in code:
        assert len([line for line in cell.source.splitlines() if line]) <= LONGEST_CELL, cell.source
    for line in parameters_cell(FOLDER / f"{name}.ipynb").splitlines():
        assert ":" in line.split("=")[0], f"no type: {line}"
        assert "  # " in line, f"no comment: {line}"
