"""What only the simulation can teach: which character is signed in each frame."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fingerspelling.landmarks import hand_seen
from fingerspelling.text import PAD


def alignment_losses(
    ctc_logits: Tensor,
    cross_attentions: Sequence[Tensor],
    places: Tensor,
    labels: Tensor,
    frames: Tensor,
    stride: int,
) -> dict[str, Tensor]:
    """Return how far the CTC head and the decoder are from knowing which frames show which character.

    Both have to find out before they can learn anything else, and spend thousands of clips on it. Frames without a
    hand are left out.

    Args:
        ctc_logits: float [batch, encoded frames, characters and the blank].
        cross_attentions: per layer of the decoder, float [batch, heads, tokens, encoded frames].
        places: int64 [batch, frames], place in the phrase of the character that is signed, -1 for none.
        labels: int64 [batch, tokens]: the phrase's ids, the end token, then padding.
        frames: float [batch, frames, 130, 3], NaN where a point is missing and on padding frames.
        stride: frames per encoded frame.

    Returns:
        alignment: the cross-entropy of the CTC head, frame by frame.
        attention: -log of the share of each character's attention that lies on its own frames, the mean over layers
            and characters. Every other head is told; the rest look where they like. After Garg et al. (2019),
            "Jointly Learning to Align and Translate with Transformer Models".
    """
    seen, places = hand_seen(frames)[:, ::stride], places[:, ::stride]
    signed = labels.gather(1, places.clamp(min=0)).where(places >= 0, PAD)
    alignment = F.cross_entropy(ctc_logits.transpose(1, 2), signed, reduction="none")
    tokens = torch.arange(labels.shape[1], device=labels.device)
    own = (places[:, None] == tokens[:, None]) & seen[:, None]  # [batch, tokens, encoded frames]
    told = own.any(-1)
    share = torch.stack([(layer[:, ::2].float().mean(1) * own).sum(-1) for layer in cross_attentions])
    attention = -(share + 1e-4).log().mean(0)
    return {
        "alignment": (alignment * seen).sum() / seen.sum().clamp(min=1),
        "attention": (attention * told).sum() / told.sum().clamp(min=1),
    }


def alignment_weight(epoch: float, epochs: float) -> float:
    """Return the losses' weight at a moment of the training: from 1 at the start down to 0 after so many epochs."""
    return max(0.0, 1 - epoch / epochs) if epochs else 0.0
