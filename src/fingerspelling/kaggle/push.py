"""Pushing kernels: built from the working tree, checked here as far as possible, and watched until they end."""

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fingerspelling.kaggle.client import Client, Session
from fingerspelling.kaggle.kernels import LONGEST_TITLE, METADATA, Kernel, build
from fingerspelling.kaggle.patience import KaggleError
from fingerspelling.runs.config import ROOT
from fingerspelling.runs.provenance import changed_files

STOPPED = "stopped in time (training.stop_after_hours"  # what a training says that another version goes on with
LEAST_HOURS = 0.1  # of GPU time that a push makes sense with


def choose(kernels: Sequence[Kernel], number: str) -> Kernel:
    """Return the kernel of a number, written "3", "03" or "03-training"."""
    digits = re.match(r"\d+", number)
    for kernel in kernels:
        if digits and int(digits[0]) == int(kernel.number):
            return kernel
    raise KaggleError(f"{number}: no such kernel; there are {', '.join(kernel.number for kernel in kernels)}")


def push(
    client: Client,
    number: str,
    params: Path | None = None,
    simulated: bool = False,
    uncommitted: bool = False,
    suffix: str = "",
) -> str:
    """Build a kernel from the working tree, see `build`, and push it; returns "owner/slug/version".

    A kernel that goes on where its last version stopped reads from itself once there is one. With `uncommitted`, files
    may differ from the last commit.

    Raises:
        KaggleError: something would be pushed that nobody could see in the commit, an input is not there, the week's
            GPU hours are used up, or Kaggle refuses.
    """
    if not uncommitted:
        refuse_hidden(params)
    with tempfile.TemporaryDirectory() as folder:
        kernel = choose(build(Path(folder), client.owner, params, simulated, suffix), number)
        metadata, name = kernel.metadata, kernel.metadata["id"]
        if len(title := metadata["title"]) > LONGEST_TITLE:  # with its suffix
            raise KaggleError(f"{title!r}: longer than Kaggle's {LONGEST_TITLE} characters; choose a shorter run_dir")
        check_inputs(client, metadata)
        if kernel.resumes and client.version(name):
            metadata["kernel_sources"].append(name)
            (kernel.folder / METADATA).write_text(json.dumps(metadata))
        if metadata["enable_gpu"]:
            check_quota(client, name)
        return f"{name}/{client.push(kernel.folder, name)}"


def refuse_hidden(params: Path | None) -> None:
    """Raise a KaggleError where files differ from the last commit: on Kaggle, nobody could tell what ran."""
    paths = [ROOT / "src", ROOT / "notebooks", *([params.absolute()] if params else [])]
    if changed := changed_files(paths):
        names = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        raise KaggleError(f"not committed: {names}; commit what is to be pushed, or push it with --uncommitted")


def check_inputs(client: Client, metadata: dict[str, Any]) -> None:
    """Return once a kernel's datasets are ready: Kaggle starts it without those that are not.

    Raises:
        KaggleError: there is no such dataset, or a kernel that it reads from has not completed.
    """
    for dataset in metadata["dataset_sources"]:
        client.wait_for_dataset(dataset)
    for kernel in metadata["kernel_sources"]:
        if not client.version(kernel):
            raise KaggleError(f"{metadata['id']} reads from {kernel}, which has not been pushed; push that one first")
        if (session := client.session(kernel)).status != "COMPLETE":
            advice = "push that one again" if session.finished else "wait for it (`fingerspelling kaggle status`)"
            raise KaggleError(f"{metadata['id']} reads from {kernel}, which is {session.status}; {advice}")


def check_quota(client: Client, kernel: str) -> None:
    """Raise a KaggleError if no GPU hours are left."""
    quota = client.quota()
    if quota.hours < LEAST_HOURS:
        until = f" until {quota.renewed:%A %d %B, %H:%M} UTC" if quota.renewed else ""
        raise KaggleError(f"{kernel}: no GPU hours are left{until}; wait, or push a kernel that needs no GPU")


def follow(client: Client, kernel: str) -> tuple[int, bool]:
    """Print what a kernel prints until it runs no more.

    Returns:
        The exit status, 1 where it has failed; and whether its training has stopped in time, for another version.
    """
    stopped = False
    for text in client.follow(kernel):
        print(text, end="" if text.endswith("\n") else "\n", flush=True)
        stopped |= STOPPED in text
    return report(kernel, client.session(kernel)), stopped


def report(kernel: str, session: Session) -> int:
    """Print how a kernel has ended; returns the exit status: 1 where it has failed."""
    if session.status == "COMPLETE":
        print(f"{kernel}: complete")
        return 0
    reason = f": {session.failure}" if session.failure else ""
    print(f"{kernel}: {session.status}{reason}; its log says more: {address(kernel)}")
    return 1


def address(kernel: str) -> str:
    """Return the page of a kernel, "owner/slug" or "owner/slug/version"."""
    return f"https://www.kaggle.com/code/{'/'.join(kernel.split('/')[:2])}"
