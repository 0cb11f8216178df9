from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import CONFIG

from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION
from fingerspelling.data.dataset import ClipDataset
from fingerspelling.data.sampler import PlannedClip
from fingerspelling.data.store import ClipStore
from fingerspelling.simulation import SimulationConfig
from fingerspelling.training import split_by_signer, training_plan
from fingerspelling.training.loading import BatchSamplerShard, stream_shard, training_loader
from fingerspelling.training.stream import SimulatedBatches


class Numbered:
    """A plan whose batches tell their epoch and number."""

    def __init__(self, batches: int) -> None:
        self.batches, self.epoch = batches, 0

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        yield from ((self.epoch, number) for number in range(self.batches))


@given(batches=st.integers(1, 30), processes=st.integers(1, 9), epoch=st.integers(0, 3))
def test_shares_are_equally_long_and_together_the_plan(batches: int, processes: int, epoch: int) -> None:
    shares = [BatchSamplerShard(Numbered(batches), process, processes) for process in range(processes)]
    for share in shares:
        share.set_epoch(epoch)
    dealt = [list(share) for share in shares]
    assert {len(batches) for batches in dealt} == {len(share) for share in shares} == {-(-batches // processes)}
    in_turn = [batch for round_ in zip(*dealt, strict=True) for batch in round_]
    assert in_turn[:batches] == [(epoch, number) for number in range(batches)]
    assert set(in_turn[batches:]) <= {(epoch, batches - 1)}  # what fills up


@pytest.mark.parametrize("num_workers", [0, 1])
def test_loaders_of_two_processes_give_each_epochs_plan_in_turn(store: ClipStore, num_workers: int) -> None:
    def plan(epoch: int) -> list[list[PlannedClip]]:
        planned = training_plan(store, split_by_signer(store, CONFIG), CONFIG, 384)
        planned.set_epoch(epoch)
        return list(planned)

    loaders = [
        training_loader(
            training_plan(store, split_by_signer(store, CONFIG), CONFIG, 384),
            ClipDataset(store),
            num_workers,
            pin_memory=False,
            process=process,
            processes=2,
        )
        for process in range(2)
    ]
    for epoch in range(2):
        dealt = [[batch["clips"].tolist() for batch in loader] for loader in loaders]
        in_turn = [clips for round_ in zip(*dealt, strict=True) for clips in round_]
        planned = [[request.clip for request in batch] for batch in plan(epoch)]
        assert in_turn == [*planned, planned[-1]]  # three batches for two


def test_processes_simulate_as_many_batches_of_different_clips() -> None:
    stream = SimulatedBatches(SimulationConfig(clips=9, max_length=3), 2, NO_TEMPORAL_AUGMENTATION)
    assert stream_shard(stream, 0, 1) is stream
    shares = [stream_shard(stream, process, 2) for process in range(2)]
    batches = [list(share) for share in shares]
    assert [len(share) for share in shares] == [len(made) for made in batches] == [3, 3]  # five batches, rounded up
    frames = [[item["frames"].tobytes() for batch in made for item in batch] for made in batches]
    assert len(frames[0]) == len(frames[1]) == 6
    assert not set(frames[0]) & set(frames[1])
