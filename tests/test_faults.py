"""benchmarks/faults.py: what it would notice. The tries themselves take hours."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fingerspelling.runs.config import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import faults


def write_files(folder: Path) -> None:
    """Open three files to write, and rename one."""
    (folder.parent / "elsewhere").write_text("")
    for name in "abc":
        (folder / name).write_text(name)
    (folder / "a").read_text()
    (folder / "c").rename(folder / "d")


@pytest.mark.parametrize(("place", "files"), [(1, ""), (2, "a"), (3, "ab"), (4, "abc"), (5, "abd")])
def test_a_run_is_struck_at_the_file_that_is_meant(place: int, files: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    if not (child := os.fork()):
        faults.strike_at_file(folder, place, lambda: signal.raise_signal(signal.SIGKILL))
        write_files(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (0 if place == 5 else -signal.SIGKILL)
    assert "".join(sorted(os.listdir(folder))) == files


def test_a_run_is_killed_while_it_writes(tmp_path: Path) -> None:
    if not (child := os.fork()):
        faults.kill_in_write(5000)
        (tmp_path / "small").write_bytes(bytes(5000))
        (tmp_path / "large").write_bytes(bytes(9000))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGXFSZ
    assert [(tmp_path / name).stat().st_size for name in ("small", "large")] == [5000, 5000]


def test_what_is_left_is_found(tmp_path: Path) -> None:
    run, temporary = tmp_path / "run", tmp_path / "tmp"
    for file in (run / "seed1/.model.tmp/half", run / "a/.tmpX3", run / "model", temporary / "saved"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = {Path(file).name for file in faults.leftovers(run, temporary)}
    assert found == {".model.tmp", ".tmpX3", "saved"}
    sleeping = subprocess.Popen(["sleep", "60"], env=os.environ | {faults.MARK: str(temporary)})
    try:
        while not (found := faults.processes(temporary)):  # its environment can be read a moment after it has begun
            time.sleep(0.01)
        assert found == ["sleep 60 "]
    finally:
        sleeping.kill()
        sleeping.wait()
    assert faults.processes(temporary) == []


def test_bytes_are_compared_but_not_times(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"one")
    (tmp_path / "metrics.jsonl").write_text("1 s")
    before = faults.contents(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("2 s")
    assert faults.contents(tmp_path) == before
    (tmp_path / "model").write_bytes(b"two")
    assert faults.contents(tmp_path) != before


def test_the_table_counts_and_names_what_was_not_mended(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tries = [
        {"fault": "SIGKILL", "part": "train", "struck": ["file 3", "training"], "wrong": ""},
        {"fault": "SIGKILL", "part": "zip", "struck": [], "wrong": ""},
        {"fault": "full", "part": "train", "struck": ["no room"], "wrong": "differ ['model']"},
    ]
    results = tmp_path / "tries.jsonl"
    results.write_text("".join(json.dumps(row) + "\n" for row in tries))
    assert faults.report(results) == 1
    lines = capsys.readouterr().out.splitlines()
    assert ["SIGKILL", "2", "2", "2"] in map(str.split, lines) and ["full", "1", "1", "0"] in map(str.split, lines)
    assert ["training", "1"] in map(str.split, lines)
    assert lines[-1] == "full at ['no room']: differ ['model']"
    results.write_text("".join(json.dumps(row) + "\n" for row in tries[:2]))
    assert faults.report(results) == 0
