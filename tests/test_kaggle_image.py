import os
import tempfile
from importlib import metadata
from pathlib import Path

import pytest

from fingerspelling.files import InputError
from fingerspelling.kaggle.image import check_image

PROJECT = """[project]
requires-python = ">=3.11,<3.14"
dependencies = ["numpy>=2.0,<3", "ai-edge-litert>=1.2,<3"]
optional-dependencies.workbook = ["pandas>=2.2,<4", "jupyterlab>=4.2,<5"]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PYTHONPATH", "TMPDIR"):  # changed by the check, and brought back after the test
        monkeypatch.setenv(name, os.environ.get(name, str(tmp_path)))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def test_what_the_machine_lacks_is_named_in_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "pandas":
            raise metadata.PackageNotFoundError(name)
        return "2.2.2"

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(InputError, match=r"^this machine lacks numpy[<>=0-9.,]*; ") as error:
        check_image(place, place / "tmp")
    assert "\n" not in str(error.value)


def test_untested_versions_are_named_and_tried(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(metadata, "version", {"numpy": "3.1", "pandas": "3.0.0rc1"}.__getitem__)
    check_image(place, place / "tmp")
    assert capsys.readouterr().out.endswith("needed; numpy 3.1 (tested: <3,>=2.0)\n")


def test_processes_find_the_package_and_the_scratch_folder(place: Path) -> None:
    check_image(place, place / "tmp")
    assert os.environ["PYTHONPATH"].startswith(f"{place}/src{os.pathsep}")
    with tempfile.TemporaryDirectory() as folder:
        assert Path(folder).parent == place / "tmp"
