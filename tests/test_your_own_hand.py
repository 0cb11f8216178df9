"""The chapter 06_your_own_hand runs on a clip of its run, without a video and without MediaPipe."""

from pathlib import Path

import nbformat
import papermill
import pytest
import yaml

from fingerspelling.runs.config import ROOT

NAME = "06_your_own_hand"
TINY = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text()) | {"first_round": "", "seeds": [1]}


@pytest.mark.timeout(600)
def test_it_runs_on_a_clip_of_its_run(tmp_path: Path) -> None:
    source, run_dir = ROOT / "notebooks" / f"{NAME}.ipynb", tmp_path / "run"
    values = {**TINY, "run_dir": str(run_dir)}
    papermill.execute_notebook(
        source, tmp_path / "out.ipynb", values, kernel_name="python3", progress_bar=False, cwd=source.parent
    )
    executed = nbformat.read(tmp_path / "out.ipynb", 4)
    told = "".join(output.get("text", "") for cell in executed.cells for output in cell.get("outputs", []))
    assert "the hand was found in" in told
    assert (run_dir / "your_own_hand.html").is_file()
    assert (run_dir / "figures/your_own_hand.png").is_file()


def test_it_is_stored_without_outputs_and_in_short_cells() -> None:
    for cell in nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", 4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count")
        assert cell.cell_type == "markdown" or len([line for line in cell.source.splitlines() if line]) <= 20
