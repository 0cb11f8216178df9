"""The model against numbers of the winner's own code.

tests/winner/recorded.npz was made by the winner's PyTorch model of the second round, in evaluation mode and float32, on
one clip of 60 frames; names.json lists the weights that both models have, with their shapes. `weights` makes the values
that both were given.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fingerspelling import text
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.modeling import reverse_labels
from fingerspelling.model.preprocessing import normalize

FOLDER = Path(__file__).parent / "winner"
PHRASE = "3 creek-house.org/+1"


def weights(name: str, shape: list[int]) -> Tensor:
    drawn = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("running_var"):
        values = 0.5 + np.abs(drawn)
    elif name.endswith("running_mean"):
        values = 0.2 * drawn
    elif name.endswith("bias"):
        values = 0.1 * drawn
    elif len(shape) > 1:
        values = drawn / np.sqrt(np.prod(shape[1:]))
    else:
        values = 1 + 0.2 * drawn
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def recorded() -> dict[str, Tensor]:
    with np.load(FOLDER / "recorded.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files if file[name].dtype.kind == "f"}


@pytest.fixture(scope="module")
def model() -> FingerspellingModel:
    model = FingerspellingModel(FingerspellingConfig()).eval()
    shapes = json.loads((FOLDER / "names.json").read_text())
    model.load_state_dict(model.state_dict() | {name: weights(name, shape) for name, shape in shapes.items()})
    return model


def test_every_weight_is_the_winners(model: FingerspellingModel) -> None:
    shapes = json.loads((FOLDER / "names.json").read_text())
    state = {name: list(tensor.shape) for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    assert state == shapes


@torch.inference_mode()
def test_outputs_are_the_winners(model: FingerspellingModel, recorded: dict[str, Tensor]) -> None:
    labels = torch.tensor([[*text.encode(PHRASE), text.END]])
    hidden, mask = model.encode(normalize(recorded["frames"][None]))
    backward = model._decode(
        model.backward_decoder,
        model.backward_projection,
        reverse_labels(labels, text.PAD, text.END),
        None,
        hidden,
        mask,
    )
    logits = model.losses(hidden, mask, labels).logits
    torch.testing.assert_close(hidden[0], recorded["encoder"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits[0], recorded["logits"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(backward[0], recorded["backward_logits"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.confidence(hidden[:, 0])[0], recorded["confidence"], atol=1e-5, rtol=1e-5)
