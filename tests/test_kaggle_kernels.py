import base64
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import nbformat
import pytest
import yaml

from fingerspelling.kaggle.kernels import CHAPTERS, FOLDED, LIMIT_BYTES, TRIAL, build
from fingerspelling.parameters import ParameterError, read_parameters
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import ROOT, RunConfig

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
TINY = ROOT / "tests/tiny.yaml"
KAGGLES = sorted((ROOT / "notebooks/params").glob("kaggle_*.yaml"))


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Built twice, in different places, languages and time zones, and with files of another age."""
    built = []
    for name, language in (("one", "C"), ("two", "de_DE.UTF-8")):
        other = {"LC_ALL": language, "TZ": f"UTC{3 * len(built)}", "PYTHONHASHSEED": str(len(built))}
        command = [sys.executable, "-m", "fingerspelling.kaggle.kernels", "--params", TINY, "--folder", tmp_path / name]
        subprocess.run(command, check=True, env=os.environ | other, cwd=tmp_path, capture_output=True)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        built.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
        os.utime(ROOT / "src/fingerspelling/text.py")
    assert built[0] == built[1]
    assert len(built[0]) == 2 * len(NOTEBOOKS)
    assert max(map(len, built[0].values())) < LIMIT_BYTES


def test_metadata_says_everything(tmp_path: Path) -> None:
    kernels = {kernel.number: kernel for kernel in build(tmp_path, "somebody", TINY)}
    for kernel in kernels.values():
        metadata = json.loads((kernel.folder / "kernel-metadata.json").read_text())
        assert metadata == kernel.metadata
        assert metadata["id"] == f"somebody/{metadata['title'].lower().replace(' ', '-')}"  # as Kaggle makes a slug
        assert 5 <= len(metadata["title"]) <= 50
        assert (kernel.folder / metadata["code_file"]).is_file()
        assert metadata["competition_sources"] == ["asl-fingerspelling"]
        assert metadata["enable_internet"] is False and metadata["is_private"] is True
        assert metadata["enable_gpu"] is (kernel.number == "03") is (metadata["machine_shape"] == "NvidiaTeslaT4")
        assert kernel.resumes is (kernel.number == "03")
    sources = {number: kernel.metadata["kernel_sources"] for number, kernel in kernels.items()}
    extraction, training = (kernels[number].metadata["id"] for number in ("02", "03"))
    assert not sources.pop("00") and not sources.pop("01") and not sources.pop("02")
    assert sources.pop("03") == [extraction]
    assert sources == {number: [extraction, training] for number in ("04", "05", "06")}
    simulated = build(tmp_path, "somebody", TINY, simulated=True)
    assert all(kernel.metadata["competition_sources"] == [] for kernel in simulated)
    with pytest.raises(ParameterError, match="data_fraction: is a share of the competition's files, not of simulated"):
        build(tmp_path, "somebody", TRIAL, simulated=True)


def test_a_kernel_is_the_chapter_and_a_few_cells(tmp_path: Path) -> None:
    for kernel in build(tmp_path, params=TINY):
        name = kernel.folder.name
        ours = nbformat.read(kernel.folder / f"{name}.ipynb", 4)
        (stored,) = (ROOT / "notebooks").glob(f"{kernel.number}_*.ipynb")
        added = {"about-the-package", "package", "parameters", "take-over", "hand-over"}
        assert [cell for cell in ours.cells if cell.id not in added] == nbformat.read(stored, 4).cells
        places = {cell.id: place for place, cell in enumerate(ours.cells)}
        assert places["about-the-package"] == 1 and places["package"] == 2
        package, parameters = (ours.cells[places[name]] for name in ("package", "parameters"))
        assert package.metadata == FOLDED
        assert parameters.source.startswith("# Parameters\n")  # by which the workbook knows it
        values: dict = {}
        exec(parameters.source, values)
        assert (values["params"], values["run_dir"]) == ("tests/tiny.yaml", "/kaggle/working")


def test_the_files_that_parameters_name_are_brought_along(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"params": "tests/tiny.yaml", "run_dir": "outputs/own"}))
    (kernel, *_) = build(tmp_path / "kernels", params=tmp_path / "own.yaml")
    notebook = nbformat.read(kernel.folder / kernel.metadata["code_file"], 4)
    (package,) = (cell.source for cell in notebook.cells if cell.id == "package")
    archive = lzma.decompress(base64.b64decode(package.split('"""')[1]))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
        assert tar.extractfile("notebooks/params/own.yaml").read() == (tmp_path / "own.yaml").read_bytes()
    assert {"tests/tiny.yaml", "tests/tiny_first_round.yaml", "notebooks/params/demo.yaml", "pyproject.toml"} <= set(
        names
    )
    assert not [name for name in names if "__pycache__" in name]
    assert any('params = "notebooks/params/own.yaml"' in cell.source for cell in notebook.cells)


