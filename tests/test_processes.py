import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fingerspelling import processes
from fingerspelling.files import DataError
from fingerspelling.processes import HELD, TORCHRUNS, Terminated, exit_status, only_process


def interrupted() -> int:
    raise KeyboardInterrupt


def terminated() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    raise AssertionError("the signal was not heard")


def unusable() -> int:
    raise DataError("x.csv: lacks a column")


def unwritable() -> int:
    raise OSError(28, "No space left on device", "out/model")


def too_large() -> int:
    raise RuntimeError("alloc_cpu.cpp:\n DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")


def unread() -> int:
    raise BrokenPipeError


@pytest.mark.parametrize(
    ("main", "status", "sentence"),
    [
        (lambda: 7, 7, ""),
        (interrupted, 130, "interrupted; the same command goes on from here\n"),
        (terminated, 143, "terminated; the same command goes on from here\n"),
        (unusable, 2, "x.csv: lacks a column\n"),
        (
            too_large,
            2,
            "too little memory (alloc_cpu.cpp: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 "
            "bytes.); take a smaller batch or model\n",
        ),
        (unwritable, 2, "out/model: No space left on device\n"),
    ],
)
def test_an_end_is_a_status_and_a_sentence(main, status: int, sentence: str, capsys: pytest.CaptureFixture) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert exit_status(main) == status
    assert capsys.readouterr().err == sentence
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_a_mistake_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 // 0)


def test_of_several_processes_one_speaks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("RANK", "1")
    assert exit_status(unusable) == 2
    assert capsys.readouterr().err, "left over from another program, it silences none"
    for name in TORCHRUNS - {"RANK"}:
        monkeypatch.setenv(name, "1")
    assert exit_status(unusable) == 2
    assert capsys.readouterr().err == ""


def test_termination_passes_what_catches_errors() -> None:
    assert not issubclass(Terminated, Exception)


HOLD = """
import sys, time
from pathlib import Path
from fingerspelling.processes import only_process
with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_the_first_one_named(holder: subprocess.Popen, tmp_path: Path) -> None:
    refusal = rf"^{tmp_path}: in use by process {holder.pid} on .* \(-c "
    with pytest.raises(DataError, match=refusal), only_process(tmp_path):
        pass


def test_a_lock_ends_with_a_killed_holder(holder: subprocess.Popen, tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with only_process(tmp_path):
        pass


def test_a_process_shares_its_lock_with_those_it_starts(tmp_path: Path) -> None:
    code = HOLD.replace("time.sleep(60)", "")
    for _ in range(2):  # and gives it back
        with only_process(tmp_path), only_process(tmp_path):
            subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_locks_of_several_folders_are_held_within_each_other(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    with only_process(outer):
        with only_process(inner):
            pass
        with only_process(outer):  # is still its own
            pass
        code = HOLD.replace("time.sleep(60)", "")
        subprocess.run([sys.executable, "-c", code, str(inner)], check=True)


def test_who_takes_the_lock_clears_what_a_killed_process_left(holder: subprocess.Popen, tmp_path: Path) -> None:
    left = tmp_path / "seed1/.metrics.json.7.tmp"
    left.parent.mkdir()
    left.touch()
    with pytest.raises(DataError, match="in use by"), only_process(tmp_path):
        pass
    assert left.exists()  # another one's work
    holder.kill()
    holder.wait()
    with only_process(tmp_path):
        assert not left.exists()
        left.touch()
        with only_process(tmp_path):
            assert left.exists()  # its own


def test_a_process_whose_starter_was_killed_has_no_share_in_the_lock(
    holder: subprocess.Popen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    monkeypatch.setenv(HELD, f"{dead.pid} {tmp_path}")
    monkeypatch.setattr(processes, "end_with_parent", lambda: None)
    with pytest.raises(DataError, match="in use by"), only_process(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "getppid"), reason="Windows has another way to kill")
@pytest.mark.parametrize("platform", [sys.platform, "none of them"])
def test_a_child_ends_with_a_killed_parent(platform: str) -> None:
    child = f"""
import os, sys, time
sys.platform = {platform!r}
from fingerspelling.processes import end_with_parent
end_with_parent()
print(os.getpid(), flush=True)
time.sleep(60)
"""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    _ends_with(process)


@pytest.mark.parametrize(("platform", "ends"), [("linux", True), ("darwin", False), ("win32", False)])
def test_linux_alone_is_asked_to_end_a_process_with_its_starter(platform: str, ends: bool) -> None:
    code = f"""
import importlib, sys
from fingerspelling import processes
sys.platform = {platform!r}
print(importlib.reload(processes).END_WITH_PARENT)
"""
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.startswith("<function end_with_parent" if ends else "None")


def test_a_started_process_ends_with_a_killed_starter() -> None:
    code = """
import subprocess, sys
from fingerspelling.processes import END_WITH_PARENT
child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
subprocess.run([sys.executable, "-c", child], preexec_fn=END_WITH_PARENT)
"""
    if sys.platform == "linux":
        _ends_with(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True))


def test_a_worker_ends_whose_parent_was_killed_while_it_started(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text("""
import multiprocessing, os, time

def work():
    print(os.getpid(), flush=True)
    time.sleep(1)
    from fingerspelling.processes import end_with_parent
    end_with_parent()
    time.sleep(60)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
""")
    _ends_with(subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True))


def _ends_with(process: subprocess.Popen) -> None:
    """Kill a process that prints its child's number, and wait for the child's end."""
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.1)
    raise AssertionError("the child goes on")
