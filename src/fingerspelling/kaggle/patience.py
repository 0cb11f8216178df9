"""Asking Kaggle with patience: what may pass is tried again, and what remains is one sentence that says what to do.

Failures arrive as exceptions of four libraries, or as a field of an answer.
"""

import functools
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from http import HTTPStatus
from io import StringIO
from typing import Any, TypeVar

import requests
import tenacity
from urllib3.util import Retry

from fingerspelling.files import InputError

Answer = TypeVar("Answer")

TIMEOUT = (15.0, 120.0)  # seconds, to connect and between two pieces of an answer
ATTEMPTS, PATIENCE = 10, 1800.0  # of one request: tries, and seconds with the waits that Kaggle asks for
LONGEST_WAIT = 120.0  # seconds, where Kaggle asks for none
TOKEN_PAGE = "https://www.kaggle.com/settings/api"
REFUSALS: dict[int, tuple[str, str]] = {  # what Kaggle does, and what to do about it
    401: ("does not accept the credentials", f"make a new token at {TOKEN_PAGE}"),
    403: (
        "denies access",
        "see that owner and name are right, that you have joined the competition and that your phone is verified",
    ),
    404: ("knows nothing of this name", "see that it is right and has been pushed"),
    429: ("still has had too many requests", "the same command goes on in an hour"),
}


class KaggleError(InputError):
    """Kaggle has refused, or cannot be asked; the message says what to do."""


@functools.cache
def end_every_request() -> None:
    """Give every request of this process a time limit, which the official client leaves out, even on its import."""
    send = requests.adapters.HTTPAdapter.send

    def send_in_time(adapter: Any, request: Any, stream: bool = False, timeout: Any = None, **others: Any) -> Any:
        return send(adapter, request, stream=stream, timeout=timeout or TIMEOUT, **others)

    requests.adapters.HTTPAdapter.send = send_in_time  # type: ignore[assignment, method-assign]


def patiently(about: str, ask: Callable[[], Answer]) -> Answer:
    """Ask until there is an answer, or until waiting makes no sense, which is a KaggleError."""
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_temporary),
        wait=_pause,
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_before_delay(PATIENCE),
        before_sleep=_say,
        reraise=True,
    )
    try:
        with redirect_stdout(StringIO()):
            return attempts(ask)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise KaggleError(sentence(error, about)) from error


def unless_absent(ask: Callable[[], Answer], instead: Answer) -> Answer:
    """Ask; where there is no such thing, or none that the user may see, which Kaggle does not tell apart, `instead`."""
    try:
        return ask()
    except requests.HTTPError as error:
        if status_of(error) in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return instead
        raise


def status_of(error: BaseException | None) -> int:
    """Return the HTTP status that an error arose from, be it wrapped in another; 0 where there is none."""
    while error is not None:
        if isinstance(error, requests.RequestException) and error.response is not None:
            return error.response.status_code
        error = error.__cause__ or error.__context__
    return 0


def is_temporary(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    if status := status_of(error):
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        return True
    return isinstance(error, ValueError) and str(error).startswith(("Downloaded file size", "Upload unsuccessful"))


def _pause(state: tenacity.RetryCallState) -> float:
    """Return how many seconds to wait before the next try: as Kaggle says, else twice as long each time."""
    error = state.outcome.exception() if state.outcome else None
    response = getattr(error, "response", None)
    wait = Retry().get_retry_after(response.raw) if response is not None and response.raw is not None else None
    return wait if wait is not None else tenacity.wait_exponential(multiplier=2, max=LONGEST_WAIT)(state)


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    print(f"Kaggle {_did(error)}; trying again in {state.upcoming_sleep:.0f} s", file=sys.stderr, flush=True)


def _did(error: BaseException | None) -> str:
    """Say in a few words, after "Kaggle", what an error means."""
    if status := status_of(error):
        return f"answers {status}" + (f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else "")
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"has not answered within {TIMEOUT[1]:.0f} s"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off the connection"
    return f"is not understood: {' '.join(str(error).split())}"


def _message(error: BaseException) -> str:
    """Return the message in Kaggle's answer, if there is one."""
    response = getattr(error, "response", None)
    try:
        return str(response.json()["message"]).strip() if response is not None else ""
    except (ValueError, KeyError, TypeError):
        return ""


def sentence(error: BaseException, about: str) -> str:
    """Say what is wrong, and what to do about it."""
    status, message = status_of(error), _message(error)
    if status in REFUSALS:
        problem, advice = REFUSALS[status]
        return f"{about}: Kaggle {problem}{f' ({message})' if message else ''}; {advice}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{about}: Kaggle {_did(error)}, a failure of its own; the same command goes on later"
    if status >= HTTPStatus.BAD_REQUEST:
        return refused(about, message or f"it {_did(error)}")
    if isinstance(error, requests.RequestException):
        return f"{about}: Kaggle {_did(error)}; see to the connection, then the same command goes on"
    return f"{about}: {' '.join(str(error).split())}"


def refused(about: str, message: str) -> str:
    """Say what to do about a request that Kaggle understood, but refused."""
    if "quota" in message.lower():
        advice = "; wait for the next week, or push a kernel that needs no GPU"
    elif "session count" in message.lower():
        advice = "; wait until a session has ended (`fingerspelling kaggle status`), then push again"
    else:
        advice = ""
    return f"{about}: Kaggle refuses: {message.rstrip('.')}{advice}"
