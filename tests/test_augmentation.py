import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fingerspelling.augmentation import (
    PointAugmentation,
    affine,
    augment,
    drop_fingers,
    drop_parts,
    drop_square,
    mask_frames,
    mirror,
)
from fingerspelling.landmarks import MIRROR, PARTS

NOTHING = PointAugmentation(mirror=0, affine=0, fingers=0, part=0, hands=0, frames=0, square=0)
N_CLIPS, N_FRAMES = 300, 20

Step = Callable[[Tensor, Tensor, PointAugmentation], Tensor]
# Each augmentation as a function of frames, lengths and configuration, by the field with its probability.
STEPS: dict[str, Step] = {
    "mirror": lambda frames, lengths, config: mirror(frames, config.mirror),
    "affine": lambda frames, lengths, config: affine(frames, config),
    "fingers": drop_fingers,
    "part": lambda frames, lengths, config: drop_parts(frames, config),
    "hands": lambda frames, lengths, config: drop_parts(frames, config),
    "frames": mask_frames,
    "square": lambda frames, lengths, config: drop_square(frames, config),
}
EVERYWHERE = replace(NOTHING, square_size=(1.0, 1.0))  # else a square may hit no point

each_step = pytest.mark.parametrize("name", STEPS)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def full() -> Tensor:
    """Clips in which every point is there."""
    return torch.randn(N_CLIPS, N_FRAMES, 130, 3)


@pytest.fixture
def batch(full: Tensor) -> tuple[Tensor, Tensor]:
    """Clips of 8..20 frames with missing points and padding, and their lengths."""
    lengths = torch.randint(8, N_FRAMES + 1, (N_CLIPS,))
    full[torch.rand(full.shape[:3]) < 0.2] = math.nan
    full[torch.arange(N_FRAMES) >= lengths[:, None]] = math.nan
    return full, lengths


def same(first: Tensor, second: Tensor) -> Tensor:
    """Tell which clips are the same bit by bit, NaN being itself; bool [batch]."""
    return ((first == second) | (first.isnan() & second.isnan())).flatten(1).all(1)


def dropped(frames: Tensor) -> Tensor:
    """Tell which points of which frames are gone; all coordinates must be; bool [batch, frames, 130]."""
    gone = frames.isnan()
    assert (gone.any(-1) == gone.all(-1)).all()
    return gone.all(-1)


def lengths_of(frames: Tensor) -> Tensor:
    return torch.full((len(frames),), frames.shape[1])


@each_step
def test_probability_0_changes_no_bit(name: str, batch: tuple[Tensor, Tensor]) -> None:
    frames, lengths = batch
    assert same(STEPS[name](frames, lengths, NOTHING), frames).all()


@each_step
def test_probability_1_changes_every_clip(name: str, batch: tuple[Tensor, Tensor]) -> None:
    frames, lengths = batch
    assert not same(STEPS[name](frames, lengths, replace(EVERYWHERE, **{name: 1.0})), frames).any()


@each_step
def test_each_clip_draws_for_itself(name: str, batch: tuple[Tensor, Tensor]) -> None:
    frames, lengths = batch
    changed = ~same(STEPS[name](frames, lengths, replace(EVERYWHERE, **{name: 0.3})), frames)
    assert changed.float().mean().item() == pytest.approx(0.3, abs=0.08)  # three standard deviations


@each_step
def test_shape_stays_and_nothing_missing_appears(name: str, batch: tuple[Tensor, Tensor]) -> None:
    frames, lengths = batch
    before = frames.clone()
    after = STEPS[name](frames, lengths, replace(EVERYWHERE, **{name: 1.0}))
    assert same(frames, before).all()  # the input is left alone
    assert after.shape == frames.shape
    assert after.dtype == frames.dtype
    missing = frames.isnan()
    assert after[missing[:, :, MIRROR] if name == "mirror" else missing].isnan().all()
    if name in ("mirror", "affine"):
        assert after.isnan().sum() == missing.sum()


