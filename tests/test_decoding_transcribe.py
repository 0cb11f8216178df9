import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import Clip, always_says, clip_table, make_batch, make_model
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.extraction import extract
from fingerspelling.data.parquet import read_clip
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding import transcribe as module
from fingerspelling.decoding.transcribe import read_batch, read_store, transcribe_clip
from fingerspelling.landmarks import FARTHEST, PARTS, WRISTS
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize

LENGTHS = [15, 20, 33, 34, 40, 60]
HANDS = [*PARTS["left_hand"], *PARTS["right_hand"]]


@torch.no_grad()
def is_greedy(models: list[FingerspellingModel], clip: Tensor, phrase: str) -> bool:
    """Return whether a phrase is the greedy reading of a clip, [frames, 130, 3], running the whole decoder at once.

    Each character must be the likeliest after those before it, and what follows the last one a special token.
    The constant phrase stands for an empty reading.
    """
    phrase = "" if phrase == text.CONSTANT_PHRASE else phrase
    ids = torch.tensor([[text.START, *text.encode(phrase)]])
    logits = 0.0
    for model in models:
        hidden = model.encode(normalize(clip[None]))[0]
        decoded = model.decoder(ids, encoder_hidden_states=hidden, use_cache=False).last_hidden_state
        logits = logits + model.output_projection(decoded[0])
    best = logits.argmax(-1).tolist()
    ended = best[-1] >= text.PAD or len(phrase) == 33
    return ended and best[: len(phrase)] == ids[0, 1:].tolist()


def confident(seed: int = 0, logit: float = 9.0, **changes: object) -> FingerspellingModel:
    """Return a model that thinks the same of every clip's worth."""
    model = make_model(seed, **changes)
    with torch.no_grad():
        model.confidence.weight.zero_()
        model.confidence.bias.fill_(logit)
    return model


def transcribe(*arguments: object) -> list[str]:
    return [transcript.phrase for transcript in read_batch(*arguments)]


def transcribe_store(*arguments: object) -> list[str]:
    return [transcript.phrase for transcript in read_store(*arguments)]


READER = confident(29)  # ends its phrases at different times


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("seeds", [(0,), (8,), (29,), (0, 3, 8)])
def test_a_batch_reads_as_single_clips_without_a_cache(seeds: tuple[int, ...], stride: int) -> None:
    models = [confident(seed, frame_stride=stride) for seed in seeds]
    frames, mask = make_batch(LENGTHS)
    spelled = transcribe(models, frames, mask)
    clips = [clip[:length] for clip, length in zip(frames, LENGTHS, strict=True)]
    assert [transcribe(models, clip[None])[0] for clip in clips] == spelled
    for clip, phrase in zip(clips, spelled, strict=True):
        assert is_greedy(models, clip, phrase)
        assert not is_greedy(models, clip, phrase[:-1] + ("b" if phrase.endswith("a") else "a"))
    assert len(set(spelled)) > 1  # else little would be shown


def test_random_models_show_clips_that_end_at_different_times() -> None:
    frames, mask = make_batch(LENGTHS)
    spelled = transcribe([READER], frames, mask)
    assert len({len(phrase) for phrase in spelled}) > 2
    assert min(map(len, spelled)) < 15


def test_where_nothing_is_decoded_the_constant_phrase_is_given() -> None:
    frames, mask = make_batch(LENGTHS)
    model = always_says(confident(), text.END)
    assert transcribe([model], frames, mask) == [text.CONSTANT_PHRASE] * len(LENGTHS)


def test_an_ensemble_averages_logits_whatever_the_order() -> None:
    frames, mask = make_batch(LENGTHS)
    one, other = confident(0), confident(1)
    assert transcribe([one, one], frames, mask) == transcribe([one], frames, mask)
    assert transcribe([one, other], frames, mask) == transcribe([other, one], frames, mask)
    loud = confident(1)
    with torch.no_grad():
        loud.output_projection.weight.mul_(1e5)
    assert transcribe([one, loud], frames, mask) == transcribe([loud], frames, mask)


def test_short_clips_get_the_constant_phrase() -> None:
    frames, mask = make_batch([14, 15, 16])
    model = always_says(confident(), 32)
    assert transcribe([model], frames, mask) == [text.CONSTANT_PHRASE, "a" * 33, "a" * 33]
    assert transcribe([model], frames[:1, :14]) == [text.CONSTANT_PHRASE]


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize(
    ("confidences", "read"), [((0.14,), False), ((0.16,), True), ((0.05, 0.40), True), ((0.01, 0.40), False)]
)
def test_clips_not_worth_reading_get_the_constant_phrase(confidences: tuple[float, ...], read: bool) -> None:
    frames, mask = make_batch([20])
    models = [confident(0, logit(confidence)) for confidence in confidences]
    assert (transcribe(models, frames, mask)[0] != text.CONSTANT_PHRASE) == read


