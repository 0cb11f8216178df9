import os
from collections.abc import Iterator

import dask
import pytest
from distributed import LocalCluster

from fingerspelling.data import parallel
from fingerspelling.data.parallel import LostTask, unordered
from fingerspelling.files import DataError


def process_of(task: int) -> tuple[int, int]:
    return task, os.getpid()


def die_of_two(task: int) -> int:
    if task == 2:
        os._exit(1)
    return task


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def test_without_a_cluster_tasks_run_here_in_their_order() -> None:
    assert list(unordered(process_of, [5, 3], None)) == [(0, (5, os.getpid())), (1, (3, os.getpid()))]


def test_as_many_processes_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "CPU_COUNT", 2)
    monkeypatch.setattr(parallel, "MEMORY_LIMIT", 1e9)
    assert {process for _, (_, process) in unordered(process_of, [1, 2, 3], 0.6e9)} == {os.getpid()}
    done = dict(unordered(process_of, [5, 3, 4], 0.4e9))
    assert {place: task for place, (task, _) in done.items()} == {0: 5, 1: 3, 2: 4}
    assert os.getpid() not in {process for _, process in done.values()}


def test_a_cluster_is_used_by_its_address(cluster: LocalCluster) -> None:
    done = dict(unordered(process_of, [7, 8, 7], None, cluster.scheduler_address))
    assert {place: task for place, (task, _) in done.items()} == {0: 7, 1: 8, 2: 7}
    assert os.getpid() not in {process for _, process in done.values()}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "ftp://x:1"])
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(parallel, "SECONDS", 0.5)
    with pytest.raises(DataError, match=f"{address}: no dask scheduler answers there"):
        list(unordered(process_of, [1], None, address))


def test_a_task_whose_process_dies_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "CPU_COUNT", 2)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        done = dict(unordered(die_of_two, [1, 2], memory=1.0))
    assert done[0] == 1
    assert isinstance(done[1], LostTask)


def test_an_error_in_a_task_is_raised(cluster: LocalCluster) -> None:
    with pytest.raises(ZeroDivisionError):
        list(unordered((1).__truediv__, [0], None, cluster.scheduler_address))
