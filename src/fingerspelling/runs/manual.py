"""A page with all parameters, from the code's own comments.

python -m fingerspelling.runs.manual > docs/parameters.md
"""

from collections.abc import Iterable
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fingerspelling.plots.parameters import sections
from fingerspelling.runs.config import ROOT, RunConfig

HEAD = """\
# All parameters

Made of the comments in the code by `python -m fingerspelling.runs.manual > docs/parameters.md`. A file of parameters,
such as [demo.yaml](../notebooks/params/demo.yaml), says what differs from the defaults below, which are the winner's
second round. The first cell of a chapter, or `-p` of papermill, says what differs from the file.
"""
WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", tuple: "list", NoneType: "none"}
BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def manual() -> str:
    """Return the page, as Markdown."""
    text = [HEAD]
    for name, config, shown in sections(RunConfig.from_values({"params": ""}), ROOT):
        if not shown:
            continue
        title = f"## `{name}`" if name else "## The run"
        purpose = (type(config).__doc__ or "").partition("\n")[0]
        text += [title, "", purpose, "", "| name | values | default | what it is |", "|---|---|---|---|"]
        types = get_annotations(type(config))
        for each in shown:
            cells = [f"`{each.name}`", _values(types[each.name]), each.text, each.meaning]
            text.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        text.append("")
    return "\n".join(text)


def _values(kind: Any) -> str:
    """Say in words which values a type allows."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return " ".join(filter(None, [_values(arguments[0]), *_bounds(arguments[1:])]))
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " or ".join(map(_values, arguments))
    if origin is tuple:
        parts = list(dict.fromkeys(_values(each) for each in arguments if each is not ...))
        count = "" if ... in arguments else f"{len(arguments)} "
        return f"list of {count}{' and '.join(parts)}".replace("number", "numbers") if parts else "list"
    return WORDS.get(kind, "path" if getattr(kind, "__name__", "") in ("Path", "Recipe") else "section")


def _bounds(metadata: Iterable[Any]) -> Iterable[str]:
    for each in metadata:
        yield from _bounds(getattr(each, "metadata", ()))
        for bound, words in BOUNDS.items():
            if (number := getattr(each, bound, None)) is not None:
                yield words.format(f"{number:,.10g}")


if __name__ == "__main__":
    print(manual(), end="")
