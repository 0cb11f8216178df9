import pytest
import torch
from torch import nn

from fingerspelling.model import FingerspellingConfig
from fingerspelling.model.encoder import Attention, Convolution, ScaleBias, rotary_angles, rotate
from fingerspelling.model.extractor import FeatureExtractor
from fingerspelling.model.padding import Padding

# --- padding


def test_padding_comes_off_and_on_again() -> None:
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    padding, x = Padding(3, 9, mask), torch.randn(3, 9, 5)
    real = padding.unpad_input(x)
    assert torch.equal(real, x[mask])
    assert torch.equal(padding.pad_input(real), x.masked_fill(~mask[..., None], 0.0))
    none = Padding(3, 9, None)
    assert torch.equal(none.unpad_input(x), x.flatten(0, 1))
    assert torch.equal(none.pad_input(none.unpad_input(x)), x)


# --- feature extractor


@pytest.mark.parametrize(("stride", "n_frames", "expected"), [(1, 7, 7), (2, 7, 4), (2, 8, 4), (2, 1, 1)])
def test_features_come_one_a_frame_or_every_other(stride: int, n_frames: int, expected: int) -> None:
    extractor = FeatureExtractor(21, 16, FingerspellingConfig(frame_stride=stride)).eval()
    features = extractor(torch.randn(2, n_frames, 21, 3), Padding(2, expected, None))
    assert features.shape == (2 * expected, 16)


def test_padding_does_not_reach_the_features_statistics() -> None:
    torch.manual_seed(0)
    frames, mask = torch.randn(3, 9, 21, 3), torch.arange(9) < torch.tensor([[9], [4], [1]])
    extractor = FeatureExtractor(21, 16, FingerspellingConfig(cnn_features=False)).train()
    features = extractor(frames.masked_fill(~mask[..., None, None], 1e6), Padding(3, 9, mask))
    torch.testing.assert_close(features.mean(0), torch.zeros(16), atol=1e-5, rtol=0)
    expected = extractor.linear(frames[mask].flatten(1)).var(0)
    torch.testing.assert_close(extractor.norm.running_var, 0.9 + 0.1 * expected)


# --- encoder


def test_pairs_of_features_turn_by_their_formula() -> None:
    y = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    angles = torch.tensor([[t * 10_000 ** (-2 * i / 8) for i in range(4)] for t in range(5)])
    turned = torch.complex(y[..., :4], y[..., 4:]) * torch.polar(torch.ones(5, 4), angles)
    expected = torch.cat((turned.real, turned.imag), -1)
    torch.testing.assert_close(rotate(y, *rotary_angles(5, 8, torch.device("cpu"))), expected)


@pytest.mark.parametrize("rotary", [True, False])
def test_attention_sees_relative_positions_of_real_frames_alone(rotary: bool) -> None:
    torch.manual_seed(0)
    attention = Attention(16, 2).eval()
    x = torch.randn(6, 16)

    def attend(frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        n_frames = len(frames) if mask is None else mask.shape[1]
        angles = rotary_angles(n_frames, 8, torch.device("cpu")) if rotary else None
        return attention(frames, Padding(1, n_frames, mask), angles)

    expected = attend(x)
    mask = torch.tensor([[False] * 3 + [True] * 6 + [False] * 2])
    torch.testing.assert_close(attend(x, mask), expected, atol=1e-5, rtol=0)
    assert torch.allclose(attend(x.flip(0)).flip(0), expected, atol=1e-3) != rotary


def test_a_scale_and_a_shift_come_before_the_linear_layer() -> None:
    scale, x = ScaleBias(6), torch.randn(5, 6)
    for linear in (nn.Linear(6, 4), nn.Linear(6, 4, bias=False)):
        scale.reset_parameters()
        torch.testing.assert_close(scale(x, linear), linear(x))
        nn.init.normal_(scale.scale)
        nn.init.normal_(scale.bias)
        torch.testing.assert_close(scale(x, linear), linear(x * scale.scale + scale.bias))


@pytest.mark.parametrize("length", [1, 4, 30])
def test_gpus_convolve_as_cpus_do_and_not_by_cudnn(length: int) -> None:
    torch.manual_seed(0)
    convolution, y = Convolution(8, 5, 0.0), torch.randn(3, length, 8, requires_grad=True)
    images, rows = convolution.convolve_images(y), convolution.convolve_rows(y)
    torch.testing.assert_close(rows, images, atol=1e-6, rtol=1e-5)
    weights = [convolution.depthwise.weight, y]
    upstream = torch.randn_like(images)
    ours, theirs = (torch.autograd.grad(out, weights, upstream) for out in (rows, images))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    # PyTorch hands to cuDNN what looks like channels_last, also by the strides of axes of length 1.
    kernels = convolution.depthwise.weight.flatten(1)[:, None]
    assert kernels[:, :, None].is_contiguous() and kernels.stride() == (5, 5, 1)
