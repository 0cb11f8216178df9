import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fingerspelling.data.competition import read_table
from fingerspelling.data.parallel import LostTask
from fingerspelling.files import DataError, clear_temporary
from fingerspelling.landmarks import COLUMNS
from fingerspelling.simulation import SimulationConfig, dataset, signed_places, simulate
from fingerspelling.simulation.config import Pace, Wild
from fingerspelling.simulation.dataset import _cast, participant
from fingerspelling.text import CHARACTERS

CONFIG = SimulationConfig(
    seed=5, signers=3, clips=7, supplemental_clips=2, clips_per_file=3, min_length=1, max_length=6, processes=1
)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate(CONFIG, folder)
    return folder


def test_tables_name_every_clip(data: Path) -> None:
    train, supplemental = read_table(data), read_table(data, "supplemental")
    assert (len(train), len(supplemental)) == (CONFIG.clips, CONFIG.supplemental_clips)
    assert train.file_id.value_counts(sort=False).tolist() == [3, 3, 1]
    assert train.phrase.is_unique and train.phrase.str.len().between(1, 6).all()
    assert set(train.participant_id) == {0, 1, 2}
    everything = pd.concat([train, supplemental])
    assert everything.sequence_id.is_unique
    for path, rows in everything.groupby("path"):
        assert path == f"{path.split('/')[0]}/{rows.file_id.iloc[0]}.parquet"
        ids = pd.read_parquet(data / path, columns=["frame"]).index
        assert list(dict.fromkeys(ids)) == rows.sequence_id.tolist()
    assert json.loads((data / "character_to_prediction_index.json").read_text()) == {
        c: i for i, c in enumerate(CHARACTERS)
    }


def test_files_have_the_competitions_schema(data: Path) -> None:
    for path in [*(data / "train_landmarks").iterdir(), *(data / "supplemental_landmarks").iterdir()]:
        file = pq.ParquetFile(path)
        assert file.schema_arrow.names == ["frame", *COLUMNS, "sequence_id"]
        assert {file.metadata.row_group(0).column(i).compression for i in range(5)} == {"SNAPPY"}
        table = pd.read_parquet(path)
        assert table.index.name == "sequence_id" and table.index.dtype == np.int64
        assert table.columns.tolist() == ["frame", *COLUMNS]
        assert table.dtypes.iloc[0] == np.int16 and (table.dtypes.iloc[1:] == np.float32).all()
        for _, clip in table.groupby(level=0):
            assert clip.frame.tolist() == list(range(len(clip)))
        changes = np.count_nonzero(np.diff(table.index))
        assert changes == table.index.nunique() - 1  # a clip's rows stand together


def test_columns_hold_the_points_they_name(data: Path) -> None:
    table = pd.concat(pd.read_parquet(path) for path in (data / "train_landmarks").iterdir())
    assert (table.y_face_10.dropna() < table.y_face_152.dropna()).all()  # forehead above chin
    assert (table.x_pose_12 < table.x_pose_11).all()
    for side in ("left", "right"):
        seen = table[f"x_{side}_hand_0"].notna()
        assert (table.loc[seen, f"z_{side}_hand_0"] == 0).all()


def test_same_seed_same_bytes_for_any_number_of_processes(data: Path, tmp_path: Path) -> None:
    simulate(replace(CONFIG, processes=2), tmp_path)
    assert digests(tmp_path) == digests(data)


@pytest.mark.parametrize(
    "processor",
    [{"OPENBLAS_CORETYPE": "Nehalem"}, {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX AVX2 FMA3 X86_V3 X86_V4"}],
    ids=["another matrix product", "no vector instructions"],
)
def test_same_seed_same_bytes_on_another_processor(tmp_path: Path, processor: dict[str, str]) -> None:
    """The two libraries that choose their arithmetic by the processor have to choose another."""
    config = replace(CONFIG, wild=Wild(share=0.5))
    # Clips hide from whose hand they are: a last bit of a posture seldom changes one.
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"  # a name of a feature that this processor lacks
        "from pathlib import Path; import numpy as np; from fingerspelling.simulation import simulate\n"
        "from fingerspelling.simulation.config import *\n"
        "from fingerspelling.simulation.wild_signer import wild_signer\n"
        f"config, folder = {config!r}, Path(sys.argv[1])\n"
        "simulate(config, folder)\n"
        "people = [wild_signer(config.generator(seed), config) for seed in range(20)]\n"
        "hands = np.concatenate([person.postures[letter] for person in people for letter in 'adfo8'])\n"
        "np.save(folder / 'postures', hands)"
    )
    for name, environment in {"here": {}, "there": processor}.items():
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True, env=os.environ | environment)
    assert digests(tmp_path / "there") == digests(tmp_path / "here")


def test_signers_record_unequally_much() -> None:
    config = SimulationConfig(signers=94, clips=20_000, max_length=12)
    clips = np.sort(_cast(config.signers, config.clips, np.random.default_rng(0)))
    counts = np.sort(np.bincount(clips, minlength=config.signers))
    assert counts[0] >= 1 and counts.sum() == config.clips
    # The competition: median 1.11 times the mean, and 14.5 % of the clips by the ten with the most.
    assert np.median(counts) / counts.mean() == pytest.approx(1.11, abs=0.06)
    assert counts[-10:].sum() / counts.sum() == pytest.approx(0.145, abs=0.01)


