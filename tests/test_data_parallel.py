import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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


def test_a_single_process_is_this_one_and_takes_tasks_in_their_order() -> None:
    assert list(unordered(process_of, [5, 3], 1, processes=1)) == [(0, (5, os.getpid())), (1, (3, os.getpid()))]
    assert list(unordered(process_of, [5], 1, processes=2)) == [(0, (5, os.getpid()))]


@pytest.mark.parametrize(("cores", "processes", "memory", "others"), [(2, 0, 0.4e9, 2), (1, 2, 0.4e9, 2), (4, 0, 1, 3)])
def test_as_many_processes_as_asked_for_or_cores_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int, memory: float, others: int
) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", cores)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 1e9)
    done = dict(unordered(process_of, [5, 3, 4], memory, processes))
    assert {place: task for place, (task, _) in done.items()} == {0: 5, 1: 3, 2: 4}
    assert 1 <= len({process for _, process in done.values()} - {os.getpid()}) <= others


@pytest.mark.parametrize(("cores", "memory"), [(2, 0.6e9), (1, 0.4e9)])
def test_no_process_is_started_that_cores_or_memory_lack(
    monkeypatch: pytest.MonkeyPatch, cores: int, memory: float
) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", cores)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 1e9)
    assert {process for _, (_, process) in unordered(process_of, [1, 2, 3], memory)} == {os.getpid()}


def test_a_cluster_is_used_by_its_address(cluster: LocalCluster) -> None:
    done = dict(unordered(process_of, [7, 8, 7], 1, dask_address=cluster.scheduler_address))
    assert {place: task for place, (task, _) in done.items()} == {0: 7, 1: 8, 2: 7}
    assert os.getpid() not in {process for _, process in done.values()}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "ftp://x:1"])
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(parallel, "SCHEDULER_TIMEOUT", 0.5)
    with pytest.raises(DataError, match=f"{address}: no dask scheduler answers there"):
        list(unordered(process_of, [1], 1, dask_address=address))


def test_a_task_whose_process_dies_costs_no_other() -> None:
    done = dict(unordered(die_of_two, [1, 2, 3, 2], 1, processes=2))
    assert (done[0], done[2]) == (1, 3)
    assert isinstance(done[1], LostTask) and isinstance(done[3], LostTask)


def tell_process(file: Path) -> None:
    file.with_suffix(".tmp").write_text(str(os.getpid()))
    file.with_suffix(".tmp").rename(file)
    time.sleep(0.1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has another way to kill")
def test_processes_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from test_data_parallel import *\n"
        "files = [Path(sys.argv[1], str(i)) for i in range(9999)]\n"
        "if __name__ == '__main__': list(unordered(tell_process, files, 1, processes=2))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    run = subprocess.Popen([sys.executable, "-c", code, tmp_path], env=environment)
    while not (begun := [path for path in tmp_path.iterdir() if path.suffix != ".tmp"]):
        time.sleep(0.1)
    run.kill()
    run.wait()
    process = int(begun[0].read_text())
    while os.path.exists(f"/proc/{process}"):
        time.sleep(0.1)


def test_a_task_whose_process_dies_on_a_cluster_costs_no_other() -> None:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        done = dict(unordered(die_of_two, [1, 2], 1, dask_address=cluster.scheduler_address))
    assert done[0] == 1
    assert isinstance(done[1], LostTask)


def test_an_error_in_a_task_is_raised(cluster: LocalCluster) -> None:
    for where in ({"processes": 1}, {"processes": 2}, {"dask_address": cluster.scheduler_address}):
        with pytest.raises(ZeroDivisionError):
            list(unordered((1).__truediv__, [0, 0], 1, **where))


def test_tasks_that_nobody_waits_for_any_more_are_not_begun() -> None:
    results = unordered(time.sleep, [0.0, *[0.5] * 40], 1, processes=2)  # ten seconds of work
    next(results)
    start = time.perf_counter()
    results.close()
    assert time.perf_counter() - start < 5
