"""Independent tasks in local processes or on a cluster, by dask."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeVar

from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.system import MEMORY_LIMIT

from fingerspelling.files import DataError

SECONDS = 30  # in which a scheduler has to answer

Task = TypeVar("Task")
Result = TypeVar("Result")


class LostTask(Exception):
    """What a task gives whose process died, again and again; most often for want of memory."""


def unordered(
    function: Callable[[Task], Result], tasks: Sequence[Task], memory: float | None, dask_address: str | None = None
) -> Iterator[tuple[int, Result | LostTask]]:
    """Call a function on every task and give the results as they come, each with its task's place.

    Args:
        function: a module's own, so that other processes can import it.
        tasks: its arguments.
        memory: bytes that a call takes at most, which limits how many run at a time; None calls here, one after
            the other.
        dask_address: the address of a dask cluster; it takes the calls instead.

    Raises:
        DataError: the scheduler does not answer.
    """
    processes = min(CPU_COUNT, len(tasks), int(MEMORY_LIMIT // memory)) if memory else 1
    if dask_address is None and processes <= 1:
        yield from enumerate(map(function, tasks))
        return
    with ExitStack() as stack:
        # One thread a process: each call has its memory to itself, and processes do not spin for each other's cores.
        # No limit of dask's own, which would count the cached pages of a file that is read.
        cluster = dask_address or stack.enter_context(
            LocalCluster(n_workers=processes, threads_per_worker=1, memory_limit=None, dashboard_address=None)
        )
        try:
            client = stack.enter_context(Client(cluster, timeout=SECONDS))
        except (OSError, ValueError) as error:
            raise DataError(f"{dask_address}: no dask scheduler answers there ({error})") from error
        calls = client.map(function, tasks, pure=False)  # if pure, equal tasks would be one
        places = {call.key: place for place, call in enumerate(calls)}
        for call in as_completed(calls):
            try:
                yield places[call.key], call.result()
            except KilledWorker:
                yield places[call.key], LostTask("the processes that read it died; there may be too little memory")
