"""Wild signers: that each kind of recording is there, as often as its parameter says, and always the same."""

import dataclasses
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fingerspelling.parameters import ParameterError, build
from fingerspelling.simulation import Signer, SimulationConfig
from fingerspelling.simulation.alphabet import STILL
from fingerspelling.simulation.body import hand_of
from fingerspelling.simulation.camera import FACE_POINTS, LEFT_HAND, POSE_POINTS, RIGHT_HAND
from fingerspelling.simulation.config import Footage, Pace, Shapes, Tracker, View, Wild, Wording
from fingerspelling.simulation.hand import LIMITS
from fingerspelling.simulation.movement import sign
from fingerspelling.simulation.phrases import sample_wording
from fingerspelling.simulation.render import render_aligned_clip
from fingerspelling.simulation.wild import _double_hand
from fingerspelling.simulation.wild_signer import phrase_of, sample_signer, wild_signer
from fingerspelling.text import encode

# Every frame shows all parts; tests turn on what they look at.
PLAIN_TRACKER = Tracker(
    no_face=0,
    no_pose=0,
    hand_alone=0,
    no_depth=0,
    odd_depth=0,
    swapped=0,
    doubled=0,
    zeros=0,
    never_lost=1,
    noise=(0.01, 0.01),
)
PLAIN = Wild(
    share=1, tracker=PLAIN_TRACKER, footage=Footage(cut=0, idle=0, pause=0, other_hand=0), shapes=Shapes(skew=0)
)
Recording = tuple[Signer, str, np.ndarray, np.ndarray]


def record(count: int, wild: Wild, phrase: str | None = None) -> list[Recording]:
    """Record signers of their own each: who, what, the clip, and the character of each frame."""
    config, recordings = SimulationConfig(wild=wild), []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        signer = sample_signer(rng, config)
        spelled = phrase or phrase_of(signer, rng, config)
        recordings.append((signer, spelled, *render_aligned_clip(signer, spelled, rng, config)))
    return recordings


def share(recordings: list[Recording], holds: Callable[[Recording], bool]) -> float:
    return float(np.mean([holds(recording) for recording in recordings]))


def missing(part: slice) -> Callable[[Recording], bool]:
    return lambda recording: bool(np.isnan(recording[2][:, part]).all())


def test_the_same_seed_gives_the_same_clips() -> None:
    for one, other in zip(record(8, Wild(share=1)), record(8, Wild(share=1)), strict=True):
        assert one[1] == other[1]
        np.testing.assert_array_equal(one[2], other[2])
        np.testing.assert_array_equal(one[3], other[3])


def test_a_share_of_the_signers_is_wild() -> None:
    config, rng = SimulationConfig(wild=Wild(share=0.3)), np.random.default_rng(0)
    assert np.mean([sample_signer(rng, config).wild for _ in range(300)]) == pytest.approx(0.3, abs=0.08)
    assert not sample_signer(rng, SimulationConfig()).wild


def test_clips_are_whole_and_know_what_they_show() -> None:
    for _, phrase, clip, characters in record(60, Wild(share=1)):
        assert clip.dtype == np.float32 and clip.shape[1:] == (543, 3)
        assert len(clip) == len(characters) and not np.isinf(clip).any()
        assert np.isfinite(clip[:, [LEFT_HAND.start, RIGHT_HAND.start], 0]).any()
        assert np.abs(np.nan_to_num(clip[..., :2])).max() < 20
        signed = characters[characters >= 0]
        assert set(signed.tolist()) <= set(range(len(phrase)))
        assert (np.diff(signed) >= 0).all()


def test_all_kinds_of_words_are_spelled() -> None:
    rng = np.random.default_rng(0)
    phrases = [sample_wording(rng, Wording()) for _ in range(1500)]
    assert all(encode(phrase) for phrase in phrases)
    single = [phrase for phrase in phrases if phrase.isalpha()]
    assert {len(phrase) for phrase in single} >= set(range(1, 12))
    assert 0.4 < len(single) / len(phrases) < 0.75
    assert 0.03 < np.mean([phrase.isdigit() for phrase in phrases]) < 0.1
    assert 0.1 < np.mean([" " in phrase and phrase.replace(" ", "").isalpha() for phrase in phrases]) < 0.35
    only_digits = Wording(competition=0, word=0, words=0, name=0, letters=0)
    assert all(sample_wording(rng, only_digits).isdigit() for _ in range(50))
    with pytest.raises(ParameterError, match=r"wording: the shares of all kinds are 0"):
        build(Wording, dict.fromkeys(dataclasses.asdict(Wording()), 0), "wording")


