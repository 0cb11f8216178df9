"""Clips -> phrases, by greedy decoding with the decoders' key/value cache unless told."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.greedy import Decode, Encoded, decode_greedily
from fingerspelling.landmarks import as_points
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index
from fingerspelling.progress import track


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
        What `transcribe_encoded` returns.
    """
    lengths = torch.full((len(frames),), frames.shape[1]) if mask is None else mask.sum(1)
    frames = normalize(frames)
    return transcribe_encoded(models, [model.encode(frames, mask) for model in models], lengths, decode)


@torch.inference_mode()
def transcribe_encoded(
    models: Sequence[FingerspellingModel], encoded: Encoded, lengths: Tensor, decode: Decode = decode_greedily
) -> list[str]:
    """Read the phrases of a batch of clips that the models have encoded.

    Args:
        models: one model, or several whose logits are averaged; in evaluation mode.
        encoded: what `encode` gave for each of them.
        lengths: of the clips in frames, int [batch].
        decode: how to find the characters.

    Returns:
        The phrases; `text.CONSTANT_PHRASE` for clips that are too short or, by the mean of the confidence heads that
        there are, not worth reading.
    """
    ids = decode(models, encoded)
    heads = [(model.confidence, hidden) for model, (hidden, _) in zip(models, encoded, strict=True)]
    heads = [head(hidden[:, 0]).sigmoid().squeeze(1) for head, hidden in heads if head is not None]
    confidences = torch.stack(heads).mean(0).cpu() if heads else torch.ones(len(lengths))
    config = models[0].config
    worth = (lengths.cpu() >= config.min_frames) & (confidences >= config.min_confidence)
    return [text.decode(row) if row and read else text.CONSTANT_PHRASE for row, read in zip(ids, worth, strict=True)]


def transcribe_clip(models: Sequence[FingerspellingModel], frames: Tensor, decode: Decode = decode_greedily) -> str:
    """Read one clip of any length, float32 [frames, 390] as `parquet.read_clip` gives it.

    Clips longer than max_frames are resized; a clip of no frames counts as one empty frame.
    """
    if len(frames) == 0:
        frames = torch.full((1, frames.shape[1]), torch.nan)
    frames = frames[resize_index(len(frames), models[0].config.max_frames)]
    return transcribe(models, as_points(frames)[None], decode=decode)[0]


def eval_batch_size(device: torch.device) -> int:
    """Return how many clips to read at once; in small batches, a CPU finds what it needs in its cache."""
    return 16 if device.type == "cpu" else 128


def transcribe_store(
    models: Sequence[FingerspellingModel],
    store: ClipStore,
    clips: Sequence[int],
    label: str = "reading",
    decode: Decode = decode_greedily,
) -> list[str]:
    """Read clips of a store in batches of similar length; the phrases come in the order of `clips`."""
    for model in models:
        model.eval()
    device, max_frames = models[0].device, models[0].config.max_frames
    dataset = ClipDataset(store)
    phrases: dict[int, str] = {}
    plan = LengthGroupedSampler(store, clips, eval_batch_size(device), seed=0, max_frames=max_frames, shuffle=False)
    for requests in track(plan, label, "batches", len(plan)):
        batch = collate([dataset[request] for request in requests])
        phrases_read = transcribe(models, batch["frames"].to(device), batch["mask"].to(device), decode)
        phrases.update(zip(batch["clips"].tolist(), phrases_read, strict=True))
    return [phrases[clip] for clip in clips]
