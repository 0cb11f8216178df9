"""Videos -> landmarks, by MediaPipe where it is or can be installed, and the file in which they are kept."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from fingerspelling.files import DataError, InputError
from fingerspelling.landmarks import COLUMNS, as_points, hand_seen
from fingerspelling.video.environment import NoMediaPipe, python_with_mediapipe
from fingerspelling.video.recording import Recording, read_recording, record

FILMS = Path(__file__).with_name("films")  # made by film.py
pytestmark = pytest.mark.timeout(900)  # the first test may make the environment

# MediaPipe's own example of Holistic on a video, with its answer kept.
EXAMPLE = """
import sys, cv2, mediapipe as mp, numpy as np
cap = cv2.VideoCapture(sys.argv[1])
frames = []
with mp.solutions.holistic.Holistic(min_detection_confidence=0.5, min_tracking_confidence=0.5) as holistic:
    while cap.isOpened():
        success, image = cap.read()
        if not success:
            break
        results = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        row = {}
        for part in ("face", "left_hand", "pose", "right_hand"):
            found = getattr(results, part + "_landmarks")
            for i, point in enumerate(found.landmark if found else []):
                for axis in "xyz":
                    row[f"{axis}_{part}_{i}"] = getattr(point, axis)
        frames.append([row.get(name, np.nan) for name in sys.argv[3].split()])
np.save(sys.argv[2], np.array(frames, np.float32))
"""
# Makes a video of one with OpenCV: python - made.mp4 source.mp4 frames-per-second, a list of frames, brightness.
MAKE = """
import sys, cv2, json
made, source, fps, numbers, brightness = sys.argv[1:]
cap, frames = cv2.VideoCapture(source), []
while (read := cap.read())[0]:
    frames.append(read[1])
out = cv2.VideoWriter(made, cv2.VideoWriter_fourcc(*"mp4v"), float(fps), frames[0].shape[1::-1])
for i in json.loads(numbers):
    out.write((frames[i] * float(brightness)).astype("uint8"))