def test_tempo_and_frame_rate_are_those_asked_for() -> None:
    def frames_per_character(seconds: float, fps: float) -> float:
        pace = Pace(seconds=(seconds, seconds), fps=(fps, fps), uneven=0, max_frames=1000)
        return float(
            np.median(
                [len(clip) / len(phrase) for _, phrase, clip, _ in record(12, replace(PLAIN, pace=pace), "sesame")]
            )
        )

    assert frames_per_character(2.0, 10) == pytest.approx(25, rel=0.2)  # the first and the last are held
    assert frames_per_character(2.0, 40) == pytest.approx(4 * frames_per_character(2.0, 10), rel=0.1)
    assert frames_per_character(0.15, 60) < 20
    limited = replace(PLAIN, pace=Pace(max_frames=60))
    assert np.mean([len(clip) for _, _, clip, _ in record(30, limited, "sesame")]) < 110


def test_uneven_spelling_dwells_on_some_characters() -> None:
    def unevenness(uneven: float) -> float:
        pace = Pace(seconds=(0.5, 0.5), fps=(30, 30), uneven=uneven, max_frames=1000)
        of_clips = []
        for _, _, _, characters in record(20, replace(PLAIN, pace=pace), "abcdefghi"):
            frames = np.bincount(characters[characters >= 0], minlength=9)[1:-1]
            of_clips.append(frames.std() / frames.mean())
        return float(np.mean(of_clips))

    assert unevenness(1.0) > 1.4 * unevenness(0.0)


def test_raw_recordings_begin_and_end_without_spelling() -> None:
    pace = Pace(fps=(30, 30), seconds=(0.3, 0.3))
    raw = replace(PLAIN, pace=pace, footage=Footage(idle=1, idle_seconds=3, resting=0, other_hand=0))
    recordings = record(100, raw, "hello")
    hidden = [np.isnan(clip[:, hand_of(signer).start, 0]) for signer, _, clip, _ in recordings]
    assert share(recordings, lambda recording: len(recording[2]) > 90) > 0.5
    assert np.mean([frames[0] for frames in hidden]) > 0.45 and np.mean([frames[-1] for frames in hidden]) > 0.45
    for (_, _, _, characters), frames in zip(recordings, hidden, strict=True):
        assert (characters[frames] == -1).all()
    rising = [
        clip[~frames, hand_of(signer).start, 1] for (signer, _, clip, _), frames in zip(recordings, hidden, strict=True)
    ]
    assert np.mean([wrist[0] > np.median(wrist) for wrist in rising]) > 0.8  # y points down
    resting = record(20, replace(raw, footage=Footage(idle=1, idle_seconds=3, resting=1, other_hand=0)), "hello")
    assert share(resting, lambda recording: bool(np.isfinite(recording[2][:, hand_of(recording[0])]).all())) == 1


def test_some_recordings_are_cut_within_the_first_and_the_last_character() -> None:
    footage = Footage(cut=0.5, idle=1, other_hand=0)
    recordings = record(60, replace(PLAIN, footage=footage))
    cut = [recording for recording in recordings if (recording[3] >= 0).all()]
    assert len(cut) == pytest.approx(30, abs=10)
    for _, phrase, clip, characters in cut:
        assert characters[0] == 0 and characters[-1] == len(phrase) - 1
        assert not np.isnan(clip[:, LEFT_HAND]).all() or not np.isnan(clip[:, RIGHT_HAND]).all()


def test_spaces_become_pauses() -> None:
    pace = Pace(fps=(30, 30), seconds=(0.3, 0.3), uneven=0, max_frames=1000)

    def space(pause: float) -> float:
        footage = Footage(idle=0, pause=pause, other_hand=0)
        clips = record(20, replace(PLAIN, pace=pace, footage=footage), "ab cd")
        return float(np.mean([(characters == 2).sum() for *_, characters in clips]))

    assert space(1.0) > 1.5 * space(0.0)


