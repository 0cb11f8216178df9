"""Checkpoints that count only when they are whole."""

import json
import shutil
from pathlib import Path

from fingerspelling.files import content, parse_json, written_whole

SEAL = "files.json"  # in a checkpoint, written last: the size and checksum of each of its files


def seal(checkpoint: Path) -> None:
    """Note what a checkpoint consists of, once all processes have written their files."""
    with written_whole(checkpoint / SEAL) as temporary:
        temporary.write_text(json.dumps({file.name: content(file) for file in _files(checkpoint)}, indent=1))


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a checkpoint has all of its files as they were written."""
    try:
        sealed = parse_json((checkpoint / SEAL).read_text())
        return {file.name: content(file) for file in _files(checkpoint)} == sealed
    except (OSError, ValueError):
        return False


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint, or None; removes newer ones that are not, and says so."""
    for path in sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1])):
        if is_whole(path):
            return path
        print(f"{path}: not whole, an earlier checkpoint is used")
        shutil.rmtree(path, ignore_errors=True)  # several processes do so
    return None


def _files(checkpoint: Path) -> list[Path]:
    return sorted(file for file in checkpoint.iterdir() if file.is_file() and file.name != SEAL)
