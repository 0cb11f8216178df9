"""All notebooks by papermill, with one file of parameters.

    python -m fingerspelling.notebooks --params notebooks/params/demo.yaml [--data /path/to/asl-fingerspelling]

Each notebook makes what it needs and keeps it (see workbook.py): a run that was killed goes on where it was.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

from fingerspelling.config import DEMO, ROOT
from fingerspelling.files import DataError
from fingerspelling.parameters import ParameterError, read_parameters
from fingerspelling.workbook import Workbook

NOTEBOOKS = ["01_eda", "02_extraction", "03_training", "04_error_analysis", "05_submission"]


def run(params: Path, data_dir: str | None = None) -> int:
    """Execute all notebooks with one file of parameters; returns the exit status.

    Executed notebooks go to <run_dir>/notebooks.
    """
    try:
        values = read_parameters(params)
        values |= {"data_dir": str(Path(data_dir).resolve())} if data_dir else {}
        book = Workbook(values)
    except (ParameterError, DataError) as error:
        print(f"{params}: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    papermills = logging.getLogger("papermill")
    papermills.setLevel(logging.INFO)
    papermills.addFilter(_what_notebooks_print)
    executed = book.run_dir / "notebooks"
    executed.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for name in NOTEBOOKS:
        start = time.monotonic()
        print(f"=== {name}", flush=True)
        try:
            papermill.execute_notebook(
                ROOT / "notebooks" / f"{name}.ipynb",
                executed / f"{name}.ipynb",
                values,
                kernel_name="python3",
                progress_bar=False,
                log_output=True,
                cwd=ROOT,
            )
        except PapermillExecutionError as error:
            print(f"{name}, cell {error.exec_count}: {error.ename}: {error.evalue}", file=sys.stderr)
            print(f"the notebook with the whole error: {executed / name}.ipynb", file=sys.stderr)
            return 1
        print(f"=== {name} took {time.monotonic() - start:.0f} s", flush=True)
    print(f"=== done in {(time.monotonic() - began) / 60:.1f} minutes; everything is in {book.run_dir}")
    return 0


def _what_notebooks_print(record: logging.LogRecord) -> bool:
    """Let through what cells print, without papermill's own lines around every cell and without blank lines."""
    record.msg, record.args = record.getMessage().rstrip(), ()
    papermills_own = ("Executing ", "Ending ", "Input ", "Output ", "Working directory", "Cell ")
    return bool(record.msg) and not record.msg.startswith(papermills_own)


def main() -> int:
    """Parse the command line and run all notebooks."""
    parser = argparse.ArgumentParser(prog="python -m fingerspelling.notebooks", description="Run all notebooks.")
    parser.add_argument("--params", type=Path, default=DEMO, help="a YAML file")
    parser.add_argument("--data", help="the competition's data folder; without it, signers are simulated")
    arguments = parser.parse_args()
    return run(arguments.params, arguments.data)


if __name__ == "__main__":
    sys.exit(main())
