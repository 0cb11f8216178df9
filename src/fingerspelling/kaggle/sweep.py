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


def on_kaggle(params: Path, uncommitted: bool) -> sweep.Place:
    """Return what trains a run on Kaggle's machines, in a kernel of its own that reads the clips of the file's own run.

    A kernel is left at work where a sweep is ended: the next one waits for it.

    Args:
        params: the file.
        uncommitted: whether it and the code may differ from the last commit.
    """
    if not uncommitted:
        refuse_hidden(params)
    client = Client()

    def at_work(run: sweep.Run) -> sweep.Looks:
        kernel = _pushed(client, run, params)
        while not (session := client.session(kernel)).finished:
            time.sleep(POLL)
            yield None
        fetch(client, kernel, run.folder)
        if session.status != "COMPLETE":
            yield f"{kernel}: {session.status} {session.failure}".strip()
        seeds = RunConfig.from_values(run.values).seeds
        trained = all((run.folder / f"seed{seed}/model").is_dir() for seed in seeds)
        yield "" if trained else f"{kernel}: stopped in time; the next sweep goes on"

    return at_work


def _pushed(client: Client, run: sweep.Run, params: Path) -> str:
    """Push a run's kernel, unless it was; returns its name."""
    if kernel := run.outcome.get("kernel"):
        print(f"{run.folder.name}: goes on as {kernel}")
        return kernel
    suffix = f"-{zlib.crc32(run.folder.name.encode()):08x}"[:7]
    values = run.values | {"run_dir": str(RunConfig.from_values({"params": str(params)}).run_dir)}
    file = run.beside(".kaggle.yaml")
    file.write_text(yaml.safe_dump(values))
    kernel = push(client, "03", file, uncommitted=True, suffix=suffix)
    run.keep(kernel=kernel)
    print(f"{run.folder.name}: runs as {kernel}", flush=True)
    return kernel


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit status: 1 where a run has failed."""
    return sweep.run(options, on_kaggle(options.params, options.uncommitted), SESSIONS)
