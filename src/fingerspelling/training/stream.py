"""Training straight from the simulation: an endless stream of clips, each epoch by new signers, without files."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch.utils.data import IterableDataset, get_worker_info

from fingerspelling.data.augmentation import TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.landmarks import FACE, POINTS, SELECTED_PLACES
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.render import render_aligned_clip
from fingerspelling.simulation.wild_signer import phrase_of, sample_signer

BATCHES_PER_CAST = 8  # batches made at a time from clips of the same signers, sorted by length
CLIPS_PER_SIGNER = 4  # within them, so that clips of a signer can be joined
# Of the face, only the points that the model reads are simulated; where they, and the other points, then are.
READ_OF_FACE = tuple(place for place in SELECTED_PLACES if place < FACE)
READ = [[*READ_OF_FACE, *range(FACE, len(POINTS))].index(place) for place in SELECTED_PLACES]
STREAM = 100  # first word of the random streams' keys; those of simulated files begin with small ones


class Cast:
    """A few new signers and their clips, in memory; serves where a sampler or a dataset takes a ClipStore.

    Attributes:
        table: a row per clip: participant_id, phrase, n_frames.
        alignments: of each clip, int64 [frames]: place in the phrase of the character that is signed, -1 for none.
    """

    def __init__(self, config: SimulationConfig, clips: int, key: tuple[int, ...]) -> None:
        """Simulate clips; the same seed and key give the same ones."""
        rng = config.generator(STREAM, *key)
        signers = [sample_signer(rng, config) for _ in range(-(-clips // CLIPS_PER_SIGNER))]
        participants = np.arange(clips) // CLIPS_PER_SIGNER
        phrases = [phrase_of(signers[person], rng, config) for person in participants]
        self._frames, self.alignments = [], []
        for person, phrase in zip(participants, phrases, strict=True):
            frames, characters = render_aligned_clip(signers[person], phrase, rng, config, READ_OF_FACE)
            # PyTorch rounds to half precision several times as fast as NumPy, to the same numbers.
            self._frames.append(torch.from_numpy(np.ascontiguousarray(frames[:, READ])).half().numpy())
            self.alignments.append(characters)
        lengths = [len(frames) for frames in self._frames]
        self.table = pd.DataFrame({"participant_id": participants, "phrase": phrases, "n_frames": lengths})

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, clip: int) -> np.ndarray:
        """Return a clip, float16 [frames, 130, 3], NaN where not detected."""
        return self._frames[clip]


class SimulatedBatches(IterableDataset[list[dict]]):
    """Batches of simulated clips for `collate`, new in every epoch; what `DataLoader(batch_size=None)` takes.

    Args:
        config: what to simulate; clips is the number of an epoch's clips, the signers are always new.
        batch_size: clips per batch.
        augmentation: what is drawn for each clip.
        max_frames: what longer clips are resized to.
    """

    def __init__(
        self, config: SimulationConfig, batch_size: int, augmentation: TemporalAugmentation, max_frames: int = 384
    ) -> None:
        self.config, self.batch_size = config, batch_size
        self.augmentation, self.max_frames = augmentation, max_frames
        self.epoch = 0

    def __len__(self) -> int:
        return -(-self.config.clips // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration simulates; Accelerate's loaders call this."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[dict]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        size = BATCHES_PER_CAST * self.batch_size
        casts = -(-self.config.clips // size)
        for number in range(first, casts, step):
            clips = min(size, self.config.clips - number * size)
            cast = Cast(self.config, clips, (self.epoch, number))
            plan = LengthGroupedSampler(
                cast, np.arange(clips), self.batch_size, self.config.seed, self.augmentation, self.max_frames
            )
            plan.set_epoch(self.epoch * casts + number)
            dataset = ClipDataset(cast, alignments=cast.alignments)
            for requests in plan:
                yield [dataset[request] for request in requests]
