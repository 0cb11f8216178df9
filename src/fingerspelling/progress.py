"""Progress of long work as text, which unlike widgets survives headless runs."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
UPDATE_SECONDS = 5.0  # between two updates where nobody watches a terminal


def track(items: Iterable[Item], label: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Wrap an iterable so that it reports its progress on standard output."""
    interval = 0.2 if sys.stdout.isatty() else UPDATE_SECONDS
    return tqdm(items, label, total, unit=f" {unit}", file=sys.stdout, mininterval=interval, ncols=100)
