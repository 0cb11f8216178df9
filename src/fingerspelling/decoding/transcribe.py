"""Clips -> what models read in them, and which clips are worth reading; decoding is greedy by default."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.search import Decode, decode
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
def read_batch(
    models: Sequence[FingerspellingModel], frames: Tensor, mask: Tensor | None = None, decode: Decode = decode
) -> list[Transcript]:
    """Read a batch of clips.

    Args:
        models: one model, or several whose logits are averaged; in evaluation mode.
        frames: float32 [batch, frames, 130, 3], raw landmarks, NaN where missing and on padding frames, at most
            max_frames long.
        mask: bool [batch, frames], True on real frames; None where all are real.
        decode: how to find the characters.
    """
    frames = normalize(frames)
    return read_encoded(models, [model.encode(frames, mask) for model in models], frames, mask, decode)


@torch.inference_mode()
def read_encoded(
    models: Sequence[FingerspellingModel],
    encoded: Sequence[Encoded],
    frames: Tensor,
    mask: Tensor | None,
    decode: Decode = decode,
) -> list[Transcript]:
    """Read a batch of clips as `read_batch` does, once it is normalised and encoded: what `encode` gave each model."""
    pairs = zip(decode(models, encoded), readable(models, encoded, frames, mask).tolist(), strict=True)
    return [Transcript(text.decode(ids), worth) for ids, worth in pairs]


def readable(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], frames: Tensor, mask: Tensor | None
) -> Tensor:
    """Return which clips are worth reading, bool [batch]; made of tensors alone, as it is traced for the exported file.

    They have at least min_frames, a hand is seen in one of these, and the score that the confidence heads predict,
    from the mean of their logits, is at least min_confidence. Frames are those that were encoded, normalised.
    """
    config = models[0].config
    lengths = torch.full((len(frames),), frames.shape[1], device=frames.device) if mask is None else mask.sum(1)
    worth = (lengths >= config.min_frames) & hand_seen(frames).any(1)
    heads = [(model.confidence, hidden) for model, (hidden, _) in zip(models, encoded, strict=True) if model.confidence]
    if not heads:
        return worth
    confidence = torch.stack([head(hidden[:, 0])[:, 0] for head, hidden in heads]).mean(0).sigmoid()
    return worth & (confidence >= config.min_confidence)


def transcribe_clip(models: Sequence[FingerspellingModel], frames: Tensor, decode: Decode = decode) -> str:
    """Return the phrase of one clip of any length, float32 [frames, 390] as `data.parquet.read_clip` returns it.

    Clips longer than max_frames are resized; a clip of no frames counts as one empty frame.
    """
    if len(frames) == 0:
        frames = torch.full((1, frames.shape[1]), torch.nan)
    frames = frames[resize_index(len(frames), models[0].config.max_frames)]
    return read_batch(models, as_points(frames)[None], decode=decode)[0].phrase


def on_gpu(models: Sequence[FingerspellingModel]) -> Sequence[FingerspellingModel]:
    """Move models to the GPU, where there is one, and return them: what reads many clips reads them there."""
    if torch.cuda.is_available():
        for model in models:
            torch.nn.Module.cuda(model)
    return models


def eval_batch_size(device: torch.device) -> int:
    """Return how many clips to read at once; on a CPU, small batches fit into the cache."""
    return 16 if device.type == "cpu" else 128


def encoded_batches(
    models: Sequence[FingerspellingModel], store: ClipStore, clips: Sequence[int] | np.ndarray, label: str
) -> Iterator[tuple[list[int], list[Encoded], Tensor, Tensor]]:
    """Yield clips of a store in batches of similar length, read without dropout.

    Their places, what `encode` gave for each model and, normalised, frames and mask.
    """
    for model in models:
        model.eval()
    dataset, device = ClipDataset(store), models[0].device
    longest = models[0].config.max_frames
    plan = LengthGroupedSampler(store, clips, eval_batch_size(device), seed=0, max_frames=longest, shuffle=False)
    for requests in track(plan, label, "batches", len(plan)):
        batch = collate([dataset[request] for request in requests])
        frames, mask = normalize(batch["frames"].to(device)), batch["mask"].to(device)
        yield batch["clips"].tolist(), [model.encode(frames, mask) for model in models], frames, mask


@torch.inference_mode()
def read_store(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int] | np.ndarray,
    label: str = "reading",
    decode: Decode = decode,
) -> list[Transcript]:
    """Read clips of a store in batches of similar length; the transcripts come in the order of `clips`."""
    transcripts: dict[int, Transcript] = {}
    for places, encoded, frames, mask in encoded_batches(models, store, clips, label):
        transcripts.update(zip(places, read_encoded(models, encoded, frames, mask, decode), strict=True))
    return [transcripts[clip] for clip in clips]
