import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic import make_batch
from torch import Tensor

from fingerspelling.data.augmentation import (
    SpatialAugmentation,
    affine,
    augment,
    drop_fingers,
    drop_parts,
    mask_square,
    mask_time,
    mirror,
)
from fingerspelling.landmarks import MIRROR, PARTS, SELECTED
from fingerspelling.parameters import ParameterError, build

NOTHING = SpatialAugmentation(mirror=0, affine=0, finger_drop=0, part_drop=0, hand_drop=0, time_mask=0, spatial_mask=0)
# The fields with their probabilities.
STEPS = ["mirror", "affine", "finger_drop", "part_drop", "hand_drop", "time_mask", "spatial_mask"]
N_CLIPS, N_FRAMES = 300, 20

each_step = pytest.mark.parametrize("name", STEPS)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def full() -> Tensor:
    """Clips in which every point is there."""
    return torch.randn(N_CLIPS, N_FRAMES, 130, 3)


ALL = torch.ones(N_CLIPS, N_FRAMES, dtype=torch.bool)  # its mask


def same(first: Tensor, second: Tensor) -> Tensor:
    """Return which clips are the same, NaN being itself; bool [batch]."""
    return ((first == second) | (first.isnan() & second.isnan())).flatten(1).all(1)


def only(name: str, probability: float) -> SpatialAugmentation:
    """One step of the recipe; a square hits something, as it is the whole picture."""
    return replace(NOTHING, spatial_mask_size=(1.0, 1.0), **{name: probability})


batches = st.builds(make_batch, st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 2**32))
steps = st.one_of(
    st.builds(only, st.sampled_from(STEPS), st.sampled_from([0.0, 0.5, 1.0])),
    st.builds(
        SpatialAugmentation,
        mirror=st.sampled_from([0.0, 0.5, 1.0]),
        affine=st.sampled_from([0.0, 0.5, 1.0]),
        finger_drop=st.just(1.0),
        finger_windows=st.integers(0, 3),
        finger_window=st.just((0.0, 1.0)),
        finger_draws=st.sampled_from([(0, 0), (2, 5), (12, 12)]),
        arm_points=st.sampled_from(["executed", "meant"]),
        time_mask_counts=st.sampled_from([(1,), (3, 1), (1, 2, 4)]),
    ),
)


@given(batches, steps, st.integers(0, 2**32))
def test_what_every_augmentation_leaves_alone(
    batch: tuple[Tensor, Tensor], config: SpatialAugmentation, seed: int
) -> None:
    frames, mask = batch
    before = frames.clone()
    torch.manual_seed(seed)
    after = augment(frames, mask, config)
    assert same(frames, before).all()
    assert after.shape == frames.shape
    assert after.dtype == torch.float32
    assert after[~mask].isnan().all()
    gone, missing = after.isnan(), frames.isnan()
    assert (gone.any(-1) == gone.all(-1)).all()  # a point has all of its coordinates, or none
    assert (gone >= missing).flatten(1).all(1).logical_or((gone >= missing[:, :, MIRROR]).flatten(1).all(1)).all()
    if not config.mirror and not config.affine:
        assert torch.equal(after[~gone], frames[~gone])
    if config in (NOTHING, only("mirror", 1.0), only("affine", 1.0)):
        assert gone.sum() == missing.sum()
    torch.manual_seed(seed)
    assert same(augment(frames, mask, config), after).all()


@each_step
def test_a_step_changes_none_all_or_its_share_of_the_clips(name: str) -> None:
    frames, mask = make_batch([8 + i % (N_FRAMES - 7) for i in range(N_CLIPS)], 0)

    def changed(probability: float) -> float:
        return (~same(augment(frames, mask, only(name, probability)), frames)).float().mean().item()

    assert changed(0.0) == 0
    assert changed(1.0) == 1
    assert changed(0.3) == pytest.approx(0.3, abs=0.08)  # three standard deviations


def test_the_whole_recipe_leaves_hardly_a_clip_as_it_was(full: Tensor) -> None:
    assert same(augment(full, ALL, SpatialAugmentation()), full).float().mean() < 0.05
    torch.manual_seed(1)
    first = augment(full, ALL, SpatialAugmentation())
    torch.manual_seed(1)
    assert same(augment(full, ALL, SpatialAugmentation()), first).all()
    assert not same(augment(full, ALL, SpatialAugmentation()), first).any()


