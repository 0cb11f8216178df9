"""`fingerspelling kaggle ...`: from the laptop to Kaggle and back.

push 02 --follow    a notebook's kernel, built from the working tree, and what it prints
status              how far the run's kernels are, the GPU hours left, the last submission
fetch 03            a kernel's output into the run's folder
submit              what the kernel of 05 has written
weights RUN         a run's models as a dataset
wheels              packages that Kaggle's image lacks, as a dataset
"""

import argparse
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from fingerspelling.data.competition import SLUG
from fingerspelling.data.stages import SUBMISSION
from fingerspelling.kaggle.client import POLL, Client
from fingerspelling.kaggle.datasets import upload_weights, upload_wheels
from fingerspelling.kaggle.fetch import fetch
from fingerspelling.kaggle.kernels import TRIAL, Kernel, describe
from fingerspelling.kaggle.patience import KaggleError
from fingerspelling.kaggle.push import address, choose, follow, push, report
from fingerspelling.runs.config import RunConfig


def run(options: argparse.Namespace) -> int:
    """Run one of the commands; returns the exit status: 1 where a kernel or a submission has failed."""
    return {
        "push": _push,
        "follow": _follow,
        "status": _status,
        "fetch": _fetch,
        "submit": _submit,
        "weights": _upload,
        "wheels": _upload,
    }[options.action](Client(), options)


def _push(client: Client, options: argparse.Namespace) -> int:
    """Push kernels; where there are several, each once the one before has completed, and trainings until they have."""
    waiting = deque(options.numbers)
    while waiting:
        kernel = push(client, waiting[0], options.params, options.simulated, options.uncommitted)
        name, _, version = kernel.rpartition("/")
        print(f"version {version} of {name} runs: {address(kernel)}", flush=True)
        if not options.follow and len(options.numbers) == 1:
            return 0
        status, stopped = _watch(client, kernel, waiting[0])
        if status:
            return status
        if not stopped:
            waiting.popleft()
    return 0


def _watch(client: Client, kernel: str, number: str) -> tuple[int, bool]:
    """Follow a kernel as `push.follow` does; what ends the watching says that the kernel runs on."""
    runs_on = f"{kernel} runs on; `fingerspelling kaggle follow {number}` watches it"
    try:
        return follow(client, kernel)
    except KeyboardInterrupt:
        print(f"interrupted; {runs_on}", file=sys.stderr)
        return 130, False
    except KaggleError as error:
        raise KaggleError(f"{error} ({runs_on})") from error


def _follow(client: Client, options: argparse.Namespace) -> int:
    kernel = _version(client, options, options.number)
    return _watch(client, kernel, options.number)[0]


def _kernels(client: Client, options: argparse.Namespace) -> list[Kernel]:
    return describe(Path(), client.owner, options.params)[1]  # of which only the names are needed


def _version(client: Client, options: argparse.Namespace, number: str) -> str:
    """Return "owner/slug/version" of a run's kernel: the newest, where none is named.

    Raises:
        KaggleError: it has not been pushed.
    """
    kernel = choose(_kernels(client, options), number)
    name = kernel.metadata["id"]
    if not (version := options.version or client.version(name)):
        raise KaggleError(f"{name}: has not been pushed; `fingerspelling kaggle push {kernel.number}`")
    return f"{name}/{version}"


def _status(client: Client, options: argparse.Namespace) -> int:
    failed = False
    for kernel in _kernels(client, options):
        name = kernel.metadata["id"]
        if not (version := client.version(name)):
            print(f"{kernel.number}  {name}: not pushed")
            continue
        session = client.session(name)
        failed |= session.finished and session.status != "COMPLETE"
        print(f"{kernel.number}  {name}/{version}: {session.status} {session.failure}".rstrip(), flush=True)
    quota = client.quota()
    print(f"GPU: {quota.hours:.1f} hours left" + (f" until {quota.renewed:%A %d %B}" if quota.renewed else ""))
    for submission in client.submissions(SLUG)[:1]:
        print(_describe(submission))
    return int(failed)


def _fetch(client: Client, options: argparse.Namespace) -> int:
    params = (options.params or TRIAL).absolute()
    run_dir = options.into or RunConfig.from_values({"params": str(params)}).run_dir
    failed = False
    for number in options.numbers:
        kernel = _version(client, options, number)
        session = client.session(kernel)
        if not session.finished:
            raise KaggleError(f"{kernel}: is {session.status}; wait for it, then fetch it")
        print(f"fetching {kernel}", flush=True)
        replaced = fetch(client, kernel, run_dir)
        print(f"{kernel} is in {run_dir}" + (f"; what it replaced is in {replaced}" if replaced else ""), flush=True)
        failed |= bool(report(kernel, session))
    return int(failed)


def _submit(client: Client, options: argparse.Namespace) -> int:
    kernel = _version(client, options, options.number)
    session = client.session(kernel)
    if session.status != "COMPLETE":
        advice = "push it again" if session.finished else "wait for it"
        raise KaggleError(f"{kernel}: is {session.status}, so there is nothing to submit; {advice}")
    name, _, version = kernel.rpartition("/")
    number = client.submit(SLUG, name, int(version), SUBMISSION, options.message or kernel)
    print(f"submitted {kernel}: submission {number}", flush=True)
    while options.follow:
        submission = next((one for one in client.submissions(SLUG) if one.ref == number), None)
        if submission is not None and submission.status.name != "PENDING":
            print(_describe(submission))
            return int(submission.status.name != "COMPLETE")
        time.sleep(POLL)
    return 0


def _describe(submission: Any) -> str:
    if (status := submission.status.name) != "COMPLETE":
        return f"submission {submission.ref}: {status} {submission.error_description}".rstrip()
    private = f", {submission.private_score} (private)" if submission.private_score else ""
    return f"submission {submission.ref}: score {submission.public_score} (public){private}"


def _upload(client: Client, options: argparse.Namespace) -> int:
    weights = options.action == "weights"
    dataset = upload_weights(client, options.run_dir) if weights else upload_wheels(client)
    print(f"the dataset is ready: https://www.kaggle.com/datasets/{dataset}")
    return 0
