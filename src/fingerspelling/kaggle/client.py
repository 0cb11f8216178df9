"""Kaggle's official client, with the patience and the words that it lacks (see `patience`).

It fails by an exception, by a field of its answer, or by a line that it prints before it leaves the process, and waits
without end for a server that says nothing. Here, it is a `KaggleError`.

Read for it: kaggle 2.2.4 and 2.2.5, `kaggle/api/kaggle_api_extended.py`.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from io import StringIO
from pathlib import Path
from typing import Any

import requests

from fingerspelling.kaggle.patience import (
    ATTEMPTS,
    TOKEN_PAGE,
    KaggleError,
    end_every_request,
    is_temporary,
    patiently,
    refused,
    sentence,
    status_of,
    unless_absent,
)

POLL = 20.0  # seconds between two looks at a session, a dataset or a submission
DATASET_PATIENCE = 3600.0  # seconds that a dataset may be pending
FINISHED = {"COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED"}


@dataclass(frozen=True)
class Session:
    """How far a version of a kernel is: QUEUED, RUNNING, COMPLETE, ERROR or CANCEL..., and why it failed."""

    status: str
    failure: str

    @property
    def finished(self) -> bool:
        """Whether it runs no more."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Quota:
    """What is left of the week's GPU hours, and when the next week begins (UTC)."""

    hours: float
    renewed: datetime | None


