"""Runs side by side: scores, what differs in their parameters, and which differences are more than chance.

    fingerspelling compare outputs/*

Prints a table, the best run first, and draws the runs' curves over each other.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fingerspelling.files import DataError
from fingerspelling.plots.results import run_curves
from fingerspelling.plots.style import save
from fingerspelling.scoring.uncertainty import score_difference, score_table

EVERYTHING = "out_of_fold.parquet"


def read_clips(folder: Path) -> pd.DataFrame | None:
    """Return what a run read of its held-out clips, by all its models or by its only one; None where it has not."""
    file = next(filter(Path.is_file, [folder / EVERYTHING, *sorted(folder.glob(f"seed*/{EVERYTHING}"))]), None)
    return None if file is None else pd.read_parquet(file)


def parameters(folder: Path) -> dict[str, Any]:
    """Return the parameters of a run's models and of its decoding by dotted names, those of its first seed."""
    values: dict[str, Any] = {}
    for file in sorted(folder.glob("seed*/training.json"))[:1]:
        values = json.loads(file.read_text())
        values.pop("data", None)
        values.get("training", {}).pop("seed", None)
    flat = _flat(values)
    flat["seeds"] = len(list(folder.glob("seed*/model")))
    readers = pd.read_parquet(folder / EVERYTHING).attrs.get("readers", {}) if (folder / EVERYTHING).is_file() else {}
    return flat | {
        f"submission.{name}": readers.get(name, least) for name, least in (("num_beams", 1), ("ctc_weight", 0))
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def compare(folders: Sequence[Path]) -> pd.DataFrame:
    """Return a row per run that has read its held-out clips, the best first.

    Columns: score with its interval, clips and signers; the parameters that differ; behind, how much better the best
    run read the same clips; verdict, whether that is more than chance.

    Raises:
        DataError: none of the folders holds such a run.
    """
    runs = {folder.name or str(folder): clips for folder in folders if (clips := read_clips(folder)) is not None}
    if not runs:
        raise DataError(f"{', '.join(map(str, folders))}: no run that has read its held-out clips; train one first")
    together = pd.concat(runs, names=["run"]).reset_index("run")
    table = score_table(together, together["run"])[::-1]
    names = {folder.name or str(folder): folder for folder in folders}
    told = pd.DataFrame({run: parameters(names[run]) for run in table.index}).T
    differ = told[[name for name in told if len(set(map(str, told[name]))) > 1]]
    best = table.index[0]
    rows = {run: _behind(runs[best], runs[run], run == best) for run in table.index}
    return table.join(differ).join(pd.DataFrame.from_dict(rows, "index"))


def _behind(best: pd.DataFrame, clips: pd.DataFrame, itself: bool) -> dict[str, Any]:
    if itself:
        return {"behind": 0.0, "verdict": "the best"}
    told = score_difference(best, clips)
    if not told["clips"]:
        return {"behind": None, "verdict": "other clips"}
    more = "more than chance" if told["low"] > 0 else "may be chance"
    return {"behind": told["difference"], "verdict": f"{more} ({told['low']:+.3f} to {told['high']:+.3f})"}


def run(options: argparse.Namespace) -> int:
    """Run `fingerspelling compare`; returns the exit status, 0."""
    table = compare(options.folders)
    with pd.option_context("display.width", None, "display.max_columns", None):
        print(table.round(3).to_string())
    histories = {
        folder.name: pd.read_json(file, lines=True)
        for folder in options.folders
        for file in sorted(folder.glob("seed*/metrics.jsonl"))[:1]
    }
    save(run_curves(histories), options.figure)
    print(f"the curves are in {options.figure}")
    return 0
