"""Processes that say how far they are, and end as they should: with a sentence, with their parents, one per folder."""

import contextlib
import ctypes
import multiprocessing
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TypeVar

from tqdm import tqdm

from fingerspelling.files import DataError, InputError, clear_temporary

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

Item = TypeVar("Item")
UPDATE_SECONDS = 5.0  # between two updates where nobody watches a terminal
LOCK = ".lock"
HELD = "FINGERSPELLING_HELD"  # environment variable: which process holds the lock of which folder, a line each
TORCHRUNS = {"LOCAL_RANK", "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}  # environment variables that it sets
OUT_OF_MEMORY = re.compile("out of memory|allocate memory")  # in what PyTorch says of a GPU, of the CPU
PR_SET_PDEATHSIG = 1  # of Linux' prctl


class Terminated(BaseException):
    """SIGTERM has arrived; like KeyboardInterrupt, it unwinds whatever runs."""


def exit_status(main: Callable[[], int]) -> int:
    """Run a command; what a user can do something about becomes a sentence, not a traceback.

    Returns:
        What `main` returns; 1 where nobody reads the output any more; 2 where parameters, data, the file system or
        the memory do not allow to go on; 130 after Ctrl-C and 143 after SIGTERM, once what was begun has been put in
        order.
    """

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        return main()
    except InputError as error:
        status, message = 2, str(error)
    except BrokenPipeError:  # the reader has closed the pipe, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        status, message = 2, f"{error.filename or 'file system'}: {error.strerror or error}"
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not OUT_OF_MEMORY.search(str(error)):
            raise
        status, message = 2, f"too little memory ({' '.join(str(error).split())[:200]}); take a smaller batch or model"
    except KeyboardInterrupt:
        status, message = 130, "interrupted; the same command goes on from here"
    except Terminated:
        status, message = 143, "terminated; the same command goes on from here"
    finally:
        signal.signal(signal.SIGTERM, before)
    if is_main():
        print(message, file=sys.stderr)
    return status


def of_torchrun() -> bool:
    """Tell whether torchrun has started this process; some of its variables may be left from another program."""
    return os.environ.keys() >= TORCHRUNS


def is_main() -> bool:
    """Tell whether this is the main one of torchrun's processes, or the only one."""
    return not of_torchrun() or os.environ["RANK"] == "0"


def track(items: Iterable[Item], label: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Wrap an iterable so that it reports its progress, in text: unlike widgets, that survives headless runs.

    What is done before the first update says nothing: chapters would be full of such lines.
    """
    interval = 0.2 if sys.stdout.isatty() else UPDATE_SECONDS
    return tqdm(items, label, total, unit=f" {unit}", file=sys.stdout, mininterval=interval, ncols=100, delay=interval)


def end_with_parent() -> None:
    """Let this process end when its parent dies, however it dies."""
    if sys.platform == "linux":  # at once, and it outlasts exec
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():  # it died before, while this one was starting
            os.kill(os.getpid(), signal.SIGTERM)
    else:
        Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


# For `Popen(preexec_fn=...)`: what Linux is asked for outlasts exec; a thread does not, and Windows allows none.
END_WITH_PARENT = end_with_parent if sys.platform == "linux" else None


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def only_process(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a folder's lock, as the one process that writes to it, and clear away what a killed one has left there.

    Processes that this one starts share it, and end with it; so do those of one torchrun. The lock ends with its
    holder, even when that is killed.

    Args:
        folder: made where it is not.
        wait: whether to wait for another process that holds it.

    Raises:
        DataError: another process holds it, and this one does not wait; or the folder cannot be written to.
    """
    if _shared(folder) or not is_main() or fcntl is None:
        yield
        return
    outer = os.environ.get(HELD, "")  # of other folders
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); choose another run_dir") from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another process"
            if not wait:
                raise DataError(f"{folder}: in use by {holder}; wait for it, or choose another run_dir") from None
            print(f"{folder}: waiting for {holder}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            yield
            return
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} ({' '.join(sys.argv)})")
        file.flush()
        clear_temporary(folder)
        os.environ[HELD] = f"{os.getpid()} {folder}\n{outer}"
        try:
            yield
        finally:
            os.environ[HELD] = outer
            file.truncate(0)


def _shared(folder: Path) -> bool:
    """Tell whether this process holds the lock already, or was started by the one that does."""
    held = (line.partition(" ") for line in os.environ.get(HELD, "").splitlines())
    holder = next((process for process, _, path in held if path == str(folder)), None)
    if holder is None:
        return False
    if int(holder) != os.getpid():
        end_with_parent()
        try:
            os.kill(int(holder), 0)
        except ProcessLookupError:  # it died before
            return False
    return True
