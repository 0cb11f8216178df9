"""What a kernel takes over, and what it refuses, without the machine around it."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from fingerspelling.data import competition as places
from fingerspelling.files import DataError
from fingerspelling.kaggle import chain
from fingerspelling.runs.config import ROOT

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())


@pytest.fixture
def take_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Calls `chain.take_over` for a run named tiny; returns the working folder."""
    given, working = tmp_path / "input", tmp_path / "working"
    given.mkdir()
    monkeypatch.delenv(places.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(places, "KAGGLE_MOUNTS", [given / "competitions" / places.SLUG])
    for name, folder in (("INPUT", given), ("WORKING", working)):
        monkeypatch.setattr(chain, name, folder)
    monkeypatch.setattr(chain, "notebook_parameters", lambda _: TINY | {"run_dir": str(working)})
    shell = SimpleNamespace(set_custom_exc=lambda *_: None, events=SimpleNamespace(register=lambda *_: None))

    def call(chapter: str, after: tuple[str, ...] = (), simulated: bool = True) -> Path:
        chain.take_over(chapter, "tiny", {"get_ipython": lambda: shell}, after, simulated)
        return working

    return call


def leave(folder: Path, chapter: str, run: str = "tiny", **files: str) -> Path:
    """Write a kernel's output."""
    for name, content in {"kernel.json": json.dumps({"chapter": chapter, "run": run}), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_others_outputs_are_linked_and_ones_own_is_copied(tmp_path: Path, take_over: Callable[..., Path]) -> None:
    leave(tmp_path / "input/extraction", "02_extraction", **{"clips/train/a.arrow": "clips", "figures/a.png": "x"})
    own = {"seed1/checkpoints/checkpoint-3/files.json": "{}", "metrics.json": "{}", "training.log": "step 3/9"}
    leave(tmp_path / "input/notebooks/somebody/training", "03_training", **own)
    leave(tmp_path / "input/other", "02_extraction", "another", **{"clips/train/b.arrow": "others"})
    (tmp_path / "input/foreign").mkdir()
    (tmp_path / "input/foreign/kernel.json").write_text("[1, 2]")
    working = take_over("03_training", ("02_extraction",))
    assert (working / "clips").is_symlink()
    assert [file.name for file in (working / "clips").rglob("*.arrow")] == ["a.arrow"]
    assert not (working / "figures").exists()
    assert not (working / "seed1").is_symlink()
    assert all((working / name).read_text() == content for name, content in own.items())
    assert json.loads((working / "kernel.json").read_text()) == {"chapter": "03_training", "run": "tiny"}
    chain.hand_over()
    assert not (working / "clips").exists()
    assert all((working / name).read_text() == content for name, content in own.items())
    assert (tmp_path / "input/extraction/clips/train/a.arrow").is_file()


def test_what_is_missing_is_named(tmp_path: Path, take_over: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no output of 02_extraction of the run tiny"):
        take_over("03_training", ("02_extraction",))
    leave(tmp_path / "input/extraction", "02_extraction")
    leave(tmp_path / "input/training", "03_training", **{"seed1/model/config.json": "{}", "seed2/training.json": "{}"})
    with pytest.raises(DataError, match=r"^seed2: not trained to the end; push 03_training again"):
        take_over("05_submission", ("02_extraction", "03_training"))
    with pytest.raises(DataError, match="no data of the competition; accept its rules"):
        take_over("01_eda", simulated=False)


def test_data_that_a_simulated_run_does_not_want_are_refused(
    tmp_path: Path, competition: Path, take_over: Callable[..., Path]
) -> None:
    (tmp_path / "input/competitions").mkdir()
    (tmp_path / "input/competitions" / places.SLUG).symlink_to(competition)
    with pytest.raises(DataError, match="this run is on simulated signers; remove that input"):
        take_over("01_eda")


def test_room_is_reckoned_beforehand(
    tmp_path: Path, competition: Path, take_over: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "input/competitions").mkdir()
    (tmp_path / "input/competitions" / places.SLUG).symlink_to(competition)
    take_over("02_extraction", simulated=False)
    monkeypatch.setattr(chain, "OUTPUT_BYTES", 1000.0)
    for chapter in ("02_extraction", "03_training"):
        with pytest.raises(DataError, match=r"GB are needed, and there is room for 0\.0"):
            take_over(chapter, simulated=False)
    take_over("04_error_analysis", simulated=False)
