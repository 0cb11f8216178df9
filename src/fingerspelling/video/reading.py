"""Landmarks -> phrases: cut where the hand rests, read piece by piece, with the time and certainty of each letter."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerspelling.files import DataError, InputError
from fingerspelling.landmarks import HAND, MIRROR, SELECTED_COLUMNS, as_columns, as_points, hand_seen, spelling_hand
from fingerspelling.scoring.submission import Answer, Submission, shipped
from fingerspelling.text import CONSTANT_PHRASE, align
from fingerspelling.video.recording import FPS, Recording

REST = 1.0  # seconds without a hand: one phrase has ended, the next has not begun
LONGEST = 12.0  # seconds of a piece, about what a model reads whole; longer ones are cut where the hand is stillest
SHORTEST = 8  # frames with a hand; fewer are a hand that passes by
MARGIN = 2.0  # seconds at either end of a long piece where it is not cut
STILL = 0.3  # seconds over which a hand is still
MOMENTS = 0.2  # seconds between two readings of what has been signed so far
SPEEDS = [0.85, 0.95, 1.05, 1.15]  # of the readings that a letter is compared with, each also in the mirror


class NoHand(InputError):
    """A recording shows no hand, or hardly one; the message says in how many frames."""


@dataclass(frozen=True)
class Letter:
    """A letter that was read."""

    character: str
    # When it was read: what was signed until then gives it, and all that follows leaves it. Letters that came together
    # are spread over the time since the last ones.
    second: float
    confidence: float  # share of readings of the same signing, faster, slower and mirrored, that have it too


@dataclass(frozen=True)
class Reading:
    """A phrase that was read."""

    start: float  # seconds, of the piece of the recording
    end: float
    letters: list[Letter]  # what was read; none where nothing was readable
    confidence: float  # the score to be expected; the letters' mean confidence where a model does not say
    milliseconds: float  # what reading it once took

    @property
    def text(self) -> str:
        """The phrase."""
        return "".join(letter.character for letter in self.letters)

    @property
    def answer(self) -> Answer:
        """The phrase, or that nothing is readable, with its confidence."""
        return Answer(self.text, self.confidence)


class Reader(Submission):
    """A submission that reads the 130 points, by default the one that is shipped."""

    def __init__(self, path: Path | None = None) -> None:
        path = path or shipped()
        super().__init__(path)
        if self.columns != SELECTED_COLUMNS:
            raise DataError(f"{path}: reads other landmarks than the 130 points of the workbook's models")

    def text(self, frames: np.ndarray) -> str:
        """Read frames, float32 [frames, 390] at 30 per second, however unsure that is; "" where nothing is found."""
        text = self.transcribe(frames)
        return "" if text == CONSTANT_PHRASE else text


def read(recording: Recording, reader: Reader) -> list[Reading]:
    """Read all phrases of a recording.

    Raises:
        NoHand: it shows no hand, or hardly one.
    """
    frames, seconds = at_even_times(recording.selected, recording.seconds)
    pieces = cut(frames)
    if not pieces:
        seen = int(hand_seen(as_points(frames)).sum())
        raise NoHand(
            f"a hand is seen in {seen} of {len(frames)} frames, which is nothing to read; "
            "it must be in the picture, well lit, for the whole phrase"
            if seen
            else f"no hand is seen in any of {len(frames)} frames; it must be in the picture with head and shoulders"
        )
    reader.text(frames[pieces[0]])  # the first reading takes longer: memory is laid out
    return [_read_piece(frames[piece], seconds[piece], reader) for piece in pieces]


def at_even_times(frames: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frames as a camera of 30 frames per second would have taken them, and when.

    What is as fast already, give or take a tenth, stays as it is. Else points are where they were in between; one that
    was not found just before or just after is where it was in the nearer of both frames.
    """
    if len(frames) < 2 or (abs(np.median(np.diff(seconds)) * FPS - 1) < 0.1 and np.diff(seconds).max() < 2 / FPS):
        return frames, seconds
    times = np.arange(seconds[0], seconds[-1] + 1e-6, 1 / FPS)
    after = np.searchsorted(seconds, times).clip(1, len(seconds) - 1)
    share = ((times - seconds[after - 1]) / (seconds[after] - seconds[after - 1])).clip(0, 1)[:, None]
    between = (1 - share) * frames[after - 1] + share * frames[after]
    nearer = np.where(share < 0.5, frames[after - 1], frames[after])
    return np.where(np.isnan(between), nearer, between).astype(np.float32), times


