"""Where a run's data are: runs on the same simulated signers share the files of these, and the clip store.

outputs/
demo/data.txt               which data the run is on, and where they lie if not in the run's own folder
data/simulated_1f2e3d4c/    named after what decides its content; may be deleted, and is then made again
competition/  clips/        the signers' files in the competition's format; the clip store
"""

import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from fingerspelling.files import PACKAGE, write_whole

NOTE = "data.txt"  # in a run's folder
SIMULATED = "simulated signers"
# The code that decides what the files and the store hold.
MAKERS = ["landmarks.py", "text.py", "simulation", "data/conventions.py", "data/extraction.py", "data/store.py"]


class Noted(NamedTuple):
    """What a run's note says."""

    data: str  # the folder of the competition's data, or `SIMULATED`; "" where there is no readable note
    home: Path  # the folder that holds competition/, of simulated signers, and clips/


def read_note(run_dir: Path) -> Noted:
    """Read which data a run is on, and where they lie."""
    try:
        data, *home = (run_dir / NOTE).read_text().splitlines()
    except (OSError, ValueError):
        return Noted("", run_dir)
    return Noted(data, Path(os.path.normpath(run_dir / home[0])) if home else run_dir)


def write_note(run_dir: Path, noted: Noted) -> None:
    """Note which data a run is on, and where they lie: relative to the run, so that both may be moved together."""
    lines = [noted.data, *([os.path.relpath(noted.home, run_dir)] if noted.home != run_dir else [])]
    write_whole(run_dir / NOTE, "".join(f"{line}\n" for line in lines))


def shared_folder(run_dir: Path, content: Mapping[str, Any]) -> Path:
    """Return the folder, beside the run, that it shares with all that simulate the same signers with the same code.

    What decides the signers is `SimulationConfig.content()`.
    """
    digest = blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=4)
    for maker in MAKERS:
        path = PACKAGE / maker
        for file in sorted(path.glob("*.*")) if path.is_dir() else [path]:  # the tables beside the code, too
            digest.update(file.read_bytes())
    return run_dir.parent / "data" / f"simulated_{digest.hexdigest()}"
