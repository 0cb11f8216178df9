"""Train a run's models: `fingerspelling train --params FILE`, or the same under torchrun."""

import argparse
import os
import sys
from contextlib import redirect_stdout
from datetime import timedelta

import torch
from accelerate import PartialState

from fingerspelling.processes import end_with_parent
from fingerspelling.runs.config import named_file
from fingerspelling.training.launch import under_torchrun
from fingerspelling.training.limit import StoppedInTime
from fingerspelling.workbook.workbook import open_run

PATIENCE = timedelta(days=2)  # how long processes wait while the main one simulates and extracts


def run(options: argparse.Namespace) -> int:
    """Train the models of a run and say where they are, or how far; returns the exit status, 0; raises as `open_run`.

    Under torchrun, every process calls this, and the main one alone prints.
    """
    if under_torchrun():
        end_with_parent()
    cpu = not torch.cuda.is_available()
    if cpu:  # several processes would call it cpu:0, which torch.load does not know when a training is resumed
        os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    state = PartialState(cpu=cpu, timeout=PATIENCE)
    with open(os.devnull, "w") as nowhere, redirect_stdout(sys.stdout if state.is_main_process else nowhere):
        with state.main_process_first():  # it simulates and extracts
            book = open_run(named_file(options.params), options.data)
            book.extract()
        state.wait_for_everyone()  # a training clears its run's folder of what others have begun to write
        try:
            book.train()
            print(f"trained; the models are in {book.run_dir}")
        except StoppedInTime as stopped:
            print(stopped)
    state.destroy_process_group()
    return 0
