import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import CONFIG

from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION
from fingerspelling.data.dataset import ClipDataset
from fingerspelling.data.sampler import PlannedClip
from fingerspelling.data.store import ClipStore
from fingerspelling.simulation import SimulationConfig
from fingerspelling.training import loading, split_by_signer, training_plan
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
        share.sampler.set_epoch(epoch)
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


def batches_of(store: ClipStore, num_workers: int, processes: int = 1) -> list[dict]:
    plan = training_plan(store, split_by_signer(store, CONFIG), CONFIG, 384)
    return list(training_loader(plan, ClipDataset(store), num_workers, process=0, processes=processes))


def test_where_shared_memory_is_small_batches_go_through_pipes(
    store: ClipStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    batch = CONFIG.batch_size * 384 * 390 * 2
    free = SimpleNamespace(free=2 * 3 * batch)  # each of two training processes uses one batch, and two are prepared
    monkeypatch.setattr(loading.shutil, "disk_usage", lambda folder: free)
    expected = batches_of(store, 0, 2)
    batches_of(store, 1, 2)
    assert capsys.readouterr().out == ""
    free.free -= 1
    through_pipes = batches_of(store, 1, 2)
    assert f"/dev/shm has {free.free / 1e6:.0f} MB free, of" in capsys.readouterr().out
    for one, other in zip(expected, through_pipes, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=0, atol=0, equal_nan=True)
            assert not other[name].is_shared()


def test_a_loader_does_not_hang_where_shared_memory_is_used_up(competition: Path, tmp_path: Path) -> None:
    """In a mount namespace of its own, whose /dev/shm holds less than a batch."""
    small = "mount -t tmpfs -o size=64k tmpfs /dev/shm && "
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run([*inside, small + "true"], capture_output=True).returncode
    ):
        pytest.skip("no mount namespaces here")
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]}
from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from test_training_loading import batches_of
extract({str(competition)!r}, {str(tmp_path)!r})
print(len(batches_of(ClipStore({str(tmp_path)!r}), 2)), "batches")
"""
    (tmp_path / "load.py").write_text(code)
    command = f"{small} exec {sys.executable} {tmp_path / 'load.py'}"
    done = subprocess.run([*inside, command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "/dev/shm has 0 MB free" in done.stdout
    assert "3 batches" in done.stdout


def test_processes_simulate_as_many_batches_of_different_clips() -> None:
    stream = SimulatedBatches(SimulationConfig(clips=9, max_length=3), 2, NO_TEMPORAL_AUGMENTATION)
    assert stream_shard(stream, 0, 1) is stream
    shares = [stream_shard(stream, process, 2) for process in range(2)]
    batches = [list(share) for share in shares]
    assert [len(share) for share in shares] == [len(made) for made in batches] == [3, 3]  # five batches, rounded up
    frames = [[item["frames"].tobytes() for batch in made for item in batch] for made in batches]
    assert len(frames[0]) == len(frames[1]) == 6
    assert not set(frames[0]) & set(frames[1])
