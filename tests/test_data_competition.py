from pathlib import Path

import pytest
from synthetic import TRAIN

from fingerspelling.data import competition as module
from fingerspelling.data.competition import find_data, read_table, write_share
from fingerspelling.data.extraction import extract
from fingerspelling.files import DataError


@pytest.fixture(autouse=True)
def nothing_mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(module.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(module, "KAGGLE_MOUNTS", [tmp_path / "competitions" / module.SLUG, tmp_path / module.SLUG])


def test_no_data_is_no_error_unless_a_folder_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_data() is None
    with pytest.raises(DataError, match=r"nowhere: no such folder \(data_dir\)"):
        find_data(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no train\.csv.*\(data_dir\)"):
        find_data(tmp_path)
    monkeypatch.setenv(module.ENVIRONMENT_VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match=r"elsewhere: no such folder \(ASL_FINGERSPELLING_DATA\)"):
        find_data()


def test_data_are_found_by_argument_then_environment_then_mount(
    competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = module.KAGGLE_MOUNTS
    for mount in (old, new):  # the newer one wins once it is there
        mount.mkdir(parents=True)
        assert find_data() != mount  # an empty folder is no data
        (mount / "train.csv").touch()
        assert find_data() == mount
    named = tmp_path / "named"
    named.mkdir()
    (named / "train.csv").touch()
    monkeypatch.setenv(module.ENVIRONMENT_VARIABLE, str(named))
    assert find_data() == named
    assert find_data(competition) == find_data(str(competition)) == competition


def test_table_has_one_row_per_clip(competition: Path) -> None:
    table = read_table(competition)
    clips = [(file_id, clip) for file_id, clips in TRAIN.items() for clip in clips]
    assert table["sequence_id"].tolist() == [clip.sequence_id for _, clip in clips]
    assert table["phrase"].tolist() == [clip.phrase for _, clip in clips]
    assert table["participant_id"].tolist() == [clip.participant_id for _, clip in clips]
    assert table["path"].tolist() == [f"train_landmarks/{file_id}.parquet" for file_id, _ in clips]
    assert set(read_table(competition, "supplemental")["file_id"]) == {30}


def test_a_share_of_the_files_is_a_competition_of_its_own(competition: Path, tmp_path: Path) -> None:
    whole = read_table(competition)
    files = whole["path"].unique().tolist()
    for fraction, chosen in ((0.1, files[:1]), (1.0, files)):
        folder = write_share(competition, fraction, tmp_path / "share")  # again in the same folder
        table = read_table(folder)
        assert table["path"].unique().tolist() == chosen
        assert len(table) == whole["path"].isin(chosen).sum()
        assert all((folder / file).read_bytes() == (competition / file).read_bytes() for file in chosen)
    assert (
        extract(folder, tmp_path / "clips")["clips"].tolist()
        == extract(competition, tmp_path / "all")["clips"].tolist()
    )


@pytest.mark.parametrize("phrase", ["null", "NA", "1234", "0012", "1e5", "nan", ""])
def test_a_phrase_stays_text(tmp_path: Path, phrase: str) -> None:
    (tmp_path / "train.csv").write_text(f"path,file_id,sequence_id,participant_id,phrase\na.parquet,1,2,3,{phrase}\n")
    assert read_table(tmp_path)["phrase"].tolist() == [phrase]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "No columns"),
        (b"path,file_id,sequence_id,phrase\na,1,2,x\n", "lacks the columns participant_id"),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,2,3,x,y,z\nb,1,2,3,x,y\n,,,\n", ""),
        (b"path,file_id,sequence_id,participant_id,phrase\n", "names no clip"),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,two,3,x\n", "sequence_id is 'two' in row 1; it must be"),
        (
            b"path,file_id,sequence_id,participant_id,phrase\na,1,2,3,x\nb,1,3,p3,x\n",
            "participant_id is 'p3' in row 2;",
        ),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,,3,x\n", "sequence_id is '' in row 1"),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,9223372036854775808,3,x\n", "of at most 18 digits"),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,2.5,3,x\n", "sequence_id is '2.5' in row 1"),
        (b"path,file_id,sequence_id,participant_id,phrase\na,1,2,3,\xff\xfe\n", "decode"),
    ],
    ids=[
        "missing",
        "empty",
        "column",
        "ragged",
        "header alone",
        "text for a number",
        "text for a signer",
        "no number",
        "beyond 64 bits",
        "fraction",
        "encoding",
    ],
)
def test_a_bad_table_is_named_with_the_reason(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'train.csv'}: ")
    assert reason in str(error.value)
