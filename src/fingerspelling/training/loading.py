"""Batches for training: what an epoch consists of, and each process's share of it.

Accelerate's own sharding expects batches of equal size and fills up with clips that the epoch has already had; the
plans know better.
"""

import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.data_loader import DataLoaderShard, prepare_data_loader
from torch.utils.data import DataLoader, Sampler

from fingerspelling.data.dataset import ClipDataset, collate
from fingerspelling.data.sampler import LengthGroupedSampler, PlannedClip
from fingerspelling.data.store import VALUES_PER_FRAME, ClipStore
from fingerspelling.training.config import TrainingConfig
from fingerspelling.training.split import Split
from fingerspelling.training.stream import BATCHES_PER_CAST, SimulatedBatches

Plan = LengthGroupedSampler | SimulatedBatches
SHARED_MEMORY = Path("/dev/shm")  # of Linux, where processes pass on tensors
PREFETCHED = 2  # batches that each of a loader's processes makes ahead; of a stream, all those of a cast


def training_plan(store: ClipStore, split: Split, config: TrainingConfig, max_frames: int) -> Plan:
    """Return the epochs' batches: all training clips and one supplemental clip per phrase, or simulated ones."""
    if config.simulation:
        return SimulatedBatches(config.simulation, config.batch_size, config.temporal, max_frames)
    return LengthGroupedSampler(
        store,
        split.training,
        config.batch_size,
        config.seed,
        config.temporal,
        max_frames,
        sampled_per_phrase=split.supplemental,
        batches_per_step=config.gradient_accumulation_steps,
    )


class BatchSamplerShard(Sampler[list[PlannedClip]]):
    """One process's share of a plan: with n processes, every n-th batch.

    All shares are equally long, since processes step together. Where an epoch's batches do not deal evenly, its last
    batch stands in once more; the trainer gives it the weight 0.
    """

    def __init__(self, plan: LengthGroupedSampler, process: int, processes: int) -> None:
        self.sampler = plan  # of this name, Accelerate's loaders tell it the epoch
        self.process, self.processes = process, processes

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.processes)

    def __iter__(self) -> Iterator[list[PlannedClip]]:
        for number, batch in enumerate(self.sampler):
            if number % self.processes == self.process:
                yield batch
        if self.process > number % self.processes:
            yield batch


def stream_shard(stream: SimulatedBatches, process: int, processes: int) -> SimulatedBatches:
    """Return a process's share of a simulated stream: as many batches, of signers of its own.

    On several processes an epoch is rounded up to as many full batches for each.
    """
    if processes == 1:
        return stream
    clips = math.ceil(len(stream) / processes) * stream.batch_size
    config = replace(stream.config, clips=clips, seed=stream.config.seed * processes + process)
    return SimulatedBatches(config, stream.batch_size, stream.augmentation, stream.max_frames)


def training_loader(
    plan: Plan,
    clips: ClipDataset,
    num_workers: int,
    process: int,
    processes: int,
    min_frames: int = 0,
) -> DataLoaderShard:
    """Return the loader of one training process's share of a plan.

    Args:
        plan: the epochs' batches.
        clips: makes the clips that a plan of a store requests.
        num_workers: processes that read and join clips; 0 does it in this one.
        process: number of the training process.
        processes: how many of them there are.
        min_frames: batches of shorter clips are padded to this length.
    """
    if isinstance(plan, SimulatedBatches):
        # A stream's processes learn of a new epoch by being started anew: they cannot be persistent.
        source: dict[str, Any] = {"dataset": stream_shard(plan, process, processes), "batch_size": None}
        prefetched = BATCHES_PER_CAST
    else:
        sampler = BatchSamplerShard(plan, process, processes)
        source = {"dataset": clips, "batch_sampler": sampler, "persistent_workers": num_workers > 0}
        prefetched = PREFETCHED
    if num_workers:
        source |= {"prefetch_factor": prefetched}
        frames = plan.batch_size * max(plan.max_frames, min_frames)
        batch_bytes = frames * VALUES_PER_FRAME * np.dtype(np.float16).itemsize
        if not _shared_memory_suffices(processes * (prefetched * num_workers + 1) * batch_bytes):
            source |= {"worker_init_fn": _send_through_pipes}
    pad = partial(collate, min_frames=min_frames)
    on_gpu = torch.cuda.is_available()
    loader = DataLoader(collate_fn=pad, num_workers=num_workers, pin_memory=on_gpu, **source)
    # This tells the plan when an epoch begins. The shares are dealt already, hence one process here.
    return prepare_data_loader(loader, num_processes=1, process_index=0, dispatch_batches=False)


def _shared_memory_suffices(needed: int) -> bool:
    """Tell whether there is room for so many bytes of tensors; where there is not, a loader would hang."""
    if not SHARED_MEMORY.is_dir() or (free := shutil.disk_usage(SHARED_MEMORY).free) >= needed:
        return True
    print(
        f"{SHARED_MEMORY} has {free / 1e6:.0f} MB free, of {needed / 1e6:.0f} that num_workers would share: their "
        "batches take the slower way through pipes (in docker, --shm-size gives it more)"
    )
    return False


def _send_through_pipes(_: int) -> None:
    """Let this process of a loader send tensors by their values, not as places in shared memory."""
    ForkingPickler.register(torch.Tensor, lambda tensor: (torch.from_numpy, (tensor.numpy(),)))
