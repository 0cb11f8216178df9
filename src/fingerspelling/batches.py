"""Clips in batches of about the same length, with the recipe's augmentations in time.

An epoch is planned before it starts: which clip is joined with which, how fast each is played, and so how long it
will be. Batches then hold clips of about equal length, and little is spent on padding. A plan depends on the seed
and the epoch alone, so that an interrupted run resumes with the very batches that it would have had.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fingerspelling import text
from fingerspelling.clips import ClipStore
from fingerspelling.landmarks import SELECTED
from fingerspelling.parameters import Probability, parameters


@parameters
class TimeAugmentation:
    """Probabilities and ranges; the defaults are the winner's second round."""

    cut_mix: Probability = 0.5  # probability of joining with another clip of the same signer
    resample: Probability = 0.8  # probability of playing the clip faster or slower
    resample_range: tuple[PositiveFloat, PositiveFloat] = (0.3, 2.0)  # new length / old length
    local_resample: Probability = 0.25  # probability of doing so in windows of the clip, which keeps its length
    local_windows: tuple[PositiveInt, PositiveInt] = (20, 30)  # how many
    local_range: tuple[PositiveFloat, PositiveFloat] = (0.9, 1.1)
    shift: Probability = 0.5  # probability of beginning later, after empty frames, or without the first frames
    shift_range: NonNegativeInt = 10  # largest, either way, in frames

    def __post_init__(self) -> None:
        for name in ("resample_range", "local_windows", "local_range"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} begins with {low}, above its end {high}")


NONE = TimeAugmentation(cut_mix=0.0, resample=0.0, local_resample=0.0, shift=0.0)


class ClipRequest(NamedTuple):
    """One place in a batch: a clip, perhaps cut and joined with a second, played at some speed.

    Joined are the end of one clip and the beginning of another, in this order, as the winner did. The winner
    normalised both before; here the joined clip is normalised as one.
    """

    clip: int  # place in the store
    partner: int  # place of the clip whose end comes before this one's beginning; -1 for none
    cut: float  # share of both clips at which they are cut
    length: int  # frames of the result
    shift: int  # empty frames that it begins with; negative: frames that are missing at its beginning
    seed: int  # of what the request leaves open