def cut(frames: np.ndarray) -> list[slice]:
    """Return the pieces of a recording in which someone spells, of frames float32 [frames, 390]."""
    seen = np.flatnonzero(hand_seen(as_points(frames)))
    pieces = []
    for run in np.split(seen, np.flatnonzero(np.diff(seen) > REST * FPS) + 1):
        if len(run) >= SHORTEST:
            pieces += _shorter(frames, slice(int(run[0]), int(run[-1]) + 1))
    return pieces


def _shorter(frames: np.ndarray, piece: slice) -> list[slice]:
    """Cut a piece at the hand's stillest moment, until none is too long."""
    if piece.stop - piece.start <= LONGEST * FPS:
        return [piece]
    margin = round(MARGIN * FPS)
    moved = _movement(frames[piece])[margin:-margin]
    middle = piece.start + margin + int(moved.argmin())
    return _shorter(frames, slice(piece.start, middle)) + _shorter(frames, slice(middle, piece.stop))


def _movement(frames: np.ndarray) -> np.ndarray:
    """Return how much the hand moves around each frame: [frames], 0 where it is not seen."""
    points = as_points(frames)
    hand = points[:, spelling_hand(points), :2]
    steps = np.abs(np.diff(hand, axis=0, append=hand[-1:])).sum((1, 2)) / HAND
    window = np.ones(round(STILL * FPS))
    return np.convolve(np.nan_to_num(steps), window / len(window), "same")


def _read_piece(frames: np.ndarray, seconds: np.ndarray, reader: Reader) -> Reading:
    began = time.perf_counter()
    text, confidence = reader.read(frames)
    milliseconds = 1e3 * (time.perf_counter() - began)
    if not text:
        return Reading(float(seconds[0]), float(seconds[-1]), [], confidence or 0.0, milliseconds)
    others = [reader.text(_at_speed(view, speed)) for view in (frames, _mirrored(frames)) for speed in SPEEDS]
    agreeing = np.mean([_kept(text, other) for other in others], 0).tolist()
    until = np.unique(np.arange(len(frames), 0, -MOMENTS * FPS).round().astype(int))
    read_at = _read_at(text, [*(reader.text(frames[:stop]) for stop in until[:-1]), text])
    times = _spread(seconds[until[read_at] - 1], seconds[0])
    letters = [Letter(*letter) for letter in zip(text, times.tolist(), agreeing, strict=True)]
    confidence = float(np.mean(agreeing)) if confidence is None else confidence
    return Reading(float(seconds[0]), float(seconds[-1]), letters, confidence, milliseconds)


def _at_speed(frames: np.ndarray, speed: float) -> np.ndarray:
    return frames[(np.arange(max(round(len(frames) / speed), 1)) * speed).astype(int).clip(max=len(frames) - 1)]


def _mirrored(frames: np.ndarray) -> np.ndarray:
    points = as_points(frames)[:, MIRROR]
    return as_columns(points * np.array([-1, 1, 1], np.float32) + np.array([1, 0, 0], np.float32))


def _kept(text: str, other: str) -> list[bool]:
    """Return which letters of a text another one has in their places."""
    return [ours == theirs for ours, theirs in align(text, other) if ours]


def _read_at(text: str, so_far: list[str]) -> np.ndarray:
    """Return the moment from which on each letter of the last text was read and stayed, without going back."""
    stays = np.ones(len(text), bool)
    first = np.full(len(text), len(so_far) - 1)
    for moment in range(len(so_far) - 1, -1, -1):
        stays &= np.array(_kept(text, so_far[moment]), bool)
        first[stays] = moment
    return np.maximum.accumulate(first)


def _spread(times: np.ndarray, start: float) -> np.ndarray:
    """Return rising times, of which equal ones are spread evenly since the time before."""
    together, counts = np.unique(times, return_counts=True)
    spans = zip([start, *together], together, counts, strict=False)
    return np.concatenate([np.linspace(before, at, n + 1)[1:] for before, at, n in spans] or [times])
