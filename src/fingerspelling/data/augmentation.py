"""The winning recipe's augmentations: the parameters of all, and those in space, on whole batches on any device.

Those in time (cut-mix, resampling, shifting) are drawn with the batches (sampler.py) and carried out clip by clip
(dataset.py). Here every clip of a batch has its own draws. Frames are normalised: 0 is the clip's mean, 1 its standard
deviation. A dropped point becomes NaN, as one that was never detected.

Only a few numbers are drawn per clip. The CPU draws them and copies them to the frames' device, so that a seed means
the same everywhere and nothing has to wait for a GPU.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import Tensor

from fingerspelling.landmarks import MIRROR, PARTS, SELECTED
from fingerspelling.parameters import Between, Probability, parameters

Few = Annotated[int, Field(ge=0, le=100)]  # memory grows with them
Some = Annotated[int, Field(ge=1, le=100)]
Speed = Annotated[float, Field(gt=0, le=100)]  # new length / old length


@parameters
class SpatialAugmentation:
    """Probabilities and ranges in space; the defaults are the winner's second round as it was executed."""

    mirror: Probability = 0.5  # probability of swapping left and right
    affine: Probability = 0.75  # probability of scaling, shearing, shifting and rotating x and y
    scale: Between[PositiveFloat] = (0.7, 1.3)  # new size / old size
    shear: NonNegativeFloat = 0.2  # at most, in either direction, of one of the two axes
    shift: NonNegativeFloat = 0.15  # at most, in either direction, in standard deviations of the clip
    rotation: NonNegativeFloat = 30.0  # at most, in either direction, in degrees
    finger_drop: Probability = 0.5625  # probability of dropping fingers; the winner meant 0.75, but it was drawn twice
    finger_windows: Few = 2  # windows in which fingers are dropped
    finger_window: Between[Probability] = (0.25, 0.5)  # share of the clip that a window covers
    # Fewest and most draws from the ten fingers, with replacement: 12 draws hit 7.2 different ones on average; the
    # winner meant (2, 5).
    finger_draws: Between[Few] = (12, 12)
    part_drop: Probability = 0.5  # probability of dropping points of the arms, or the face
    arms: Probability = 7 / 12  # share of these draws that fall to the arms; the others fall to the face
    arm_points: Literal["executed", "meant"] = "executed"  # which points of the arms, see `drop_parts`
    hand_drop: Probability = 1 / 11  # probability of dropping both hands instead; the winner meant 0.05
    time_mask: Probability = 0.5  # probability of masking frames
    # Numbers of masks, one of which is drawn; each mask covers 20-40 % of the clip, divided by that number.
    time_mask_counts: Annotated[tuple[Some, ...], Field(min_length=1)] = (1, 2, 4)
    spatial_mask: Probability = 0.5  # probability of dropping the points inside a square
    spatial_mask_size: Between[Probability] = (0.05, 0.1)  # its side as a share of the clip's extent


@parameters
class TemporalAugmentation:
    """Probabilities and ranges in time; the defaults are the winner's second round."""

    cut_mix: Probability = 0.5  # probability of joining with another clip of the same signer
    resample: Probability = 0.8  # probability of playing the clip faster or slower
    resample_range: Between[Speed] = (0.3, 2.0)  # new length / old length
    local_resample: Probability = 0.25  # probability of doing so in each of some windows of the clip
    local_windows: Between[Some] = (20, 29)  # how many of them, at least and at most
    # A window's new length / old length, rounded down to whole frames, so most are shortened.
    local_range: Between[Speed] = (0.9, 1.1)
    shift: Probability = 0.5  # probability of beginning later, after empty frames, or without the first frames
    shift_range: NonNegativeInt = 10  # frames: at most that many are missing, or one less are empty


NO_TEMPORAL_AUGMENTATION = TemporalAugmentation(cut_mix=0.0, resample=0.0, local_resample=0.0, shift=0.0)


