import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import always_says, make_batch, make_model
from torch import Tensor

from fingerspelling import text
from fingerspelling.decoding import search
from fingerspelling.decoding.beam import LEAST, BeamSearch, CtcPrefixScorer
from fingerspelling.decoding.search import decode, decode_greedily
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


def spelled_by_alignments(log_probabilities: Tensor) -> dict[tuple[int, ...], float]:
    """Return the probability of all that a clip's frames, [frames, characters + 1], can spell, one by one."""
    blank, probabilities = log_probabilities.shape[1] - 1, {}
    for alignment in itertools.product(range(blank + 1), repeat=len(log_probabilities)):
        spelled = tuple(token for token, _ in itertools.groupby(alignment) if token != blank)
        probability = math.exp(
            sum(row[token] for row, token in zip(log_probabilities.tolist(), alignment, strict=True))
        )
        probabilities[spelled] = probabilities.get(spelled, 0.0) + probability
    return probabilities


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_prefix_scores_are_those_of_all_alignments(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    seed, spread = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from([0.1, 1.0, 5.0]))
    noise = torch.randn(len(lengths), max(lengths), 3, generator=torch.Generator().manual_seed(seed))
    log_probabilities = (noise * spread).log_softmax(-1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    real = [spelled_by_alignments(rows[:length]) for rows, length in zip(log_probabilities, lengths, strict=True)]

    beam = 2
    scorer = CtcPrefixScorer(log_probabilities, None if len({*lengths}) == 1 else mask, beam, max(lengths))
    state, last = scorer.start(), torch.zeros(len(lengths) * beam, dtype=torch.long)
    prefixes = [[()] * beam for _ in lengths]
    places, characters = st.integers(0, beam - 1), st.integers(0, 1)
    for _ in range(data.draw(st.integers(1, 4))):
        following = scorer.next_log_probabilities(state, last).exp().unflatten(0, (-1, beam))
        for clip, row in enumerate(prefixes):
            for place, prefix in enumerate(row):
                begun = sum(p for phrase, p in real[clip].items() if phrase[: len(prefix)] == prefix)
                expected = [
                    sum(p for phrase, p in real[clip].items() if phrase[: len(prefix) + 1] == (*prefix, character))
                    for character in (0, 1)
                ]
                if begun:  # what can be goes on, and its shares are all there is
                    expected = torch.tensor([*expected, real[clip].get(prefix, 0.0)]) / begun
                    torch.testing.assert_close(following[clip, place], expected, rtol=1e-3, atol=1e-6)
        parents = [[data.draw(places) for _ in range(beam)] for _ in lengths]
        tokens = [[data.draw(characters) for _ in range(beam)] for _ in lengths]
        prefixes = [
            [(*row[parent], token) for parent, token in zip(*chosen, strict=True)]
            for row, *chosen in zip(prefixes, parents, tokens, strict=True)
        ]
        rows = torch.tensor(parents) + torch.arange(len(lengths))[:, None] * beam
        state = scorer.extend(state, last, rows.flatten(), torch.tensor(tokens).flatten())
        last = torch.tensor(tokens).flatten()


@pytest.mark.parametrize("frames", [1, 400])
@pytest.mark.parametrize("spread", [0.25, 0.5])
def test_long_clips_are_scored_as_by_the_ctc_loss(frames: int, spread: float) -> None:
    noise = torch.randn(1, frames, 60, generator=torch.Generator().manual_seed(0)) * spread
    phrase = [7, 7, 0, 58, 58, 58, 3][:frames]
    spoken = torch.full((frames,), 59)  # blanks but for the phrase, evenly spread
    spoken[[frames * place // len(phrase) for place in range(len(phrase))]] = torch.tensor(phrase)
    log_probabilities = (noise + 6 * F.one_hot(spoken, 60)).log_softmax(-1)
    scorer, score = CtcPrefixScorer(log_probabilities, None, 1, frames), 0.0
    state, last = scorer.start(), torch.tensor([60])
    for token in torch.tensor(phrase)[:, None]:
        score += scorer.next_log_probabilities(state, last)[0, token].item()
        state, last = scorer.extend(state, last, torch.tensor([0]), token), token
    score += scorer.next_log_probabilities(state, last)[0, -1].item()
    told = torch.tensor([phrase]), torch.tensor([frames]), torch.tensor([len(phrase)])
    loss = F.ctc_loss(log_probabilities.transpose(0, 1), *told, blank=59, reduction="sum")
    assert score == pytest.approx(-loss.item(), rel=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 255, 256, 257])
def test_as_many_blanks_as_there_can_be_are_an_empty_phrase(frames: int) -> None:
    blanks = F.one_hot(torch.full((1, frames), 3), 4).float().clamp(min=1e-4).log()
    scorer = CtcPrefixScorer(blanks, None, 1, frames)
    following = scorer.next_log_probabilities(scorer.start(), torch.tensor([4]))
    assert following[0, 3].exp().item() == pytest.approx(1, abs=0.1)


def test_what_is_too_unlikely_for_a_float_upsets_nothing() -> None:
    noise = torch.randn(2, 400, 60, generator=torch.Generator().manual_seed(0)) * 100
    scorer = CtcPrefixScorer(noise.log_softmax(-1), None, 3, 400)
    state, last, parents = scorer.start(), torch.full((6,), 60), torch.tensor([0, 0, 1, 5, 4, 4])
    for tokens in torch.randint(60, (33, 6), generator=torch.Generator().manual_seed(1)):
        following = scorer.next_log_probabilities(state, last)
        assert following.isfinite().all() and following.max() <= 0
        state, last = scorer.extend(state, last, parents, tokens), tokens
    assert following.min() == pytest.approx(math.log(LEAST))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("seeds", [(29,), (0, 3, 8)])
def test_a_beam_of_one_without_ctc_is_greedy_decoding(
    seeds: tuple[int, ...], stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [make_model(seed, frame_stride=stride) for seed in seeds]
    encoded = encode(models, LENGTHS)
    greedy = decode_greedily(models, encoded)
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
    gains = [told[tuple(w)] - told[tuple(n)] for told, w, n in zip(scores, wide, narrow, strict=True)]
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
