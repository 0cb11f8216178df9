"""The trained model whose weights a training starts from: training.pretrained."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_NAME

from fingerspelling.files import read_json
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError
from fingerspelling.training.recipe import Recipe

Shapes = dict[str, tuple[int, ...]]  # of weights, by their names


def pretrained_weights(recipe: Recipe) -> Path | None:
    """Return the file of the weights that a training starts from, None for random ones; reads its header alone.

    Raises:
        ParameterError: training.pretrained is no trained model, or one of other sizes.
    """
    folder = recipe.training.pretrained
    if folder is None:
        return None
    file = folder / SAFE_WEIGHTS_NAME
    if not os.path.isfile(file):  # a Path's own is_file() fails at a long name
        raise ParameterError(f"training.pretrained: {folder} holds no trained model ({file.name} is missing)")
    try:
        with safe_open(file, "pt") as weights:
            there = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ParameterError(f"training.pretrained: {file} is damaged or not readable ({error})") from None
    if there != (wanted := _shapes(recipe.model)):
        reason = _other_sizes(folder / CONFIG_NAME, recipe.model) or _other_weights(there, wanted)
        raise ParameterError(f"training.pretrained: {folder} is a model of other sizes: {reason}")
    return file


def _shapes(sizes: FingerspellingConfig) -> Shapes:
    with torch.device("meta"):  # no memory, no random numbers
        return {name: tuple(weights.shape) for name, weights in FingerspellingModel(sizes).state_dict().items()}


def _other_sizes(file: Path, sizes: FingerspellingConfig) -> str:
    """Say which parameters of the model there make its weights other ones; "" where that is not known."""
    try:
        there = dict(read_json(file))
    except (OSError, ValueError, TypeError):
        return ""
    ours = {name: json.loads(json.dumps(getattr(sizes, name))) for name in FingerspellingConfig.__annotations__}
    differ = [name for name, value in ours.items() if there.get(name, value) != value]
    return ", ".join(
        f"model.{name} {json.dumps(there[name])} instead of {json.dumps(ours[name])}"
        for name in differ
        if _decides_weights(sizes, ours, {name: there[name]})
    )


def _decides_weights(sizes: FingerspellingConfig, ours: dict[str, Any], other: dict[str, Any]) -> bool:
    try:
        return _shapes(FingerspellingConfig(**ours | other)) != _shapes(sizes)
    except (ValueError, TypeError, RuntimeError, StrictDataclassError):  # not on its own, or not at all
        return True


def _other_weights(there: Shapes, wanted: Shapes) -> str:
    """Say which weights differ first."""
    name = next(name for name in (*wanted, *there) if there.get(name) != wanted.get(name))
    found, expected = (list(shapes[name]) if name in shapes else "missing" for shapes in (there, wanted))
    return f"{name} is {found} instead of {expected}"