def augment(frames: Tensor, mask: Tensor, config: SpatialAugmentation) -> Tensor:
    """Apply the recipe to a batch, in its order.

    Args:
        frames: float32 [batch, frames, 130, 3], normalised, NaN where missing and on padding frames, as in the result.
        mask: bool [batch, frames], True on real frames.
        config: probabilities and ranges.
    """
    if config.mirror:
        frames = mirror(frames, config)
    if config.affine:
        frames = affine(frames, config)
    dropped = torch.zeros(1, 1, 1, dtype=torch.bool, device=frames.device)
    if config.finger_drop:
        dropped = dropped | drop_fingers(mask, config)
    if config.part_drop or config.hand_drop:
        dropped = dropped | drop_parts(mask, config)
    if config.time_mask:
        dropped = dropped | mask_time(mask, config)
    if config.spatial_mask:
        dropped = dropped | mask_square(frames, config)
    # One pass over the batch for all that is dropped; adding NaN takes half as long as writing it.
    return frames + torch.where(dropped, math.nan, 0.0)[..., None]


def _between(low: float, high: float, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape).uniform_(low, high)


def _chance(probability: float, shape: tuple[int, ...]) -> Tensor:
    return torch.rand(shape) < probability


def mirror(frames: Tensor, config: SpatialAugmentation) -> Tensor:
    """Swap left and right: x changes its sign, and each point takes the place of its mirror image.

    The winner mirrored before cut-mix, and so only the first of two joined clips; here both are mirrored.
    """
    chosen = _chance(config.mirror, frames.shape[:1])
    mirrored = frames[chosen].index_select(2, torch.from_numpy(MIRROR).to(frames.device))
    mirrored[..., 0].neg_()
    frames = frames.clone()
    frames[chosen] = mirrored
    return frames


def affine(frames: Tensor, config: SpatialAugmentation) -> Tensor:
    """Scale, shear, rotate about the clip's mean and shift x and y, all frames of a clip alike.

    The winner's shift was the same number on both axes; here each axis has its own.
    """
    each = (len(frames), 1, 1)
    angle = _between(-config.rotation, config.rotation, each).deg2rad()
    cos, sin = angle.cos(), angle.sin()
    scale = _between(*config.scale, each)
    shear = _between(-config.shear, config.shear, each)
    on_x = _chance(0.5, each)
    shear_x, shear_y = torch.where(on_x, shear, 0.0), torch.where(on_x, 0.0, shear)
    shift_x, shift_y = (_between(-config.shift, config.shift, each) for _ in "xy")
    # Rotation times shear times scale; the last column is the shift.
    drawn = [
        [scale * (cos - sin * shear_y), scale * (cos * shear_x - sin), shift_x],
        [scale * (sin + cos * shear_y), scale * (sin * shear_x + cos), shift_y],
    ]
    moves = torch.stack([torch.stack(row) for row in drawn])
    stays = torch.eye(2, 3).view(2, 3, 1, 1, 1)
    chosen = _chance(config.affine, each)
    matrix = torch.where(chosen, moves, stays).to(frames.device)
    x, y, z = frames.unbind(-1)
    # Written out, because under autocast a matrix product would round the points to half precision.
    x, y = (torch.addcmul(torch.addcmul(shift, x, of_x), y, of_y) for of_x, of_y, shift in matrix)
    return torch.stack([x, y, z], -1)


def _windows(mask: Tensor, shares: Tensor) -> Tensor:
    """Place windows anywhere in the clips: bool [batch, windows, frames].

    Args:
        mask: bool [batch, frames], True on real frames.
        shares: float [batch, windows], share of its clip's frames that a window covers; 0 leaves it empty.
    """
    places = torch.rand(shares.shape)
    shares, places = torch.stack([shares, places]).to(mask.device)
    lengths = mask.sum(1, keepdim=True)
    sizes = (shares * lengths).round()
    starts = (places * (lengths - sizes + 1)).floor()
    frame = torch.arange(mask.shape[1], device=mask.device)
    return (frame >= starts[..., None]) & (frame < (starts + sizes)[..., None])


_HANDS = [torch.from_numpy(PARTS[hand]) for hand in ("left_hand", "right_hand")]
# [40] places among the 130 points, finger by finger, four joints each; the wrist, which comes first, belongs to none.
_FINGERS = torch.cat([hand[1:] for hand in _HANDS])


