"""Clips in batches of about the same length, with the recipe's augmentations in time.

An epoch is planned before it starts: which clip is joined with which, how fast each is played, and so how long it
will be. Batches then hold clips of about equal length, and little is spent on padding. A plan depends on the seed
and the epoch alone, so that an interrupted run resumes with the very batches that it would have had.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
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
    resample_range: tuple[float, float] = (0.3, 2.0)  # new length / old length
    local_resample: Probability = 0.25  # probability of doing so in windows of the clip
    local_windows: tuple[int, int] = (20, 30)  # how many
    local_range: tuple[float, float] = (0.9, 1.1)
    shift: Probability = 0.5  # probability of moving the clip in time, empty frames filling the gap
    shift_range: int = 10  # largest, either way, in frames


NONE = TimeAugmentation(cut_mix=0.0, resample=0.0, local_resample=0.0, shift=0.0)


class ClipRequest(NamedTuple):
    """One place in a batch: a clip, perhaps cut and joined with a second, played at some speed."""

    clip: int  # place in the store
    partner: int  # place of the clip whose end replaces this one's; -1 for none
    cut: float  # share of both clips at which they are cut
    length: int  # frames after resampling
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
        self._signers = store.table["participant_id"].to_numpy()
        self._clips = np.asarray(clips, int)
        # Clips of a signer stand together here, so that drawing a partner is one random number.
        self._by_signer = self._clips[np.argsort(self._signers[self._clips], kind="stable")]
        phrases = store.table["phrase"].iloc[np.asarray(one_a_phrase, int)]
        self._choices = [np.asarray(one_a_phrase)[places] for places in phrases.groupby(phrases).indices.values()]

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
        joined = rng.random(n) < config.cut_mix
        ordered = self._signers[self._by_signer]
        first = np.searchsorted(ordered, self._signers[clips], "left")
        count = np.searchsorted(ordered, self._signers[clips], "right") - first
        joined &= count > 0  # a signer may have supplemental clips alone
        place = np.minimum(first + (rng.random(n) * count).astype(int), len(ordered) - 1)
        partners = np.where(joined, self._by_signer[place], -1)
        cuts = rng.random(n)
        own, other = self._n_frames[clips], self._n_frames[self._by_signer[place]]
        joined_length = _cut(cuts, own) + other - _cut(cuts, other)
        lengths = np.where(joined, joined_length, own)
        speeds = np.where(rng.random(n) < config.resample, rng.uniform(*config.resample_range, n), 1.0)
        lengths = np.clip(np.round(lengths * speeds), 1, self.max_frames).astype(int)
        seeds = rng.integers(2**62, size=n)
        columns = (clips, partners, cuts, lengths, seeds)
        return [ClipRequest(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _cut(share: np.ndarray | float, length: np.ndarray | int) -> np.ndarray:
    """Return after how many of `length` frames or characters a cut at a share of the whole falls."""
    return np.round(np.multiply(share, length)).astype(int)


class Clips(Dataset[dict]):
    """Makes the clips that a plan requests.

    Args:
        store: the clips.
        scores: the target of the confidence head for each clip of the store, 0..1; None takes 1.
        augmentation: what the plan leaves to the single clip: local resampling and shift.
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
        """Return frames, float16 [frames, 130, 3], NaN where missing; labels, a list of ids; score; and clip."""
        frames, labels = self._whole(request.clip)
        score = self.scores[request.clip]
        if request.partner >= 0:
            end, end_labels = self._whole(request.partner)
            split = _cut(request.cut, len(frames))
            frames = np.concatenate([frames[:split], end[_cut(request.cut, len(end)) :]])
            labels = labels[: _cut(request.cut, len(labels))]
            labels = labels + end_labels[_cut(request.cut, len(end_labels)) :]
            score = request.cut * score + (1 - request.cut) * self.scores[request.partner]
        rng = np.random.default_rng(request.seed)
        index = time_map(len(frames), request.length, self.augmentation, rng)
        moved = frames[np.maximum(index, 0)]
        moved[index < 0] = np.nan
        return {"frames": moved, "labels": labels, "score": float(score), "clip": request.clip}

    def _whole(self, clip: int) -> tuple[np.ndarray, list[int]]:
        return self.store.frames(clip), text.encode(self._phrases[clip])


def time_map(n_frames: int, length: int, config: TimeAugmentation, rng: np.random.Generator) -> np.ndarray:
    """Return which frame of a clip stands at each frame of its resampled version.

    Nearest frames below, evenly spaced, as `model.preprocessing.resize_index`; local resampling bends that line.

    Returns:
        int64 [length], -1 for an empty frame.
    """
    if n_frames == 0:
        return np.full(length, -1)
    position = np.arange(length) * n_frames / length
    if rng.random() < config.local_resample:
        windows = rng.integers(*config.local_windows, endpoint=True)
        pace = np.repeat(rng.uniform(*config.local_range, windows), -(-length // windows))[:length]
        bent = np.cumsum(pace) - pace
        position = bent * n_frames / pace.sum()
    index = np.minimum(position.astype(np.int64), n_frames - 1)
    if rng.random() < config.shift:
        by = int(rng.integers(-config.shift_range, config.shift_range, endpoint=True))
        empty = np.full(min(abs(by), length), -1)
        index = np.concatenate([empty, index[: length - len(empty)]] if by > 0 else [index[len(empty) :], empty])
    return index


def collate(items: Sequence[dict]) -> dict[str, Tensor]:
    """Pad clips to a batch.

    Returns:
        frames: float16 [batch, frames, 130, 3], NaN where missing and on padding frames; the device makes float32 of
            it, so that half the bytes travel between processes.
        mask: bool [batch, frames], True on real frames.
        labels: int64 [batch, tokens]: ids, the end token, padding.
        scores: float32 [batch].
        clips: int64 [batch], places in the store.
    """
    lengths = [len(item["frames"]) for item in items]
    frames = torch.empty(len(items), max(lengths), len(SELECTED), 3, dtype=torch.float16)
    for row, item, length in zip(frames.numpy(), items, lengths, strict=True):
        row[:length], row[length:] = item["frames"], np.nan
    tokens = max(len(item["labels"]) for item in items) + 1
    labels = np.full((len(items), tokens), text.PAD)
    for row, item in zip(labels, items, strict=True):
        row[: len(item["labels"]) + 1] = [*item["labels"], text.END]
    return {
        "frames": frames,
        "mask": torch.arange(max(lengths)) < torch.tensor(lengths)[:, None],
        "labels": torch.from_numpy(labels),
        "scores": torch.tensor([item["score"] for item in items]),
        "clips": torch.tensor([item["clip"] for item in items]),
    }
