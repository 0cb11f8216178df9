import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from competitor import make_deadly_tflite, make_endless_tflite, make_tflite

from fingerspelling import text
from fingerspelling.scoring.runtime import ModelDied, ModelError, ModelProcess

DOG = np.stack([text.encode("dog"), np.zeros(3)], axis=1).astype(np.float32)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text()


def test_one_process_reads_all_clips() -> None:
    model = ModelProcess(make_tflite(), threads=1)
    pid = model._process.pid
    assert [model.characters(DOG) for _ in range(3)] == [text.encode("dog")] * 3
    assert model._process.pid == pid != os.getpid()
    assert model.input_shape == [-1, 2]


def test_it_ends_with_the_last_who_needs_it() -> None:
    model = ModelProcess(make_tflite())
    pid = model._process.pid
    assert alive(pid)
    del model
    assert not alive(pid)


def test_a_crash_is_an_error_and_the_next_clip_has_a_new_process() -> None:
    model = ModelProcess(make_deadly_tflite())
    pids = set()
    for _ in range(2):
        with pytest.raises(ModelDied, match=r"^the model crashed its process \(SIGSEGV\)$"):
            model.characters(DOG)
        pids.add(model._process.pid)
    assert len(pids) == 2


def test_a_model_that_never_ends_is_ended() -> None:
    model = ModelProcess(make_endless_tflite(), patience=1)
    with pytest.raises(ModelDied, match=r"^the model took too long$"):
        model.characters(DOG)


def test_of_a_killed_process_the_likely_reason_is_said() -> None:
    model = ModelProcess(make_tflite())
    model._process.kill()
    with pytest.raises(ModelDied, match=r"^the model was killed, most often because memory has run out$"):
        model.characters(DOG)
    assert model.characters(DOG) == text.encode("dog")


def test_an_interrupted_answer_is_not_taken_for_the_next_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelProcess(make_tflite())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pickle.load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.characters(DOG[:1])
    assert model.characters(DOG) == text.encode("dog")


def test_what_the_runtime_raises_is_a_line_that_names_the_model() -> None:
    with pytest.raises(ModelError, match=r"^x\.tflite: [^\n]+$"):
        ModelProcess(b"no model", name="x.tflite")
    model = ModelProcess(make_tflite(), name="x.tflite")
    with pytest.raises(ModelError, match=r"^x\.tflite: [^\n]+$"):
        model.characters(100 * DOG)  # of characters that there are not
    assert model.characters(DOG) == text.encode("dog")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(make_tflite())
    code = (
        "import sys, time; from pathlib import Path; from fingerspelling.scoring.runtime import ModelProcess\n"
        "model = ModelProcess(Path(sys.argv[1]).read_bytes()); print(model._process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, tmp_path / "model.tflite"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.1)
    raise AssertionError("the model's process goes on")
