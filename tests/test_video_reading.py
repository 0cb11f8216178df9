"""Landmarks -> phrases: even times, cuts, the time and certainty of letters, and the command around them."""

import json
from pathlib import Path

import numpy as np
import pytest
from competitor import write_submission

from fingerspelling.__main__ import main
from fingerspelling.files import DataError, InputError
from fingerspelling.landmarks import COLUMNS, HAND, PARTS, SELECTED_COLUMNS, as_columns
from fingerspelling.scoring.submission import Answer
from fingerspelling.text import CONSTANT_PHRASE
from fingerspelling.video import command, reading
from fingerspelling.video.reading import Letter, Reader, Reading, at_even_times, cut, read
from fingerspelling.video.recording import Recording
from fingerspelling.video.report import write_page, write_picture

FILMS = Path(__file__).with_name("films")
FPS = 30


def frames_with_hand(seen: np.ndarray) -> np.ndarray:
    """Frames, float32 [frames, 390], of a right hand that moves all the time and is found where `seen` says."""
    points = np.full((len(seen), 130, 3), np.nan, np.float32)
    moving = np.arange(len(seen))[:, None, None] * 0.01 + np.arange(HAND)[:, None] * 0.001
    points[:, PARTS["right_hand"]] = np.where(seen[:, None, None], moving, np.nan)
    return as_columns(points)


def recording_of(seen: np.ndarray, fps: float = FPS) -> Recording:
    landmarks = np.full((len(seen), len(COLUMNS)), np.nan, np.float32)
    landmarks[:, [COLUMNS.index(name) for name in SELECTED_COLUMNS]] = frames_with_hand(seen)
    return Recording(landmarks, np.arange(len(seen)) / fps)


