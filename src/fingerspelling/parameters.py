"""Parameters from YAML files and notebooks, checked by name and type before anything starts.

papermill only warns of a parameter that a notebook does not know; here it is an error that names the parameter.
"""

import ast
import difflib
import inspect
import io
import math
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar, cast, dataclass_transform, get_args

import pydantic
import yaml
from pydantic_core import ErrorDetails

from fingerspelling.files import InputError, from_home

Section = TypeVar("Section")
Number = TypeVar("Number", int, float)
Place = tuple[Any, ...]  # names of sections, and places in lists, from the outermost
LINE = 120  # characters of a value that an error shows
LARGEST = 2**31 - 1  # of any number; with larger ones libraries overflow, each in its own way
Probability = Annotated[float, pydantic.Field(ge=0, le=1)]


def _rising(ends: tuple[Any, Any]) -> tuple[Any, Any]:
    if ends[1] < ends[0]:
        raise ValueError(f"expected the lower end first, got {list(ends)}")
    return ends


Between = Annotated[tuple[Number, Number], pydantic.AfterValidator(_rising)]  # a range


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def parameters(kind: type[Section]) -> type[Section]:
    """Make a frozen dataclass whose fields are checked whenever one is made: unknown names, wrong types."""
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    return cast(type[Section], pydantic.dataclasses.dataclass(kind, frozen=True, config=config))


@cache
def explanations(kind: type) -> dict[str, str]:
    """Return what the code of a class says of each of its fields: the comments above it and at the end of its line."""
    source = inspect.cleandoc("\n" + inspect.getsource(kind))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    [definition] = ast.parse(source).body
    said, line = {}, 0
    for statement in cast(ast.ClassDef, definition).body:
        last = statement.end_lineno or statement.lineno
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said[statement.target.id] = " ".join(comments[at] for at in range(line + 1, last + 1) if at in comments)
        line = last
    return said


# What parameters were called before version 0.2.
RENAMED = {
    "scheduler": "dask_address",
    "training.accumulate": "gradient_accumulation_steps",
    "training.clip_norm": "max_grad_norm",
    "training.optimiser": "optimizer",
    "training.average": "ema_decay",
    "training.loader_processes": "num_workers",
    "training.time": "temporal",
    "training.points": "spatial",
    "training.spatial.fingers": "finger_drop",
    "training.spatial.part": "part_drop",
    "training.spatial.hands": "hand_drop",
    "training.spatial.frames": "time_mask",
    "training.spatial.frame_masks": "time_mask_counts",
    "training.spatial.square": "spatial_mask",
    "training.spatial.square_size": "spatial_mask_size",
    "submission.beam": "num_beams",
}


class ParameterError(InputError):
    """A parameter that does not exist or has an unusable value; the message names it."""


@contextmanager
def errors_in(place: object) -> Iterator[None]:
    """Let a ParameterError of this block begin with the file, or the place in one, that it is about."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(f"{place}: {error}") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML as a reader of the file understands it.

    Unlike PyYAML's own reading (YAML 1.1), a name may stand once in a section, `yes`, `no`, `on` and `off` are words,
    `1e-3` is a number, and what looks like an octal or sexagesimal number is refused. There are no tags, which make
    another value of what is written, and no aliases, with which a few lines can stand for gigabytes.
    """

    yaml_implicit_resolvers: ClassVar[dict] = {}

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        event = self.peek_event()
        tag = (getattr(event, "tag", None) or "").replace("tag:yaml.org,2002:", "!!")
        if tag or isinstance(event, yaml.AliasEvent):
            what = f"{tag} is a tag, and tags" if tag else "aliases"
            raise yaml.MarkedYAMLError(problem=f"{what} are not allowed", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = [self.construct_object(name, deep=True) for name, _ in node.value]
        for place, name in enumerate(names):
            if name in names[:place]:
                mark = node.value[place][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"{name} is given twice", problem_mark=mark)
        return super().construct_mapping(node, deep)

    def refuse(self, node: yaml.ScalarNode) -> NoReturn:
        problem = f"{node.value} may be read as different numbers; write it in decimal digits, or quote it"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


# The core schema of YAML 1.2 (section 10.3.2), and what 1.1 reads otherwise as "ambiguous".
_DIGITS = list("-+0123456789")
for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("ambiguous", r"[-+]?0[0-9_]+|[-+]?0[bo][0-9]+|[-+]?[0-9]+(:[0-5]?[0-9])+|[0-9]+(_[0-9]+)+", _DIGITS),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", _DIGITS),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", [*_DIGITS, "."]),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), _first)
_StrictLoader.add_constructor("tag:yaml.org,2002:ambiguous", _StrictLoader.refuse)


def read_parameters(file: Path) -> dict[str, Any]:
    """Read a YAML file of parameters, strictly (see `_StrictLoader`).

    Raises:
        ParameterError: there is no such file, or it does not hold names with values. The message leaves it to the
            caller to name the file, as those about the values in it do.
    """
    try:
        with from_home(file).open(encoding="utf-8") as stream:
            values = yaml.load(stream, _StrictLoader) or {}
    except OSError as error:
        raise ParameterError(error.strerror or str(error)) from None
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: no UTF-8, or a number of thousands of digits
        raise ParameterError(" ".join(str(error).split()).partition("; use sys.")[0]) from None
    except RecursionError:
        raise ParameterError("nested too deeply") from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ParameterError("expected names with values")
    return values


