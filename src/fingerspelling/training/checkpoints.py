"""Checkpoints that count only when they are whole."""

from pathlib import Path

from fingerspelling.files import is_whole
from fingerspelling.stages import checkpoints


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, or None; says which newer ones are not."""
    for path in checkpoints(folder):
        if is_whole(path):
            return path
        print(f"{path}: not whole, an earlier checkpoint is used")
    return None
