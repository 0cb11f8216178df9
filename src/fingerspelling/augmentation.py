"""The winning recipe's augmentations of points, on whole batches, on whatever device the model is on.

What moves frames in time (cut-mix, resampling, shifting) is planned when batches are made: see `batches`. Here
every clip of a batch draws for itself. Frames are normalised, so 0 is the clip's mean and 1 its standard deviation;
a dropped point becomes NaN, as one that was never detected.
"""

import math

import torch
from torch import Tensor

from fingerspelling.landmarks import MIRROR, PARTS, SELECTED
from fingerspelling.parameters import Probability, parameters


@parameters
class PointAugmentation:
    """Probabilities and ranges; the defaults are the winner's second round."""

    mirror: Probability = 0.5  # probability of swapping left and right
    affine: Probability = 0.75  # probability of scaling, shearing, shifting and rotating x and y
    scale: tuple[float, float] = (0.7, 1.3)
    shear: float = 0.2  # largest, either way, on one of the two axes
    shift: float = 0.15  # largest, either way, in standard deviations of the clip
    rotation: float = 30.0  # largest, either way, degrees
    fingers: Probability = 0.75  # probability of dropping fingers
    finger_windows: int = 2  # windows in which fingers are dropped
    finger_window: tuple[float, float] = (0.25, 0.5)  # share of the clip that a window covers
    finger_draws: int = 12  # draws from the ten fingers with replacement: 7.2 different ones on average
    part: Probability = 0.5  # probability of dropping an arm or the face
    hands: Probability = 0.05  # probability of dropping both hands instead
    frames: Probability = 0.5  # probability of masking frames
    frame_masks: tuple[int, ...] = (1, 2, 4)  # numbers of masks, one of them drawn; each covers 20-40 % / number
    square: Probability = 0.5  # probability of dropping the points inside a square
    square_size: tuple[float, float] = (0.05, 0.1)  # its side as a share of the clip's extent


def augment(frames: Tensor, mask: Tensor, config: PointAugmentation) -> Tensor:
    """Apply the recipe to a batch, in its order.

    Args:
        frames: float32 [batch, frames, 130, 3], normalised, NaN where missing and on padding frames.
        mask: bool [batch, frames], True on real frames.
        config: probabilities and ranges.

    Returns:
        float32, the same shape; padding frames stay NaN.
    """
    lengths = mask.sum(1)
    steps = [
        (config.mirror, lambda x: mirror(x, config.mirror)),
        (config.affine, lambda x: affine(x, config)),
        (config.fingers, lambda x: drop_fingers(x, lengths, config)),
        (config.part + config.hands, lambda x: drop_parts(x, config)),
        (config.frames, lambda x: mask_frames(x, lengths, config)),
        (config.square, lambda x: drop_square(x, config)),
    ]
    for probability, step in steps:
        if probability:  # each costs a pass over the batch
            frames = step(frames)
    return frames


def _chance(batch: Tensor, probability: float) -> Tensor:
    """Draw True with a probability for each clip of a batch, bool [batch]."""
    return torch.rand(len(batch), device=batch.device) < probability


def _between(batch: Tensor, low: float, high: float) -> Tensor:
    """Draw evenly from low..high for each clip of a batch, float [batch]."""
    return low + (high - low) * torch.rand(len(batch), device=batch.device)


def _window(lengths: Tensor, low: float, high: float, n_frames: int) -> Tensor:
    """Draw a window of a share of each clip's length, bool [batch, frames]."""
    size = (_between(lengths, low, high) * lengths).round()
    start = (torch.rand(len(lengths), device=lengths.device) * (lengths - size + 1)).floor()
    frame = torch.arange(n_frames, device=lengths.device)
    return (frame >= start[:, None]) & (frame < (start + size)[:, None])


def mirror(frames: Tensor, probability: float) -> Tensor:
    """Swap left and right: x changes its sign, and each point takes its mirror image's place."""
    mirrored = frames[:, :, torch.as_tensor(MIRROR, device=frames.device)]
    mirrored = mirrored * frames.new_tensor([-1.0, 1.0, 1.0])
    return torch.where(_chance(frames, probability)[:, None, None, None], mirrored, frames)


