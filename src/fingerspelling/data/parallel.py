"""Independent tasks in processes of this machine, or on a dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import TypeVar

from fingerspelling.files import DataError
from fingerspelling.processes import end_with_parent

SCHEDULER_TIMEOUT = 30  # seconds in which a dask scheduler has to answer

Task = TypeVar("Task")
Result = TypeVar("Result")


class LostTask(Exception):
    """The result of a task whose process died; the most frequent cause is want of memory."""

    def __init__(self) -> None:
        super().__init__("its process died; there may be too little memory")


Results = Iterator[tuple[int, Result | LostTask]]  # with each task's place, in any order


def unordered(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    memory: float,
    processes: int = 0,
    dask_address: str | None = None,
) -> Results[Result]:
    """Call a function on every task and yield the results as they come, each with its task's place.

    Args:
        function: defined at the top of a module, so that other processes can import it.
        tasks: its arguments.
        memory: bytes that a call takes at most, which limits how many run at a time.
        processes: how many calls run at a time at most; 0 for one per core. If it is one, this process makes them.
        dask_address: of a dask cluster, which takes the calls instead; a DataError says that it does not answer.
    """
    if dask_address is not None:
        yield from _on_cluster(function, tasks, dask_address)
        return
    if processes != 1 and len(tasks) > 1:
        from dask.system import CPU_COUNT  # dask is imported where it is needed: processes that work need none of it
        from distributed.system import MEMORY_LIMIT

        processes = min(processes or CPU_COUNT, len(tasks), int(MEMORY_LIMIT // memory))
        if processes > 1:
            yield from _in_processes(function, tasks, processes)
            return
    yield from enumerate(map(function, tasks))


def _in_processes(function: Callable[[Task], Result], tasks: Sequence[Task], processes: int) -> Results[Result]:
    """Once a process has died, go on with a single one, which has the most memory; what it dies of is lost."""
    waiting = dict(enumerate(tasks))
    while waiting:
        context = get_context("spawn")  # fork would copy Jupyter's threads
        pool = ProcessPoolExecutor(processes, context, initializer=end_with_parent)
        try:
            calls: dict[Future[Result], int] = {}
            with suppress(BrokenProcessPool):
                for place, task in waiting.items():
                    calls[pool.submit(function, task)] = place
            for call in as_completed(calls):
                if not isinstance(call.exception(), BrokenProcessPool):
                    del waiting[calls[call]]
                    yield calls[call], call.result()
        finally:
            pool.shutdown(wait=bool(waiting), cancel_futures=True)
        if waiting and processes == 1:
            place = next(iter(waiting))  # calls are made in this order
            del waiting[place]
            yield place, LostTask()
        processes = 1


def _on_cluster(function: Callable[[Task], Result], tasks: Sequence[Task], address: str) -> Results[Result]:
    from distributed import Client, KilledWorker, as_completed

    try:
        client = Client(address, timeout=SCHEDULER_TIMEOUT)
    except (OSError, ValueError) as error:
        raise DataError(f"{address}: no dask scheduler answers there ({error})") from error
    with client:
        calls = client.map(function, tasks, pure=False)  # if pure, equal tasks would be one
        places = {call.key: place for place, call in enumerate(calls)}
        for call in as_completed(calls):
            try:
                yield places[call.key], call.result()
            except KilledWorker:
                yield places[call.key], LostTask()
