import itertools
import math

import pytest
import torch
from synthetic import always_says, make_batch, make_model
from test_decoding_ctc import spelled_by_alignments

from fingerspelling import text
from fingerspelling.decoding import search
from fingerspelling.decoding.beam import BeamSearch
from fingerspelling.decoding.search import decode
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.model.preprocessing import normalize

LENGTHS = [1, 2, 15, 33, 34, 40, 60]
# Three characters and phrases of at most three, few enough to try them all.
SMALL = {"vocab_size": 7, "pad_token_id": 3, "bos_token_id": 4, "eos_token_id": 5, "mask_token_id": 6}
SMALL |= {"max_new_tokens": 3, "ctc_weight": 0.5}
PHRASES = [phrase for length in range(4) for phrase in itertools.product(range(3), repeat=length)]


def encode(models: list[FingerspellingModel], lengths: list[int], seed: int = 0) -> list[Encoded]:
    frames, mask = make_batch(lengths, seed)
    with torch.no_grad():
        return [model.encode(normalize(frames), mask) for model in models]


def single(encoded: list[Encoded], clip: int) -> list[Encoded]:
    """Cut one clip out of a batch, without its padding."""
    return [(hidden[clip][mask[clip]][None], None) for hidden, mask in encoded]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("seeds", [(29,), (0, 3, 8)])
def test_a_beam_of_one_without_ctc_is_greedy_decoding(
    seeds: tuple[int, ...], stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [make_model(seed, frame_stride=stride) for seed in seeds]
    encoded = encode(models, LENGTHS)
    greedy = decode(models, encoded)
    monkeypatch.setattr(search, "make_search", BeamSearch)
    spelled = decode(models, encoded, 1, 0.0)
    assert spelled == greedy
    assert len({tuple(row) for row in spelled}) > 1
    assert seeds != (29,) or len({len(row) for row in spelled}) > 2  # this one ends its phrases at different times


@torch.no_grad()
def scores_of(
    models: list[FingerspellingModel], encoded: list[Encoded], ctc_weight: float
) -> dict[tuple[int, ...], float]:
    """Score all phrases of `SMALL` for one clip without cache, beam or recursion.

    Those of full length have not ended: what the decoder thinks of their end does not count, and CTC may go on.
    """
    heard = [
        spelled_by_alignments(model.ctc(part[0][0]).log_softmax(-1))
        for model, part in zip(models, encoded, strict=True)
    ]
    scores = {}
    for phrase in PHRASES:
        logits = 0.0
        for model, (hidden, _) in zip(models, encoded, strict=True):
            decoded = model.decoder(torch.tensor([[4, *phrase]]), encoder_hidden_states=hidden, use_cache=False)
            logits = logits + model.output_projection(decoded.last_hidden_state[0]) / len(models)
        by_decoder = logits.log_softmax(-1)
        score = sum(by_decoder[place, token].item() for place, token in enumerate(phrase))
        score += by_decoder[-1, 3:].max().item() if len(phrase) < 3 else 0.0
        shares = [sum(p for s, p in real.items() if s == phrase or s[:3] == phrase) for real in heard]
        by_ctc = sum(math.log(share) if share else -math.inf for share in shares) / len(models)
        scores[phrase] = (1 - ctc_weight) * score + (ctc_weight * by_ctc if ctc_weight else 0.0)
    return scores


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seeds", [(0,), (2, 3)])
def test_a_beam_of_everything_finds_the_best_phrase(seeds: tuple[int, ...], ctc_weight: float) -> None:
    models = [make_model(seed, **SMALL) for seed in seeds]
    encoded = encode(models, [1, 2, 4, 5], seed=seeds[0])
    searched = {num_beams: decode(models, encoded, num_beams, ctc_weight) for num_beams in (1, 2, 5, 40)}
    for clip in range(4):
        scores = scores_of(models, single(encoded, clip), ctc_weight)
        found = {beam: scores[tuple(spelled[clip])] for beam, spelled in searched.items()}
        assert found[40] == pytest.approx(max(scores.values()), abs=1e-5)
        assert -math.inf < min(found.values())
        assert max(found.values()) < found[40] + 1e-5


def test_a_wider_beam_finds_what_a_narrow_one_misses() -> None:
    models = [make_model(2, **SMALL)]
    encoded = encode(models, [5] * 10)
    narrow, wide = (decode(models, encoded, beam, 0.3) for beam in (1, 4))
    scores = [scores_of(models, single(encoded, clip), 0.3) for clip in range(10)]
    gains = [of_clip[tuple(w)] - of_clip[tuple(n)] for of_clip, w, n in zip(scores, wide, narrow, strict=True)]
    assert min(gains) > 0.01


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("strides", [(2,), (1, 2)])
def test_a_batch_is_read_as_single_clips(strides: tuple[int, ...], ctc_weight: float) -> None:
    models = [make_model(seed, frame_stride=stride, ctc_weight=0.5) for seed, stride in enumerate(strides, 29)]
    encoded = encode(models, LENGTHS)
    spelled = decode(models, encoded, 3, ctc_weight)
    assert [decode(models, single(encoded, clip), 3, ctc_weight)[0] for clip in range(len(LENGTHS))] == spelled
    assert len({tuple(row) for row in spelled}) > 1  # else little would be shown


def test_a_model_twice_reads_as_once() -> None:
    model = make_model(2, **SMALL)
    encoded = encode([model], [5] * 30)
    assert decode([model] * 2, encoded * 2, 3, 0.3) == decode([model], encoded, 3, 0.3)


def test_ctc_alone_reads_what_its_frames_say() -> None:
    """A head that sees one character in each frame is read so, whatever the decoder thinks."""
    model = make_model(ctc_weight=0.5)
    frames = [7, 7, 59, 7, 59, 59, 12, 12, 3, 58, 59]
    hidden = torch.zeros(2, len(frames), 32)
    hidden[0, range(len(frames)), range(len(frames))] = 1.0
    hidden[1] = hidden[0]
    mask = torch.tensor([[True] * 11, [True] * 7 + [False] * 4])
    with torch.no_grad():
        model.ctc.bias.zero_()
        model.ctc.weight.zero_()
        model.ctc.weight[frames, range(len(frames))] = 20.0
    assert decode([model], [(hidden, mask)], 4, 1.0) == [[7, 7, 12, 3, 58], [7, 7, 12]]


@pytest.mark.parametrize("ctc_weight", [0.3, 1.0])
def test_ctc_spells_no_more_characters_than_a_clip_has_frames(ctc_weight: float) -> None:
    model = make_model(8, ctc_weight=0.5)
    with torch.no_grad():
        model.output_projection.weight[text.PAD :] = 0.0  # a decoder that goes on
    encoded = encode([model], [1, 2, 3])
    for num_beams in (1, 4, 100):
        assert all(len(row) <= n for n, row in enumerate(decode([model], encoded, num_beams, ctc_weight), 1))


@pytest.mark.parametrize("num_beams", [1, 4, 70])
@pytest.mark.parametrize("token", [text.PAD, text.START, text.END, text.MASK])
def test_every_special_token_ends_a_phrase(token: int, num_beams: int) -> None:
    model = always_says(make_model(), token)
    assert decode([model], encode([model], LENGTHS), num_beams, 0.0) == [[]] * len(LENGTHS)


def test_a_phrase_without_end_ends_after_33_steps() -> None:
    model = always_says(make_model(), 11)
    assert decode([model], encode([model], LENGTHS), 3, 0.0) == [[11] * 33] * len(LENGTHS)
