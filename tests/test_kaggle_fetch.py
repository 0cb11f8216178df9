"""A kernel's output comes into the run's folder whole, and nothing that lies there is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kaggle_stub import HALF, HANG, OWNER, KaggleStub, Version

pytest.importorskip("kagglesdk", reason="the extra kaggle is not installed")
from fingerspelling.files import DataError
from fingerspelling.kaggle import patience
from fingerspelling.kaggle.client import Client
from fingerspelling.kaggle.fetch import fetch
from fingerspelling.kaggle.patience import KaggleError
from fingerspelling.processes import only_process

KERNEL = f"{OWNER}/fingerspelling-trial-03-training"
LOG = "fingerspelling-trial-03-training.log"


def contents(folder: Path) -> dict[str, str]:
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {name.as_posix(): path.read_text() for name, path in files.items() if name.name not in {LOG, ".lock"}}


@pytest.fixture
def files(kaggle: KaggleStub) -> dict[str, bytes]:
    """What the first version has left."""
    files = {
        "seed1/model/config.json": b"{}",
        "metrics.json": b'{"score": 0.9}',
        "run.json": b'{"03_training": {"seconds": 2}}',
        "kernel.json": b'{"chapter": "03_training"}',
    }
    kaggle.kernels[KERNEL].append(Version({}, files=files))
    return files


def test_an_output_becomes_a_run(files: dict, kaggle: KaggleStub, tmp_path: Path) -> None:
    assert fetch(Client(), f"{KERNEL}/1", tmp_path / "outputs/trial") is None
    del files["kernel.json"]
    assert contents(tmp_path / "outputs/trial") == {name: content.decode() for name, content in files.items()}
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["trial"]


def test_what_it_replaces_is_kept(files: dict, kaggle: KaggleStub, tmp_path: Path) -> None:
    run = tmp_path / "trial"
    (run / "seed1/model").mkdir(parents=True)
    for name, content in {
        "seed1/model/config.json": "{}",
        "metrics.json": '{"score": 0.1}',
        "run.json": '{"02_extraction": {"seconds": 1}}',
        "figures.txt": "mine",
    }.items():
        (run / name).write_text(content)
    replaced = fetch(Client(), f"{KERNEL}/1", run)
    assert replaced is not None and replaced.parent == run / ".replaced"
    assert set(contents(replaced)) == {"metrics.json", "run.json"}
    assert (replaced / "metrics.json").read_text() == '{"score": 0.1}'
    assert json.loads((run / "run.json").read_text()).keys() == {"02_extraction", "03_training"}
    there = contents(run)
    assert (there["metrics.json"], there["figures.txt"]) == ('{"score": 0.9}', "mine")
    before = contents(run)
    assert fetch(Client(), f"{KERNEL}/1", run) is None  # the same once more
    assert contents(run) == before
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"home"}] == ["trial"]


@pytest.mark.parametrize("fault", [401, 403, 404, 429, 500, HANG, HALF])
def test_where_kaggle_fails_the_run_is_as_it_was_and_the_next_call_goes_on(
    fault: object, files: dict, kaggle: KaggleStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.05))
    monkeypatch.setattr(patience, "ATTEMPTS", 2)
    run = tmp_path / "trial"
    run.mkdir()
    (run / "metrics.json").write_text("mine")
    method = "download" if fault == HALF else "ListKernelSessionOutput"
    kaggle.faults[method].extend([None, *[fault] * 20])
    client = Client()
    with pytest.raises(KaggleError):
        fetch(client, f"{KERNEL}/1", run)
    assert contents(run) == {"metrics.json": "mine"}
    kaggle.faults.clear()
    kaggle.released.set()
    calls = len(kaggle.calls)
    fetch(client, f"{KERNEL}/1", run)
    assert (run / "metrics.json").read_bytes() == files["metrics.json"]
    assert (run / "seed1/model/config.json").exists() and len(kaggle.calls) > calls


def test_one_killed_while_files_are_moved_goes_on(
    files: dict, kaggle: KaggleStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "trial"
    run.mkdir()
    (run / "metrics.json").write_text("mine")
    rename, left = Path.rename, [0]

    def die(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    for moves in (0, 1, 1):  # each call goes on where the last one was killed
        left[0] = moves
        monkeypatch.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            fetch(Client(), f"{KERNEL}/1", run)
        monkeypatch.setattr(Path, "rename", rename)
        assert "mine" in contents(run).values()
    fetch(Client(), f"{KERNEL}/1", run)
    there = contents(run)
    assert {there.pop(name) for name in list(there) if name.startswith(".replaced")} == {"mine"}
    assert there.keys() == files.keys() - {"kernel.json"}


def test_a_run_at_work_is_left_alone(files: dict, kaggle: KaggleStub, tmp_path: Path) -> None:
    run = tmp_path / "trial"
    code = (
        "import sys, pathlib; from fingerspelling.processes import only_process\n"
        "with only_process(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(DataError, match="in use"):
            fetch(Client(), f"{KERNEL}/1", run)
        holder.stdin.close()
    with only_process(run):
        pass
    fetch(Client(), f"{KERNEL}/1", run)
    assert (run / "metrics.json").exists()