class Counter(Reader):
    """Reads one letter, in alphabetical order, for every ten frames."""

    def __init__(self, confidence: float | None = None) -> None:
        self.confidence = confidence

    def text(self, frames: np.ndarray) -> str:
        return "abcdefghijklmnopqrstuvwxyz"[: len(frames) // 10]

    def read(self, frames: np.ndarray) -> Answer:
        return Answer(self.text(frames), self.confidence)


def test_even_times_stay_as_they_are() -> None:
    frames = frames_with_hand(np.ones(20, bool))
    seconds = np.arange(20) / 29.97
    same, times = at_even_times(frames, seconds)
    assert same is frames and times is seconds


@pytest.mark.parametrize("fps", [15, 24, 60])
def test_other_rates_become_thirty_frames_a_second(fps: int) -> None:
    frames = frames_with_hand(np.ones(4 * fps, bool))
    even, times = at_even_times(frames, np.arange(4 * fps) / fps)
    np.testing.assert_allclose(np.diff(times), 1 / FPS)
    assert len(even) == pytest.approx(4 * FPS, abs=2)
    x = even[:, SELECTED_COLUMNS.index("x_right_hand_0")]
    np.testing.assert_allclose(x, 0.01 * fps * times, atol=1e-3)  # the hand's even movement


def test_between_a_point_that_is_there_and_one_that_is_not_the_nearer_frame_decides() -> None:
    even, times = at_even_times(frames_with_hand(np.array([True, False, True])), np.array([0, 0.3, 0.6]))
    seen = np.isfinite(even[:, SELECTED_COLUMNS.index("x_right_hand_0")])
    np.testing.assert_array_equal(seen, (times < 0.15) | (times >= 0.45))


def test_uneven_times_of_a_phone_become_even() -> None:
    seconds = np.cumsum(np.tile([1 / 60, 1 / 10], 30))
    even, times = at_even_times(frames_with_hand(np.ones(60, bool)), seconds)
    assert len(even) == len(times) == pytest.approx((seconds[-1] - seconds[0]) * FPS, abs=2)


def test_a_recording_is_cut_where_no_hand_is_seen() -> None:
    seen = np.zeros(300, bool)
    seen[20:100] = seen[110:130] = seen[200:280] = True
    seen[165:168] = True  # passes by
    assert cut(frames_with_hand(seen)) == [slice(20, 130), slice(200, 280)]
    assert cut(frames_with_hand(np.zeros(50, bool))) == []
    assert cut(frames_with_hand(np.ones(3, bool))) == []


def test_a_long_piece_is_cut_where_the_hand_is_still() -> None:
    frames = frames_with_hand(np.ones(500, bool)).reshape(500, 3, 130)
    frames[230:260] = frames[230]
    first, second = cut(frames.reshape(500, -1))
    assert first.start == 0 and second.stop == 500 and first.stop == second.start
    assert 230 <= first.stop <= 260


def test_ten_minutes_are_read_in_pieces_that_a_model_can_read() -> None:
    pieces = cut(frames_with_hand(np.ones(600 * FPS, bool)))
    assert [piece.start for piece in pieces[1:]] == [piece.stop for piece in pieces[:-1]]
    assert max(piece.stop - piece.start for piece in pieces) <= 12 * FPS


def test_letters_have_the_time_at_which_they_were_read() -> None:
    (piece,) = read(recording_of(np.ones(60, bool)), Counter())
    assert piece.text == "abcdef"
    seconds = [letter.second for letter in piece.letters]
    # Ten frames each, seen by a reading every six.
    np.testing.assert_allclose(seconds, np.arange(10, 61, 10) / FPS, atol=6 / FPS + 0.01)
    assert seconds == sorted(seconds)


def test_letters_that_other_readings_lack_are_less_certain() -> None:
    (piece,) = read(recording_of(np.ones(60, bool)), Counter())
    confidences = [letter.confidence for letter in piece.letters]
    assert confidences[0] == 1.0
    assert confidences[-1] == 0.5  # read slower, there is time for six; faster, for five
    assert piece.confidence == pytest.approx(np.mean(confidences))
    (piece,) = read(recording_of(np.ones(60, bool)), Counter(0.75))
    assert piece.confidence == 0.75, "a model that says how sure it is"


def test_a_letter_that_was_read_in_between_does_not_count_before_it_stays() -> None:
    assert reading._read_at("ab", ["", "a", "x", "ab", "ab"]).tolist() == [3, 3]
    assert reading._read_at("ab", ["a", "a", "ab"]).tolist() == [0, 2]


def test_nothing_readable_is_an_empty_reading() -> None:
    (piece,) = read(recording_of(np.ones(9, bool)), Counter())
    assert piece.text == "" and piece.letters == [] and piece.confidence == 0


def test_the_constant_phrase_means_that_nothing_is_readable() -> None:
    always = type("Always", (), {"transcribe": lambda self, frames: CONSTANT_PHRASE})()
    assert Reader.text(always, np.zeros((3, 390), np.float32)) == ""


@pytest.mark.parametrize(("hands", "sentence"), [(0, "no hand is seen in any of 40"), (3, "in 3 of 40 frames")])
def test_no_hand_is_a_sentence(hands: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read(recording_of(np.arange(40) < hands), Counter())


def test_models_that_cannot_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="reads other landmarks"):
        Reader(write_submission(tmp_path / "files"))
    (tmp_path / "model.tflite").write_bytes(b"text")
    with pytest.raises(DataError, match=r"model\.tflite: "):
        Reader(tmp_path / "model.tflite")
    monkeypatch.setattr("fingerspelling.scoring.submission.WEIGHTS", tmp_path / "none")
    with pytest.raises(DataError, match="no weights; name a model with --submission"):
        Reader()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Reader", lambda path: Counter())


@pytest.mark.usefixtures("counting")
def test_kept_landmarks_are_read_again_without_mediapipe(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    outputs = {name: tmp_path / f"out.{name}" for name in ("html", "png", "parquet")}
    options = ["--html", outputs["html"], "--picture", outputs["png"], "--keep", outputs["parquet"]]
    assert main(["read", str(FILMS / "signer.parquet"), *map(str, options)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("abcdefg") and said.out.split("\t")[1].strip().endswith("%")
    assert "reading" in said.err and "landmarks" in said.err
    assert outputs["png"].read_bytes()[:4] == b"\x89PNG"
    assert main(["read", str(outputs["parquet"])]) == 0
    assert capsys.readouterr().out == said.out


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "name a video, or a webcam"),
        (["a.mp4", "--camera", "0"], "name a video, or a webcam"),
        (["no.mp4"], "no.mp4: No such file"),
        (["no.parquet"], "no.parquet: not a readable parquet file"),
        (["a.mp4", "--keep", "no/such/folder/x.parquet"], "no such folder to write x.parquet to"),
    ],
)
def test_what_the_command_cannot_do_is_a_sentence(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["read", *options]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.out == "" and "Traceback" not in said.err


def test_several_phrases_are_a_line_each(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    seen = np.ones(200, bool)
    seen[80:120] = False
    monkeypatch.setattr(command, "Reader", lambda path: Counter())
    monkeypatch.setattr(command, "_recording", lambda options: recording_of(seen))
    assert main(["read", "video.mp4"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("0.0-2.6 s\tabcdefgh\t") and second.startswith("4.0-6.6 s\tabcdefgh\t")


def test_the_page_holds_the_letters_and_needs_no_network(tmp_path: Path) -> None:
    letters = [Letter("<", 0.2, 1.0), Letter(" ", 0.5, 0.25)]
    recording = recording_of(np.arange(30) > 4)
    write_page(tmp_path / "out.html", recording, [Reading(0, 1, letters, 0.6, 5.0)], "a <video>")
    page = (tmp_path / "out.html").read_text()
    assert "a &lt;video&gt;" in page and "://" not in page
    clip = json.loads(page.split("const clip = ")[1].split(", by =")[0])
    assert clip["letters"] == [["<", 0.2, 1.0], [" ", 0.5, 0.25]]
    assert len(clip["frames"]) == 30
    assert clip["frames"][0]["points"][-1] is None and clip["frames"][9]["points"][-1] is not None


def test_a_picture_is_drawn_of_nothing_too(tmp_path: Path) -> None:
    write_picture(tmp_path / "out.png", recording_of(np.ones(30, bool)), [Reading(0, 1, [], 0.0, 5.0)])
    assert (tmp_path / "out.png").stat().st_size > 1000
