"""A recipe: a model and how it is trained, as two sections of the parameters say."""

from collections.abc import Mapping
from dataclasses import dataclass

from huggingface_hub.errors import StrictDataclassError

from fingerspelling.model import FingerspellingConfig
from fingerspelling.parameters import ParameterError, build, unknown_name
from fingerspelling.training import TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained."""

    model: FingerspellingConfig
    training: TrainingConfig

    @classmethod
    def from_parameters(cls, values: Mapping[str, object]) -> "Recipe":
        """Make a recipe of the sections model and training; what they do not say is the winner's second round.

        Raises:
            ParameterError: a name does not exist or a value cannot be used.
        """
        training = build(TrainingConfig, values.get("training"), "training")
        return cls(build_model_config(values.get("model")), training)


def build_model_config(values: Mapping | None) -> FingerspellingConfig:
    """Make the model's configuration from what a YAML file says.

    Raises:
        ParameterError: a name does not exist or a value cannot be used.
    """
    values = dict(values or {})
    known = [name for name in FingerspellingConfig.__annotations__ if name != "model_type"]
    if unknown := [name for name in values if name not in known]:
        raise ParameterError("; ".join(unknown_name(f"model.{name}", known) for name in unknown))
    try:
        return FingerspellingConfig(**values)
    except StrictDataclassError as error:
        raise ParameterError(f"model: {' '.join(str(error.__cause__ or error).split())}") from None