def lay_over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the changes: sections key by key, everything else whole."""
    return dict(values) | {
        name: lay_over(values[name], value)
        if isinstance(value, Mapping) and isinstance(values.get(name), Mapping)
        else value
        for name, value in changes.items()
    }


def flatten(values: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """Return the values of all sections by their dotted names, such as training.epochs."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{section}{name}.") if isinstance(value, Mapping) else {f"{section}{name}": value}
    return flat


def parse_override(override: object) -> dict[str, Any]:
    """Turn an override such as "training.learning_rate=4e-3" into sections, {"training": {"learning_rate": 0.004}}.

    Raises:
        ParameterError: it is not a name and a value in YAML.
    """
    name, equals, text = str(override).partition("=")
    if not isinstance(override, str) or not equals or not all(name.split(".")):
        raise ParameterError(
            f"overrides: expected a name and a value, such as training.epochs=3, got {shown(override)}"
        )
    try:
        value = yaml.load(text, _StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ParameterError(f"overrides: {name}: cannot read the value {shown(text)}") from None
    for section in reversed(name.split(".")):
        value = {section: value}
    return value


def unknown_name(section: str, name: str, names: Iterable[str]) -> str:
    """Say that a section has no such parameter, and what it is called now or which it may have meant.

    Args:
        section: with those around it, as in training.spatial; "" for none.
        name: the parameter's.
        names: of all parameters, with their sections.
    """
    inside = f"{section}." if section else ""
    last, name = name.rpartition(".")[2].lower(), inside + name
    if name in RENAMED:
        return f"{name}: is called {RENAMED[name]} now"
    elsewhere = sorted(names, key=len)
    if name in elsewhere:
        return f"{name}: is inside of a section; give it as an override, overrides: [{name}=...]"
    known = sorted({each.removeprefix(inside).partition(".")[0] for each in elsewhere if each.startswith(inside)})
    places = {dotted.rpartition(".")[2]: dotted for dotted in reversed(elsewhere)}  # of one name, the outermost
    close = difflib.get_close_matches(last, known, 1)
    close = close or [places[leaf] for leaf in difflib.get_close_matches(last, places, 1)]
    return f"{name}: no such parameter" + (
        f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
    )


def build(kind: type[Section], values: object, section: str = "") -> Section:
    """Make a section of the parameters, such as a TrainingConfig, from what a YAML file says.

    Args:
        kind: a class made with `parameters`.
        values: names with values; None for none.
        section: what the names in error messages begin with, such as "training".

    Raises:
        ParameterError: a name does not exist or a value is of the wrong type or out of range; names all of them.
    """
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(f"{section}: expected names with values, got {shown(values)}")
    numbers = [(place, value) for place, value in _leaves(values or {}) if isinstance(value, int | float)]
    problems = [
        f"{_dotted(section, place)}: {shown(number)} is too large; at most {LARGEST:,}"
        for place, number in numbers
        if LARGEST < abs(number) < math.inf
    ]
    if problems:
        raise ParameterError("; ".join(problems))
    try:
        built = pydantic.TypeAdapter(kind).validate_python(dict(values or {}))
    except pydantic.ValidationError as error:
        raise ParameterError("; ".join(_problem(kind, section, details) for details in error.errors())) from None
    problems = [
        f"{_dotted(section, place)}: expected a number, got {str(value).lower()}"
        for place, value in numbers
        if isinstance(value, bool) and not isinstance(_value_at(built, place), bool)  # which pydantic takes for 1 or 0
    ]
    if problems:
        raise ParameterError("; ".join(problems))
    return built


def _leaves(values: object, place: Place = ()) -> Iterator[tuple[Place, object]]:
    """Yield the values in sections and lists, each with its place, such as ("spatial", "scale", 0)."""
    if isinstance(values, Mapping | list | tuple):
        for key, value in values.items() if isinstance(values, Mapping) else enumerate(values):
            yield from _leaves(value, (*place, key))
    else:
        yield place, values


def _value_at(built: Any, place: Place) -> Any:
    for key in place:
        built = built[key] if isinstance(key, int) else getattr(built, key)
    return built


def _dotted(section: str, place: Place) -> str:
    return ".".join(filter(None, [section, *map(str, place)]))


def _problem(kind: type, section: str, details: ErrorDetails) -> str:
    """Say in a sentence what pydantic found."""
    place = details["loc"]
    name = _dotted(section, place)
    if details["type"] == "unexpected_keyword_argument":
        names = _dotted_names(kind, f"{section}." if section else "")
        return unknown_name(_dotted(section, place[:-1]), str(place[-1]), names)
    message = "expected a path" if details["type"] == "path_type" else details["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, [name, message])) + (f", got {shown(details['input'])}" if place else "")


def shown(value: object) -> str:
    """Return a value as an error shows it, which is no longer than a line."""
    return text if len(text := repr(value)) <= LINE else f"{text[:LINE]} ..."


def _dotted_names(kind: Any, section: str = "") -> list[str]:
    """Return the names of all parameters of a dataclass, those of its sections dotted."""
    names = []
    for parameter in fields(kind):
        kinds = (kind for kind in (parameter.type, *get_args(parameter.type)) if isinstance(kind, type))
        inner = next(filter(is_dataclass, kinds), None)
        name = f"{section}{parameter.name}"
        names += _dotted_names(inner, f"{name}.") if inner else [name]
    return names
