"""How sure models are of what they read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import eval_batches, predicted_scores
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.model.preprocessing import normalize


@torch.inference_mode()
def certainty(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int] | np.ndarray,
    phrases: Sequence[str],
    ctc_weight: float,
) -> pd.DataFrame:
    """Ask models, in evaluation mode, how sure they are of phrases, which a search with this ctc_weight read.

    Returns:
        A row per clip, in the order given. search: the probability per character that the search gives to the phrase,
        its end included, as the geometric mean. confidence: the score that the models' confidence heads predict, a
        column that is there only if they have any.
    """
    phrase_of, rows = dict(zip(map(int, clips), phrases, strict=True)), {}
    for places, frames, mask in eval_batches(models[0], store, clips, "how sure"):
        points = normalize(frames)
        encoded = [model.encode(points, mask) for model in models]
        sure = {"search": _search(models, encoded, [phrase_of[place] for place in places], ctc_weight)}
        if (predicted := predicted_scores(models, encoded)) is not None:
            sure["confidence"] = predicted
        values = {name: column.tolist() for name, column in sure.items()}
        rows.update({place: {name: column[i] for name, column in values.items()} for i, place in enumerate(places)})
    return pd.DataFrame([rows[int(clip)] for clip in clips])


def _search(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], phrases: Sequence[str], ctc_weight: float
) -> Tensor:
    """Return the phrases' probabilities per character, as a beam search counts them: float [batch]."""
    config, device = models[0].config, encoded[0][0].device
    labels = torch.full((len(phrases), max(map(len, phrases)) + 1), config.pad_token_id)
    for row, phrase in zip(labels, phrases, strict=True):
        row[: len(phrase) + 1] = torch.tensor([*text.encode(phrase), config.eos_token_id])
    labels, real = labels.to(device), (labels != config.pad_token_id).to(device)
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
