"""Runs side by side: scores, what differs in their parameters, and which differences are more than chance.

    fingerspelling compare outputs/*

Prints a table, the best run first, and draws the runs' curves over each other.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from fingerspelling.data.stages import PREDICTIONS
from fingerspelling.files import DataError, read_json, refuse_missing_folder
from fingerspelling.parameters import flatten
from fingerspelling.plots.results import run_curves
from fingerspelling.plots.style import save
from fingerspelling.scoring.uncertainty import score_difference, score_table
from fingerspelling.simulation.config import content_of

Content = TypeVar("Content")


def _whole(read: Callable[[Path], Content], file: Path) -> Content:
    """Return what a file of a run holds; a DataError says that it is damaged."""
    try:
        return read(file)
    except Exception as error:  # whatever a damaged file leads to
        raise DataError(f"{file}: not readable ({' '.join(str(error).split())}); leave this run out") from error


def read_clips(folder: Path) -> pd.DataFrame | None:
    """Return what a run read of its held-out clips, by all its models or by its only one; None where it has not."""
    file = next(filter(Path.is_file, [folder / PREDICTIONS, *sorted(folder.glob(f"seed*/{PREDICTIONS}"))]), None)
    return None if file is None else _whole(pd.read_parquet, file)


def parameters(folder: Path, clips: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters of a run's models, of its first seed, and of how they read its clips, by dotted names."""
    values: dict[str, Any] = {}
    for file in sorted(folder.glob("seed*/training.json"))[:1]:
        values = _whole(lambda file: dict(read_json(file)), file)
        values.pop("data", None)
        training = values.get("training", {})
        training.pop("seed", None)
        if simulation := training.get("simulation"):
            training["simulation"] = content_of(simulation)
    flat = flatten(values) | {"seeds": len(list(folder.glob("seed*/model")))}
    readers = clips.attrs.get("readers", {})  # said of what several models have read together
    return flat | {
        f"submission.{name}": readers.get(name, least) for name, least in (("num_beams", 1), ("ctc_weight", 0))
    }


def compare(folders: Sequence[Path]) -> pd.DataFrame:
    """Return a row per run that has read its held-out clips, the best first.

    Columns: score with its interval, clips and signers; the parameters that differ; behind, how much better the best
    run read the same clips; verdict, whether that is more than chance.

    Raises:
        DataError: none of the folders holds such a run, or a file of one is damaged.
    """
    names = _names(folders)
    runs = {name: clips for name, folder in names.items() if (clips := read_clips(folder)) is not None}
    if not runs:
        raise DataError(f"{', '.join(map(str, folders))}: no run that has read its held-out clips; train one first")
    together = pd.concat(runs, names=["run"]).reset_index("run")
    table = score_table(together, together["run"])[::-1]
    settings = pd.DataFrame({run: parameters(names[run], runs[run]) for run in table.index}).T
    differ = settings[[name for name in settings if len(set(map(str, settings[name]))) > 1]]
    best = table.index[0]
    rows = {run: _behind(runs[best], runs[run]) for run in table.index[1:]}
    rows[best] = {"behind": 0.0, "verdict": "the best"}
    return table.join(differ).join(pd.DataFrame.from_dict(rows, "index"))


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the folders by their names, by their whole paths where several have the same one."""
    count = Counter(folder.name for folder in folders)
    return {folder.name if folder.name and count[folder.name] == 1 else str(folder): folder for folder in folders}


def _behind(best: pd.DataFrame, clips: pd.DataFrame) -> dict[str, Any]:
    gap = score_difference(best, clips)
    if not gap["clips"]:
        return {"behind": None, "verdict": "other clips"}
    more = "more than chance" if gap["low"] > 0 else "may be chance"
    return {"behind": gap["difference"], "verdict": f"{more} ({gap['low']:+.3f} to {gap['high']:+.3f})"}


def run(options: argparse.Namespace) -> int:
    """Run `fingerspelling compare`; returns the exit status, 0."""
    refuse_missing_folder(options.figure)
    table = compare(options.folders)
    differ = table.columns[table.columns.get_loc("signers") + 1 : table.columns.get_loc("behind")]
    print(table.drop(columns=differ).round(3).to_string())
    if len(differ):
        print(f"\nwhat differs:\n{table[differ].T.to_string()}")
    print("\nchance here is which people are held out; another seed of the same training differs, too: compare several")
    histories = {
        name: _whole(partial(pd.read_json, lines=True), file)
        for name, folder in _names(options.folders).items()
        for file in sorted(folder.glob("seed*/metrics.jsonl"))[:1]
    }
    save(run_curves(histories), options.figure)
    print(f"the curves are in {options.figure}")
    return 0
