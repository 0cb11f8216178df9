"""Small and odd data sets go through all chapters, or end them with a sentence."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from test_data_conventions import changed, mirrored, pixels, swapped, zeros
from test_notebooks import FOLDER, NOTEBOOKS, TINY

from fingerspelling.files import DataError
from fingerspelling.landmarks import COLUMNS
from fingerspelling.simulation import SimulationConfig, simulate

HANDS = [name for name in COLUMNS if "_hand_" in name]
Table = pd.DataFrame
Change = Callable[[Table], Table]


def unchanged(table: Table) -> Table:
    return table


def without_hands(points: Table) -> Table:
    return points.assign(**dict.fromkeys(HANDS, np.float32(np.nan)))


def hardly_any_hand(points: Table) -> Table:
    seen = points["frame"] % 12 == 0
    return points.assign(**{name: points[name].where(seen) for name in HANDS})


def shuffled(points: Table) -> Table:
    return points.sample(frac=1, random_state=1)


def some_empty(table: Table) -> Table:
    return table.assign(phrase=np.where(np.arange(len(table)) % 3 == 0, "", table["phrase"]))


def hostile_phrases(table: Table) -> Table:
    phrases = ["$_$ 12 street", "\U0001f600", "\u0645\u0631\u062d\u0628\u0627", "a\x07b"]
    return table.assign(phrase=[phrases[i % 8] if i % 8 < 4 else phrase for i, phrase in enumerate(table["phrase"])])


def twice(table: Table) -> Table:
    return pd.concat([table, table.iloc[:3], table.iloc[:1].assign(phrase="other")])


# What is simulated, and how its points and its table are then changed.
SETS: dict[str, tuple[dict, Change, Change]] = {
    "twenty clips": ({"clips": 20}, unchanged, unchanged),
    "ten signers of one clip": ({"clips": 10, "signers": 10}, unchanged, unchanged),
    "phrases below eight characters": ({"max_length": 7}, unchanged, unchanged),
    "no hands at all": ({}, without_hands, unchanged),
    "few frames with a hand": ({}, hardly_any_hand, unchanged),
    "empty phrases": ({}, unchanged, some_empty),
    "phrases of any characters": ({}, unchanged, hostile_phrases),
    "rows twice": ({}, unchanged, twice),
    "all of another convention": ({}, lambda points: zeros(pixels(swapped(mirrored(shuffled(points))))), unchanged),
    "one signer": ({"signers": 1}, unchanged, unchanged),
    "one clip": ({"clips": 1, "signers": 1}, unchanged, unchanged),
}
IMPOSSIBLE = {  # to train on: no signer would be left to hold out
    "one signer": "one signer cannot be split into 2 folds by signer; set training.folds to 1",
    "one clip": "one signer cannot be split into 2 folds by signer; set training.folds to 1",
}


ALL = ("01", "02", "03", "04", "05")
CHAPTERS = {"ten signers of one clip": ALL, "no hands at all": ALL, "all of another convention": ALL, "one clip": ALL}


def make(folder: Path, name: str) -> Path:
    """Write a data set; returns its folder."""
    simulation, points, rows = SETS[name]
    config = {"signers": 4, "clips": 16, "supplemental_clips": 0, "processes": 1, "tempo": 2.0} | simulation
    simulate(SimulationConfig(**config), folder / "simulated")
    data = changed(folder / "simulated", folder / "data", points)
    table = pd.read_csv(data / "train.csv", dtype={"phrase": str}, keep_default_na=False)
    rows(table).to_csv(data / "train.csv", index=False)
    return data


def execute(chapter: str, run_dir: Path, data: Path) -> None:
    """Run a chapter's cells as Jupyter does, but in this process: a kernel's start would take longer than its cells."""
    training = TINY["training"] | {"epochs": 1, "batch_size": 4, "eval_clips": 4}
    values = TINY | {
        "run_dir": str(run_dir),
        "data_dir": str(data),
        "first_round": "",
        "seeds": [1],
        "training": training,
    }
    injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in values.items())
    shell = InteractiveShell()
    try:
        for cell in nbformat.read(FOLDER / f"{chapter}.ipynb", 4).cells:
            if cell.cell_type == "code":
                shell.run_cell(cell.source, store_history=True).raise_error()
                if "parameters" in cell.metadata.get("tags", []):
                    shell.run_cell(injected, store_history=True).raise_error()
    finally:
        shell.reset()  # or all that the chapters hold would stay in memory


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a data set by its name, made when it is first asked for."""
    return cache(lambda name: make(tmp_path_factory.mktemp("odd"), name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SETS)
def test_chapters_run_on_odd_data(name: str, sets: Callable[[str], Path]) -> None:
    data = sets(name)
    chapters = [chapter for chapter in NOTEBOOKS if chapter[:2] in CHAPTERS.get(name, ("01", "02", "03", "04"))]
    for chapter in chapters:
        if name in IMPOSSIBLE and chapter >= "03":
            with pytest.raises(DataError, match=IMPOSSIBLE[name]):
                execute(chapter, data.parent / "run", data)
        else:
            execute(chapter, data.parent / "run", data)