class Client:
    """The requests that kernels, datasets and submissions need, for the user whose credentials are at hand.

    Kernels are named "owner/slug" or "owner/slug/version", datasets "owner/slug". Every method raises KaggleError.

    Attributes:
        owner: the user's name on Kaggle.
    """

    def __init__(self) -> None:
        """Read the credentials and, where they are a token, ask Kaggle for whom it stands."""
        self._api = patiently("Kaggle", _connect)
        self.owner: str = self._api.config_values["username"]

    def push(self, folder: Path, kernel: str) -> int:
        """Save a folder with kernel-metadata.json as a new version, which starts to run; returns its number."""
        before = self.version(kernel)

        def save() -> int:
            answer = self._api.kernels_push(str(folder))
            if answer.error:
                raise KaggleError(refused(kernel, answer.error))
            kinds = ("competition", "dataset", "kernel", "model")
            if lacking := [source for kind in kinds for source in getattr(answer, f"invalid_{kind}_sources")]:
                raise KaggleError(
                    f"{kernel}: version {answer.version_number} runs without {', '.join(lacking)}, which Kaggle does "
                    f"not find; stop it at {answer.url}, make its sources (for a competition: join it) and push again"
                )
            return answer.version_number

        return _once(kernel, save, lambda: version if (version := self.version(kernel)) > before else 0)

    def version(self, kernel: str) -> int:
        """Return the number of a kernel's newest version; 0 where there is no such kernel."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = kernel.split("/")[:2]

        def ask() -> int:
            with self._api.build_kaggle_client() as client:
                return client.kernels.kernels_api_client.get_kernel(request).metadata.current_version_number

        return patiently(kernel, lambda: unless_absent(ask, 0))

    def session(self, kernel: str) -> Session:
        """Return how far a kernel is."""
        answer = patiently(kernel, lambda: self._api.kernels_status(kernel))
        return Session(answer.status.name, answer.failure_message or "")

    def follow(self, kernel: str) -> Iterator[str]:
        """Yield what a kernel prints, as it prints it, until it runs no more.

        A stream that breaks is taken up where it was: the server begins each anew with the first line.
        """
        seen = silent = 0
        while True:
            finished = self.session(kernel).finished  # asked first: what it printed until then is read below
            before = seen
            try:
                for place, event in enumerate(self._api.kernels_logs_stream(kernel)):
                    if place >= seen:
                        seen = place + 1
                        yield event.get("data") or ""
                if finished:
                    return
            except (requests.RequestException, ValueError) as error:
                silent = 0 if seen > before else silent + 1
                if finished and status_of(error) == HTTPStatus.NOT_FOUND:  # it has printed nothing
                    return
                if finished and (silent >= ATTEMPTS or not is_temporary(error)):
                    raise KaggleError(sentence(error, kernel)) from error
            time.sleep(POLL)

    def download(self, kernel: str, folder: Path) -> None:
        """Bring a kernel's output and its log into a folder; files that are there, and whole, are not loaded again."""
        quiet = not sys.stderr.isatty()  # else there is a bar per file
        patiently(kernel, lambda: self._api.kernels_output(kernel, str(folder), quiet=quiet, page_size=100))
        for marker in folder.rglob("*.kaggle-partial"):
            marker.unlink()

    def upload(self, folder: Path, dataset: str, notes: str) -> None:
        """Make a folder with dataset-metadata.json a dataset, or its next version, and wait until it is ready."""
        quiet = not sys.stderr.isatty()

        def send() -> None:
            if self._dataset_status(dataset) is None:
                answer = self._api.dataset_create_new(str(folder), quiet=quiet, dir_mode="zip")
            else:
                answer = self._api.dataset_create_version(str(folder), notes, quiet=quiet, dir_mode="zip")
            if (answer.status or "").lower() != "ok":
                raise KaggleError(f"{dataset}: Kaggle made no dataset: {answer.error or 'it did not say why'}")

        patiently(dataset, send)
        self.wait_for_dataset(dataset)

    def wait_for_dataset(self, dataset: str) -> None:
        """Return once a dataset is ready: a kernel that is pushed before starts without it."""
        printed, until = "", time.monotonic() + DATASET_PATIENCE
        while (status := patiently(dataset, lambda: self._dataset_status(dataset))) != "ready":
            if status is None:
                raise KaggleError(f"{dataset}: Kaggle has no such dataset; make it first")
            if status in {"failed", "deleted"}:
                raise KaggleError(f"{dataset}: Kaggle could not take it in ({status}); make it again")
            if time.monotonic() > until:
                raise KaggleError(f"{dataset}: still pending ({status}); the same command goes on later")
            if status != printed:
                print(f"waiting for {dataset}: {status}", flush=True)
                printed = status
            time.sleep(POLL)

    def _dataset_status(self, dataset: str) -> str | None:
        """Return "ready", "failed" or what a pending dataset waits for; None where there is none."""
        return unless_absent(lambda: self._api.dataset_status(dataset), None)

    def quota(self) -> Quota:
        """Return what is left of the week's GPU hours."""
        answer = patiently("GPU quota", self._api.quota_view)
        gpu = answer.gpu_quota
        left = gpu.total_time_allowed - gpu.time_used if gpu else timedelta()
        return Quota(max(0.0, left.total_seconds() / 3600), answer.quota_refresh_time)

    def submit(self, competition: str, kernel: str, version: int, file: str, message: str) -> int:
        """Submit a file of a kernel's output; returns the submission's number."""

        def newest() -> int:
            return max((submission.ref for submission in self.submissions(competition)), default=0)

        def send() -> int:
            answer = self._api.competition_submit_code(file, message, competition, kernel, version, quiet=True)
            if not answer.ref:
                raise KaggleError(f"{competition}: not submitted: {answer.message or 'Kaggle did not say why'}")
            return answer.ref

        before = newest()
        return _once(competition, send, lambda: number if (number := newest()) > before else 0)

    def submissions(self, competition: str) -> list[Any]:
        """Return the user's submissions, the newest first, as the official client has them (`ApiSubmission`)."""
        return patiently(competition, lambda: self._api.competition_submissions(competition)) or []


def _once(about: str, send: Callable[[], int], find: Callable[[], int]) -> int:
    """Send something that may arrive although the answer is lost: it is then found by its number, and not sent twice.

    Args:
        about: of what an error is.
        send: returns the number of what it has sent.
        find: returns the number of what has arrived; 0 for nothing.
    """
    sent = False

    def send_or_find() -> int:
        nonlocal sent
        if sent and (number := find()):
            return number
        sent = True
        return send()

    return patiently(about, send_or_find)


def _connect() -> Any:
    """Return the official client, signed in; it prints and leaves the process where there are no credentials."""
    end_every_request()
    try:
        with redirect_stdout(StringIO()):
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = KaggleApi()
            api.with_retry = lambda call, *_, **__: call  # it would try again within each of our tries
            api.authenticate()
    except ImportError as error:
        raise KaggleError(f"the package {error.name} is missing; pip install 'fingerspelling[kaggle]'") from error
    except SystemExit:
        from kagglesdk import get_access_token_from_env

        token, source = get_access_token_from_env()
        problem = f"Kaggle does not accept the token in {source}" if token else "there are no Kaggle credentials"
        raise KaggleError(f"{problem}; make a token at {TOKEN_PAGE} and put it into KAGGLE_API_TOKEN") from None
    return api
