import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from synthetic import make_batch
from torch import Tensor

from fingerspelling.model.preprocessing import FARTHEST, normalize, normalize_per_frame, resize_index


@given(st.integers(0, 20_000), st.integers(1, 500))
def test_resizing_takes_the_nearest_frames_below(n_frames: int, max_frames: int) -> None:
    index = resize_index(n_frames, max_frames).tolist()
    kept = max(min(n_frames, max_frames), 1)
    assert index == [i * n_frames // kept for i in range(kept)]
    if n_frames <= max_frames:
        assert index == list(range(kept))


def clips_of(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.just(1), st.integers(1, 4), st.integers(1, 5), st.just(3))
    values = st.one_of(st.floats(low, high, width=32), st.just(math.nan))
    return arrays.arrays(np.float32, shapes, elements=values)


@given(clips_of(-1000, 1000))
@pytest.mark.parametrize(("function", "dims"), [(normalize, (1, 2)), (normalize_per_frame, (2,))])
def test_whatever_is_there_gets_mean_0_and_spread_1(
    function: Callable[[Tensor], Tensor], dims: tuple[int, ...], clip: np.ndarray
) -> None:
    frames = torch.from_numpy(clip)
    if function is normalize_per_frame:  # of a part, all or nothing is there
        frames[frames.isnan().any(2, keepdim=True).expand_as(frames)] = math.nan
    result = function(frames)
    assert torch.equal(result.isnan(), frames.isnan())
    assert not result.isinf().any()
    spread = frames.double().sub(frames.double().nanmean(dims, keepdim=True)).square().nanmean(dims).sqrt()
    usual = spread > 1e-3 * frames.abs().nan_to_num().amax(dims) + 1e-4
    assert (result.nanmean(dims)[usual].abs() < 2e-3).all()
    assert (result.square().nanmean(dims)[usual].sqrt() - 1 < 2e-3).all()


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.just(1), st.integers(1, 4), st.integers(1, 5), st.just(3)),
        elements=st.one_of(st.floats(width=32), st.floats(-1, 1, width=32)),
    )
)
def test_what_cannot_be_a_landmark_counts_as_missing(clip: np.ndarray) -> None:
    frames = torch.from_numpy(clip)
    landmarks = frames.abs() <= FARTHEST  # neither NaN, nor infinite, nor far away
    result = normalize(frames)
    assert torch.equal(result.isfinite(), landmarks) and torch.equal(result.isnan(), ~landmarks)
    cleaned = normalize(frames.masked_fill(~landmarks, math.nan))
    torch.testing.assert_close(result, cleaned, rtol=0, atol=0, equal_nan=True)


@given(st.floats(-3, 3, width=32), st.integers(1, 50))
def test_constant_coordinates_stay_near_zero(value: float, n_frames: int) -> None:
    frames = torch.full((1, n_frames, 130, 3), value)
    assert normalize(frames).abs().max() < 1
    assert normalize_per_frame(frames).abs().max() < 1


def test_normalisation_forgets_place_and_size_and_padding() -> None:
    frames, mask = make_batch([7, 12])
    moved = frames * torch.tensor([0.2, 0.3, 5.0]) + torch.tensor([0.5, 0.4, -1.0])
    torch.testing.assert_close(normalize(moved), normalize(frames), equal_nan=True, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(normalize(frames[:1, :7]), normalize(frames)[:1, :7], equal_nan=True)
    assert normalize(frames)[~mask].isnan().all()
    frames = torch.randn(frames.shape)  # of a part, all or nothing is there
    drifting = frames * torch.rand(12, 1, 3).add(0.5) + torch.rand(12, 1, 3)
    torch.testing.assert_close(
        normalize_per_frame(drifting), normalize_per_frame(frames), equal_nan=True, atol=1e-4, rtol=1e-4
    )


def test_dropped_points_count_as_0_within_their_part() -> None:
    hand = torch.randn(4, 9, 21, 3) + 2.0
    dropped = torch.rand(4, 9, 21) < 0.4
    result = normalize_per_frame(hand.masked_fill(dropped[..., None], math.nan))
    points = hand.masked_fill(dropped[..., None], 0.0).double().numpy()
    expected = (points - points.mean(2, keepdims=True)) / points.std(2, keepdims=True)
    assert torch.equal(result.isnan(), dropped[..., None].expand_as(result))
    np.testing.assert_allclose(result[~dropped], expected[~dropped], atol=1e-5)
