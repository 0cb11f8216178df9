"""What every reader and writer of files needs: the error of unusable data, and files that appear only when whole."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Something that a user can put right; the message says what, in a sentence."""

    def _render_traceback_(self) -> list[str]:
        """Return what notebooks show of it: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


class DataError(InputError):
    """Input data that cannot be used; the message names the file and the reason."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` once the block ends: a crash leaves no half-written file.

    The temporary name is always the same, so there can be one writer at a time; what a killed run left is overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def content(file: Path) -> list[int]:
    """Return a file's size in bytes and the CRC-32 of its content."""
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            checksum = zlib.crc32(block, checksum)
    return [file.stat().st_size, checksum]
