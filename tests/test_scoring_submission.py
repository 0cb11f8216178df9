import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from competitor import IGNORED, TOLD, make_tflite, write_submission

from fingerspelling import text
from fingerspelling.files import DataError
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.scoring.runtime import ModelError, load_runner
from fingerspelling.scoring.submission import MODEL_FILE, NOTHING, Submission, shipped
from fingerspelling.scoring.submission import write_submission as write_zip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_submission(tmp_path / "submission")


def frames_of(ids: list[int]) -> np.ndarray:
    return np.stack([ids, np.full(len(ids), np.nan)], axis=1).astype(np.float32)


def test_the_arg_max_of_every_row_is_a_character(folder: Path) -> None:
    submission = Submission(folder, threads=1)
    assert submission.columns == [TOLD, IGNORED]
    assert submission.transcribe(frames_of(text.encode("dog 7"))) == "dog 7"
    assert submission.transcribe(frames_of([*text.encode("a"), 59, 63, *text.encode("b")])) == "ab"


def test_a_model_alone_reads_the_workbooks_points(tmp_path: Path) -> None:
    (tmp_path / "own.tflite").write_bytes(make_tflite((None, len(SELECTED_COLUMNS))))
    submission = Submission(tmp_path / "own.tflite")
    assert submission.columns == SELECTED_COLUMNS
    frames = np.tile(np.array(text.encode("dog"), np.float32)[:, None], len(SELECTED_COLUMNS))
    assert submission.transcribe(frames) == "dog"
    with pytest.raises(DataError, match=r"cannot read absent\.tflite"):
        Submission(tmp_path / "absent.tflite")


SURE = {"intercept": 0.0, "slope": 1.0, "threshold": 0.5}
SHOWN = {("dog", 0.9): "dog\t90%", ("dog", 0.7): "dog\t70%\tdoubtful", ("dog", None): "dog"}


@pytest.mark.parametrize(
    ("probability", "phrase", "answer"),
    [
        (0.9, "dog", ("dog", 0.9)),
        (0.7, "dog", ("dog", 0.7)),
        (0.4, "dog", ("", 0.4)),
        (0.9, text.CONSTANT_PHRASE, ("", 0.9)),
        (None, "dog", ("dog", None)),  # a model that does not say
    ],
)
def test_below_the_threshold_nothing_is_readable(
    folder: Path, monkeypatch: pytest.MonkeyPatch, probability: float | None, phrase: str, answer: tuple
) -> None:
    arguments = {"selected_columns": [TOLD, IGNORED], "confidence": SURE}
    (folder / "inference_args.json").write_text(json.dumps(arguments))
    submission = Submission(folder)
    frames = frames_of(text.encode(phrase))
    characters = submission.process.characters

    def told(frames: np.ndarray) -> list[int]:
        read = characters(frames)
        submission.process.probability = probability
        return read

    monkeypatch.setattr(submission.process, "characters", told)
    read = submission.read(frames)
    assert read == (answer[0], answer[1] and pytest.approx(answer[1]))
    assert str(read) == SHOWN.get(answer, NOTHING)
    assert submission.transcribe(frames) == phrase, "the scorer gets the model's answer"


@pytest.mark.parametrize("confidence", [{}, 0.5, [1], {"head": 1}, {**SURE, "slope": "steep"}, {**SURE, "more": 1}])
def test_what_others_say_of_confidence_changes_nothing(folder: Path, confidence: object) -> None:
    arguments = {"selected_columns": [TOLD, IGNORED], "confidence": confidence}
    (folder / "inference_args.json").write_text(json.dumps(arguments))
    submission = Submission(folder)
    assert submission.calibration is None
    assert submission.read(frames_of(text.encode("dog"))) == ("dog", None)


def test_without_weights_what_to_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fingerspelling.scoring.submission.WEIGHTS", tmp_path)
    with pytest.raises(DataError, match="no weights; name a model with --submission"):
        shipped()
    (tmp_path / MODEL_FILE).touch()
    assert shipped() == tmp_path


@pytest.mark.parametrize("shape", [(None, None), (8, 2), None])
def test_models_of_other_shapes_are_resized_as_on_kaggle(folder: Path, shape: tuple | None) -> None:
    (folder / "model.tflite").write_bytes(make_tflite(shape))
    assert Submission(folder).transcribe(frames_of(text.encode("dog 7"))) == "dog 7"


def test_an_index_outside_the_map_stands_for_no_character(folder: Path) -> None:
    assert Submission(folder).transcribe(frames_of([58, 59, 63, 0])) == "~ "


