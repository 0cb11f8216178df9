"""Many runs that differ in some parameters, and a table of them.

    fingerspelling sweep notebooks/params/demo.yaml training.learning_rate=1e-3,2e-3 model.frame_stride=1,2

    outputs/sweep_demo/
      learning_rate=0.001,frame_stride=1/       a run's folder; beside it, with its name:
        .yaml  .log  .json                      its parameters, what it printed, and how it ended
      sweep.csv  sweep.png                      all runs

Runs that have finished are kept: a sweep that was killed goes on where it was, and what failed is tried again.
"""

import argparse
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from fingerspelling.files import read_entries, write_whole
from fingerspelling.parameters import ParameterError, errors_in, flatten, lay_over, parse_override, read_parameters
from fingerspelling.plots.results import sweep_scores
from fingerspelling.plots.style import save
from fingerspelling.processes import END_WITH_PARENT, only_process
from fingerspelling.runs import provenance
from fingerspelling.runs.compare import read_clips
from fingerspelling.runs.config import ROOT, RunConfig, effective_values
from fingerspelling.scoring.metric import score

NOTEBOOKS = [sys.executable, "-m", "fingerspelling", "run"]
PAUSE = 0.5  # seconds between two looks at runs on this machine


@dataclass(frozen=True, eq=False)
class Run:
    """One of a sweep's runs: its folder, and what it has instead of the parameters of the file."""

    folder: Path
    changes: tuple[tuple[str, Any], ...]

    def beside(self, ending: str) -> Path:
        """Return the file of a run that lies beside its folder."""
        return self.folder.with_name(self.folder.name + ending)

    @property
    def values(self) -> dict[str, Any]:
        """Its parameters; a ParameterError says of a file that somebody has changed what is wrong with it."""
        with errors_in(file := self.beside(".yaml")):
            return read_parameters(file)

    @property
    def outcome(self) -> dict[str, Any]:
        """How it ended: score, seconds, failure ("" where it has finished); without them before that."""
        return read_entries(self.beside(".json"))

    def keep(self, **outcome: Any) -> None:
        """Keep how it ended, or where it is."""
        write_whole(self.beside(".json"), json.dumps(outcome) + "\n")


# Takes a run to its end, a look at a time: None while it is at work, then why it has failed, "" where it has finished.
Looks = Generator[str | None, None, None]
Place = Callable[[Run], Looks]


def on_this_machine(notebooks: Sequence[str], parallel: int) -> Place:
    """Return what runs notebooks of a run in a process of their own; so many of these share the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // parallel))

    def at_work(run: Run) -> Looks:
        with run.beside(".log").open("w") as log:
            process = subprocess.Popen(
                [*NOTEBOOKS, "--params", str(run.beside(".yaml")), "--notebooks", *notebooks],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"},
                preexec_fn=END_WITH_PARENT,
            )
        try:
            while process.poll() is None:
                yield None
        finally:  # it puts in order what it has begun
            process.terminate()
            process.wait()
        yield _failure(process.returncode, run.beside(".log"))

    return at_work


def _failure(status: int, log: Path) -> str:
    """Return why a process has failed: its last words, or the signal that has killed it; "" where it has not."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("the notebook with the whole error")]
    return (said or [f"exit status {status}"])[-1] if status else ""


