"""Checkpoints that count only when they are whole."""

import shutil
from pathlib import Path

from fingerspelling.data.stages import checkpoints
from fingerspelling.files import is_whole


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, or None; removes newer ones that are not, and says so."""
    for path in checkpoints(folder):
        if is_whole(path):
            return path
        print(f"{folder.parent.name}/{path.name}: not whole, an earlier checkpoint is used")
        shutil.rmtree(path, ignore_errors=True)  # several processes do so
    return None
