"""Where a run comes from: commit, versions, machine, seed and duration, beside its results and in its notebooks.

run_dir/run.json                  the run: a record per chapter
<notebook>.metadata.provenance    the same record in each executed notebook
"""

import hashlib
import json
import os
import platform
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fingerspelling.files import PACKAGE, read_entries, write_whole

ROOT = PACKAGE.parents[1]
PACKAGES = ("torch", "transformers", "accelerate", "tensorflow", "numpy", "pandas", "pyarrow")
LINE = 100  # characters; GitHub shows about as many without scrolling


def changed_files(paths: Sequence[Path | str] = (), root: Path = ROOT) -> list[str] | None:
    """Return which files differ from the last commit, unknown ones included; None where git cannot tell."""
    status = _git(root, "status", "--porcelain", "--no-renames", "--untracked-files=all", "--", *map(str, paths))
    return None if status is None else [line[3:] for line in status.splitlines()]


@cache
def code() -> dict[str, Any]:
    """Return which code runs: commit and dirty (None outside of a git checkout), and a digest of the package's sources.

    The digest is the same wherever the package is unpacked, as on Kaggle, where there is no git.
    """
    digest = hashlib.sha256()
    sources = [path for kind in ("py", "toml", "txt") for path in PACKAGE.rglob(f"*.{kind}")]
    for path in sorted(sources):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    ours = _git(PACKAGE, "ls-files", "runs/provenance.py")  # not of a checkout that happens to lie around it
    commit = _git(ROOT, "rev-parse", "HEAD") if ours else None
    changed = changed_files([PACKAGE]) if commit else None
    dirty = None if changed is None else bool(changed)
    return {"commit": commit, "dirty": dirty, "sources": digest.hexdigest()[:12]}


def record(parameters: Mapping[str, Any], seeds: Sequence[int], seconds: float) -> dict[str, Any]:
    """Return what ran: the run's parameters as YAML holds them, the seeds of its models, and for how many seconds."""
    return {
        "parameters": dict(parameters),
        "seeds": list(seeds),
        **code(),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": _machine(),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


def line(provenance: Mapping[str, Any]) -> str:
    """Return a record in words, in lines that a page shows whole."""
    commit = provenance["commit"]
    commit = f"commit {commit[:10]}{' + changes' if provenance['dirty'] else ''}" if commit else "no commit"
    versions, machine = provenance["versions"], provenance["machine"]
    threads = machine["threads"]
    words = "; ".join(
        [
            f"{commit} (sources {provenance['sources']})",
            f"seeds {', '.join(map(str, provenance['seeds']))}",
            ", ".join(f"{name} {versions[name]}" for name in ("python", *PACKAGES) if name in versions),
            f"{machine['system']}, {machine['cores']} cores, {threads} thread{'s' * (threads > 1)}",
            machine["gpus"] or "no GPU",
            duration(provenance["seconds"]),
        ]
    )
    return textwrap.fill(words, LINE, break_long_words=False, break_on_hyphens=False)


def duration(seconds: float) -> str:
    """Return a duration as a reader says it: 45 s, 12.3 min or 4.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def write(run_dir: Path, chapter: str, provenance: Mapping[str, Any]) -> None:
    """Keep a chapter's record in the run's run.json."""
    path = run_dir / "run.json"
    write_whole(path, json.dumps(read(run_dir) | {chapter: provenance}, indent=2) + "\n")


def read(run_dir: Path) -> dict[str, Any]:
    """Return a run's records by chapter; none where it has no readable run.json."""
    return read_entries(run_dir / "run.json")


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it is missing, slow, or this is no checkout."""
    try:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip("\n") if done.returncode == 0 else None


def _versions() -> dict[str, str]:
    installed = ((package, next(iter(distributions(name=package)), None)) for package in PACKAGES)
    return {package: distribution.version for package, distribution in installed if distribution}


def _machine() -> dict[str, Any]:
    import torch

    names = [torch.cuda.get_device_name(device) for device in range(torch.cuda.device_count())]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)),
    }
