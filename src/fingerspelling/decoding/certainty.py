"""How sure models are of what they read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fingerspelling import text
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import encoded_batches
from fingerspelling.model import Encoded, FingerspellingModel


@torch.inference_mode()
def certainty(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int] | np.ndarray,
    phrases: Sequence[str],
    ctc_weight: float,
) -> np.ndarray:
    """Return how probable a search with this ctc_weight, which read phrases of clips, finds them: float [clips], 0..1.

    That is per character, the phrase's end included: the geometric mean.
    """
    phrase_of = dict(zip(map(int, clips), phrases, strict=True))
    sure: dict[int, float] = {}
    for places, encoded, *_ in encoded_batches(models, store, clips, "how sure"):
        probabilities = _probabilities(models, encoded, [phrase_of[place] for place in places], ctc_weight)
        sure.update(zip(places, probabilities.tolist(), strict=True))
    return np.array([sure[clip] for clip in phrase_of])


def _probabilities(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], phrases: Sequence[str], ctc_weight: float
) -> Tensor:
    """Return the phrases' probabilities per character, as a beam search counts them: float [batch]."""
    config, device = models[0].config, encoded[0][0].device
    ids = [torch.tensor([*text.encode(phrase), config.eos_token_id], device=device) for phrase in phrases]
    labels = pad_sequence(ids, batch_first=True, padding_value=config.pad_token_id)
    real = labels != config.pad_token_id
    logits: list[Any] = [model.losses(*clip, labels).logits for model, clip in zip(models, encoded, strict=True)]
    by_decoder = torch.stack(logits).mean(0).float().log_softmax(-1)
    end = config.pad_token_id  # whichever special token is likeliest ends the phrase
    following = torch.cat([by_decoder[..., :end], by_decoder[..., end:].amax(-1, keepdim=True)], -1)
    tokens = following.gather(2, labels.clamp(max=end)[..., None])[..., 0]
    total = (tokens * real).sum(1)
    if ctc_weight:
        mask, lengths = encoded[0][1], real.sum(1) - 1
        frames = torch.full_like(lengths, encoded[0][0].shape[1]) if mask is None else mask.sum(1)
        heads = [
            model.ctc(hidden).float().log_softmax(-1).transpose(0, 1)
            for model, (hidden, _) in zip(models, encoded, strict=True)
        ]
        losses = [F.ctc_loss(head, labels, frames, lengths, end, reduction="none") for head in heads]
        total = (1 - ctc_weight) * total - ctc_weight * torch.stack(losses).mean(0)
    return (total / real.sum(1)).exp()
