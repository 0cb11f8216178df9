import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fingerspelling.decoding.ctc import LEAST, CtcPrefixScorer


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
    target = torch.tensor([phrase]), torch.tensor([frames]), torch.tensor([len(phrase)])
    loss = F.ctc_loss(log_probabilities.transpose(0, 1), *target, blank=59, reduction="sum")
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
