from dataclasses import replace

import numpy as np
import pytest
from torch.utils.data import DataLoader

from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation
from fingerspelling.data.dataset import collate
from fingerspelling.landmarks import POINTS, SELECTED
from fingerspelling.simulation import SimulationConfig, render_clip
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
    assert set(sizes) == {4, 2}


def test_an_epoch_is_always_the_same_and_the_next_one_is_not(stream: SimulatedBatches) -> None:
    first = labels(stream)
    assert labels(stream) == first
    stream.set_epoch(1)
    assert labels(stream) != first
    assert labels(SimulatedBatches(replace(CONFIG, seed=4), 4, NO_TEMPORAL_AUGMENTATION)) != first


def test_clips_are_those_of_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = []
    monkeypatch.setattr(stream_module, "render_clip", lambda *about: whole.append(render_clip(*about)) or whole[-1])
    cast = Cast(CONFIG, 6, (0,))
    assert cast.table["participant_id"].tolist() == [0, 0, 0, 0, 1, 1]
    for i, clip in enumerate(whole):
        kept = clip[:, [POINTS.index(name) for name in SELECTED]]
        np.testing.assert_array_equal(cast.frames(i), kept.astype(np.float16))
        assert cast.table["n_frames"][i] == len(clip)


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
