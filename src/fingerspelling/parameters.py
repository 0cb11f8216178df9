"""Parameters from YAML files and notebooks, checked by name and type before anything starts.

papermill only warns of a parameter that a notebook does not know; here it is an error that names the parameter.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, TypeVar

import pydantic
import yaml

Section = TypeVar("Section")
Probability = Annotated[float, pydantic.Field(ge=0, le=1)]

# A frozen dataclass whose fields are checked whenever one is made: unknown names and wrong types are errors.
parameters = pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid"))


class ParameterError(Exception):
    """A parameter that does not exist or has an unusable value; the message names it."""


def read_parameters(file: Path) -> dict[str, object]:
    """Read a YAML file of parameters.

    Raises:
        ParameterError: there is no such file, or it does not hold names with values. The message leaves it to the
            caller to name the file, as those of the values in it do.
    """
    try:
        values = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise ParameterError(error.strerror or str(error)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(" ".join(str(error).split())) from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ParameterError("expected names with values")
    return values


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Say that a parameter does not exist, and which it may have meant."""
    known = sorted(known)
    close = difflib.get_close_matches(name.rpartition(".")[2], known, 1)
    return f"{name}: no such parameter" + (
        f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
    )


def build(kind: type[Section], values: Mapping | None, section: str) -> Section:
    """Make a section of the parameters, such as a TrainingConfig, from what a YAML file says.

    Raises:
        ParameterError: a name does not exist or a value is of the wrong type or out of range; names all of them.
    """
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(f"{section}: expected names with values, got {values!r}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values or {}))
    except pydantic.ValidationError as error:
        problems = []
        for problem in error.errors():
            name = ".".join([section, *(str(part) for part in problem["loc"])])
            if problem["type"] == "unexpected_keyword_argument":
                problems.append(unknown_name(name, _names_at(kind, problem["loc"][:-1])))
            else:
                message = problem["msg"].removeprefix("Value error, ")
                problems.append(f"{name}: {message}" + (f", got {problem['input']!r}" if problem["loc"] else ""))
        raise ParameterError("; ".join(problems)) from None


def _names_at(kind: type, place: tuple) -> list[str]:
    """Return the field names of the dataclass nested at a place, such as ("time",) of a TrainingConfig."""
    for name in place:
        kind = next(field.type for field in fields(kind) if field.name == name)
    return [field.name for field in fields(kind)]
