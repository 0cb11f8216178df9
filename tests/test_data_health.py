from pathlib import Path

import pandas as pd
import pytest
from synthetic import Clip, clip_table
from test_data_conventions import changed, mirrored, pixels, simulated, swapped, upside_down, zeros
from test_data_extraction import edit_train

from fingerspelling.data.extraction import extract
from fingerspelling.data.health import report

__all__ = ["simulated"]  # a fixture


def test_simulated_signers_are_in_good_health(simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    told = report(extract(simulated, tmp_path / "clips"))
    assert told["fine"].all(), told
    assert told.loc["points", "found"] == "shares of the picture, nothing where undetected"
    assert set(told["advice"]) == {""}
    assert ": " not in capsys.readouterr().out.replace("extraction: ", "")


@pytest.mark.parametrize(
    ("change", "question", "found", "advice"),
    [
        (pixels, "points", "pixels of 1080 x 1920 in 1 of 1 files, put right", "picture_size sets the size"),
        (zeros, "points", "0 for undetected in 1 of 1 files, put right", ""),
        (mirrored, "picture", "mirrored in 1, upside down in 0 of 1 files", "extraction: {mirror: true}"),
        (upside_down, "picture", "mirrored in 0, upside down in 1 of 1 files", "extraction: {upside_down: true}"),
        (
            lambda table: upside_down(mirrored(table)),  # a camera that hung the wrong way
            "picture",
            "mirrored in 1, upside down in 1 of 1 files",
            "extraction: {mirror: true, upside_down: true}",
        ),
        (swapped, "hands", "swapped in 1 of 1 files", "extraction: {swap_hands: true}"),
    ],
)
def test_what_is_unusual_is_noticed_and_printed(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture, change, question: str, found: str, advice: str
) -> None:
    told = report(extract(changed(simulated, tmp_path / "competition", change), tmp_path / "clips"))
    assert told.index[~told["fine"]].tolist() == [question]
    assert found in told.loc[question, "found"] and advice in told.loc[question, "advice"]
    assert f"{question}: " in capsys.readouterr().out


@pytest.mark.parametrize("absent", ["face", "pose", "face|pose"])
def test_hands_alone_tell_as_well(simulated: Path, tmp_path: Path, absent: str) -> None:
    def without(table: pd.DataFrame) -> pd.DataFrame:
        names = [name for name in table if any(f"_{part}_" in name for part in absent.split("|"))]
        return swapped(table).assign(**dict.fromkeys(names, float("nan")))

    told = report(extract(changed(simulated, tmp_path / "competition", without), tmp_path / "clips"))
    assert not told.loc["hands", "fine"]


def test_doubled_rows_and_copied_clips_are_counted(own_competition: Path, tmp_path: Path) -> None:
    edit_train(own_competition, lambda table: pd.concat([table, table.iloc[:2], table.iloc[:1]]))
    file = own_competition / "train_landmarks/20.parquet"
    table = pd.read_parquet(file)
    table.index = table.index.to_series().replace(2002, 2001)
    pd.concat([table, table.loc[[2004]].rename(index={2004: 2002})]).to_parquet(file)
    summary = extract(own_competition, tmp_path / "clips")
    assert summary["doubled"].tolist() == [3, 0, 0]
    assert summary["copies"].tolist() == [0, 2, 0]
    assert report(summary).loc["copies", "found"] == "2 clips with the points of another, 3 rows of the table twice"


def test_copies_are_found_across_files_and_kept_shards(own_competition: Path, tmp_path: Path) -> None:
    copy = clip_table(Clip(1002, 1, "", 52)).rename(index={1002: 2001})
    copy.to_parquet(own_competition / "train_landmarks/20.parquet")
    for _ in range(2):
        assert extract(own_competition, tmp_path / "clips")["copies"].tolist() == [1, 1, 0]


def test_the_share_left_out_counts_unreadable_files(own_competition: Path, tmp_path: Path) -> None:
    (own_competition / "train_landmarks/20.parquet").write_bytes(b"PAR1")
    edit_train(own_competition, lambda table: table.assign(phrase=["", *table["phrase"][1:]]))
    told = report(extract(own_competition, tmp_path / "clips"))
    assert told.loc["left out", "found"] == "7 of 17 clips (41.2%), 1 of 3 files"