@pytest.mark.parametrize("count", [10, 64, 500])
def test_the_share_of_left_handers_is_as_wanted(count: int) -> None:
    left = sum(participant(SimulationConfig(), number).side < 0 for number in range(count))
    assert abs(left - 0.19 * count) < 2


def test_another_seed_gives_other_clips(data: Path, tmp_path: Path) -> None:
    simulate(replace(CONFIG, seed=6), tmp_path)
    assert not set(read_table(tmp_path).phrase) & set(read_table(data).phrase)


def test_an_interrupted_simulation_goes_on(data: Path, tmp_path: Path) -> None:
    simulate(CONFIG, tmp_path)
    for name in ("train.csv", "supplemental_metadata.csv"):
        (tmp_path / name).unlink()
    lost, kept, _ = sorted((tmp_path / "train_landmarks").iterdir())
    lost.rename(lost.with_name(f".{lost.name}.tmp"))  # as a crash in the middle of writing leaves it
    lost.with_name(f".{lost.name}.tmp").write_bytes(b"half a file")
    before = kept.stat().st_mtime_ns
    clear_temporary(tmp_path)  # as a run does when it begins
    simulate(CONFIG, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert digests(tmp_path) == digests(data)


def test_a_file_whose_process_dies_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "unordered", lambda *_: iter([(0, None), (1, LostTask())]))
    with pytest.raises(DataError, match=r"train_landmarks/\d+\.parquet: its process died"):
        simulate(CONFIG, tmp_path)
    assert not (tmp_path / "train.csv").exists()


def test_a_complete_folder_is_left_alone(data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    simulate(replace(CONFIG, processes=2), data)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_other_parameters_are_refused(data: Path) -> None:
    with pytest.raises(ValueError, match=r"other parameters \(clips: 7 instead of 9; seed: 5 instead of 1\)"):
        simulate(replace(CONFIG, clips=9, seed=1), data)


def test_other_data_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("path,file_id,sequence_id,participant_id,phrase\n")
    with pytest.raises(ValueError, match="not simulated here"):
        simulate(CONFIG, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("signers", 0),
        ("clips", -1),
        ("clips", 2.5),
        ("max_length", 32),
        ("max_length", 0),
        ("min_length", 32),
        ("tempo", 0.0),
        ("tempo", float("nan")),
        ("fps", "fast"),
        ("lost_hand", -0.1),
        ("left_handed", 1.1),
    ],
)
def test_bad_parameters_are_named(parameter: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"\n{parameter}\n"):
        SimulationConfig(**{parameter: value})


def test_a_competition_without_clips_is_written_but_no_training_data(tmp_path: Path) -> None:
    simulate(replace(CONFIG, clips=0, supplemental_clips=0), tmp_path)
    assert len(read_table(tmp_path, "supplemental")) == 0
    with pytest.raises(DataError, match="names no clip"):
        read_table(tmp_path)


def test_phrases_of_a_wanted_length(tmp_path: Path) -> None:
    simulate(replace(CONFIG, min_length=4, max_length=4, supplemental_clips=0), tmp_path)
    assert set(read_table(tmp_path).phrase.str.len()) == {4}


def test_everyday_clips_can_be_had_of_any_parameters() -> None:
    assert SimulationConfig(lost_hand=3.0).everyday().lost_hand == 3.0
    assert SimulationConfig().everyday().lost_hand > 1


def test_what_is_signed_in_each_frame_can_be_found_again(data: Path) -> None:
    complete = 0
    for clip in read_table(data).itertuples():
        places = signed_places(CONFIG, clip.sequence_id, clip.participant_id, clip.phrase)
        frames = pd.read_parquet(data / clip.path, columns=["frame"]).loc[[clip.sequence_id]]
        assert len(places) == len(frames)
        known = places[places >= 0]
        assert (np.diff(known) >= 0).all() and known.max() < len(clip.phrase)
        complete += known.max() == len(clip.phrase) - 1
    assert complete >= 5  # of 7; the detector lost the last letters of others


def test_data_with_other_wild_signers_are_refused_by_what_differs(tmp_path: Path) -> None:
    config = replace(CONFIG, clips=2, supplemental_clips=0, wild=Wild(share=0.5))
    simulate(config, tmp_path)
    simulate(config, tmp_path)
    other = replace(config, wild=Wild(share=0.5, pace=Pace(fps=(20, 30))))
    with pytest.raises(
        ValueError, match=r"other parameters \(wild\.pace\.fps: \[10\.0, 60\.0\] instead of \[20\.0, 30\.0\]\)"
    ):
        simulate(other, tmp_path)
    with pytest.raises(ValueError, match=r"wild\.share: 0\.5 instead of None"):
        simulate(replace(config, wild=Wild()), tmp_path)
