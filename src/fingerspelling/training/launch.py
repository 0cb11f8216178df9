"""Training in one process per GPU, started from a notebook, which cannot become several processes itself."""

import os
import re
import subprocess
import sys
from collections import deque
from pathlib import Path

import torch

from fingerspelling.processes import END_WITH_PARENT, TORCHRUNS, of_torchrun

LAST_LINES = 80  # of a failed training, shown with the error; about half of them are torchrun's own report
ERROR = re.compile(r"^\[rank\d+\]: (\w[\w.]*(?:Error|Exception|Interrupt)\b.*)")  # the last line of a traceback


def under_torchrun() -> bool:
    """Tell whether torchrun has started this process.

    What else is left of its variables in the environment, and would confuse Accelerate, is dropped with a word.
    """
    if of_torchrun():
        return True
    for name in TORCHRUNS & os.environ.keys():
        print(f"{name}={os.environ.pop(name)} is ignored: it is in the environment, but torchrun is not at work")
    return False


def training_processes() -> int:
    """Return in how many processes to train: one per GPU, or just this one where torchrun has started it."""
    return 1 if under_torchrun() else max(1, torch.cuda.device_count())


def train_in_processes(params: Path, processes: int) -> str:
    """Run `torchrun -m fingerspelling train`, a process per GPU, passing on what it prints; returns its last line.

    Raises:
        RuntimeError: the training failed; the message has its first error and its last lines, which are torchrun's.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [*torchrun, "-m", "fingerspelling", "train", "--params", str(params)]
    last: deque[str] = deque(maxlen=LAST_LINES)
    error = ""
    # A notebook's kernel asks for colours (FORCE_COLOR); Python 3.13 puts them into its tracebacks, which ERROR reads.
    plain = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHON_COLORS": "0"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=plain,
        preexec_fn=END_WITH_PARENT,
    ) as process:
        try:
            for line in process.stdout or []:
                print(line, end="", flush=True)
                last.append(line)
                error = error or "".join(ERROR.findall(line))
        except BaseException:  # an interrupted notebook must not leave processes behind
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise RuntimeError(
            f"training in {processes} processes failed with status {process.returncode} "
            f"(parameters: {params}): {error}\n{''.join(last)}"
        )
    return last[-1].strip() if last else ""
