"""Bringing a kernel's output into a run's folder: whole, and without losing what lies there."""

import filecmp
import json
from datetime import datetime
from pathlib import Path

from fingerspelling.files import write_whole
from fingerspelling.kaggle.chain import NOTE
from fingerspelling.kaggle.client import Client
from fingerspelling.processes import only_process
from fingerspelling.runs import provenance

REPLACED = ".replaced"  # in a run's folder: files that a fetched version has replaced


def fetch(client: Client, kernel: str, run_dir: Path) -> Path | None:
    """Load a version's output into a folder beside the run's, and move it in once it is whole.

    An interrupted download goes on from there. Files that differ from those fetched are moved into a folder of their
    own; run.json gets the records that it lacks.

    Args:
        client: of a user who may see the kernel.
        kernel: "owner/slug/version".
        run_dir: the run's folder, made where it is not.

    Returns:
        The folder with the files that were replaced; None where there were none.
    """
    beside = run_dir.with_name(f".{run_dir.name}.{kernel.replace('/', '.')}")
    beside.mkdir(parents=True, exist_ok=True)
    client.download(kernel, beside)
    (beside / NOTE).unlink(missing_ok=True)  # says to other kernels whose output it is
    if not run_dir.exists():
        beside.rename(run_dir)
        return None
    with only_process(run_dir):
        return merge(beside, run_dir)


def merge(fetched: Path, run_dir: Path) -> Path | None:
    """Move a folder's files into another, and those that differ there into a folder of their own, which is returned.

    Each file is moved as a whole: killed on the way, the same call goes on.
    """
    if records := provenance.read(fetched):
        write_whole(fetched / "run.json", json.dumps(provenance.read(run_dir) | records, indent=2) + "\n")
    aside = run_dir / REPLACED / datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")
    for source in sorted(path for path in fetched.rglob("*") if path.is_file()):
        target = run_dir / source.relative_to(fetched)
        if target.exists():
            if target.is_file() and filecmp.cmp(source, target, shallow=False):
                source.unlink()
                continue
            kept = aside / target.relative_to(run_dir)
            kept.parent.mkdir(parents=True, exist_ok=True)
            target.rename(kept)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    for folder in sorted((path for path in fetched.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()
    fetched.rmdir()
    return aside if aside.exists() else None
