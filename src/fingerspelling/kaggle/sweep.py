"""`fingerspelling sweep --kaggle`: a sweep's trainings on Kaggle's machines."""

import argparse
import time
import zlib
from pathlib import Path

import yaml

from fingerspelling.kaggle.client import POLL, Client
from fingerspelling.kaggle.fetch import fetch
from fingerspelling.kaggle.push import push, refuse_hidden
from fingerspelling.runs import sweep
from fingerspelling.runs.config import RunConfig

SESSIONS = 2  # with a GPU that Kaggle runs at a time


class OnKaggle:
    """Trainings on Kaggle's machines, each a kernel of its own that reads the clips of the file's own run.

    Args:
        params: the file.
        uncommitted: whether it and the code may differ from the last commit.
    """

    def __init__(self, params: Path, uncommitted: bool) -> None:
        if not uncommitted:
            refuse_hidden(params)
        self._client, self._params = Client(), params

    def start(self, run: sweep.Run) -> None:
        """Push the run's kernel, unless it was."""
        if kernel := run.outcome.get("kernel"):
            print(f"{run.folder.name}: goes on as {kernel}")
            return
        suffix = f"-{zlib.crc32(run.folder.name.encode()):08x}"[:7]
        values = run.values | {"run_dir": str(RunConfig.from_values({"params": str(self._params)}).run_dir)}
        params = run.beside(".kaggle.yaml")
        params.write_text(yaml.safe_dump(values))
        kernel = push(self._client, "03", params, uncommitted=True, suffix=suffix)
        run.keep(kernel=kernel)
        print(f"{run.folder.name}: runs as {kernel}", flush=True)

    def look(self, run: sweep.Run) -> str | None:
        """Fetch the output of a version that has ended."""
        kernel = run.outcome["kernel"]
        session = self._client.session(kernel)
        if not session.finished:
            time.sleep(POLL)
            return None
        fetch(self._client, kernel, run.folder)
        if session.status != "COMPLETE":
            return f"{kernel}: {session.status} {session.failure}".strip()
        trained = all((run.folder / f"seed{seed}/model").is_dir() for seed in RunConfig.from_values(run.values).seeds)
        return "" if trained else f"{kernel}: stopped in time; the next sweep goes on"

    def stop(self) -> None:
        """Leave the kernels at work: the next sweep waits for them."""


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status: 1 where a run has failed."""
    return sweep.run(options, OnKaggle(options.params, options.uncommitted), SESSIONS)