def test_mirror_swaps_sides_and_is_its_own_inverse(full: Tensor) -> None:
    full[:, :, PARTS["left_hand"]] = math.nan
    always = replace(NOTHING, mirror=1.0)
    mirrored = mirror(full, always)
    assert mirrored[:, :, PARTS["right_hand"]].isnan().all()
    torch.testing.assert_close(
        mirrored[:, :, PARTS["left_hand"]], full[:, :, PARTS["right_hand"]] * torch.tensor([-1.0, 1.0, 1.0])
    )
    assert same(mirror(mirrored, always), full).all()


def test_affine_leaves_depth_and_treats_all_frames_of_a_clip_alike(full: Tensor) -> None:
    full[:, 1:] = full[:, :1]
    moved = affine(full, replace(NOTHING, affine=1.0))
    assert torch.equal(moved[..., 2], full[..., 2])
    torch.testing.assert_close(moved[:, 1:], moved[:, :1].expand_as(moved[:, 1:]))
    assert not torch.allclose(moved[0, 0, :, 0] / full[0, 0, :, 0], moved[1, 0, :, 0] / full[1, 0, :, 0])


STILL = replace(NOTHING, affine=1.0, scale=(1.0, 1.0), shear=0.0, shift=0.0, rotation=0.0)


def matrices(full: Tensor, config: SpatialAugmentation) -> tuple[Tensor, Tensor]:
    """Recover what `affine` did to each clip: matrices [batch, 2, 2] and shifts [batch, 2]."""
    points = torch.cat([full[..., :2], torch.ones_like(full[..., :1])], -1).flatten(1, 2)
    found = torch.linalg.lstsq(points, affine(full, config)[..., :2].flatten(1, 2)).solution
    return found[:, :2].mT, found[:, 2]


def spread(values: Tensor, low: float, high: float) -> bool:
    """Return whether values fill the range low..high evenly, and leave it nowhere."""
    shares = ((values - low) / (high - low)).sort().values
    even = (shares - torch.linspace(0, 1, len(shares))).abs().max() < 0.1
    return bool(even and shares[0] > -1e-3 and shares[-1] < 1.001)


def test_affine_does_nothing_within_ranges_of_nothing(full: Tensor) -> None:
    torch.testing.assert_close(affine(full, STILL), full)


def test_scale_is_the_same_on_both_axes(full: Tensor) -> None:
    matrix, shift = matrices(full, replace(STILL, scale=(0.7, 1.3)))
    torch.testing.assert_close(matrix, matrix[:, :1, :1] * torch.eye(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(shift, torch.zeros_like(shift), atol=1e-4, rtol=0)
    assert spread(matrix[:, 0, 0], 0.7, 1.3)


def test_rotation_keeps_lengths(full: Tensor) -> None:
    matrix, _ = matrices(full, replace(STILL, rotation=30.0))
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(2).expand_as(matrix), atol=1e-4, rtol=0)
    assert spread(torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0])), -30, 30)


def test_shear_slants_one_axis(full: Tensor) -> None:
    matrix, _ = matrices(full, replace(STILL, shear=0.2))
    torch.testing.assert_close(matrix.diagonal(dim1=1, dim2=2), torch.ones(N_CLIPS, 2), atol=1e-4, rtol=0)
    on_x, on_y = matrix[:, 0, 1], matrix[:, 1, 0]
    assert torch.minimum(on_x.abs(), on_y.abs()).max() < 1e-4
    assert 0.4 < (on_x.abs() > on_y.abs()).float().mean() < 0.6
    assert spread(on_x + on_y, -0.2, 0.2)


def test_shift_moves_all_points_alike(full: Tensor) -> None:
    matrix, shift = matrices(full, replace(STILL, shift=0.15))
    torch.testing.assert_close(matrix, torch.eye(2).expand_as(matrix), atol=1e-4, rtol=0)
    assert spread(shift[:, 0], -0.15, 0.15)
    assert spread(shift[:, 1], -0.15, 0.15)


