"""Clips as a plan requests them, and batches of them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fingerspelling import text
from fingerspelling.data.sampler import NO_PARTNER, PlannedClip, cut_after, window_size
from fingerspelling.data.store import Clips
from fingerspelling.landmarks import SELECTED


class ClipDataset(Dataset[dict]):
    """Makes the clips that a plan requests.

    Args:
        store: the clips.
        scores: the target of the confidence head for each clip of the store, 0..1; 1 by default.
        alignments: where it is known, the place in the phrase of the character that is signed in each frame, int64
            [frames] for each clip of the store; -1 for none.
    """

    def __init__(
        self, store: Clips, scores: np.ndarray | None = None, alignments: Sequence[np.ndarray] | None = None
    ) -> None:
        self.store, self.alignments = store, alignments
        self.scores = np.ones(len(store)) if scores is None else scores
        self._phrases = store.table["phrase"].tolist()  # looking one up in a table takes as long as reading a clip

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, request: PlannedClip) -> dict:
        """Return frames, float16 [frames, 130, 3], NaN where missing; labels, a list of ids; score; clip; seed.

        With alignments, also aligned, int64 [frames].
        """
        frames, labels = self._whole(request.clip)
        alignments = self.alignments
        aligned = None if alignments is None else alignments[request.clip]
        score = self.scores[request.clip]
        if request.partner != NO_PARTNER:
            end, end_labels = self._whole(request.partner)
            skipped, kept = cut_after(request.cut, [len(end), len(frames)])
            frames = np.concatenate([end[skipped:], frames[:kept]])
            skipped_labels, kept_labels = cut_after(request.cut, [len(end_labels), len(labels)])
            if alignments is not None:
                first, second = alignments[request.partner][skipped:], alignments[request.clip][:kept]
                first = np.maximum(first - skipped_labels, -1)
                second = np.where((second >= 0) & (second < kept_labels), second + len(end_labels) - skipped_labels, -1)
                aligned = np.concatenate([first, second])
            labels = end_labels[skipped_labels:] + labels[:kept_labels]
            score = request.cut * score + (1 - request.cut) * self.scores[request.partner]
        index = time_map(len(frames), request)
        moved = frames[np.maximum(index, 0)]
        moved[index < 0] = np.nan
        item = {"frames": moved, "labels": labels, "score": float(score), "clip": request.clip, "seed": request.seed}
        return item if aligned is None else item | {"aligned": aligned[np.maximum(index, 0)]}

    def _whole(self, clip: int) -> tuple[np.ndarray, list[int]]:
        return self.store.frames(clip), text.encode(self._phrases[clip])


def time_map(n_frames: int, request: PlannedClip) -> np.ndarray:
    """Return which of a clip's frames is shown in each that a plan makes of it, int64 [request.length]; -1 for none.

    Wherever the length changes, it is the nearest frame below, evenly spaced, as in `model.preprocessing.resize_index`.
    """
    index = np.arange(request.resampled) * n_frames // request.resampled
    if request.windows:
        size = int(window_size(len(index), len(request.windows)))
        windows = [index[start : start + size] for start in range(0, len(index), size)]
        resized = zip(windows, request.windows, strict=True)
        index = np.concatenate([window[np.arange(n) * len(window) // n] for window, n in resized])
    index = np.concatenate([np.full(max(request.shift, 0), -1), index[max(-request.shift, 0) :]])
    return index[np.arange(request.length) * len(index) // request.length]


def collate(items: Sequence[dict], min_frames: int = 0) -> dict[str, Tensor]:
    """Pad clips to a batch as long as the longest of them.

    Args:
        items: what `ClipDataset` makes.
        min_frames: the least length of a batch, in frames; the winner padded all to 384.

    Returns:
        frames: float16 [batch, frames, 130, 3], NaN where missing and on padding frames; it becomes float32 on the
            device, so that half the bytes travel between processes.
        mask: bool [batch, frames], True on real frames.
        labels: int64 [batch, tokens]: ids, the end token, padding.
        scores: float32 [batch].
        clips: int64 [batch], places in the store.
        seed: int64, for what is drawn for this batch on the device: that of its first request.
        aligned: int64 [batch, frames], where the clips have it; -1 on padding frames, too.
    """
    lengths = [len(item["frames"]) for item in items]
    n_frames = max(*lengths, min_frames)
    frames = torch.empty(len(items), n_frames, len(SELECTED), 3, dtype=torch.float16)
    for row, item, length in zip(frames.numpy(), items, lengths, strict=True):
        row[:length], row[length:] = item["frames"], np.nan
    tokens = max(len(item["labels"]) for item in items) + 1
    labels = np.full((len(items), tokens), text.PAD)
    for row, item in zip(labels, items, strict=True):
        row[: len(item["labels"]) + 1] = [*item["labels"], text.END]
    batch = {
        "frames": frames,
        "mask": torch.arange(n_frames) < torch.tensor(lengths)[:, None],
        "labels": torch.from_numpy(labels),
        "scores": torch.tensor([item["score"] for item in items]),
        "clips": torch.tensor([item["clip"] for item in items]),
        "seed": torch.tensor(items[0]["seed"]),
    }
    if "aligned" in items[0]:
        aligned = np.full((len(items), n_frames), -1)
        for row, item, length in zip(aligned, items, lengths, strict=True):
            row[:length] = item["aligned"]
        batch["aligned"] = torch.from_numpy(aligned)
    return batch