def test_a_zip_is_read_like_a_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "submission.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    assert Submission(tmp_path / "submission.zip").transcribe(frames_of(text.encode("dog 7"))) == "dog 7"


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("model.tflite", None, "cannot read model.tflite"),
        ("model.tflite", b"no model", "model.tflite"),
        ("inference_args.json", None, "cannot read inference_args.json"),
        ("inference_args.json", b"{", "inference_args.json: Expecting"),
        ("inference_args.json", b"[" * 10**5, "inference_args.json: nested too deeply"),
        ("inference_args.json", b'{"columns": []}', "no list selected_columns"),
        ("inference_args.json", b'["x_face_0"]', "no list selected_columns"),
        ("inference_args.json", b'{"selected_columns": 7}', "no list selected_columns"),
        ("inference_args.json", b'{"selected_columns": [["x_face_0"]]}', "no list selected_columns"),
        ("inference_args.json", b'{"selected_columns": []}', "selects no column"),
        ("inference_args.json", b'{"selected_columns": ["x_face_0", "x_face_468"]}', "'x_face_468', which no clip has"),
        ("inference_args.json", b'{"selected_columns": ["x_face_0"]}', "inputs has 2 columns, but .* selects 1"),
    ],
)
def test_a_broken_submission_is_named(folder: Path, file: str, content: bytes | None, reason: str) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=f"{folder}.*{reason}"):
        Submission(folder)


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "submission.zip").write_bytes(b"PK but no zip")
    with pytest.raises(DataError, match=r"submission\.zip"):
        Submission(tmp_path / "submission.zip")


def test_what_is_no_file_is_named_and_not_read_for_ever(folder: Path, tmp_path: Path) -> None:
    (folder / MODEL_FILE).unlink()
    os.mkfifo(folder / MODEL_FILE)
    os.mkfifo(tmp_path / "x.zip")
    for path, named in ((folder, folder / MODEL_FILE), (tmp_path / "x.zip",) * 2, (Path("/dev/zero"),) * 2):
        with pytest.raises(DataError, match=f"^{named}: is a folder, a pipe or a device, not a file$"):
            Submission(path)


@pytest.mark.parametrize("names", [("frames", "outputs"), ("inputs", "logits")])
def test_a_model_with_other_names_is_refused(folder: Path, names: tuple[str, str]) -> None:
    model = make_tflite((None, 2), *names)
    reason = f"no signature serving_default from 'inputs' to 'outputs'; it has .*{names[0]}.*{names[1]}"
    with pytest.raises(ValueError, match=reason):
        load_runner(model)
    (folder / "model.tflite").write_bytes(model)
    with pytest.raises(DataError, match=f"{folder}: model.tflite: {reason}"):
        Submission(folder)


@pytest.mark.parametrize(("file", "name"), [("x.zip", "x.zip: model.tflite"), ("x.tflite", "x.tflite")])
def test_what_a_model_fails_at_is_said_with_its_file(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / "x.tflite").write_bytes(make_tflite((None, len(SELECTED_COLUMNS))))
    write_zip(tmp_path / "x.tflite", tmp_path / "x.zip")
    submission = Submission(tmp_path / file)
    with pytest.raises(ModelError, match=rf"^{tmp_path}/{name}: [^\n]+$"):
        submission.transcribe(np.full((5, len(SELECTED_COLUMNS)), 99, np.float32))  # of which there is no character


@pytest.mark.parametrize(("name", "n_columns"), [("1stplace_darragh", 390), ("HDehidi", 342)])
def test_the_columns_of_real_competitors_are_taken_in_their_order(
    real_data: Path, tmp_path: Path, name: str, n_columns: int
) -> None:
    arguments = json.loads((real_data / f"competition-meta/inference_args_{name}.json").read_text())
    folder = write_submission(tmp_path / "submission", arguments["selected_columns"])
    (folder / "model.tflite").write_bytes(make_tflite((None, n_columns)))
    submission = Submission(folder)
    assert submission.columns == arguments["selected_columns"]
    assert len(submission.columns) == n_columns
    assert (submission.columns == SELECTED_COLUMNS) == (name == "1stplace_darragh")


def test_a_submission_is_the_same_bytes_whenever_it_is_written(folder: Path, tmp_path: Path) -> None:
    one = write_zip(folder / MODEL_FILE, tmp_path / "one.zip").read_bytes()
    time.sleep(2.1)  # a zip counts time in steps of two seconds
    assert write_zip(folder / MODEL_FILE, tmp_path / "two.zip").read_bytes() == one


def test_what_unpacks_to_far_more_than_a_submission_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inference_args.json", "{}")
        with archive.open("model.tflite", "w") as file:
            for _ in range(41):
                file.write(bytes(10**7))
    with pytest.raises(DataError, match=r"bomb\.zip: model\.tflite takes 410 MB; the competition allows 40 in all"):
        Submission(tmp_path / "bomb.zip")


@pytest.mark.parametrize("damage", ["encrypted", "unknown compression", "cut content", "LZMA", "too short"])
def test_a_zip_that_cannot_be_unpacked_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inference_args.json", "{}" * 100)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    if damage == "encrypted":
        content[6] |= 1
        content[central + 8] |= 1
    elif damage == "unknown compression":
        content[8] = content[central + 10] = 77
    elif damage == "LZMA":
        content[8] = content[central + 10] = zipfile.ZIP_LZMA
    elif damage == "too short":
        content[8] = content[central + 10] = zipfile.ZIP_STORED
        content[central + 20 : central + 24] = content[central + 24 : central + 28] = b"\0\0\1\0"  # the sizes
    else:
        content[50:54] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip: cannot read inference_args\.json"):
        Submission(path)