def fingers_of(dropped: Tensor) -> Tensor:
    """Return which of the ten fingers are dropped, and check that nothing but whole fingers is; bool [..., 10]."""
    hands = torch.stack([dropped[..., PARTS[hand]] for hand in ("left_hand", "right_hand")], -2)
    fingers = hands[..., 1:].unflatten(-1, (5, 4)).flatten(-3, -2)
    assert (fingers.any(-1) == fingers.all(-1)).all()
    assert fingers.sum() == dropped.sum()
    return fingers.all(-1)


@pytest.mark.parametrize(
    ("draws", "different"),  # k draws out of ten hit 10 * (1 - 0.9**k) fingers on average
    [((12, 12), 7.18), ((2, 5), sum(10 * (1 - 0.9**k) for k in (2, 3, 4, 5)) / 4), ((0, 0), 0)],
)
def test_fingers_are_drawn_with_replacement(draws: tuple[int, int], different: float) -> None:
    config = replace(NOTHING, finger_drop=1.0, finger_windows=1, finger_window=(1.0, 1.0), finger_draws=draws)
    fingers = fingers_of(drop_fingers(ALL, config))
    assert (fingers.any(1) == fingers.all(1)).all()  # in the whole clip
    number = fingers[:, 0].sum(1)
    assert number.max() <= draws[1]
    assert number.float().mean().item() == pytest.approx(different, abs=0.2)
    assert fingers[:, 0].any(0).all() == (different > 0)  # each finger of some clip


def test_each_window_drops_fingers_of_its_own() -> None:
    config = replace(NOTHING, finger_drop=1.0, finger_windows=2, finger_draws=(1, 1))
    fingers = fingers_of(drop_fingers(ALL, config))
    assert set(fingers.any(1).sum(1).tolist()) == {1, 2}
    assert set(fingers.sum(2).unique().tolist()) == {0, 1, 2}  # windows may overlap


def test_fingers_are_dropped_in_windows_of_the_clip() -> None:
    window = drop_fingers(ALL, replace(NOTHING, finger_drop=1.0, finger_windows=1)).any(-1)
    assert (window.int().diff(dim=1) == 1).sum(1).max() <= 1  # one stretch
    share = window.sum(1) / N_FRAMES
    assert (share.min().item(), share.max().item()) == (0.25, 0.5)
    assert share.mean().item() == pytest.approx(0.375, abs=0.015)


@pytest.mark.parametrize("drop", [drop_fingers, mask_time])
def test_windows_reach_everywhere_in_the_clip_and_not_beyond(drop: Callable) -> None:
    mask = ALL & (torch.arange(N_FRAMES) < 10)
    config = replace(NOTHING, finger_drop=1.0, time_mask=1.0, finger_windows=1, time_mask_counts=(1,))
    window = drop(mask, config).any(-1)
    assert window[:, :10].any(0).all()
    assert not window[:, 10:].any()


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ("executed", [(), (12, 14), (12, 14, 16, 18), (12, 14, 16, 18, 20, 22)]),
        ("meant", [(), (11, 12), (11, 12, 13, 14), (11, 12, 13, 14, 15, 16)]),
    ],
)
def test_points_of_the_arms_or_the_face_are_dropped(points: str, kept: list[tuple[int, ...]]) -> None:
    gone = drop_parts(ALL, replace(NOTHING, part_drop=1.0, arm_points=points))[:, 0]
    counts = Counter(frozenset(name for name, drop in zip(SELECTED, clip, strict=True) if drop) for clip in gone)
    arms = {f"pose_{number}" for number in range(11, 23)}
    expected = {frozenset(arms - {f"pose_{number}" for number in numbers}): 7 / 48 for numbers in kept}
    expected[frozenset(SELECTED[place] for place in PARTS["face"])] = 5 / 12
    assert {part: count / N_CLIPS for part, count in counts.items()} == pytest.approx(expected, abs=0.09)


