from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from fingerspelling import text
from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.landmarks import POINTS, SELECTED
from fingerspelling.simulation import Signer, SimulationConfig
from fingerspelling.simulation.config import Wild
from fingerspelling.simulation.render import render_aligned_clip
from fingerspelling.text import PAD
from fingerspelling.training import stream as stream_module
from fingerspelling.training.stream import Cast, SimulatedBatches

CONFIG = SimulationConfig(seed=3, clips=50, max_length=5)


@pytest.fixture
def stream() -> SimulatedBatches:
    return SimulatedBatches(CONFIG, 4, NO_TEMPORAL_AUGMENTATION)


def labels(stream: SimulatedBatches) -> list[list[int]]:
    return [item["labels"] for batch in stream for item in batch]


def test_an_epoch_has_as_many_clips_as_asked(stream: SimulatedBatches) -> None:
    sizes = [len(batch) for batch in stream]
    assert sum(sizes) == CONFIG.clips and len(sizes) == len(stream) == 13
    assert set(sizes) == {3, 4}


def test_an_epoch_is_always_the_same_and_the_next_one_is_not(stream: SimulatedBatches) -> None:
    first = labels(stream)
    assert labels(stream) == first
    stream.set_epoch(1)
    assert labels(stream) != first
    assert labels(SimulatedBatches(replace(CONFIG, seed=4), 4, NO_TEMPORAL_AUGMENTATION)) != first


def test_clips_are_those_of_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out of the face changes nothing else, of neither kind of signer."""
    config = replace(CONFIG, wild=Wild(share=0.5))
    whole: list[tuple[np.ndarray, np.ndarray]] = []
    wild = []

    def watching(signer: Signer, phrase: str, rng: np.random.Generator, *about: Any) -> tuple[np.ndarray, np.ndarray]:
        whole.append(render_aligned_clip(signer, phrase, deepcopy(rng), config))
        wild.append(signer.wild)
        return render_aligned_clip(signer, phrase, rng, *about)

    monkeypatch.setattr(stream_module, "render_aligned_clip", watching)
    cast = Cast(config, 14, (0,))
    assert cast.table["participant_id"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 2
    assert set(wild) == {False, True}
    for i, (clip, characters) in enumerate(whole):
        kept = clip[:, [POINTS.index(name) for name in SELECTED]]
        np.testing.assert_array_equal(cast.frames(i), kept.astype(np.float16))
        assert cast.table["n_frames"][i] == len(clip)
        assert cast.alignments[i].tolist() == characters.tolist()


def test_batches_hold_clips_of_about_a_length_and_may_be_joined() -> None:
    stream = SimulatedBatches(replace(CONFIG, clips=64, max_length=31), 8, TemporalAugmentation(cut_mix=1.0))
    lengths = [[len(item["frames"]) for item in batch] for batch in stream]
    within = np.mean([np.std(batch) for batch in lengths])
    assert within < 0.5 * np.std(np.concatenate(lengths))


def test_loader_processes_share_the_work(stream: SimulatedBatches) -> None:
    loader = DataLoader(stream, batch_size=None, collate_fn=collate, num_workers=2)
    seen = [tuple(row[row < PAD].tolist()) for batch in loader for row in batch["labels"]]
    assert sorted(seen) == sorted(map(tuple, labels(stream)))


def test_every_batch_of_every_epoch_is_seeded_otherwise(stream: SimulatedBatches) -> None:
    seeds = []
    for epoch in range(3):
        stream.set_epoch(epoch)
        seeds += [collate(items)["seed"].item() for items in stream]
    assert len(set(seeds)) == len(seeds) == 3 * len(stream)


def test_characters_stay_with_their_frames_where_clips_are_joined_and_resampled() -> None:
    """A frame is known by its points: where it goes, its character goes, as far as the joined phrase has it."""
    temporal = TemporalAugmentation(cut_mix=1.0, resample=1.0, shift=0.5, shift_range=9)
    cast = Cast(CONFIG, 8, (0,))
    signed = {
        frame.tobytes(): [*text.encode(phrase), None][place]
        for clip, phrase in enumerate(cast.table["phrase"])
        for frame, place in zip(cast.frames(clip), cast.alignments[clip], strict=True)
    }
    plan = LengthGroupedSampler(cast, np.arange(8), 4, 0, temporal)
    dataset = ClipDataset(cast, alignments=cast.alignments)
    items = [dataset[request] for batch in plan for request in batch]
    kept = []
    for item in items:
        assert item["aligned"].dtype == np.int64
        assert set(item["aligned"]) <= set(range(-1, len(item["labels"])))
        known = [
            (place, signed[frame.tobytes()])
            for frame, place in zip(item["frames"], item["aligned"], strict=True)
            if frame.tobytes() in signed
        ]
        assert len(known) > 0.7 * len(item["frames"])
        assert all(item["labels"][place] == character for place, character in known if place >= 0)
        places = [place for place, _ in known if place >= 0]
        assert places == sorted(places)
        # What is signed and yet has no place was cut off the phrase, where the clips are joined.
        kept += [place >= 0 for place, character in known if character is not None]
    assert np.mean(kept) > 0.8
    batch = collate(items)
    for row, item in zip(batch["aligned"], items, strict=True):
        assert row.tolist() == item["aligned"].tolist() + [-1] * (batch["mask"].shape[1] - len(item["aligned"]))
