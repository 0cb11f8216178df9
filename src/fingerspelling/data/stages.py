"""What the stages of a run leave behind: notes of what each was made of, when and by which version, and checkpoints.

The results themselves carry no date: so the same run always leaves the same bytes.
"""

import json
import re
import shutil
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fingerspelling.files import content, is_whole, read_entries, write_whole
from fingerspelling.processes import is_main

NOTES = "stages.json"
# A run's: what the first round read, what all models read together, what Kaggle takes, the figures.
SCORES, PREDICTIONS, SUBMISSION, METRICS = "scores.parquet", "out_of_fold.parquet", "submission.zip", "metrics.json"


def read_notes(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Return a run's notes by stage: made (when), version, of (what it was made of); {} where none are readable."""
    return read_entries(run_dir / NOTES)


def is_kept(run_dir: Path, file: str, made_of: dict[str, Any]) -> bool:
    """Tell whether a file of a run is as it was written, and was made of the same things; see `keep`."""
    noted = read_notes(run_dir).get(file, {}).get("of")
    return noted == json.loads(json.dumps(made_of | {"content": content(run_dir / file)}))


def keep(run_dir: Path, file: str, made_of: dict[str, Any]) -> None:
    """Note what a file that has been written was made of, and its content."""
    note(run_dir, file, made_of | {"content": content(run_dir / file)})


def note(run_dir: Path, stage: str, of: Any) -> None:
    """Note that a stage has been made now; one that was noted with the same things (JSON values) keeps its date.

    Of several processes under torchrun, the main one does.
    """
    if not is_main():
        return
    notes, of = read_notes(run_dir), json.loads(json.dumps(of))
    if notes.get(stage, {}).get("of") == of:
        return
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    installed = (distribution.version for distribution in distributions(name="fingerspelling"))
    notes[stage] = {"made": made, "version": next(installed, "unknown"), "of": of}  # unknown on Kaggle, where unpacked
    write_whole(run_dir / NOTES, json.dumps(notes, indent=1) + "\n")


def checkpoints(folder: Path) -> list[Path]:
    """Return a training's checkpoints, whole or not, the newest first."""
    steps = {path: re.fullmatch(r"checkpoint-(\d+)", path.name) for path in folder.glob("checkpoint-*")}
    numbered = {path: int(step[1]) for path, step in steps.items() if step}
    return sorted(numbered, key=numbered.__getitem__, reverse=True)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, or None; removes newer ones that are not, and says so."""
    for path in checkpoints(folder):
        if is_whole(path):
            return path
        print(f"{folder.parent.name}/{path.name}: not whole, an earlier checkpoint is used")
        shutil.rmtree(path, ignore_errors=True)  # several processes do so
    return None
