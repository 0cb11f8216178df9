"""A run's parameters as a table."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from inspect import get_annotations
from pathlib import Path
from typing import Any, NamedTuple

from fingerspelling.model.configuration import SETTLED
from fingerspelling.parameters import explanations


class Shown(NamedTuple):
    """A parameter as it is shown: its name, its value as text, and what the code says of it."""

    name: str
    text: str
    meaning: str


def sections(config: Any, root: Path, name: str = "") -> Iterator[tuple[str, Any, list[Shown]]]:
    """Yield a configuration and those within it: the name of each, such as "training.spatial", it, and its parameters.

    Args:
        config: a dataclass made with `parameters`, or the model's configuration.
        root: a folder that is left out of the paths shown.
        name: of the configuration itself.
    """
    own = get_annotations(type(config)).keys() - SETTLED  # the model's inherits further ones
    values = {field.name: getattr(config, field.name) for field in fields(config) if field.name in own}
    said = explanations(config.__class__)
    nested = {parameter for parameter, value in values.items() if is_dataclass(value)}
    shown = [Shown(each, _text(value, root), said[each]) for each, value in values.items() if each not in nested]
    yield name, config, shown
    for part in (each for each in values if each in nested):
        yield from sections(values[part], root, f"{name}.{part}".removeprefix("."))


def differing(config: Any, other: Any, root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the parameters in which a configuration differs from another: dotted name, the one's value, the other's."""
    theirs = {name: {each.name: each.text for each in shown} for name, _, shown in sections(other, root)}
    for name, _, shown in sections(config, root):
        for each in shown:
            if each.text != (text := theirs.get(name, {}).get(each.name, "")):
                yield f"{name}.{each.name}".removeprefix("."), each.text, text


def _text(value: Any, root: Path) -> str:
    if isinstance(value, Path):
        return str(value.relative_to(root) if value.is_relative_to(root) else value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_text(each, root) for each in value)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


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
        file = _text(self.config.params, self.root)
        changed = [f"{name}: {each.name} {each.text}" for name, row in self._rows() for each, differs in row if differs]
        return "\n".join([f"parameters of {file}", *changed])

    def _repr_html_(self) -> str:
        """Return the table; what a parameter means is said where the mouse is over it."""
        rows = []
        for name, row in self._rows():
            cells = []
            for each, differs in row:
                text = escape(f"{each.name} {each.text}")
                shown = f"<b>{text}</b>" if differs else text
                cells.append(f"<span title='{escape(each.meaning)}'>{shown}</span>")
            rows.append(
                f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{' · '.join(cells)}</td></tr>"
            )
        about, *changed = repr(self).splitlines()
        summary = f"All {escape(about)}" + "".join(f"<br><b>{escape(line)}</b>" for line in changed)
        return f"<details><summary>{summary}</summary><table>{''.join(rows)}</table></details>"

    def _rows(self) -> Iterator[tuple[str, list[tuple[Shown, bool]]]]:
        """Yield sections with their parameters, and whether each differs."""
        beneath = {name: shown for name, _, shown in sections(self.beneath, self.root)}
        for name, _, shown in sections(self.config, self.root):
            row = [each for each in shown if each.name not in ("params", "overrides")]  # shown by what they do
            if row:
                yield name or "run", [(each, each not in beneath.get(name, ())) for each in row]