def test_the_other_hand_comes_into_view() -> None:
    shown = 0
    for signer, _, clip, _ in record(30, replace(PLAIN, footage=Footage(cut=0, idle=0, other_hand=1))):
        own = hand_of(signer)
        at_rest = clip[:, LEFT_HAND if own == RIGHT_HAND else RIGHT_HAND, :2]
        assert np.isfinite(clip[:, own]).all()
        if np.isfinite(at_rest).all():  # not below the picture
            shown += 1
            assert (at_rest - at_rest[:, :1]).std(0).max() < 0.05
    assert shown > 5
    assert all(missing(LEFT_HAND)(each) or missing(RIGHT_HAND)(each) for each in record(10, PLAIN))


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("no_face", [FACE_POINTS]),
        ("no_pose", [POSE_POINTS]),
        ("hand_alone", [FACE_POINTS, POSE_POINTS]),
    ],
)
def test_parts_are_missing_from_whole_clips(name: str, gone: list[slice]) -> None:
    recordings = record(80, replace(PLAIN, tracker=replace(PLAIN_TRACKER, **{name: 0.4})), "ab")
    for part in (FACE_POINTS, POSE_POINTS):
        assert share(recordings, missing(part)) == pytest.approx(0.4 if part in gone else 0.0, abs=0.13)


def test_depth_is_missing_or_means_nothing() -> None:
    without = record(5, replace(PLAIN, tracker=replace(PLAIN_TRACKER, no_depth=1)))
    assert all(np.isnan(clip[..., 2]).all() and np.isfinite(clip[..., :2]).any() for _, _, clip, _ in without)
    for odd, related in ((0, True), (1, False)):
        wild = replace(PLAIN, tracker=replace(PLAIN_TRACKER, odd_depth=odd))
        correlations = []
        for seed in range(12):  # the same person and movement twice
            config, signer = (
                SimulationConfig(wild=wild),
                wild_signer(np.random.default_rng(seed), SimulationConfig(wild=wild)),
            )
            one, other = (
                render_aligned_clip(signer, "abcdefghij", np.random.default_rng(s), config)[0]
                for s in (seed, seed + 99)
            )
            depth = [clip[:, hand_of(signer), 2].mean(0) for clip in (one, other)]
            correlations.append(np.corrcoef(*depth)[0, 1])
        assert (np.mean(correlations) > 0.5) == related


def test_hands_are_swapped_and_what_is_not_detected_may_be_zero() -> None:
    swapped = record(10, replace(PLAIN, tracker=replace(PLAIN_TRACKER, swapped=1)))
    assert all(np.isnan(clip[:, hand_of(signer)]).all() for signer, _, clip, _ in swapped)
    zeros = record(10, replace(PLAIN, tracker=replace(PLAIN_TRACKER, zeros=1)))
    for signer, _, clip, _ in zeros:
        other = LEFT_HAND if hand_of(signer) == RIGHT_HAND else RIGHT_HAND
        assert not np.isnan(clip).any() and (clip[:, other] == 0).all()


def test_a_hand_is_found_twice_on_and_off() -> None:
    doubled = record(20, replace(PLAIN, tracker=replace(PLAIN_TRACKER, doubled=1)))
    both = [~np.isnan(clip[:, [LEFT_HAND.start, RIGHT_HAND.start], 0]).any(1) for _, _, clip, _ in doubled]
    assert 0.2 < np.mean(np.concatenate(both)) < 0.8
    for (_, _, clip, _), frames in zip(doubled, both, strict=True):
        wrists = clip[frames][:, [LEFT_HAND.start, RIGHT_HAND.start], :2]
        palm = np.abs(clip[frames][:, RIGHT_HAND.start + 9, 1] - clip[frames][:, RIGHT_HAND.start, 1])
        assert (np.abs(np.diff(wrists, axis=1))[:, 0, 1] < palm + 1e-3).all()


def test_noise_and_smoothing_are_the_trackers() -> None:
    def roughness(**tracker: tuple[float, float]) -> float:
        wild = replace(PLAIN, tracker=replace(PLAIN_TRACKER, **tracker), pace=Pace(fps=(60, 60), seconds=(2, 2)))
        clips = [clip[:, hand_of(signer), :2] for signer, _, clip, _ in record(12, wild, "ab")]
        return float(
            np.mean([np.abs(np.diff(clip, 2, axis=0)).mean() / np.ptp(clip[:, :, 1], 1).mean() for clip in clips])
        )

    rough = roughness(noise=(4, 4), smoothing=(1, 1))
    assert rough > 2 * roughness(noise=(1, 1), smoothing=(1, 1))
    assert rough > 1.5 * roughness(noise=(4, 4), smoothing=(0.35, 0.35))


