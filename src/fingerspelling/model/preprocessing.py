"""From raw landmarks to what the model reads, the same in training, inference and the exported file.

A point that was not detected is NaN until the model's first convolution, where it becomes 0, the mean.
"""

import torch
from torch import Tensor

from fingerspelling.landmarks import FARTHEST

EPSILON = 1e-6  # a coordinate whose standard deviation is smaller counts as constant


def resize_index(n_frames: int | torch.SymInt, max_frames: int) -> Tensor:
    """Return which frames stay when a clip is resized to at most max_frames: the nearest below, evenly spaced.

    Clips of up to max_frames keep all of them; a clip of no frames still gets the index 0.

    Returns:
        int32 [min(max(n_frames, 1), max_frames)].
    """
    resized = torch.sym_max(torch.sym_min(n_frames, max_frames), 1)
    return (torch.arange(resized, dtype=torch.float32) * n_frames / resized).int()


def normalize(frames: Tensor) -> Tensor:
    """Standardise each clip: per coordinate, over all of its points and frames that are present.

    Args:
        frames: float of any precision [batch, frames, points, 3]; padding frames are NaN, as are missing points.

    Returns:
        float32, the same shape; NaN where the input is NaN, infinite or beyond `FARTHEST`, finite elsewhere.
    """
    frames = frames.float()  # half precision, as clips are stored, is too small for sums of squares
    frames = torch.where(frames.abs() <= FARTHEST, frames, torch.nan)
    present = frames == frames  # only NaN differs from itself; ~isnan would be two operators in the exported file
    count = present.to(frames.dtype).sum((1, 2), keepdim=True).clamp(min=1)
    mean = torch.where(present, frames, 0.0).sum((1, 2), keepdim=True) / count
    centred = frames - mean
    variance = torch.where(present, centred * centred, 0.0).sum((1, 2), keepdim=True) / count
    return centred / variance.sqrt().clamp(min=EPSILON)


def normalize_per_frame(part: Tensor) -> Tensor:
    """Standardise one part of the body within every frame, per coordinate, over its points.

    Where the part is and how large is lost, its shape stays. float [batch, frames, points, 3] to the same.

    A missing point counts as 0, the clip's mean, and stays NaN, as in the winner's code. A detector sees all of a part
    or nothing, so this concerns what augmentation drops: the rest of a hand is moved and shrunk by it.
    """
    present = part == part
    points = torch.where(present, part, 0.0)
    centred = points - points.mean(2, keepdim=True)
    deviation = (centred * centred).mean(2, keepdim=True).sqrt().clamp(min=EPSILON)
    return torch.where(present, centred / deviation, torch.nan)
