"""Simulated data lie where all runs on the same signers find them."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from fingerspelling.data.competition import ENVIRONMENT_VARIABLE
from fingerspelling.parameters import ParameterError, lay_over
from fingerspelling.processes import LOCK, only_process
from fingerspelling.runs import shared_data
from fingerspelling.runs.config import ROOT
from fingerspelling.runs.shared_data import Noted, read_note, write_note
from fingerspelling.runs.status import status
from fingerspelling.workbook import Workbook

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())


@pytest.fixture(autouse=True)
def no_data_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def open_run(run_dir: Path, **changes: dict) -> Workbook:
    return Workbook(lay_over({**TINY, "run_dir": str(run_dir)}, changes))


def written(folder: Path) -> dict[str, int]:
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file() and file.name != LOCK
    }


def test_runs_with_other_trainings_share_the_clips_and_another_simulation_has_its_own(tmp_path: Path) -> None:
    first = open_run(tmp_path / "first")
    assert len(first.store) == 28
    made = written(first.home)
    assert {"competition/train.csv", "competition/simulation.json"} <= made.keys()
    second = open_run(tmp_path / "second", training={"epochs": 9}, simulation={"processes": 2})
    assert second.store.folder == first.store.folder and second.data_dir == first.data_dir
    assert written(first.home) == made  # neither simulated nor extracted again
    other = open_run(tmp_path / "other", simulation={"clips": 20})
    assert len(other.store) == 24 and other.home != first.home
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "first", "other", "second"]
    assert {path.parent for path in (first.home, other.home)} == {tmp_path / "data"}
    for book in (first, second, other):
        assert book.simulated and book.home.name.startswith("simulated_")
        assert not (book.run_dir / "clips").exists() and not (book.run_dir / "competition").exists()
        told = status(book.run_dir).set_index("stage")["state"]
        assert told["data"] == "done" and told["clips"] == f"done: {len(book.store)} clips"
    with pytest.raises(ParameterError, match=r"^run_dir: \S*/other holds .*clips: 20 instead of 24\); choose"):
        _ = open_run(tmp_path / "other").data_dir


def test_what_was_deleted_is_made_again(tmp_path: Path) -> None:
    book = open_run(tmp_path / "run")
    fingerprint = book.store.fingerprint
    shutil.rmtree(tmp_path / "data")
    told = status(book.run_dir).set_index("stage")["state"]
    assert told["data"].startswith("missing: ") and told["clips"] == "missing"
    assert open_run(tmp_path / "run").store.fingerprint == fingerprint


def test_other_code_makes_other_data_but_a_run_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = open_run(tmp_path / "run")
    folder = book.data_dir.parent
    package = Path(shutil.copytree(shared_data.PACKAGE, tmp_path / "package"))
    monkeypatch.setattr(shared_data, "PACKAGE", package)
    assert open_run(tmp_path / "new").home == folder
    for place in ("simulation/hand.py", "simulation/words.toml", "data/store.py", "text.py"):
        with (package / place).open("a") as file:
            file.write("# changed\n")
        changed = open_run(tmp_path / "new").home
        assert changed != folder and changed.parent == folder.parent
        assert open_run(tmp_path / "run").home == folder
        shutil.copyfile(Path(shared_data.__file__).parents[1] / place, package / place)
    assert open_run(tmp_path / "new").home == folder


def test_points_put_right_in_a_runs_own_way_are_in_its_own_store(tmp_path: Path) -> None:
    usual, own = open_run(tmp_path / "usual"), open_run(tmp_path / "own", extraction={"mirror": True})
    assert own.store.folder == tmp_path / "own/clips" and own.data_dir == usual.data_dir
    assert usual.store.fingerprint != own.store.fingerprint
    assert status(own.run_dir)["state"][1] == "done: 28 clips"


def test_a_run_that_has_its_data_with_it_keeps_them(tmp_path: Path) -> None:
    book = open_run(tmp_path / "run")
    shutil.copytree(book.store.folder.parent, book.run_dir, dirs_exist_ok=True)  # as fetched from Kaggle
    (book.run_dir / "data.txt").write_text("simulated signers\n")
    shutil.rmtree(tmp_path / "data")
    assert open_run(tmp_path / "run").store.folder == tmp_path / "run/clips"
    assert status(tmp_path / "run")["state"].head(2).tolist() == ["done", "done: 28 clips"]
    assert not (tmp_path / "data").exists()


def test_a_run_waits_for_another_that_writes_the_data(tmp_path: Path) -> None:
    book = open_run(tmp_path / "run")
    with only_process(book.home):
        code = (
            "from fingerspelling.workbook import Workbook; "
            f"print(len(Workbook({ {**TINY, 'run_dir': str(tmp_path / 'second')}!r}).store))"
        )
        environment = {"PATH": "", "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
        second = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        assert second.stdout.readline().startswith(f"{book.home}: waiting for process ")
        time.sleep(0.2)
        assert second.poll() is None and not (book.home / "competition").exists()
    assert second.communicate(timeout=60)[0].splitlines()[-1] == "28"


def test_a_note_survives_a_move_of_run_and_data(tmp_path: Path) -> None:
    run_dir = tmp_path / "a/outputs/demo"
    run_dir.mkdir(parents=True)
    for noted in (Noted("simulated signers", run_dir.parent / "data/x"), Noted("/data", run_dir)):
        write_note(run_dir, noted)
        assert read_note(run_dir) == noted
    write_note(run_dir, Noted("simulated signers", run_dir.parent / "data/x"))
    (tmp_path / "a").rename(tmp_path / "b")
    assert read_note(tmp_path / "b/outputs/demo").home == tmp_path / "b/outputs/data/x"
    (tmp_path / "b/outputs/demo/data.txt").write_bytes(b"\xff\xfe")
    assert read_note(tmp_path / "b/outputs/demo") == Noted("", tmp_path / "b/outputs/demo")
