"""A recipe: a model and how it is trained, as two sections of the parameters say."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated

import pydantic
from huggingface_hub.errors import StrictDataclassError
from pydantic_core import core_schema

from fingerspelling.model import FingerspellingConfig
from fingerspelling.model.configuration import SETTLED
from fingerspelling.parameters import ParameterError, parameters, unknown_name
from fingerspelling.training.config import TrainingConfig


def _model_config(values: object) -> FingerspellingConfig:
    """Make the model's configuration from what a YAML file says."""
    if isinstance(values, FingerspellingConfig):
        return values
    if not isinstance(values, Mapping):
        raise ValueError("expected names with values")
    declared = {name: kind for name, kind in FingerspellingConfig.__annotations__.items() if name not in SETTLED}
    if unknown := [name for name in values if name not in declared]:
        names = [f"model.{name}" for name in declared]
        raise ParameterError("; ".join(unknown_name("model", name, names) for name in unknown))
    if switches := [name for name, value in values.items() if isinstance(value, bool) and declared[name] is not bool]:
        raise ParameterError("; ".join(f"model.{name}: expected a number, got {values[name]}" for name in switches))
    try:
        return FingerspellingConfig(**values)
    except StrictDataclassError as error:
        raise ParameterError(f"model: {' '.join(str(error.__cause__ or error).split())}") from None


# Pydantic is given the function alone: by itself it would look into what transformers has declared for its own use.
_MODEL_SCHEMA = core_schema.no_info_plain_validator_function(_model_config)
ModelConfig = Annotated[FingerspellingConfig, pydantic.GetPydanticSchema(lambda *_: _MODEL_SCHEMA)]


@parameters
class Recipe:
    """A model and how it is trained; what is not given is the winner's second round."""

    model: ModelConfig = field(default_factory=FingerspellingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.training.alignment and not self.model.ctc_weight:
            raise ValueError("training.alignment teaches the CTC head: set model.ctc_weight as well")
