"""What the stages of a run leave behind: notes of what each was made of, when and by which version, and checkpoints.

The results themselves carry no date: so the same run always leaves the same bytes.
"""

import json
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fingerspelling.files import read_json, write_whole
from fingerspelling.processes import is_main

NOTES = "stages.json"
# A run's: what the first round read, what all models read together, what Kaggle takes, the figures.
SCORES, PREDICTIONS, SUBMISSION, METRICS = "scores.parquet", "out_of_fold.parquet", "submission.zip", "metrics.json"


def read_notes(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Return a run's notes by stage: made (when), version, of (what it was made of); {} where none are readable."""
    try:
        notes = read_json(run_dir / NOTES)
        return {stage: {name: note[name] for name in ("made", "version", "of")} for stage, note in notes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def note(run_dir: Path, stage: str, of: Any) -> None:
    """Note that a stage has been made now; one that was noted with the same things (JSON values) keeps its date.

    Of several processes under torchrun, the main one does.
    """
    if not is_main():
        return
    notes, of = read_notes(run_dir), json.loads(json.dumps(of))
    if stage in notes and notes[stage]["of"] == of:
        return
    made = datetime.now(UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    try:
        number = version("fingerspelling")
    except PackageNotFoundError:  # unpacked, as on Kaggle
        number = "unknown"
    notes[stage] = {"made": made, "version": number, "of": of}
    write_whole(run_dir / NOTES, json.dumps(notes, indent=1) + "\n")


def checkpoints(folder: Path) -> list[Path]:
    """Return a training's checkpoints, whole or not, the newest first."""
    steps = {path: re.fullmatch(r"checkpoint-(\d+)", path.name) for path in folder.glob("checkpoint-*")}
    numbered = {path: int(step[1]) for path, step in steps.items() if step}
    return sorted(numbered, key=numbered.__getitem__, reverse=True)
