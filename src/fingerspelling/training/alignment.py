"""Frame-wise supervision: the simulation knows which character is signed in every frame."""

import torch.nn.functional as F
from torch import Tensor

from fingerspelling.landmarks import hand_seen


def alignment_loss(logits: Tensor, aligned: Tensor, frames: Tensor, stride: int) -> Tensor:
    """Return the cross-entropy of the CTC head's characters, frame by frame; frames without a hand are left out.

    CTC has to find out first which frames belong together, and spends thousands of clips on it.

    Args:
        logits: float [batch, encoded frames, characters and the blank].
        aligned: int64 [batch, frames], the character that is signed, the blank for none.
        frames: float [batch, frames, 130, 3], NaN where a point is missing and on padding frames.
        stride: frames per encoded frame.
    """
    seen = hand_seen(frames)[:, ::stride]
    losses = F.cross_entropy(logits.transpose(1, 2), aligned[:, ::stride], reduction="none")
    return (losses * seen).sum() / seen.sum().clamp(min=1)


def alignment_weight(epoch: float, epochs: float) -> float:
    """Return the loss's weight at a moment of the training: from 1 at the start down to 0 after so many epochs."""
    return max(0.0, 1 - epoch / epochs) if epochs else 0.0
