from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_data_extraction import edit_parquet

from fingerspelling.data.conventions import Convention, ExtractionConfig
from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from fingerspelling.landmarks import SELECTED
from fingerspelling.parameters import ParameterError, build
from fingerspelling.simulation import SimulationConfig, simulate

FILE = "train_landmarks"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated file of 12 clips, whose signers sit before a camera as real ones do."""
    folder = tmp_path_factory.mktemp("simulated") / "competition"
    simulate(SimulationConfig(signers=3, clips=12, supplemental_clips=0, processes=1), folder)
    return folder


def changed(folder: Path, target: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """Copy a competition with its points changed."""
    target.mkdir()
    (target / FILE).mkdir()
    (target / "train.csv").write_bytes((folder / "train.csv").read_bytes())
    for file in (folder / FILE).iterdir():
        (target / FILE / file.name).write_bytes(file.read_bytes())
        edit_parquet(target / FILE / file.name, change)
    return target


def axis(table: pd.DataFrame, name: str) -> list[str]:
    return [column for column in table if column.startswith(f"{name}_")]


def pixels(table: pd.DataFrame, width: int = 1080, height: int = 1920) -> pd.DataFrame:
    return table.assign(
        **{name: table[name] * (height if name[0] == "y" else width) for name in table if name != "frame"}
    )


def zeros(table: pd.DataFrame) -> pd.DataFrame:
    return table.fillna(np.float32(0))


def mirrored(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: 1 - table[name] for name in axis(table, "x")})


def upside_down(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: 1 - table[name] for name in axis(table, "y")})


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    other = {"left": "right", "right": "left"}
    hands = [name for name in table if "_hand_" in name]
    names = ["_".join([n.split("_")[0], other[n.split("_")[1]], *n.split("_")[2:]]) for n in hands]
    return table.rename(columns=dict(zip(hands, names, strict=True)))[table.columns]


CASES = {
    "pixels": (pixels, {}, "pixels of 1080 x 1920"),
    "zeros": (zeros, {}, "0 for undetected"),
    "-1": (lambda table: table.fillna(np.float32(-1)), {}, "-1 for undetected"),
    "pixels and zeros": (lambda table: zeros(pixels(table)), {}, "pixels of 1080 x 1920, 0 for undetected"),
    "size given": (lambda table: pixels(table, 500, 700), {"picture_size": (500, 700)}, "pixels of 500 x 700"),
    "mirrored": (mirrored, {"mirror": True}, "mirrored"),
    "upside down": (upside_down, {"upside_down": True}, "upside down"),
    "hands swapped": (swapped, {"swap_hands": True}, "hands swapped"),
    "all of it": (
        lambda table: zeros(pixels(swapped(mirrored(table)))),
        {"mirror": True, "swap_hands": True},
        "pixels of 1080 x 1920, 0 for undetected, mirrored, hands swapped",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_points_of_another_convention_become_the_competitions(simulated: Path, tmp_path: Path, name: str) -> None:
    change, parameters, said = CASES[name]
    other = changed(simulated, tmp_path / "competition", change)
    summary = extract(other, tmp_path / "clips", config=ExtractionConfig(**parameters))
    assert summary["changed"].tolist() == [said]
    extract(simulated, tmp_path / "expected")
    one, two = ClipStore(tmp_path / "expected"), ClipStore(tmp_path / "clips")
    assert one.table.equals(two.table)
    for place in range(len(one)):
        np.testing.assert_array_equal(np.isnan(one.frames(place)), np.isnan(two.frames(place)))
        np.testing.assert_allclose(one.frames(place), two.frames(place), atol=3e-3)


def test_the_competitions_own_points_are_left_as_they_are(simulated: Path, competition: Path, tmp_path: Path) -> None:
    for place, folder in enumerate((simulated, competition)):
        assert set(extract(folder, tmp_path / str(place))["changed"]) == {""}


def test_a_usual_picture_is_estimated(simulated: Path, tmp_path: Path) -> None:
    for width, height in ((480, 640), (720, 1280), (1080, 1920), (2160, 3840)):
        other = changed(simulated, tmp_path / str(width), lambda table: pixels(table, width, height))  # noqa: B023
        assert extract(other, tmp_path / f"clips{width}")["changed"].tolist() == [f"pixels of {width} x {height}"]


def test_other_parameters_extract_anew(simulated: Path, tmp_path: Path) -> None:
    extract(simulated, tmp_path)
    before = ClipStore(tmp_path)
    first, fingerprint = before.frames(0)[:, :, 0].copy(), before.fingerprint
    extract(simulated, tmp_path, config=ExtractionConfig(mirror=True))
    np.testing.assert_allclose(ClipStore(tmp_path).frames(0)[:, :, 0], 1 - first, atol=2e-3)
    assert ClipStore(tmp_path).fingerprint != fingerprint


@pytest.mark.parametrize("size", [[0, 5], [5], "large"])
def test_a_picture_has_a_size(size: object) -> None:
    with pytest.raises(ParameterError, match=r"extraction\.picture_size"):
        build(ExtractionConfig, {"picture_size": size}, "extraction")


def test_a_convention_says_nothing_of_what_is_usual() -> None:
    assert str(Convention()) == ""
    assert len(SELECTED) == 130