def test_mirror_swaps_sides_and_is_its_own_inverse(full: Tensor) -> None:
    full[:, :, PARTS["left_hand"]] = math.nan
    mirrored = mirror(full, 1.0)
    assert mirrored[:, :, PARTS["right_hand"]].isnan().all()
    torch.testing.assert_close(
        mirrored[:, :, PARTS["left_hand"]], full[:, :, PARTS["right_hand"]] * torch.tensor([-1.0, 1.0, 1.0])
    )
    assert same(mirror(mirrored, 1.0), full).all()


def test_affine_leaves_depth_and_treats_all_frames_of_a_clip_alike(full: Tensor) -> None:
    full[:, 1:] = full[:, :1]
    moved = affine(full, replace(NOTHING, affine=1.0))
    assert torch.equal(moved[..., 2], full[..., 2])
    torch.testing.assert_close(moved[:, 1:], moved[:, :1].expand_as(moved[:, 1:]))
    assert not torch.allclose(moved[0, 0, :, 0] / full[0, 0, :, 0], moved[1, 0, :, 0] / full[1, 0, :, 0])


STILL = replace(NOTHING, affine=1.0, scale=(1.0, 1.0), shear=0.0, shift=0.0, rotation=0.0)


def matrices(full: Tensor, config: PointAugmentation) -> tuple[Tensor, Tensor]:
    """Recover what `affine` did to each clip: matrices [batch, 2, 2] and shifts [batch, 2]."""
    known = torch.cat([full[..., :2], torch.ones_like(full[..., :1])], -1).flatten(1, 2)
    found = torch.linalg.lstsq(known, affine(full, config)[..., :2].flatten(1, 2)).solution
    return found[:, :2].mT, found[:, 2]


def spread(values: Tensor, low: float, high: float) -> bool:
    """Tell whether values fill the range low..high evenly, and leave it nowhere."""
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


def test_about_seven_whole_fingers_are_dropped(full: Tensor) -> None:
    config = replace(NOTHING, fingers=1.0, finger_windows=1, finger_window=(1.0, 1.0))
    gone = dropped(drop_fingers(full, lengths_of(full), config)).all(1)
    hands = torch.stack([gone[:, PARTS[hand]] for hand in ("left_hand", "right_hand")], 1)
    assert not hands[..., 0].any()  # the wrists
    fingers = hands[..., 1:].unflatten(-1, (5, 4))
    assert (fingers.any(-1) == fingers.all(-1)).all()
    assert fingers.all(-1).float().sum((1, 2)).mean().item() == pytest.approx(10 * (1 - 0.9**12), abs=0.15)
    assert not gone[:, PARTS["face"]].any()
    assert not gone[:, PARTS["pose"]].any()


def test_fingers_are_dropped_in_windows_of_the_clip(full: Tensor) -> None:
    config = replace(NOTHING, fingers=1.0, finger_windows=1)
    window = dropped(drop_fingers(full, lengths_of(full), config)).any(-1)
    assert (window.int().diff(dim=1) == 1).sum(1).max() <= 1  # one stretch
    share = window.sum(1) / N_FRAMES
    assert (share.min().item(), share.max().item()) == (0.25, 0.5)
    assert share.mean().item() == pytest.approx(0.375, abs=0.015)


@pytest.mark.parametrize("name", ["fingers", "frames"])
def test_windows_reach_everywhere_in_the_clip_and_not_beyond(name: str, full: Tensor) -> None:
    lengths = torch.full((N_CLIPS,), 10)
    config = replace(NOTHING, **{name: 1.0}, finger_windows=1, frame_masks=(1,))
    window = dropped(STEPS[name](full, lengths, config)).any(-1)
    assert window[:, :10].any(0).all()
    assert not window[:, 10:].any()


