"""How fast models train and validate: clips a second, the share of the processor's speed, and memory.

    python benchmarks/training.py [--repeats 5] [--batches 12] [--only "round 2"] [--folder /tmp/data-benchmark]

A batch of 16 clips is a step: normalisation, augmentation of the points, forward, backward, clipping, optimiser. The
clips are simulated, as long as the real ones, and cut, joined and resampled as the recipe does; the batches are drawn
from all lengths. Every row runs in a process of its own: all batches once without being counted, then --repeats times.
The speed of matrix products is measured in the same process, right before. In a row of two processes each has half of
every batch and half of the threads, and they average their gradients (gloo), as under torchrun.
"""

import argparse
import contextlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from fingerspelling import text
from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation, augment
from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.extraction import extract
from fingerspelling.data.sampler import LengthGroupedSampler
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import eval_batch_size, read_encoded
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize
from fingerspelling.runs.config import RunConfig
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.training.recipe import Recipe

BATCH = 16  # clips
PARAMS = Path(__file__).resolve().parents[1] / "notebooks/params"
Batch = dict[str, Tensor]


class Row(NamedTuple):
    """A line of the table: what is measured, of which parameters' model, and what it has to reach."""

    name: str
    params: str
    wanted: float  # clips/s; NaN where nothing is
    bf16: bool = False
    validation: bool = False
    processes: int = 1


ROWS = [
    Row("train step, round 2, fp32", "round2", 12),
    Row("train step, round 2, fp32, two processes", "round2", 12, processes=2),
    Row("train step, round 2, bf16 autocast", "round2", np.nan, bf16=True),
    Row("train step, round 1, fp32", "round1", 30),
    Row("train step, round 1, fp32, two processes", "round1", 30, processes=2),
    Row("train step, round 1, bf16 autocast", "round1", np.nan, bf16=True),
    Row("validation, round 2: loss and 33 greedy steps", "round2", 25, validation=True),
    Row("validation, round 1: loss and 33 greedy steps", "round1", np.nan, validation=True),
]


def load_batches(folder: Path, augmentation: TemporalAugmentation, size: int, count: int) -> list[Batch]:
    """Return batches of all lengths, as an epoch has them."""
    store = ClipStore(folder / "clips")
    plan = LengthGroupedSampler(store, np.arange(len(store)), size, seed=1, augmentation=augmentation)
    planned = sorted(plan, key=lambda batch: max(request.length for request in batch))
    clips = ClipDataset(store)
    places = ((np.arange(count) + 0.5) / count * len(planned)).astype(int)
    return [collate([clips[request] for request in planned[place]]) for place in places]


def training(model: nn.Module, recipe: Recipe, bf16: bool) -> Callable[[Batch], None]:
    config = recipe.training
    optimizer = torch.optim.AdamW(
        model.train().parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    autocast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()

    def step(batch: Batch) -> None:
        with autocast:
            frames = augment(normalize(batch["frames"]), batch["mask"], config.spatial)
            masked_inputs = torch.rand(2, *batch["labels"].shape) < config.mask_tokens
            loss = model(frames, batch["mask"], batch["labels"], masked_inputs, batch["scores"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    return step


def validation(model: FingerspellingModel) -> Callable[[Batch], None]:
    model.eval().output_projection.weight.data[text.PAD :] = 0  # the best of 59 random logits is above 0: no end

    @torch.inference_mode()
    def step(batch: Batch) -> None:
        frames = normalize(batch["frames"])
        encoded = model.encode(frames, batch["mask"])
        model.losses(*encoded, batch["labels"], None, batch["scores"])
        read_encoded([model], [encoded], frames, batch["mask"])

    return step


def timed(step: Callable[[Batch], None], batches: list[Batch], repeats: int) -> Iterator[float]:
    """Yield the seconds of each run over all batches, the first of which is not counted."""
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        for batch in batches:
            step(batch)
        if repeat:
            yield time.perf_counter() - start


def flops(step: Callable[[Batch], None], model: FingerspellingModel, batch: Batch) -> float:
    """Return the operations of a step's matrix products and convolutions; a backward pass takes twice its forward."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        if model.training:  # PyTorch counts the gradients of depthwise convolutions as if they were dense ones
            model(normalize(batch["frames"]), batch["mask"], batch["labels"])
        else:
            step(batch)
    return counter.get_total_flops() * (3 if model.training else 1)


def gflops_of_products() -> float:
    """Return how fast this processor multiplies matrices of the model's size."""
    frames, weights = torch.randn(BATCH * 190, 208), torch.randn(208, 208)
    times = []
    for _ in range(300):
        start = time.perf_counter()
        frames @ weights
        times.append(time.perf_counter() - start)
    return 2 * frames.numel() * 208 / np.median(times) / 1e9


def measure(row: Row, folder: Path, count: int, repeats: int, rank: int, meeting: str) -> str:
    """Return a row's line; where there are several processes, each calls this with its rank, and all meet in a file."""
    torch.manual_seed(0)
    torch.set_num_threads(max(1, torch.get_num_threads() // row.processes))
    recipe = RunConfig.from_values({"params": str(PARAMS / f"{row.params}.yaml")}).recipe
    model = FingerspellingModel(recipe.model)
    size = eval_batch_size(model.device) if row.validation else BATCH
    batches = load_batches(
        folder, NO_TEMPORAL_AUGMENTATION if row.validation else recipe.training.temporal, size, count
    )
    frames = np.mean([batch["mask"].sum(1).float().mean() for batch in batches])
    real = np.mean([batch["mask"].float().mean() for batch in batches])
    peak = gflops_of_products() * row.processes
    trained = model
    if row.processes > 1:
        dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=row.processes)
        share = slice(rank, None, row.processes)
        batches = [{name: part[share] for name, part in batch.items() if part.dim()} for batch in batches]
        trained = DistributedDataParallel(model)
    step = validation(model) if row.validation else training(trained, recipe, row.bf16)
    work = np.mean([flops(step, model, batch) for batch in batches]) * row.processes / size
    measured = [size * len(batches) / seconds for seconds in timed(step, batches, repeats)]
    gflops = work * np.median(measured) / 1e9
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 * row.processes
    wanted = "" if np.isnan(row.wanted) else f"{row.wanted:.0f}"
    figures = f"{np.median(measured):8.1f}{min(measured):8.1f}{max(measured):8.1f}{frames:8.0f}{1 - real:9.1%}"
    return f"{row.name:48}{wanted:>8}{figures}{gflops:9.0f}{peak:9.0f}{memory:8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "data-benchmark")
    arguments = parser.parse_args()
    simulate(SimulationConfig(clips=2000, clips_per_file=1000, supplemental_clips=0), arguments.folder / "competition")
    extract(arguments.folder / "competition", arguments.folder / "clips")
    print(f"{torch.get_num_threads()} threads, batches of {BATCH}")
    print(
        f"{'clips/s':48}{'wanted':>8}{'median':>8}{'least':>8}{'most':>8}{'frames':>8}{'padding':>9}{'GFLOP/s':>9}"
        f"{'possible':>9}{'MB':>8}"
    )
    context = multiprocessing.get_context("spawn")  # a process a row, so that each has its own peak of memory
    for row in ROWS:
        if arguments.only in row.name:
            settings = row, arguments.folder, arguments.batches, arguments.repeats
            with ProcessPoolExecutor(row.processes, context) as pool, tempfile.TemporaryDirectory() as folder:
                lines = [pool.submit(measure, *settings, rank, f"{folder}/meeting") for rank in range(row.processes)]
                print(lines[0].result(), flush=True)


if __name__ == "__main__":
    main()
