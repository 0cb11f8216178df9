"""Parameters from YAML files and notebooks, checked by name and type before anything starts.

papermill only warns of a parameter that a notebook does not know; here it is an error that names the parameter.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import pydantic
import yaml
from pydantic_core import ErrorDetails

Section = TypeVar("Section")
Probability = Annotated[float, pydantic.Field(ge=0, le=1)]

# A frozen dataclass whose fields are checked whenever one is made: unknown names and wrong types are errors.
parameters = pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid"))


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
    """Say that a parameter does not exist, and what it is called now or which it may have meant."""
    if name in RENAMED:
        return f"{name}: is called {RENAMED[name]} now"
    known = sorted(known)
    close = difflib.get_close_matches(name.rpartition(".")[2], known, 1)
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
        raise ParameterError(f"{section}: expected names with values, got {values!r}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values or {}))
    except pydantic.ValidationError as error:
        raise ParameterError("; ".join(_problem(kind, section, details) for details in error.errors())) from None


def _problem(kind: type, section: str, details: ErrorDetails) -> str:
    """Say in a sentence what pydantic found."""
    place = details["loc"]
    name = ".".join(filter(None, [section, *map(str, place)]))
    if details["type"] == "unexpected_keyword_argument":
        return unknown_name(name, _names_at(kind, place[:-1]))
    message = "expected a path" if details["type"] == "path_type" else details["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, [name, message])) + (f", got {details['input']!r}" if place else "")


def _names_at(kind: Any, place: tuple) -> list[str]:
    """Return the field names of the dataclass nested at a place, such as ("temporal",) of a TrainingConfig."""
    for name in place:
        kind = next(field.type for field in fields(kind) if field.name == name)
        kind = next(filter(is_dataclass, get_args(kind)), kind)  # of `SimulationConfig | None`, the first
    return [field.name for field in fields(kind)]