@pytest.mark.parametrize(("hands", "part"), [(1.0, 1.0), (0.2, 0.5)])
def test_both_hands_are_dropped_instead(hands: float, part: float) -> None:
    gone = drop_parts(ALL, replace(NOTHING, part_drop=part, hand_drop=hands))[:, 0]
    both = torch.cat([gone[:, PARTS[hand]] for hand in ("left_hand", "right_hand")], 1)
    others = torch.cat([gone[:, PARTS[name]] for name in ("face", "pose")], 1)
    assert (both.any(1) == both.all(1)).all()
    assert not (both.any(1) & others.any(1)).any()
    assert both.any(1).float().mean().item() == pytest.approx(hands, abs=0.07)
    assert others.any(1).float().mean().item() == pytest.approx((1 - hands) * part, abs=0.09)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_stretches_of_frames_are_masked(number: int) -> None:
    mask = torch.ones(N_CLIPS, 200, dtype=torch.bool)
    blank = mask_time(mask, replace(NOTHING, time_mask=1.0, time_mask_counts=(number,)))[..., 0]
    runs = (blank.int().diff(dim=1, prepend=torch.zeros(N_CLIPS, 1)) == 1).sum(1)
    assert set(runs.tolist()) == set(range(1, number + 1))
    share = blank.float().mean(1)
    assert share.max() <= 0.4 + number / 400
    if number == 1:
        assert spread(share, 0.2, 0.4)
    else:  # masks may overlap
        assert share.mean().item() == pytest.approx({2: 0.28, 4: 0.27}[number], abs=0.015)


def test_the_number_of_masks_is_drawn() -> None:
    mask = torch.ones(N_CLIPS, 200, dtype=torch.bool)
    blank = mask_time(mask, replace(NOTHING, time_mask=1.0, time_mask_counts=(1, 10)))[..., 0]
    runs = (blank.int().diff(dim=1, prepend=torch.zeros(N_CLIPS, 1)) == 1).sum(1)
    assert (runs == 1).float().mean().item() == pytest.approx(0.5, abs=0.09)
    assert blank[runs == 1].float().mean(1).max() <= 0.4 + 1 / 400


def test_a_square_of_the_picture_is_dropped(full: Tensor) -> None:
    low, high = full[..., :2].flatten(1, 2).amin(1), full[..., :2].flatten(1, 2).amax(1)
    full[:, :, 0, :2] = (low + (high - low) * torch.rand(N_CLIPS, 2))[:, None]  # a point that keeps still
    gone = mask_square(full, replace(NOTHING, spatial_mask=1.0, spatial_mask_size=(0.3, 0.3)))
    assert 0 < gone.float().mean() < 0.5
    assert (gone[:, :, 0].any(1) == gone[:, :, 0].all(1)).all()  # the square keeps still, too
    for clip, points in zip(gone, full[..., :2], strict=True):
        if clip.any():
            inside, outside = points[clip], points[~clip]
            assert (inside.amax(0) - inside.amin(0) <= 0.3 * (points.amax((0, 1)) - points.amin((0, 1))) + 1e-5).all()
            within = (outside >= inside.amin(0)) & (outside <= inside.amax(0))
            assert not within.all(-1).any()


def test_mixed_precision_costs_the_points_no_precision() -> None:
    frames, mask = make_batch([20] * 30, 0)
    config = SpatialAugmentation(mirror=1, affine=1, finger_drop=1, part_drop=1, time_mask=1, spatial_mask=1)
    torch.manual_seed(1)
    plain = augment(frames, mask, config)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = augment(frames, mask, config)
    torch.testing.assert_close(mixed, plain, equal_nan=True)


def test_a_clip_without_any_point_stays_so() -> None:
    frames = torch.full((4, 3, 130, 3), math.nan)
    everything = SpatialAugmentation(
        mirror=1, affine=1, finger_drop=1, part_drop=1, hand_drop=1, time_mask=1, spatial_mask=1
    )
    assert augment(frames, torch.ones(4, 3, dtype=torch.bool), everything).isnan().all()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("scale", [1.3, 0.7], r"expected the lower end first, got \[1.3, 0.7\]"),
        ("scale", [-1.0, 1.0], "greater than 0"),
        ("finger_draws", [5, 2], "expected the lower end first"),
        ("finger_draws", [5, 2_000_000_000], "less than or equal to 100"),
        ("finger_windows", 2_000_000_000, "less than or equal to 100"),
        ("finger_window", [0.5, 1.5], "less than or equal to 1"),
        ("time_mask_counts", [], "at least 1 item"),
        ("arm_points", "both", "'executed' or 'meant'"),
        ("rotation", -30.0, "greater than or equal to 0"),
    ],
)
def test_unusable_values_are_refused_by_name(name: str, value: object, reason: str) -> None:
    with pytest.raises(ParameterError, match=f"points.*{name}.* {reason}"):
        build(SpatialAugmentation, {name: value}, "points")
