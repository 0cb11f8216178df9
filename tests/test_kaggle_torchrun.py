"""Training in two processes from a kernel's notebook, as on two GPUs; here each has a processor."""

from pathlib import Path

import nbformat
import pytest
import yaml
from kaggle_machine import Machine, Version

from fingerspelling.data.extraction import extract
from fingerspelling.runs.config import ROOT
from fingerspelling.simulation import SimulationConfig, simulate

TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text()) | {"run_dir": "outputs/two", "seeds": [1]}
TWO = TINY | {"first_round": "", "training": TINY["training"] | {"gradient_accumulation_steps": 2}}
TWO_GPUS = "from fingerspelling.workbook import workbook\nworkbook.training_processes = lambda: 2\n"
FAILING = """
SOURCE = open(PLACE + "/src/fingerspelling/workbook/train.py").read()
CHANGED = SOURCE.replace("book.train()", "book.train() if state.is_main_process else 1 / 0")
assert CHANGED != SOURCE
open(PLACE + "/src/fingerspelling/workbook/train.py", "w").write(CHANGED)
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("kaggle"))


@pytest.fixture(scope="module")
def inputs(machine: Machine) -> dict[str, Path]:
    """The competition, and what the extraction's kernel would leave of it."""
    data, output = machine.folder / "data", machine.folder / "extraction"
    simulate(SimulationConfig(**TINY["simulation"]), data)
    extract(data, output / "clips")
    (output / "kernel.json").write_text('{"chapter": "02_extraction", "run": "two"}')
    return {"competitions/asl-fingerspelling": data, "notebooks/somebody/extraction": output}


def run(machine: Machine, inputs: dict[str, Path], code: str) -> Version:
    (machine.folder / "two.yaml").write_text(yaml.safe_dump(TWO))
    return machine.run(machine.build(machine.folder / "two.yaml") / "03-training", inputs, {"take-over": code})


def test_two_processes_train_and_are_seen_at_it(machine: Machine, inputs: dict[str, Path]) -> None:
    version = run(machine, inputs, TWO_GPUS)
    assert version.status == 0, version.log[-3000:]
    assert (version.output / "seed1/model/model.safetensors").is_file()
    assert "1 / 0" not in version.log
    (trained,) = (seconds for seconds, line in version.lines if line.startswith("trained; the models are in"))
    progress = [seconds for seconds, line in version.lines if line.startswith("step ")]
    validations = [seconds for seconds, line in version.lines if line.startswith("validation on")]
    assert len(validations) == TWO["training"]["epochs"]
    assert progress and min(progress + validations) < trained - 0.2, "all lines came at once"


def test_an_error_in_one_process_ends_both_and_the_cell(machine: Machine, inputs: dict[str, Path]) -> None:
    """Else the other would wait for days, and pytest's limit end this."""
    version = run(machine, inputs, TWO_GPUS + FAILING)
    assert version.status != 0
    notebook = nbformat.read(version.notebook, 4)
    (error,) = (
        output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"
    )
    assert error.ename == "RuntimeError"
    assert "training in 2 processes failed with status 1" in error.evalue
    assert "ZeroDivisionError" in error.evalue
