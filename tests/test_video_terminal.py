"""Hands as text: a known hand's dots, and rows that fit into the terminal."""

from dataclasses import replace

import numpy as np

from fingerspelling.landmarks import COLUMNS, HAND, HAND_BONES, POINTS, as_columns, as_points
from fingerspelling.video.reading import Letter, Reading
from fingerspelling.video.recording import Recording
from fingerspelling.video.terminal import BLANK, TALL, WIDE, hands

LEFT, RIGHT = POINTS.index("left_hand_0"), POINTS.index("right_hand_0")


def recording_of(hand: np.ndarray) -> Recording:
    """A recording of a right hand, float [frames, 21, 2], in a square picture; all else is missing."""
    points = np.full((len(hand), len(POINTS), 3), np.nan, np.float32)
    points[:, RIGHT : RIGHT + HAND, :2] = hand
    return Recording(as_columns(points).reshape(len(hand), len(COLUMNS)), np.arange(len(hand)) / 30, 10, 10)


def reading_of(text: str) -> list[Reading]:
    return [Reading(0, 1, [Letter(character, 0.0, 0.5) for character in text], 0.5, 1.0)]


def dots(picture: list[str]) -> set[tuple[int, int]]:
    """The dots of a picture, as x and y."""
    bits = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    return {
        (2 * column + x, 4 * row + y)
        for row, line in enumerate(picture)
        for column, character in enumerate(line)
        for bit, (x, y) in enumerate(bits)
        if ord(character) - BLANK >> bit & 1
    }


def test_every_joint_and_bone_is_where_the_hand_has_it() -> None:
    hand = np.random.default_rng(0).uniform(0.3, 0.6, (HAND, 2))
    hand[:2] = [[0.2, 0.2], [0.7, 0.7]]  # as wide as high
    lines = hands(recording_of(hand[None]), reading_of("a")).splitlines()
    assert len(lines) == TALL + 1 and lines[-1] == "a 0.0s 50%"
    drawn = dots([line.ljust(WIDE, chr(BLANK)) for line in lines[:-1]])
    side = 2 * WIDE - 1  # dots, by which both are as far apart as they can be
    joints = (hand - 0.45) / 0.5 * side + np.array([side, 4 * TALL - 1]) / 2
    middles = [joints[[a, b]].mean(0) for a, b in HAND_BONES]
    for x, y in [*joints, *middles]:
        assert any(abs(x - dot[0]) + abs(y - dot[1]) <= 2 for dot in drawn)
    assert max(x for x, _ in drawn) == side


def test_the_hand_is_that_of_the_nearest_frame_in_which_it_is_seen() -> None:
    rng = np.random.default_rng(0)
    clip = rng.random((30, HAND, 2))
    clip[10:] = np.nan
    clip[29] = rng.random((HAND, 2))
    shown = hands(recording_of(clip), [Reading(0, 1, [Letter("b", 0.5, 1.0)], 1.0, 1.0)])
    alone = hands(recording_of(clip[9:10]), [Reading(0, 1, [Letter("b", 0.5, 1.0)], 1.0, 1.0)])
    assert shown == alone


def test_the_other_hand_that_only_rests_is_not_drawn() -> None:
    rng = np.random.default_rng(0)
    spelling, reading = recording_of(rng.random((3, HAND, 2))), reading_of("a")
    points = as_points(spelling.landmarks).copy()
    points[:, LEFT : LEFT + HAND, :2] = rng.random((HAND, 2))
    both = replace(spelling, landmarks=as_columns(points).reshape(spelling.landmarks.shape))
    assert hands(both, reading) == hands(spelling, reading)


def test_rows_fit_into_the_terminal() -> None:
    recording = recording_of(np.random.default_rng(0).random((1, HAND, 2)))
    for columns in (20, 40, 80, 200):
        drawn = hands(recording, reading_of("abc def"), columns)
        assert max(map(len, drawn.splitlines())) <= columns
        named = [line for line in drawn.splitlines() if "50%" in line]
        assert " ".join(named).replace(" 0.0s 50%", "").split() == list("abc␣def")
    assert hands(recording, reading_of("")) == ""