@pytest.mark.parametrize(("least", "read"), [(0.119, True), (0.1195, False), (0.15, False), (0.25, False)])
def test_an_ensembles_confidence_comes_from_the_mean_logit(least: float, read: bool) -> None:
    """The winner's figures: of the logits 0 and -4, 0.119, while the mean of both confidences would be 0.259."""
    frames, mask = make_batch([20])
    models = [confident(0, 0.0, min_confidence=least), confident(1, -4.0, min_confidence=least)]
    assert (transcribe(models, frames, mask)[0] != text.CONSTANT_PHRASE) == read


def test_models_without_confidence_leave_the_judgement_to_others() -> None:
    frames, mask = make_batch([20])
    silent = make_model(3, confidence_head=False)
    assert transcribe([silent], frames, mask) != [text.CONSTANT_PHRASE]
    assert transcribe([silent, confident(0, logit(0.1))], frames, mask) == [text.CONSTANT_PHRASE]


@pytest.mark.parametrize("n_frames", [0, 1, 14])
def test_clips_of_hardly_any_frame_are_answered(n_frames: int) -> None:
    assert transcribe_clip([confident()], torch.rand(n_frames, 390)) == text.CONSTANT_PHRASE


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, FARTHEST + 1])
def test_clips_without_a_hand_get_the_constant_phrase(value: float) -> None:
    frames, mask = make_batch([20, 30, 40, 40])
    frames[:, :, HANDS] = value
    frames[1, 29, WRISTS[0]] = frames[2, 0, WRISTS[1]] = 0.5  # a hand in a single frame is enough
    model = always_says(confident(), 32)
    assert transcribe([model], frames, mask) == [text.CONSTANT_PHRASE, "a" * 33, "a" * 33, text.CONSTANT_PHRASE]
    alone = [transcribe([model], clip[None, :length])[0] for clip, length in zip(frames, mask.sum(1), strict=True)]
    assert alone == transcribe([model], frames, mask)


@pytest.mark.parametrize("n_frames", [0, 1, 20])
def test_clips_without_any_point_get_the_constant_phrase(n_frames: int) -> None:
    model = confident(min_frames=0)
    assert transcribe_clip([model], torch.full((n_frames, 390), math.nan)) == text.CONSTANT_PHRASE
    assert n_frames == 0 or transcribe_clip([model], torch.rand(n_frames, 390)) != text.CONSTANT_PHRASE


def test_long_clips_are_resized_first() -> None:
    model, frames = confident(), torch.rand(5000, 390)
    kept = frames[torch.arange(384) * 5000 // 384]
    assert is_greedy([model], kept.unflatten(1, (3, 130)).transpose(1, 2), transcribe_clip([model], frames))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.floats(0, 1), st.integers(0, 1000))
def test_any_clip_is_answered_in_the_59_characters(n_frames: int, missing: float, seed: int) -> None:
    frames = np.random.default_rng(seed).normal(size=(n_frames, 390)).astype(np.float32)
    frames[np.random.default_rng(seed).random(frames.shape) < missing] = np.nan
    phrase = transcribe_clip([READER], torch.from_numpy(frames))
    assert not text.unknown_characters(phrase)
    assert len(phrase) <= 33


def test_a_store_is_read_as_its_source_files_are(
    store: ClipStore, competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "eval_batch_size", lambda device: 2)
    models = [READER, confident(1)]
    clips = [4, 9, 0, 16, 12]  # in any order
    spelled = transcribe_store(models, store, clips)
    for clip, phrase in zip(clips, spelled, strict=True):
        row = store.table.iloc[clip]
        folder = "supplemental_landmarks" if row["supplemental"] else "train_landmarks"
        path = competition / folder / f"{row['file_id']}.parquet"
        frames = read_clip(path, sequence_id=row["sequence_id"]).astype(np.float16).astype(np.float32)
        assert transcribe_clip(models, torch.from_numpy(frames)) == phrase
    assert len(set(spelled)) > 2
    assert transcribe_store(models, store, []) == []


def test_a_store_of_long_clips_is_read(tmp_path: Path) -> None:
    clip_table(Clip(1, 1, "a", 700)).to_parquet(tmp_path / "1.parquet")
    (tmp_path / "train.csv").write_text("path,file_id,sequence_id,participant_id,phrase\n1.parquet,1,1,1,a\n")
    extract(tmp_path, tmp_path / "clips")
    frames = torch.from_numpy(read_clip(tmp_path / "1.parquet")).half().float()
    assert transcribe_store([READER], ClipStore(tmp_path / "clips"), [0]) == [transcribe_clip([READER], frames)]


def test_reading_a_store_leaves_chance_out(store: ClipStore) -> None:
    assert transcribe_store([confident(29).train()], store, [0, 1, 2]) == transcribe_store([READER], store, [0, 1, 2])


def test_real_recordings_are_read(real_data: Path) -> None:
    for path in sorted((real_data / "ase-letters-pose").glob("*.parquet"))[:5]:
        phrase = transcribe_clip([READER], torch.from_numpy(read_clip(path)))
        assert not text.unknown_characters(phrase)