def plan(params: Path, values: Sequence[str], folder: Path, data_dir: Path | None = None) -> list[Run]:
    """Write the parameters of all combinations, each beside its run's folder.

    Args:
        params: a YAML file of parameters.
        values: such as "training.learning_rate=1e-3,2e-3".
        folder: for the runs.
        data_dir: the competition's data, instead of the file's.

    Raises:
        ParameterError: the file or a value cannot be used, or the folder holds a run with other parameters.
    """
    base = effective_values({"params": str(params), "data_dir": data_dir and str(data_dir.resolve())})
    base = {name: value for name, value in base.items() if name not in {"params", "overrides"}}
    axes: dict[str, list[Any]] = {}
    for text in values:
        name, equals, choices = text.partition("=")
        axes |= flatten(parse_override(f"{name}=[{choices}]" if equals else text))
        if not axes[name]:
            raise ParameterError(f"{name}: expected values, such as {name}=1,2")
    naming = [name for name in axes if len(axes[name]) > 1] or [*axes]
    last = [name.rpartition(".")[2] for name in naming]
    short = dict(zip(naming, last if len(set(last)) == len(last) else naming, strict=True))
    contents: dict[Run, str] = {}
    for chosen in itertools.product(*axes.values()):
        changes = dict(zip(axes, chosen, strict=True))
        name = re.sub(r"[^\w.,=+-]", "_", ",".join(f"{short[key]}={changes[key]}" for key in naming))
        run, own = Run(folder / name, tuple(changes.items())), base | {"run_dir": str(folder / name)}
        for key, value in changes.items():
            own = lay_over(own, parse_override(f"{key}={json.dumps(value)}"))
        RunConfig.from_values(own)
        if (file := run.beside(".yaml")).is_file() and run.values != own:
            raise ParameterError(f"{file}: was run with other parameters; choose another --folder")
        contents[run] = f"# {params}, {name}\n" + yaml.safe_dump(own, sort_keys=False)
    folder.mkdir(parents=True, exist_ok=True)
    for run, content in contents.items():
        write_whole(run.beside(".yaml"), content)
    return [*contents]


def execute(runs: Sequence[Run], place: Place, parallel: int) -> None:
    """Run what has not finished, so many at a time; what fails is kept as a failure, and the others go on."""
    waiting = deque(run for run in runs if run.outcome.get("failure") != "")
    at_work: dict[Run, tuple[Looks, float]] = {}
    with ExitStack() as stack:
        while waiting or at_work:
            while waiting and len(at_work) < parallel:
                run = waiting.popleft()
                at_work[run] = stack.enter_context(closing(place(run))), time.monotonic()
            time.sleep(PAUSE)
            for run, (looks, began) in [*at_work.items()]:
                if (failure := next(looks)) is None:
                    continue
                del at_work[run]
                seconds = time.monotonic() - began
                clips = None if failure else read_clips(run.folder)
                if clips is None:
                    failure = failure or "has left no predictions to score"
                result = None if clips is None else score(clips["prediction"].tolist(), clips["phrase"].tolist())
                run.keep(score=result, seconds=seconds, failure=failure)
                ended = failure or f"score {result:.4f}"
                print(f"{run.folder.name}: {ended}, after {provenance.duration(seconds)}", flush=True)


def tabulate(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per run, the best first: the parameters that differ, score, duration, failure."""
    rows = [
        {
            "run": run.folder.name,
            **dict(run.changes),
            "score": run.outcome.get("score"),
            "duration": provenance.duration(run.outcome.get("seconds", 0.0)),
            "failure": run.outcome.get("failure", "has not run"),
        }
        for run in runs
    ]
    table = pd.DataFrame(rows).set_index("run").astype({"score": float})
    return table.sort_values("score", ascending=False, na_position="last", kind="stable")


def run(options: argparse.Namespace, place: Place | None = None, parallel: int = 1) -> int:
    """Run `fingerspelling sweep` in a place, by default on this machine; returns the exit status: 1 where a run failed.

    So many run at a time, unless the command line says otherwise.
    """
    folder = (options.folder or ROOT / "outputs" / f"sweep_{options.params.stem}").absolute()
    parallel = options.parallel or parallel
    with only_process(folder):
        runs = plan(options.params.absolute(), options.values, folder, options.data)
        execute(runs, place or on_this_machine(options.notebooks, parallel), parallel)
        table = tabulate(runs)
        write_whole(folder / "sweep.csv", table.to_csv())
        save(sweep_scores(table), folder / "sweep.png")
    print(table.reset_index(drop=True).to_string(index=False))
    failed = int((table["failure"] != "").sum())
    print(f"{len(table) - failed} of {len(table)} runs finished; all of them are in {folder}/sweep.csv and sweep.png")
    return int(failed > 0)
