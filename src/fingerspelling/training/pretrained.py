"""The trained model whose weights a training starts from: training.pretrained."""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_NAME

from fingerspelling.files import read_entries
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError
from fingerspelling.training.recipe import Recipe

BLOCKS = "encoder.blocks."  # begins the names of the weights of an encoder's blocks, before their numbers
Shapes = dict[str, tuple[int, ...]]  # of weights, by their names


def pretrained_weights(recipe: Recipe) -> Path | None:
    """Return the file of the weights that a training starts from, None for random ones; reads its header alone.

    They are those of the same model, or of one with fewer blocks in the encoder.

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
    wanted = _shapes(recipe.model)
    added = tuple(f"{BLOCKS}{number}." for number in range(_layers(there), _layers(wanted)))
    if there != {name: shape for name, shape in wanted.items() if not name.startswith(added)} or not _layers(there):
        reason = _other_sizes(folder / CONFIG_NAME, recipe.model) or _other_weights(there, wanted)
        raise ParameterError(f"training.pretrained: {folder} is a model of other sizes: {reason}")
    return file


def load_pretrained(model: FingerspellingModel, file: Path) -> None:
    """Give a model trained weights; of blocks that the encoder has in addition, the first output is their input.

    As in Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer" (2016), a deeper model begins by doing
    what the trained one does: the last layers of an added block's modules are 0, and its LayerNorms leave alone what is
    normalised already. So the scale and bias of the trained encoder's last LayerNorm move to the new end.
    """
    trained = load_file(file)
    weights = model.state_dict() | trained
    first, layers = _layers(trained), model.config.encoder_layers
    for name in [name for name in weights if name not in trained and ".output." in name]:
        weights[name] = torch.zeros_like(weights[name])
    if first < layers:
        last_norm = {"squeezeformer": "norms.3", "conformer": "last_norm"}[model.config.encoder_block]
        for part in ("weight", "bias"):
            before, now = (f"{BLOCKS}{number - 1}.{last_norm}.{part}" for number in (first, layers))
            weights[before], weights[now] = weights[now], trained[before]
    model.load_state_dict(weights)


def _layers(names: Collection[str]) -> int:
    """Return how many blocks an encoder has, from the names of its weights."""
    return len({name.removeprefix(BLOCKS).partition(".")[0] for name in names if name.startswith(BLOCKS)})


def _shapes(sizes: FingerspellingConfig) -> Shapes:
    with torch.device("meta"):  # no memory, no random numbers
        return {name: tuple(weights.shape) for name, weights in FingerspellingModel(sizes).state_dict().items()}


def _other_sizes(file: Path, sizes: FingerspellingConfig) -> str:
    """Say which parameters of the model there make its weights other ones; "" where that is not known."""
    there = read_entries(file)
    ours = {name: json.loads(json.dumps(getattr(sizes, name))) for name in FingerspellingConfig.__annotations__}
    return ", ".join(
        f"model.{name} {json.dumps(there[name])} instead of {json.dumps(value)}"
        for name, value in ours.items()
        if there.get(name, value) != value and _decides_weights(sizes, ours, {name: there[name]})
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
