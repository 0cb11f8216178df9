"""What every reader and writer of files needs: the error of unusable data, and files that appear only when whole."""

import argparse
import errno
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp"  # ends the names of temporary files and folders, which begin with a point
PACKAGE = Path(__file__).resolve().parent
FULL = 1 << 20  # bytes: a disk with less is full; so much is what a library may have given back when its write fails


class InputError(Exception):
    """Something that a user can put right; the message says what, in a sentence."""

    def _render_traceback_(self) -> list[str]:
        """Return what notebooks show of it: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


class DataError(InputError):
    """Input data that cannot be used; the message names the file and the reason."""


def from_home(path: str | Path) -> Path:
    """Return a path in which ~ stands for the home folder; ~name of no user stays, and is no file that exists."""
    return Path(os.path.expanduser(path))


def to_path(text: str) -> Path:
    """Return a path of the command line; an empty one, as of a variable without a value, is not the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return from_home(text)


def refuse_missing_folder(*files: Path | None) -> None:
    """Raise a DataError where a file that is to be written has no folder to go to, before what it will hold is made."""
    for file in filter(None, files):
        if not file.absolute().parent.is_dir():
            raise DataError(f"{file.parent}: no such folder to write {file.name} to")


def refuse_no_file(path: Path) -> None:
    """Raise a DataError for a folder, a pipe or a device: C++ waits for a pipe, and nothing can interrupt it."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is a folder, a pipe or a device, not a file")


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder at any depth, sorted, without hidden ones or folders, such as macOS' and Jupyter's.

    The folder may itself lie in a hidden one.
    """
    found = folder.rglob(pattern)
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def parse_json(content: str | bytes) -> Any:
    """Parse JSON that somebody else may have written; a ValueError says that it is none, or nested too deeply."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` once the block ends: a crash leaves no half-written file.

    Its name is this process's own. What a killed process leaves, `clear_temporary` removes. What is no file, such as
    /dev/stdout or a pipe, cannot be replaced: it is yielded itself.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with disk_full_named(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that appears only when whole, text in UTF-8; see `written_whole`."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def content(file: Path) -> list[int] | None:
    """Return a file's size in bytes and the CRC-32 of its content; None where there is no file."""
    if not file.is_file():
        return None
    whole = file.read_bytes()
    return [len(whole), zlib.crc32(whole)]


def read_json(file: Path) -> Any:
    """Read a JSON file; an OSError or a ValueError says that it is missing or damaged."""
    return parse_json(file.read_text())


def read_entries(file: Path) -> dict[str, Any]:
    """Read a JSON file of names with values; none where it is missing or damaged."""
    try:
        return dict(read_json(file))
    except (OSError, ValueError, TypeError):
        return {}


SEAL = "files.json"  # in a folder, written last: the size and checksum of each of its files


def seal(folder: Path) -> None:
    """Note what a folder consists of, once all of its files have been written."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != SEAL)
    write_whole(folder / SEAL, json.dumps({file.name: content(file) for file in files}, indent=1))


def is_whole(folder: Path) -> bool:
    """Tell whether a folder has all files of its seal as they were written."""
    sealed = read_entries(folder / SEAL)
    return bool(sealed) and {name: content(folder / name) for name in sealed} == sealed


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Raise what fails within as an OSError that names the file, where the disk is full.

    PyTorch, safetensors and TensorFlow have errors of their own for it, pyarrow one without the file's name.
    """
    try:
        yield
    except Exception as error:
        folder = next(folder for folder in path.absolute().parents if folder.is_dir())
        if shutil.disk_usage(folder).free >= FULL or (isinstance(error, OSError) and error.filename):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def clear_temporary(folder: Path) -> None:
    """Remove what killed processes have left below a folder to which no other process writes."""
    for left in folder.rglob(f".*{TEMPORARY}"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
