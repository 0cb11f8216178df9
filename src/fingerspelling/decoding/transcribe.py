"""Clips -> phrases, and which clips are worth reading; decoding is greedy by default."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.search import Decode, decode_greedily
from fingerspelling.landmarks import as_points, hand_seen
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index
from fingerspelling.processes import track


class Transcript(NamedTuple):
    """What the models make of a clip."""

    decoded: str  # the likeliest characters
    readable: bool  # whether the clip is worth reading, see `readable`

    @property
    def phrase(self) -> str:
        """The answer: what is decoded, `text.CONSTANT_PHRASE` where that is nothing or the clip not readable."""
        return self.decoded if self.decoded and self.readable else text.CONSTANT_PHRASE


@torch.inference_mode()
def transcribe(
    models: Sequence[FingerspellingModel], frames: Tensor, mask: Tensor | None = None, decode: Decode = decode_greedily
) -> list[str]:
    """Read the phrases of a batch of clips.

    Args:
        models: one model, or several whose logits are averaged; in evaluation mode.
        frames: float32 [batch, frames, 130, 3], raw landmarks, NaN where missing and on padding frames, at most
            max_frames long.
        mask: bool [batch, frames], True on real frames; None where all are real.
        decode: how to find the characters.

    Returns:
        The answers, see `Transcript.phrase`.
    """
    return [transcript.phrase for transcript in _read(models, frames, mask, decode)]


def _read(
    models: Sequence[FingerspellingModel], frames: Tensor, mask: Tensor | None, decode: Decode
) -> list[Transcript]:
    frames = normalize(frames)
    return read_encoded(models, [model.encode(frames, mask) for model in models], frames, mask, decode)


@torch.inference_mode()
def read_encoded(
    models: Sequence[FingerspellingModel],
    encoded: Sequence[Encoded],
    frames: Tensor,
    mask: Tensor | None,
    decode: Decode = decode_greedily,
) -> list[Transcript]:
    """Read a batch of clips as `transcribe` does, once it is normalised and encoded: what `encode` gave each model."""
    pairs = zip(decode(models, encoded), readable(models, encoded, frames, mask).tolist(), strict=True)
    return [Transcript(text.decode(ids), worth) for ids, worth in pairs]


def readable(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], frames: Tensor, mask: Tensor | None
) -> Tensor:
    """Return which clips are worth reading, bool [batch]; made of tensors alone, as it is traced for the exported file.

    They have at least min_frames, a hand is seen in one of these, and the score predicted is at least min_confidence.
    Frames are those that were encoded, normalised.
    """
    config = models[0].config
    lengths = torch.full((len(frames),), frames.shape[1], device=frames.device) if mask is None else mask.sum(1)
    worth = (lengths >= config.min_frames) & hand_seen(frames).any(1)
    confidence = predicted_scores(models, encoded)
    return worth if confidence is None else worth & (confidence >= config.min_confidence)


def predicted_scores(models: Sequence[FingerspellingModel], encoded: Sequence[Encoded]) -> Tensor | None:
    """Return the scores that the models' confidence heads predict, from the mean of their logits; None without heads.

    float [batch], 0..1. As `readable`, it is traced.
    """
    heads = [(model.confidence, hidden) for model, (hidden, _) in zip(models, encoded, strict=True) if model.confidence]
    return torch.stack([head(hidden[:, 0])[:, 0] for head, hidden in heads]).mean(0).sigmoid() if heads else None


def transcribe_clip(models: Sequence[FingerspellingModel], frames: Tensor, decode: Decode = decode_greedily) -> str:
    """Read one clip of any length, float32 [frames, 390] as `data.parquet.read_clip` returns it.

    Clips longer than max_frames are resized; a clip of no frames counts as one empty frame.
    """
    if len(frames) == 0:
        frames = torch.full((1, frames.shape[1]), torch.nan)
    frames = frames[resize_index(len(frames), models[0].config.max_frames)]
    return transcribe(models, as_points(frames)[None], decode=decode)[0]


def eval_batch_size(device: torch.device) -> int:
    """Return how many clips to read at once; on a CPU, small batches fit into the cache."""
    return 16 if device.type == "cpu" else 128


def eval_batches(
    model: FingerspellingModel, store: ClipStore, clips: Sequence[int] | np.ndarray, label: str
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Yield clips of a store in batches of similar length: their places, and on the model's device frames and mask."""
    dataset, size, longest = ClipDataset(store), eval_batch_size(model.device), model.config.max_frames
    plan = LengthGroupedSampler(store, clips, size, seed=0, max_frames=longest, shuffle=False)
    for requests in track(plan, label, "batches", len(plan)):
        batch = collate([dataset[request] for request in requests])
        yield batch["clips"].tolist(), batch["frames"].to(model.device), batch["mask"].to(model.device)


def transcribe_store(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int] | np.ndarray,
    label: str = "reading",
    decode: Decode = decode_greedily,
) -> list[str]:
    """Read clips of a store in batches of similar length; the answers come in the order of `clips`."""
    return [transcript.phrase for transcript in read_store(models, store, clips, label, decode)]


@torch.inference_mode()
def read_store(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int] | np.ndarray,
    label: str = "reading",
    decode: Decode = decode_greedily,
) -> list[Transcript]:
    """Read as `transcribe_store` does, and return what is behind the answers."""
    for model in models:
        model.eval()
    transcripts: dict[int, Transcript] = {}
    for places, frames, mask in eval_batches(models[0], store, clips, label):
        transcripts.update(zip(places, _read(models, frames, mask, decode), strict=True))
    return [transcripts[clip] for clip in clips]