def drop_fingers(mask: Tensor, config: SpatialAugmentation) -> Tensor:
    """Return where fingers are dropped in windows of the clip, drawn for each window: bool [batch, frames, 130].

    The winner meant two to five fingers of ten; what was executed, and helped, are twelve draws with replacement.
    """
    shape = (len(mask), config.finger_windows)
    shares = _between(*config.finger_window, shape) * _chance(config.finger_drop, shape[:1])[:, None]
    windows = _windows(mask, shares)
    fewest, most = config.finger_draws
    drawn = torch.randint(10, (*shape, most))
    number = torch.randint(fewest, most + 1, (*shape, 1))
    nobody = 10  # a finger that no hand has; it takes the draws beyond the number
    drawn = drawn.masked_fill(torch.arange(most) >= number, nobody)
    fingers = torch.zeros(*shape, 11).scatter_(2, drawn, 1.0)[..., :nobody]
    points = torch.zeros(*shape, len(SELECTED))
    points[..., _FINGERS] = fingers.repeat_interleave(4, -1)
    # A matrix product counts in how many windows a point is dropped, frame by frame.
    return windows.mT.float() @ points.to(mask.device) > 0


def _points(places: Tensor) -> Tensor:
    return torch.zeros(len(SELECTED), dtype=torch.bool).index_fill_(0, places, True)


# Four sets of arm points each: all, and all without the first two, four or six of an order.
_RIGHT_THEN_LEFT = torch.from_numpy(PARTS["pose"])  # six points per arm, from the shoulder to the fingers
_ARMS = {
    "executed": torch.stack([_points(_RIGHT_THEN_LEFT[first:]) for first in (0, 2, 4, 6)]),
    "meant": torch.stack([_points(_RIGHT_THEN_LEFT.view(2, 6)[:, first:].flatten()) for first in (0, 1, 2, 3)]),
}
_FACE, _BOTH_HANDS = _points(torch.from_numpy(PARTS["face"])), _points(torch.cat(_HANDS))


def drop_parts(mask: Tensor, config: SpatialAugmentation) -> Tensor:
    """Return where points of the arms, or the face, are dropped, or, rarely, both hands instead: bool [batch, 1, 130].

    The winner meant all points of the arms, or those from the elbows, the wrists or the hands on. But the points were
    not in pairs, and what was executed is the left arm, with all or some of the right one. Nor was 0.05 the
    probability of the hands: next to the 0.5 of the parts it was a weight, one in eleven.
    """
    each = (len(mask), 1)
    arms = _ARMS[config.arm_points][torch.randint(4, each[:1])]
    parts = torch.where(_chance(config.arms, each), arms, _FACE) & _chance(config.part_drop, each)
    return torch.where(_chance(config.hand_drop, each), _BOTH_HANDS, parts)[:, None].to(mask.device)


def mask_time(mask: Tensor, config: SpatialAugmentation) -> Tensor:
    """Return where one long, two shorter or four short stretches of the clip are blanked: bool [batch, frames, 1]."""
    each, most = (len(mask), 1), max(config.time_mask_counts)
    number = torch.tensor(config.time_mask_counts)[torch.randint(len(config.time_mask_counts), each)]
    shares = _between(0.2, 0.4, (len(mask), most)) / number
    shares = shares * (torch.arange(most) < number) * _chance(config.time_mask, each)
    return _windows(mask, shares).any(1)[..., None]


def mask_square(frames: Tensor, config: SpatialAugmentation) -> Tensor:
    """Return where points lie in a square of the picture, and are dropped: bool [batch, frames, 130].

    The winner's code computed this mask and returned its input unchanged; this does what was meant.
    """
    each = (len(frames), 1, 1)
    size = _between(*config.spatial_mask_size, each).to(frames.device)
    inside = _chance(config.spatial_mask, each).to(frames.device)
    for axis in frames[..., :2].unbind(-1):
        low = axis.nan_to_num(math.inf).amin((1, 2), keepdim=True)
        extent = (axis.nan_to_num(-math.inf).amax((1, 2), keepdim=True) - low).clamp(min=0.0)  # -inf without any point
        place = torch.rand(each).to(frames.device)
        corner = low + place * (1 - size) * extent
        inside = inside & (axis >= corner) & (axis <= corner + size * extent)
    return inside
