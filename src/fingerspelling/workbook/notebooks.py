"""All notebooks by papermill, with one file of parameters.

    fingerspelling run --params notebooks/params/demo.yaml [--data /path/to/asl-fingerspelling]

Each notebook makes what it needs and keeps it (see workbook.py): a run that was killed goes on where it was.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from fingerspelling.files import write_whole
from fingerspelling.parameters import ParameterError
from fingerspelling.processes import only_process
from fingerspelling.runs import provenance
from fingerspelling.runs.config import CHAPTERS, NOTEBOOKS, ROOT, named_file
from fingerspelling.workbook.workbook import Workbook, open_run

IN_ORDER = [*NOTEBOOKS[1:], NOTEBOOKS[0]]  # the first chapter shows how far the run is, which the others take further
START_SECONDS = 600  # that a kernel may take to start: on a busy machine, papermill's 60 are too few


def run(options: argparse.Namespace) -> int:
    """Run `fingerspelling run`."""
    return execute_all(named_file(options.params), options.data, options.notebooks or IN_ORDER)


def execute_all(params: Path, data_dir: Path | None = None, names: Sequence[str] = IN_ORDER) -> int:
    """Execute notebooks with one file of parameters; returns the exit status.

    Executed notebooks go to <run_dir>/notebooks; each ends with what it ran with (see provenance.py).

    Raises:
        ParameterError, DataError: there is no such notebook, another process is at work in run_dir, or as `open_run`.
    """
    if unknown := [name for name in names if name not in NOTEBOOKS]:
        raise ParameterError(f"notebooks: no {', '.join(unknown)}; there are {', '.join(NOTEBOOKS)}")
    book = open_run(params, data_dir)
    values = {"params": str(params.resolve())}
    if book.config.data_dir:
        values["data_dir"] = str(book.config.data_dir)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    papermills = logging.getLogger("papermill")
    papermills.setLevel(logging.INFO)
    papermills.addFilter(_what_notebooks_print)
    executed = book.run_dir / "notebooks"
    papermill_io.register(str(executed), _WholeFiles())
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # or kernels of Kaggle's image warn of their debugger
    began = time.monotonic()
    with only_process(book.run_dir):
        executed.mkdir(parents=True, exist_ok=True)
        for name in names:
            start = time.monotonic()
            print(f"=== {name}", flush=True)
            if failure := _execute(name, executed / f"{name}.ipynb", values):
                print(failure, file=sys.stderr)
                return 1
            seconds = time.monotonic() - start
            _sign(executed / f"{name}.ipynb", book)
            print(f"=== {name} took {seconds:.0f} s", flush=True)
    print(f"=== done in {(time.monotonic() - began) / 60:.1f} minutes; everything is in {book.run_dir}")
    return 0


def _execute(name: str, executed: Path, values: dict[str, str]) -> str:
    """Execute a notebook, which goes to the path `executed`; returns why it failed, "" where it has not."""
    try:
        papermill.execute_notebook(
            CHAPTERS / f"{name}.ipynb",
            executed,
            values,
            kernel_name="python3",
            progress_bar=False,
            log_output=True,
            start_timeout=START_SECONDS,
            cwd=ROOT,
            # Without the warning of each kernel that connections within the machine are not encrypted.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except PapermillExecutionError as error:
        failure = f"{name}, cell {error.exec_count}: {error.ename}: {error.evalue}"
        return f"{failure}\nthe notebook with the whole error: {executed}"
    except RuntimeError as error:
        if str(error).startswith("Kernel didn't respond"):
            return f"{name}: its kernel did not start in {START_SECONDS} s; try again"
        if str(error).startswith("Kernel died"):
            return f"{name}, cell {_last_cell(executed)}: the kernel died; most often, memory has run out"
        raise
    return ""


def _sign(notebook: Path, book: Workbook) -> None:
    """Let an executed notebook carry in its metadata what its last cell says that it ran with."""
    content = nbformat.read(notebook, 4)
    content.metadata["provenance"] = provenance.read(book.run_dir)[notebook.stem]
    write_whole(notebook, nbformat.writes(content) + "\n")


class _WholeFiles(LocalHandler):
    """What papermill writes after every cell, so that a kill leaves what the last one before it has written."""

    def write(self, buf: str, path: str) -> None:
        write_whole(Path(path), buf)


def _last_cell(notebook: Path) -> int:
    """Return the number of the last code cell that was begun, 0 for none.

    By the time: papermill takes all cells for completed, even those that a dead kernel has never seen.
    """
    cells = nbformat.read(notebook, 4).cells
    return sum(cell.cell_type == "code" and bool(cell.metadata["papermill"]["start_time"]) for cell in cells)


def _what_notebooks_print(record: logging.LogRecord) -> bool:
    """Let through what cells print, without papermill's own lines around every cell and without blank lines."""
    record.msg, record.args = record.getMessage().rstrip(), ()
    papermills_own = ("Executing ", "Ending ", "Input ", "Output ", "Working directory", "Cell ")
    return bool(record.msg) and not record.msg.startswith(papermills_own)