out.release()
"""


@pytest.fixture(scope="module")
def mediapipe() -> str:
    try:
        return python_with_mediapipe()
    except NoMediaPipe as reason:
        pytest.skip(str(reason))


@pytest.fixture
def made(mediapipe: str, tmp_path: Path):
    def make(numbers: list[int], fps: float = 30.0, brightness: float = 1.0) -> Path:
        path = tmp_path / "made.mp4"
        options = [str(path), str(FILMS / "signer.mp4"), str(fps), json.dumps(numbers), str(brightness)]
        subprocess.run([mediapipe, "-c", MAKE, *options], check=True, capture_output=True)
        return path

    return make


def hands(recording: Recording) -> int:
    return int(hand_seen(as_points(recording.selected)).sum())


def test_landmarks_are_those_of_mediapipes_example(mediapipe: str, tmp_path: Path) -> None:
    film, answer = FILMS / "signer.mp4", tmp_path / "answer.npy"
    example = [mediapipe, "-c", EXAMPLE, str(film), str(answer), " ".join(COLUMNS)]
    subprocess.run(example, check=True, capture_output=True)
    recording = record(film, pictures=True, mediapipe=mediapipe)
    np.testing.assert_array_equal(recording.landmarks, np.load(answer))
    assert (recording.width, recording.height) == (360, 640)
    assert recording.length == pytest.approx(len(recording.seconds) / 30, abs=0.01)
    np.testing.assert_allclose(np.diff(recording.seconds), 1 / 30, atol=0.002)
    assert hands(recording) > 0.9 * len(recording.seconds)
    assert recording.pictures[0][:2] == b"\xff\xd8"  # JPEG


def test_kept_landmarks_are_still_those_that_mediapipe_finds(mediapipe: str) -> None:
    kept, found = read_recording(FILMS / "signer.parquet"), record(FILMS / "signer.mp4", mediapipe=mediapipe)
    assert kept.landmarks.shape == found.landmarks.shape
    both = np.isfinite(kept.landmarks) & np.isfinite(found.landmarks)
    assert both.mean() > 0.9
    # Processors round differently, and MediaPipe follows what it found before.
    assert np.median(np.abs(kept.landmarks - found.landmarks)[both]) < 0.005


def test_a_fast_video_is_thinned_and_a_slow_one_keeps_its_times(made) -> None:
    fast = record(made([i // 2 for i in range(60)], fps=60))
    assert len(fast.seconds) == 30
    np.testing.assert_allclose(np.diff(fast.seconds), 1 / 30, atol=0.002)
    slow = record(made(list(range(0, 40, 2)), fps=15))
    assert len(slow.seconds) == 20
    np.testing.assert_allclose(np.diff(slow.seconds), 1 / 15, atol=0.002)


def test_black_frames_and_a_single_one_are_recordings(made) -> None:
    assert hands(record(made([0, 1, 2], brightness=0.0))) == 0
    assert len(record(made([40])).seconds) == 1


def test_a_cut_video_is_read_as_far_as_it_goes(mediapipe: str, tmp_path: Path) -> None:
    whole = (FILMS / "signer.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])  # without the table at its end: nothing can be opened
    with pytest.raises(InputError, match=r"cut\.mp4: not a video that can be opened"):
        record(cut, mediapipe=mediapipe)


@pytest.mark.parametrize(("content", "sentence"), [(b"hello\n", "not a video that can be opened"), (b"", "is empty")])
def test_what_is_no_video_is_a_sentence(content: bytes, sentence: str, mediapipe: str, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(content)
    with pytest.raises(InputError, match=rf"text\.mp4: {sentence}"):
        record(tmp_path / "text.mp4", mediapipe=mediapipe)


def test_a_camera_that_is_not_there_is_a_sentence(mediapipe: str) -> None:
    with pytest.raises(InputError, match="camera 9: no picture comes from camera 9"):
        record(9, mediapipe=mediapipe)


def test_a_dying_mediapipe_is_a_sentence(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || kill -9 $$\n')  # the probe succeeds
    python.chmod(0o755)
    with pytest.raises(InputError, match=r"signer\.mp4: MediaPipe crashed on this file \(status -9\)"):
        record(FILMS / "signer.mp4", mediapipe=str(python))


def test_a_recording_is_kept_in_the_competitions_format(tmp_path: Path) -> None:
    landmarks = np.random.default_rng(0).random((5, len(COLUMNS)), np.float32)
    landmarks[2, :700] = np.nan
    seconds = np.array([0, 0.03, 0.07, 0.1, 0.15])
    Recording(landmarks, seconds, 640, 360, 0.18).write(tmp_path / "kept.parquet")
    table = pd.read_parquet(tmp_path / "kept.parquet")  # as the competition's reader does
    assert table.columns.tolist() == ["frame", *COLUMNS]
    assert table["frame"].dtype == np.int16 and table["frame"].tolist() == list(range(5))
    np.testing.assert_array_equal(table[COLUMNS].to_numpy(), landmarks)
    assert {str(kind) for kind in table[COLUMNS].dtypes} == {"float32"}
    again = read_recording(tmp_path / "kept.parquet")
    np.testing.assert_array_equal(again.landmarks, landmarks)
    np.testing.assert_allclose(again.seconds, seconds)
    assert (again.width, again.height, again.length) == (640, 360, 0.18)


def test_frames_of_a_long_recording_are_numbered_throughout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fingerspelling.video.recording.COLUMNS", ["x_face_0"])
    count = 40_000
    Recording(np.zeros((count, 1), np.float32), np.arange(count) / 30).write(tmp_path / "kept.parquet")
    assert pq.read_table(tmp_path / "kept.parquet")["frame"].to_pylist() == list(range(count))


def test_kept_recordings_are_clips_of_the_table_that_names_them(tmp_path: Path) -> None:
    rows = ["path,file_id,sequence_id,participant_id,phrase"]
    for number, phrase in enumerate(["hello", "bye"], 1):
        landmarks = np.full((20 + number, len(COLUMNS)), number / 4, np.float32)
        Recording(landmarks, np.arange(len(landmarks)) / 30).write(tmp_path / f"{phrase}.parquet")
        rows.append(f"{phrase}.parquet,{number},{number},1,{phrase}")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")
    summary = extract(tmp_path, tmp_path / "store")
    assert summary["clips"].tolist() == [1, 1] and not summary["error"].any()
    store = ClipStore(tmp_path / "store")
    assert store.table.set_index("phrase")["n_frames"].to_dict() == {"hello": 21, "bye": 22}


def test_a_clip_of_the_competition_counts_as_a_recording(tmp_path: Path) -> None:
    pd.DataFrame(np.zeros((4, len(COLUMNS)), np.float32), columns=COLUMNS).to_parquet(tmp_path / "clip.parquet")
    np.testing.assert_allclose(read_recording(tmp_path / "clip.parquet").seconds, np.arange(4) / 30)


@pytest.mark.parametrize("about", ["no JSON", "[1]", '{"seconds": [0.0]}', '{"colour": 1}', '{"seconds": "soon"}'])
def test_foreign_metadata_are_a_sentence(about: str, tmp_path: Path) -> None:
    Recording(np.zeros((3, len(COLUMNS)), np.float32), np.arange(3) / 30).write(tmp_path / "kept.parquet")
    table = pq.read_table(tmp_path / "kept.parquet")
    pq.write_table(table.replace_schema_metadata({b"fingerspelling": about}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"other\.parquet: (its metadata|has 3 frames, but)"):
        read_recording(tmp_path / "other.parquet")


def test_the_script_needs_nothing_of_the_package() -> None:
    script = Path(sys.modules["fingerspelling"].__file__ or "").parent / "video" / "extract.py"
    assert "fingerspelling." not in script.read_text().replace('"fingerspelling"', "")
