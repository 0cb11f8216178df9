"""A run's parameters as a table."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from inspect import get_annotations
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ParameterTable:
    """All parameters of a run, to unfold: a row per section, and in bold those that differ from the file beneath.

    Attributes:
        config: the run's `RunConfig`.
        beneath: what the file of parameters alone says.
        root: the project's folder, which is left out of the paths shown.
    """

    config: Any
    beneath: Any
    root: Path

    def __repr__(self) -> str:
        """Return only what differs: batch runs print it."""
        changed = [f"{name}: {text}" for name, row in self._rows() for text, differs in row if differs]
        return "\n".join([f"parameters of {self._text(self.config.params)}", *changed])

    def _repr_html_(self) -> str:
        rows = []
        for name, row in self._rows():
            cells = [f"<b>{escape(text)}</b>" if differs else escape(text) for text, differs in row]
            rows.append(
                f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{' · '.join(cells)}</td></tr>"
            )
        about, *changed = repr(self).splitlines()
        summary = f"All {escape(about)}" + "".join(f"<br><b>{escape(line)}</b>" for line in changed)
        return f"<details><summary>{summary}</summary><table>{''.join(rows)}</table></details>"

    def _rows(self) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
        """Yield sections with their parameters, each as text and whether it differs."""
        return self._sections("run", self.config, self.beneath)

    def _sections(self, name: str, values: Any, beneath: Any) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
        row, nested = [], []
        own = get_annotations(type(values)).keys() - {"params", "overrides"}  # those two are shown by what they do
        for parameter in (field.name for field in fields(values) if field.name in own):
            value, below = getattr(values, parameter), getattr(beneath, parameter, None)
            if is_dataclass(value):
                nested.append((parameter, value, below))
            else:
                row.append((f"{parameter} {self._text(value)}", value != below))
        if row:
            yield name, row
        for part, value, below in nested:
            yield from self._sections(part if name == "run" else f"{name}.{part}", value, below)

    def _text(self, value: Any) -> str:
        if isinstance(value, Path):
            return str(value.relative_to(self.root) if value.is_relative_to(self.root) else value)
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self._text, value))}]"
        if isinstance(value, float):
            return f"{value:g}"
        return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