class PlannedBatches(Sampler[list[ClipRequest]]):
    """Plans each epoch's batches; what `DataLoader(batch_sampler=...)` takes."""

    def __init__(
        self,
        store: ClipStore,
        clips: np.ndarray,
        batch_size: int,
        seed: int,
        augmentation: TimeAugmentation = NONE,
        max_frames: int = 384,
        shuffle: bool = True,
        one_a_phrase: Sequence[int] = (),
    ) -> None:
        """Plan batches of clips.

        Args:
            store: where the clips are.
            clips: places in the store; each stands once in every epoch.
            batch_size: clips a batch.
            seed: of the plans.
            augmentation: what is drawn for each clip.
            max_frames: what longer clips are resized to.
            shuffle: False keeps the shortest first and every epoch the same.
            one_a_phrase: further places, of which each epoch draws one clip for every phrase.
        """
        self.batch_size, self.seed = batch_size, seed
        self.augmentation, self.max_frames, self.shuffle = augmentation, max_frames, shuffle
        self.epoch = 0
        self._n_frames = store.table["n_frames"].to_numpy()
        self._clips, further = np.asarray(clips, int), np.asarray(one_a_phrase, int)
        phrases = store.table["phrase"].iloc[further]
        self._choices = [further[places] for places in phrases.groupby(phrases).indices.values()]
        # Clips of a signer stand together here, so that drawing a partner is one random number.
        signers = store.table["participant_id"].to_numpy()
        pool = np.unique(np.concatenate([self._clips, further]))
        self._by_signer = pool[np.argsort(signers[pool], kind="stable")]
        self._place = np.zeros(len(store), int)
        self._place[self._by_signer] = np.arange(len(pool))
        ordered = signers[self._by_signer]
        self._first = np.searchsorted(ordered, ordered, "left")
        self._count = np.searchsorted(ordered, ordered, "right") - self._first

    def __len__(self) -> int:
        return -(-(len(self._clips) + len(self._choices)) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plans; Accelerate's loaders call this."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[ClipRequest]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        requests = self._plan(rng)
        lengths = np.array([request.length for request in requests])
        # Noise on the length mixes neighbours differently in every epoch.
        order = np.argsort(lengths * (rng.uniform(0.9, 1.1, len(lengths)) if self.shuffle else 1), kind="stable")
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        if self.shuffle:
            rng.shuffle(batches)
        for batch in batches:
            yield [requests[i] for i in batch]

    def _plan(self, rng: np.random.Generator) -> list[ClipRequest]:
        drawn = [choices[rng.integers(len(choices))] for choices in self._choices]
        clips = np.concatenate([self._clips, np.array(drawn, int)])
        config, n = self.augmentation, len(clips)
        partners, cuts = self._partners(clips, rng), rng.random(n)
        joined = (rng.random(n) < config.cut_mix) & (partners >= 0)
        partners = np.where(joined, partners, -1)
        own, other = self._n_frames[clips], self._n_frames[partners]
        lengths = np.where(joined, other - _cut(cuts, other) + _cut(cuts, own), own)
        speeds = np.where(rng.random(n) < config.resample, rng.uniform(*config.resample_range, n), 1.0)
        lengths = np.maximum(np.round(lengths * speeds), 1).astype(int)
        shifts = rng.integers(-config.shift_range, config.shift_range, n, endpoint=True)
        shifts = np.where(rng.random(n) < config.shift, np.maximum(shifts, 1 - lengths), 0)
        lengths = np.minimum(lengths + shifts, self.max_frames)
        shifts = np.minimum(shifts, lengths - 1)  # one frame of the clip stays, however short
        seeds = rng.integers(2**62, size=n)
        columns = (clips, partners, cuts, lengths, shifts, seeds)
        return [ClipRequest(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _partners(self, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw another clip of the same signer for each clip; -1 where there is none."""
        place = self._place[clips]
        first, count = self._first[place], self._count[place]
        step = 1 + (rng.random(len(clips)) * (count - 1)).astype(int)  # from 1 to all of the others
        return np.where(count > 1, self._by_signer[first + (place - first + step) % count], -1)


def _cut(share: np.ndarray | float, length: np.ndarray | int) -> np.ndarray:
    """Return after how many of `length` frames or characters a cut at a share of the whole falls."""
    return np.round(np.multiply(share, length)).astype(int)


class Clips(Dataset[dict]):
    """Makes the clips that a plan requests.

    Args:
        store: the clips.
        scores: the target of the confidence head for each clip of the store, 0..1; None takes 1.
        augmentation: what the plan leaves to the single clip: local resampling.
    """

    def __init__(
        self,
        store: ClipStore,
        scores: np.ndarray | None = None,
        augmentation: TimeAugmentation = NONE,
    ) -> None:
        self.store, self.augmentation = store, augmentation
        self.scores = np.ones(len(store)) if scores is None else scores
        # A table takes as long to look one up as reading a clip takes.
        self._phrases = store.table["phrase"].tolist()

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, request: ClipRequest) -> dict:
        """Return frames, float16 [frames, 130, 3], NaN where missing; labels, a list of ids; score; clip; and seed."""
        frames, labels = self._whole(request.clip)
        score = self.scores[request.clip]
        if request.partner >= 0:
            end, end_labels = self._whole(request.partner)
            frames = np.concatenate([end[_cut(request.cut, len(end)) :], frames[: _cut(request.cut, len(frames))]])
            labels = end_labels[_cut(request.cut, len(end_labels)) :] + labels[: _cut(request.cut, len(labels))]
            score = request.cut * score + (1 - request.cut) * self.scores[request.partner]
        rng = np.random.default_rng(request.seed)
        index = time_map(len(frames), request.length, request.shift, self.augmentation, rng)
        moved = frames[np.maximum(index, 0)]
        moved[index < 0] = np.nan
        return {"frames": moved, "labels": labels, "score": float(score), "clip": request.clip, "seed": request.seed}

    def _whole(self, clip: int) -> tuple[np.ndarray, list[int]]:
        return self.store.frames(clip), text.encode(self._phrases[clip])


def time_map(n_frames: int, length: int, shift: int, config: TimeAugmentation, rng: np.random.Generator) -> np.ndarray:
    """Return which frame of a clip stands at each frame of its resampled and shifted version.

    Nearest frames below, evenly spaced, as `model.preprocessing.resize_index`; local resampling bends that line.

    Args:
        n_frames: of the clip.
        length: of the result.
        shift: as in `ClipRequest`, less than length.
        config: what to draw.
        rng: draws it.

    Returns:
        int64 [length], -1 for an empty frame.
    """
    if n_frames == 0:
        return np.full(length, -1)
    played = length - shift
    position = np.arange(played) * n_frames / played
    if rng.random() < config.local_resample:
        windows = rng.integers(*config.local_windows, endpoint=True)
        pace = np.repeat(rng.uniform(*config.local_range, windows), -(-played // windows))[:played]
        bent = np.cumsum(pace) - pace
        position = bent * n_frames / pace.sum()
    index = np.minimum(position.astype(np.int64), n_frames - 1)
    return np.concatenate([np.full(max(shift, 0), -1), index[max(-shift, 0) :]])


def collate(items: Sequence[dict], min_frames: int = 0) -> dict[str, Tensor]:
    """Pad clips to a batch as long as the longest of them.

    Args:
        items: what `Clips` makes.
        min_frames: a batch of shorter clips is padded to so many frames; the winner padded all to 384.

    Returns:
        frames: float16 [batch, frames, 130, 3], NaN where missing and on padding frames; the device makes float32 of
            it, so that half the bytes travel between processes.
        mask: bool [batch, frames], True on real frames.
        labels: int64 [batch, tokens]: ids, the end token, padding.
        scores: float32 [batch].
        clips: int64 [batch], places in the store.
        seed: int64, of what is drawn for this batch on the device: that of its first request.
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
    return {
        "frames": frames,
        "mask": torch.arange(n_frames) < torch.tensor(lengths)[:, None],
        "labels": torch.from_numpy(labels),
        "scores": torch.tensor([item["score"] for item in items]),
        "clips": torch.tensor([item["clip"] for item in items]),
        "seed": torch.tensor(items[0]["seed"]),
    }