def test_an_arm_both_arms_or_the_face_are_dropped(full: Tensor) -> None:
    gone = dropped(drop_parts(full, replace(NOTHING, part=1.0)))
    assert (gone.any(1) == gone.all(1)).all()  # in the whole clip
    kinds, counts = gone[:, 0].unique(dim=0, return_counts=True)
    sizes = dict(zip(kinds.sum(1).tolist(), (counts / N_CLIPS).tolist(), strict=True))
    assert sizes == pytest.approx({6: 0.25, 12: 0.25, 76: 0.5}, abs=0.09)
    for kind in kinds:
        parts = {part for part, places in PARTS.items() if kind[places].any()}
        assert parts == ({"face"} if kind.sum() == 76 else {"pose"})


def test_both_hands_are_dropped_instead(full: Tensor) -> None:
    gone = dropped(drop_parts(full, replace(NOTHING, part=1.0, hands=1.0)))
    for part, places in PARTS.items():
        assert gone[:, :, places].all() if part.endswith("hand") else not gone[:, :, places].any()


@pytest.mark.parametrize("number", [1, 2, 4])
def test_stretches_of_frames_are_masked(number: int) -> None:
    frames = torch.zeros(N_CLIPS, 200, 1, 3)
    config = replace(NOTHING, frames=1.0, frame_masks=(number,))
    blank = dropped(mask_frames(frames, lengths_of(frames), config))[..., 0]
    runs = (blank.int().diff(dim=1, prepend=torch.zeros(N_CLIPS, 1)) == 1).sum(1)
    assert set(runs.tolist()) == set(range(1, number + 1))
    share = blank.float().mean(1)
    assert share.max() <= 0.4 + number / 400
    if number == 1:
        assert spread(share, 0.2, 0.4)
    else:  # masks may overlap
        assert share.mean().item() == pytest.approx({2: 0.28, 4: 0.27}[number], abs=0.015)


def test_a_square_of_the_picture_is_dropped(full: Tensor) -> None:
    low, high = full[..., :2].flatten(1, 2).amin(1), full[..., :2].flatten(1, 2).amax(1)
    full[:, :, 0, :2] = (low + (high - low) * torch.rand(N_CLIPS, 2))[:, None]  # a point that keeps still
    gone = dropped(drop_square(full, replace(NOTHING, square=1.0, square_size=(0.3, 0.3))))
    assert 0 < gone.float().mean() < 0.5
    assert (gone[:, :, 0].any(1) == gone[:, :, 0].all(1)).all()  # the square keeps still, too
    for clip, points in zip(gone, full[..., :2], strict=True):
        if clip.any():
            inside, outside = points[clip], points[~clip]
            assert (inside.amax(0) - inside.amin(0) <= 0.3 * (points.amax((0, 1)) - points.amin((0, 1))) + 1e-5).all()
            within = (outside >= inside.amin(0)) & (outside <= inside.amax(0))
            assert not within.all(-1).any()


def test_the_whole_recipe_leaves_padding_and_input_alone(batch: tuple[Tensor, Tensor]) -> None:
    frames, lengths = batch
    mask = torch.arange(N_FRAMES) < lengths[:, None]
    before = frames.clone()
    after = augment(frames, mask, PointAugmentation())
    assert same(frames, before).all()
    assert after.shape == frames.shape
    assert after[~mask].isnan().all()
    assert same(after, frames).float().mean() < 0.05
    assert same(augment(frames, mask, NOTHING), frames).all()


def test_mixed_precision_costs_the_points_no_precision(batch: tuple[Tensor, Tensor]) -> None:
    frames, _ = batch
    config = replace(NOTHING, affine=1.0)
    torch.manual_seed(1)
    plain = affine(frames, config)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = affine(frames, config)
    torch.testing.assert_close(mixed, plain, equal_nan=True)


def test_a_clip_without_any_point_stays_so() -> None:
    frames = torch.full((4, 3, 130, 3), math.nan)
    everything = PointAugmentation(mirror=1, affine=1, fingers=1, part=1, hands=1, frames=1, square=1)
    assert augment(frames, torch.ones(4, 3, dtype=torch.bool), everything).isnan().all()
