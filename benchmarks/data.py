"""How fast clips come out of the competition's files, and from the clip store into batches.

    python benchmarks/data.py [--repeats 5] [--clips 2000] [--folder /tmp/data-benchmark]

Simulates files of the competition's shape (1,000 clips of 160 frames on average, 1,629 columns), kept in --folder for
the next time. Every row is measured in a process of its own, once to warm up and then --repeats times, with the files
in the page cache. The memory is the peak of this process or of the largest of the loader's.
"""

import argparse
import io
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader

from fingerspelling.data.augmentation import TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.extraction import ROWS_PER_BATCH, STORE_COLUMNS, extract
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.store import ClipStore
from fingerspelling.simulation import SimulationConfig, simulate

CLIPS_PER_FILE = 1000
BATCH = 64  # clips
EPOCH = 8000  # clips that the loader reads per measurement, some of them several times


class Row(NamedTuple):
    """A line of the table: what is measured, and what it has to reach."""

    name: str
    wanted: float  # clips/s; NaN for no requirement
    times: Callable[[Path, int], Iterator[float]]  # yields clips/s


def decoding(folder: Path, repeats: int) -> Iterator[float]:
    """Decode the 390 columns with PyArrow and do nothing with them: the limit of any extraction."""
    pa.set_cpu_count(1)
    paths = sorted(folder.glob("competition/train_landmarks/*.parquet"))
    for _ in range(repeats):
        start = time.perf_counter()
        for path in paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for _ in file.iter_batches(ROWS_PER_BATCH, columns=STORE_COLUMNS, use_threads=False):
                    pass
        yield len(paths) * CLIPS_PER_FILE / (time.perf_counter() - start)


def extraction(folder: Path, repeats: int) -> Iterator[float]:
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=folder) as store:
            start = time.perf_counter()
            summary = extract(folder / "competition", Path(store))
            yield summary["clips"].sum() / (time.perf_counter() - start)


def loading(folder: Path, repeats: int, processes: int) -> Iterator[float]:
    """Load as training does: with the round-2 recipe's cut-mix and resampling, and converted to float32."""
    store, recipe = ClipStore(folder / "clips"), TemporalAugmentation()
    places = np.arange(EPOCH) % len(store)
    plan = LengthGroupedSampler(store, places, BATCH, seed=1, augmentation=recipe)
    loader = DataLoader(
        ClipDataset(store),
        batch_sampler=plan,
        collate_fn=collate,
        num_workers=processes,
        persistent_workers=processes > 0,
    )
    for epoch in range(repeats):
        plan.set_epoch(epoch)
        start = time.perf_counter()
        for batch in loader:
            batch["frames"].float()
        yield EPOCH / (time.perf_counter() - start)


ROWS = [
    Row("extraction, one process (decodes in a second thread)", 2400, extraction),
    Row("  PyArrow's share of it, decoding, in one thread", np.nan, decoding),
    Row("loader, 2 processes", 2500, partial(loading, processes=2)),
    Row("loader, 1 process", np.nan, partial(loading, processes=1)),
    Row("loader, in the training process", np.nan, partial(loading, processes=0)),
]


def measure(row: int, folder: Path, repeats: int) -> tuple[float, float, float, float]:
    """Return the median, least and most clips/s, and the largest memory of the process and its children in MB."""
    torch.set_num_threads(1)
    with redirect_stdout(io.StringIO()):  # without progress
        _, *rates = ROWS[row].times(folder, repeats + 1)
    usage = [resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return float(np.median(rates)), min(rates), max(rates), max(usage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clips", type=int, default=2 * CLIPS_PER_FILE, help="simulated, in files of 1,000")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "data-benchmark")
    arguments = parser.parse_args()
    config = SimulationConfig(clips=arguments.clips, clips_per_file=CLIPS_PER_FILE, supplemental_clips=0)
    simulate(config, arguments.folder / "competition")
    extract(arguments.folder / "competition", arguments.folder / "clips")
    store = ClipStore(arguments.folder / "clips")
    shards = sum(path.stat().st_size for path in store.folder.glob("*/*.arrow"))
    n_frames = store.table["n_frames"].mean()
    print(f"{len(store)} clips of {n_frames:.0f} frames; {shards / len(store) / 1e3:.0f} kB per clip")
    print(f"{'clips/s':56}{'wanted':>8}{'median':>8}{'least':>8}{'most':>8}{'MB':>8}")
    context = multiprocessing.get_context("spawn")  # one process per row, so that each has its own peak of memory
    for number, row in enumerate(ROWS):
        with ProcessPoolExecutor(1, context) as process:
            figures = process.submit(measure, number, arguments.folder, arguments.repeats).result()
        wanted = "" if np.isnan(row.wanted) else f"{row.wanted:.0f}"
        print(f"{row.name:56}{wanted:>8}" + "".join(f"{figure:8.0f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