def test_chapters_are_notebooks() -> None:
    assert set(CHAPTERS) <= set(NOTEBOOKS)
    assert {before for chapter in CHAPTERS.values() for before in chapter.after} <= set(NOTEBOOKS)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"training": {"epoch": 1}}, r"params\.yaml: training\.epoch: no such parameter"),
        ({"data_dir": "somewhere"}, r"params\.yaml: data_dir: .*leave it out"),
        (
            {"training": {"pretrained": "weights/reader"}},
            r"training\.pretrained: a kernel would not find .*weights/reader.*, below /kaggle/input$",
        ),
        (
            {"training": {"pretrained": "/kaggle/input"}},
            r"training\.pretrained: a kernel would not find /kaggle/input,",
        ),
        ({"training": {"pretrained": "/kaggle/working/seed1"}}, r"training\.pretrained: a kernel would not find "),
        ({"run_dir": "outputs/a_name_that_goes_on_and_on"}, r"params\.yaml: run_dir: .*title.* 50 characters"),
    ],
)
def test_what_cannot_be_built_is_named(tmp_path: Path, values: dict, reason: str) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ParameterError, match=reason):
        build(tmp_path / "kernels", params=tmp_path / "params.yaml")
    assert not (tmp_path / "kernels").exists()
    assert exit_status(lambda: len(build(tmp_path, params=tmp_path / "params.yaml"))) == 2


@pytest.mark.parametrize(
    ("folder", "kind", "source"),
    [
        ("datasets/other/reader-weights/seed1/model", "dataset_sources", "other/reader-weights"),
        ("reader-weights/seed1/model", "dataset_sources", "somebody/reader-weights"),
        ("models/other/reader/pytorch/default/2", "model_sources", "other/reader/pytorch/default/2"),
        (
            "notebooks/other/fingerspelling-03-training/seed1/model",
            "kernel_sources",
            "other/fingerspelling-03-training",
        ),
    ],
)
def test_the_model_that_a_training_starts_from_is_attached(tmp_path: Path, folder: str, kind: str, source: str) -> None:
    values = yaml.safe_load(TINY.read_text())
    values["training"]["pretrained"] = f"/kaggle/input/{folder}"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    without, attached = (
        {kernel.number: kernel.metadata for kernel in build(tmp_path, "somebody", params)}
        for params in (TINY, tmp_path / "params.yaml")
    )
    for number, metadata in attached.items():  # every chapter opens the run, which looks at the model
        assert metadata[kind][-1] == source
        others = {name for name in metadata if name.endswith("_sources")} - {kind}
        assert all(len(metadata[name]) == len(without[number][name]) for name in others)


@pytest.mark.parametrize("params", KAGGLES, ids=lambda path: path.stem)
def test_kaggles_parameters_fit_two_gpus(params: Path, tmp_path: Path) -> None:
    config = RunConfig.from_values(read_parameters(params))
    for recipe in filter(None, [config, config.first_round]):
        assert recipe.training.steps_per_process(2)
    assert config.training.num_workers <= 2  # of the four processors, for each of two processes
    assert config.run_dir.name == params.stem
    assert len(build(tmp_path, params=params)) == len(NOTEBOOKS)