def affine(frames: Tensor, config: PointAugmentation) -> Tensor:
    """Scale, shear, rotate and shift x and y, the same in all frames of a clip."""
    angle = _between(frames, -config.rotation, config.rotation) * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    shear = _between(frames, -config.shear, config.shear)
    on_x = _chance(frames, 0.5)
    shear_x, shear_y = torch.where(on_x, shear, 0.0), torch.where(on_x, 0.0, shear)
    # Rotation times shear, written out: under autocast, matrix products would round the points to half precision.
    matrix = torch.stack([cos - sin * shear_y, cos * shear_x - sin, sin + cos * shear_y, sin * shear_x + cos], -1)
    matrix = matrix.view(-1, 2, 2) * _between(frames, *config.scale)[:, None, None]
    shift = torch.stack([_between(frames, -config.shift, config.shift) for _ in "xy"], -1)

    chosen = _chance(frames, config.affine)
    matrix = torch.where(chosen[:, None, None], matrix, torch.eye(2, device=frames.device))
    shift = torch.where(chosen[:, None], shift, 0.0)
    plane = (frames[..., None, :2] * matrix[:, None, None]).sum(-1) + shift[:, None, None]
    return torch.cat([plane, frames[..., 2:]], -1)


# Joints of a finger: four, the wrist belongs to none. [10, 4] places among the 130 points.
_FINGERS = torch.stack(
    [
        torch.as_tensor(PARTS[hand])[1 + 4 * finger : 5 + 4 * finger]
        for hand in ("left_hand", "right_hand")
        for finger in range(5)
    ]
)


def drop_fingers(frames: Tensor, lengths: Tensor, config: PointAugmentation) -> Tensor:
    """Drop fingers in windows of the clip.

    The winner meant two to five fingers of ten; twelve draws with replacement were executed, and gave the gain.
    """
    batch, n_frames = frames.shape[:2]
    chosen = _chance(frames, config.fingers)
    for _ in range(config.finger_windows):
        drawn = torch.randint(10, (batch, config.finger_draws), device=frames.device)
        fingers = torch.zeros(batch, 10, dtype=torch.bool, device=frames.device).scatter_(1, drawn, True)
        points = torch.zeros(batch, len(SELECTED), dtype=torch.bool, device=frames.device)
        points[:, _FINGERS.flatten()] = fingers.repeat_interleave(4, 1)
        window = _window(lengths, *config.finger_window, n_frames) & chosen[:, None]
        frames = frames.masked_fill((window[:, :, None] & points[:, None])[..., None], math.nan)
    return frames


def drop_parts(frames: Tensor, config: PointAugmentation) -> Tensor:
    """Drop an arm, all arm points, or the face from a clip; or, rarely, both hands instead."""

    def points(places: Tensor) -> Tensor:
        return torch.zeros(len(SELECTED), dtype=torch.bool).index_fill_(0, places, True)

    arms, face = torch.as_tensor(PARTS["pose"]), torch.as_tensor(PARTS["face"])
    choices = torch.stack([points(arms), points(arms[:6]), points(face), points(face)]).to(frames.device)
    hands = points(_FINGERS.flatten()).to(frames.device)
    hands[[int(PARTS[hand][0]) for hand in ("left_hand", "right_hand")]] = True

    dropped = choices[torch.randint(len(choices), (len(frames),), device=frames.device)]
    dropped = dropped & _chance(frames, config.part)[:, None]
    dropped = torch.where(_chance(frames, config.hands)[:, None], hands, dropped)
    return frames.masked_fill(dropped[:, None, :, None], math.nan)


def mask_frames(frames: Tensor, lengths: Tensor, config: PointAugmentation) -> Tensor:
    """Blank one long, two shorter or four short stretches of the clip."""
    n_frames = frames.shape[1]
    numbers = torch.as_tensor(config.frame_masks, device=frames.device)
    drawn = numbers[torch.randint(len(numbers), (len(frames),), device=frames.device)]
    blank = torch.zeros(frames.shape[:2], dtype=torch.bool, device=frames.device)
    for number in config.frame_masks:
        for _ in range(number):
            blank |= _window(lengths, 0.2 / number, 0.4 / number, n_frames) & (drawn == number)[:, None]
    blank &= _chance(frames, config.frames)[:, None]
    return frames.masked_fill(blank[:, :, None, None], math.nan)


def drop_square(frames: Tensor, config: PointAugmentation) -> Tensor:
    """Drop the points that lie in a square of the picture, in all frames.

    The winner's code computed this mask and returned its input unchanged; here it does what was meant.
    """
    plane = frames[..., :2].flatten(1, 2)
    low = torch.where(plane.isnan(), math.inf, plane).amin(1)
    high = torch.where(plane.isnan(), -math.inf, plane).amax(1)
    extent = (high - low).clamp(min=0.0)  # -inf where a clip has no point at all
    side = _between(frames, *config.square_size)[:, None] * extent
    corner = low + torch.rand_like(low) * (extent - side)
    inside = (frames[..., :2] >= corner[:, None, None]) & (frames[..., :2] <= (corner + side)[:, None, None])
    inside = inside.all(-1) & _chance(frames, config.square)[:, None, None]
    return frames.masked_fill(inside[..., None], math.nan)
