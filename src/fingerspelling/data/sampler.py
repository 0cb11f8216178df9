"""Plans of epochs: batches of clips of about the same length, with the recipe's augmentations in time.

An epoch is planned before it starts: which clip is joined with which, how fast each is played, and so how long it
will be. Then batches can hold clips of about the same length, and little is spent on padding. A plan depends on the
seed and the epoch alone, so that an interrupted run resumes with the very batches that it would have had.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch.utils.data import Sampler

from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation
from fingerspelling.data.store import Clips

NO_PARTNER = -1


class PlannedClip(NamedTuple):
    """One place in a batch: a clip, perhaps cut and joined with a second, played at some speed.

    The end of one clip and the beginning of another are joined, in this order, as the winner did. The winner
    normalised both before; here the joined clip is normalised as one.
    """

    clip: int  # place in the store
    partner: int  # place of the clip whose end comes before this one's beginning; NO_PARTNER for none
    cut: float  # share of both clips at which they are cut
    resampled: int  # frames of the whole, played at its speed
    windows: tuple[int, ...]  # frames that each of so many windows of these gets; () leaves them as they are
    shift: int  # empty frames put in front; negative: frames taken away at the beginning
    length: int  # frames of the result, to which a longer clip is resized
    seed: int  # for what is drawn for its batch


def cut_after(shares: ArrayLike, lengths: ArrayLike) -> np.ndarray:
    """Return after how many of so many frames or characters a cut at a share of the whole falls; int.

    At least one is on either side, where there are two.
    """
    return np.clip(np.round(np.multiply(shares, lengths)), 1, np.maximum(np.subtract(lengths, 1), 0)).astype(int)


def window_size(n_frames: ArrayLike, windows: ArrayLike) -> np.ndarray:
    """Return how many frames each of so many windows has, int; the last may have fewer, and some may be none."""
    return -(-np.asarray(n_frames) // windows)


class LengthGroupedSampler(Sampler[list[PlannedClip]]):
    """Plans each epoch's batches, for `DataLoader(batch_sampler=...)`."""

    def __init__(
        self,
        store: Clips,
        clips: ArrayLike,
        batch_size: int,
        seed: int,
        augmentation: TemporalAugmentation = NO_TEMPORAL_AUGMENTATION,
        max_frames: int = 384,
        shuffle: bool = True,
        sampled_per_phrase: ArrayLike = (),
        batches_per_step: int = 1,
    ) -> None:
        """Plan batches of clips.

        Args:
            store: where the clips are.
            clips: places in the store; each occurs once in every epoch.
            batch_size: clips per batch, at most.
            seed: of the plans.
            augmentation: what is drawn for each clip.
            max_frames: length that longer clips are resized to.
            shuffle: False sorts every epoch by length, the shortest clips first.
            sampled_per_phrase: further places, from which each epoch draws one clip per phrase.
            batches_per_step: an epoch has a multiple of as many, so that its last step is like the others, unless
                that is its only one, or has too few clips.
        """
        self.batch_size, self.batches_per_step, self.seed = batch_size, batches_per_step, seed
        self.augmentation, self.max_frames, self.shuffle = augmentation, max_frames, shuffle
        self.epoch = 0
        self._n_frames = store.table["n_frames"].to_numpy()
        self._clips, further = np.asarray(clips, int), np.asarray(sampled_per_phrase, int)
        phrases = store.table["phrase"].iloc[further]
        self._choices = [further[places] for places in phrases.groupby(phrases).indices.values()]
        # Sorted by signer, so that one random number draws a partner.
        signers = store.table["participant_id"].to_numpy()
        pool = np.unique(np.concatenate([self._clips, further]))
        self._by_signer = pool[np.argsort(signers[pool], kind="stable")]
        self._place = np.zeros(len(store), int)
        self._place[self._by_signer] = np.arange(len(pool))
        ordered = signers[self._by_signer]
        self._first = np.searchsorted(ordered, ordered, "left")
        self._count = np.searchsorted(ordered, ordered, "right") - self._first

    def __len__(self) -> int:
        clips = len(self._clips) + len(self._choices)
        batches = -(-clips // self.batch_size)
        steps = -(-batches // self.batches_per_step)
        return min(steps * self.batches_per_step, clips) if steps > 1 else batches  # none of them empty

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plans; Accelerate's loaders call this."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[PlannedClip]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        requests = self._plan(rng)
        lengths = np.array([request.length for request in requests])
        # Noise on the length mixes neighbours differently in every epoch.
        order = np.argsort(lengths * (rng.uniform(0.9, 1.1, len(lengths)) if self.shuffle else 1), kind="stable")
        batches = np.array_split(order, len(self)) if len(order) else []
        if self.shuffle:
            rng.shuffle(batches)
        for batch in batches:
            yield [requests[i] for i in batch]

    def _plan(self, rng: np.random.Generator) -> list[PlannedClip]:
        """Plan the clips of an epoch, not yet sorted into batches.

        What a seed means depends on the order of the draws, here and in `__iter__`: it may not change.
        """
        config = self.augmentation
        of_phrases = [choices[rng.integers(len(choices))] for choices in self._choices]
        clips = np.concatenate([self._clips, np.array(of_phrases, int)])
        n = len(clips)

        partners, cuts = self._partners(clips, rng), rng.random(n)
        partners[rng.random(n) >= config.cut_mix] = NO_PARTNER
        comes_first = (partners != NO_PARTNER) & (rng.random(n) < 0.5)
        clips, partners = np.where(comes_first, partners, clips), np.where(comes_first, clips, partners)
        lengths = self._joined_lengths(clips, partners, cuts)

        stretches = np.where(rng.random(n) < config.resample, rng.uniform(*config.resample_range, n), 1.0)
        resampled = np.maximum((lengths * stretches).astype(int), 1)

        windows = _windows(resampled, config, rng)
        lengths = np.array([sum(each) for each in windows])
        lengths = np.where(lengths > 0, lengths, resampled)

        # One frame of the clip stays, however short it is, and however short it has to be.
        shifts = rng.integers(-config.shift_range, max(config.shift_range, 1), n)
        shifts = np.where(rng.random(n) < config.shift, shifts.clip(1 - lengths, self.max_frames - 1), 0)
        lengths = np.minimum(lengths + shifts, self.max_frames)

        seeds = rng.integers(2**62, size=n)
        columns = (each.tolist() for each in (clips, partners, cuts, resampled, shifts, lengths, seeds))
        clips, partners, cuts, resampled, *others = columns
        return list(map(PlannedClip, clips, partners, cuts, resampled, windows, *others))

    def _partners(self, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw another clip of the same signer for each clip; NO_PARTNER where there is none."""
        place = self._place[clips]
        first, count = self._first[place], self._count[place]
        step = 1 + (rng.random(len(clips)) * (count - 1)).astype(int)  # from 1 to all of the others
        return np.where(count > 1, self._by_signer[first + (place - first + step) % count], NO_PARTNER)

    def _joined_lengths(self, clips: np.ndarray, partners: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """Return the frames of each clip, where it has a partner after both are cut and joined; int [clips]."""
        lengths, joined = self._n_frames[clips], partners != NO_PARTNER
        own, other, cuts = lengths[joined], self._n_frames[partners[joined]], cuts[joined]
        lengths[joined] = other - cut_after(cuts, other) + cut_after(cuts, own)
        return lengths


def _windows(n_frames: np.ndarray, config: TemporalAugmentation, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Draw into how many windows each clip is cut, and how many frames each of them gets; none for most clips.

    A window of n frames gets n times its rate, rounded down, but at least one, as the winner's: on average, clips of
    50, 160 and 380 frames become 0.79, 0.93 and 0.97 times as long.
    """
    n = len(n_frames)
    sizes = window_size(n_frames, rng.integers(*config.local_windows, n, endpoint=True))[:, None]
    rates = rng.uniform(*config.local_range, (n, config.local_windows[1]))
    there = (n_frames[:, None] - sizes * np.arange(config.local_windows[1])).clip(0, sizes)
    lengths = np.where(there > 0, (there * rates).astype(int).clip(1), 0)
    counts = np.where(rng.random(n) < config.local_resample, (there > 0).sum(1), 0)
    return [tuple(each[:count].tolist()) if count else () for each, count in zip(lengths, counts, strict=True)]
