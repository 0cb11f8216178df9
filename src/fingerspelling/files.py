"""Input data that cannot be used, and files that appear only when whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Something that a user can put right; the message says what, in a sentence."""


class DataError(InputError):
    """Input data that cannot be used; the message names the file and the reason."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path that is renamed to `path` once the block ends: a crash leaves no half file.

    The temporary name is always the same, for one writer at a time: what a killed run left, the next one overwrites.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
