"""The model against numbers of the winner's own code.

tests/winner/recorded.npz was made by the winner's PyTorch model of the second round, in evaluation mode and float32, on
one clip of 60 frames; names.json lists the weights that both models have, with their shapes. `weights` makes the values
that both were given.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fingerspelling import text
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.modeling import reverse_labels
from fingerspelling.model.preprocessing import normalize
from fingerspelling.runs.config import RunConfig
from fingerspelling.training import FingerspellingTrainer

FOLDER = Path(__file__).parent / "winner"
PHRASE = "3 creek-house.org/+1"
PARAMS = Path(__file__).parents[1] / "notebooks/params"


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
    backward, _ = model._decode(
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


@torch.inference_mode()
@pytest.mark.parametrize("score", [0.0, 0.35, 1.0])
def test_the_loss_is_the_winners(model: FingerspellingModel, recorded: dict[str, Tensor], score: float) -> None:
    """As its shares and its outputs give it; the winner's own leaves no padding in a phrase of full length."""
    labels = torch.tensor([[*text.encode(PHRASE), text.END]])
    backward_labels = reverse_labels(labels, text.PAD, text.END)
    output = model(normalize(recorded["frames"][None]), None, labels, None, torch.tensor([score]))
    forward = F.cross_entropy(recorded["logits"], labels[0])
    backward = F.cross_entropy(recorded["backward_logits"], backward_labels[0])
    confidence = 1 / (1 + math.exp(-recorded["confidence"].item()))
    entropy = -score * math.log(confidence) - (1 - score) * math.log(1 - confidence)
    expected = 0.98 * (0.6 * forward + 0.4 * backward) + 0.02 * entropy
    torch.testing.assert_close(output.loss, expected, atol=1e-5, rtol=1e-5)


def test_weight_decay_is_on_all_of_the_winners_parameters(model: FingerspellingModel) -> None:
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    decayed = FingerspellingTrainer.get_decay_parameter_names(None, model)
    assert sum(sizes[name] for name in decayed) == 9_736_305


def test_the_parameter_files_are_the_winners_rounds() -> None:
    first, second = (RunConfig.from_values({"params": str(PARAMS / f"round{n}.yaml")}).recipe for n in (1, 2))
    assert (first.training.precision, first.training.epochs, first.training.weight_decay) == ("fp32", 300, 0.05)
    assert (second.training.precision, second.training.epochs, second.training.weight_decay) == ("auto", 400, 0.08)
    for recipe in (first, second):
        training = recipe.training
        assert training.batch_size * training.gradient_accumulation_steps == 512
        assert (training.learning_rate, training.warmup_epochs, training.max_grad_norm) == (4.5e-3, 10, 4)
        assert (training.mask_tokens, training.temporal.cut_mix, training.spatial.mirror) == (0.2, 0.5, 0.5)
        assert (recipe.model.dropout, recipe.model.decoder_attention_dropout) == (0.1, 0.2)
    temporal, spatial = second.training.temporal, second.training.spatial
    assert (temporal.resample, temporal.resample_range) == (0.8, (0.3, 2.0))
    assert (temporal.local_resample, temporal.local_windows, temporal.local_range) == (0.25, (20, 29), (0.9, 1.1))
    assert (temporal.shift, temporal.shift_range) == (0.5, 10)
    assert (spatial.finger_drop, spatial.finger_draws, spatial.part_drop) == (0.5625, (12, 12), 0.5)
    assert spatial.hand_drop == pytest.approx(1 / 11)
    assert (1 - spatial.hand_drop) * spatial.part_drop == pytest.approx(10 / 22)