def test_cameras_differ_in_shape_and_place() -> None:
    tall, wide = (
        record(20, replace(PLAIN, view=View(aspects=(aspect,), angles=(0, 0, 0)))) for aspect in (9 / 16, 16 / 9)
    )
    faces = [np.median([np.ptp(clip[0, FACE_POINTS, 0]) / np.ptp(clip[0, FACE_POINTS, 1]) for _, _, clip, _ in clips])
             for clips in (tall, wide)]  # fmt: skip
    assert faces[0] / faces[1] == pytest.approx((16 / 9) ** 2, rel=0.1)
    sides = [signer.side for signer, *_ in record(150, PLAIN, "a")]
    assert np.mean(np.array(sides) < 0) == pytest.approx(View().left_handed, abs=0.1)

    def turned(angle: float) -> float:
        clips = record(20, replace(PLAIN, view=View(angles=(angle, 0, 0))), "ab")
        shoulders = [clip[:, POSE_POINTS.start + 11, 2] - clip[:, POSE_POINTS.start + 12, 2] for _, _, clip, _ in clips]
        return float(np.mean([np.abs(depth.mean()) for depth in shoulders]))

    assert turned(30) > 3 * turned(0)


def test_hands_of_wild_signers_differ_more_and_stay_within_the_joints_limits() -> None:
    def spread(shapes: Shapes) -> float:
        config = SimulationConfig(wild=replace(PLAIN, shapes=shapes))
        hands = [wild_signer(np.random.default_rng(seed), config).postures["m"][0, :20] for seed in range(60)]
        return float(np.std(hands, 0).mean())

    plain = Shapes(spread=(1, 1), still=0, turned=0, folded=0, lax=0)
    usual = spread(plain)
    assert spread(replace(plain, spread=(2, 2))) > 1.25 * usual  # two ways of signing an M differ already
    assert spread(replace(plain, folded=15)) > usual
    assert spread(replace(plain, still=1)) > usual

    def turns(turned: float, letter: str) -> float:
        config = SimulationConfig(wild=replace(PLAIN, shapes=replace(plain, turned=turned)))
        signers = [wild_signer(np.random.default_rng(seed), config) for seed in range(40)]
        return float(np.std([signer.postures[letter][0, 20:23] for signer in signers], 0).mean())

    assert turns(40, "p") > 1.3 * turns(0, "p") and turns(40, "a") == turns(0, "a")
    config = SimulationConfig(wild=Wild(share=1))
    signer = wild_signer(np.random.default_rng(0), config)
    motion, _ = sign("mnstex", signer, np.random.default_rng(0), config)
    assert (motion[:, :20] >= LIMITS[:, 0]).all() and (motion[:, :20] <= LIMITS[:, 1]).all()


def test_still_letters_are_those_that_do_not_move_and_within_the_joints_limits() -> None:
    assert set(STILL) == set("abcdefghiklmnopqrstuvwxy")
    for shapes in STILL.values():
        assert shapes.shape[1] == 23
        assert (shapes[:, :20] >= LIMITS[:, 0]).all() and (shapes[:, :20] <= LIMITS[:, 1]).all()


def test_ranges_begin_with_their_lower_end() -> None:
    with pytest.raises(ParameterError, match=r"wild\.pace\.fps: expected the lower end first, got \[60\.0, 10\.0\]"):
        build(SimulationConfig, {"wild": {"pace": {"fps": [60, 10]}}}, "")


def test_a_hand_taken_for_the_other_one_is_not_erased_by_doubling() -> None:
    flipped = np.full((3, 543, 6), np.nan, np.float32)
    flipped[:, LEFT_HAND] = 0.5  # of a right-handed signer
    for seed in range(20):
        clip = flipped.copy()
        _double_hand(clip, RIGHT_HAND, np.random.default_rng(seed))
        np.testing.assert_array_equal(clip, flipped)
