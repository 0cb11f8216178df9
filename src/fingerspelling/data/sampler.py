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
    length: int  # frames of the result
    shift: int  # empty frames that it begins with; negative: frames that are missing at its beginning
    seed: int  # for what is drawn when the clip is made


def cut_after(shares: ArrayLike, lengths: ArrayLike) -> np.ndarray:
    """Return after how many of so many frames or characters a cut at a share of the whole falls; int."""
    return np.round(np.multiply(shares, lengths)).astype(int)


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
    ) -> None:
        """Plan batches of clips.

        Args:
            store: where the clips are.
            clips: places in the store; each occurs once in every epoch.
            batch_size: clips per batch.
            seed: of the plans.
            augmentation: what is drawn for each clip.
            max_frames: length that longer clips are resized to.
            shuffle: False sorts every epoch by length, the shortest clips first.
            sampled_per_phrase: further places, from which each epoch draws one clip per phrase.
        """
        self.batch_size, self.seed = batch_size, seed
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
        return -(-(len(self._clips) + len(self._choices)) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plans; Accelerate's loaders call this."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[PlannedClip]]:
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
        lengths = self._joined_lengths(clips, partners, cuts)

        stretches = np.where(rng.random(n) < config.resample, rng.uniform(*config.resample_range, n), 1.0)
        lengths = np.maximum(np.round(lengths * stretches), 1).astype(int)

        shifts = rng.integers(-config.shift_range, config.shift_range, n, endpoint=True)
        shifts = np.where(rng.random(n) < config.shift, np.maximum(shifts, 1 - lengths), 0)
        lengths = np.minimum(lengths + shifts, self.max_frames)
        shifts = np.minimum(shifts, lengths - 1)  # one frame of the clip stays, however short

        seeds = rng.integers(2**62, size=n)
        return list(map(PlannedClip, *(each.tolist() for each in (clips, partners, cuts, lengths, shifts, seeds))))

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
