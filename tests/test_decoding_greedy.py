import pytest
import torch
from synthetic import always_says, make_batch, make_model

from fingerspelling import text
from fingerspelling.decoding.greedy import GreedySearch
from fingerspelling.decoding.search import decode
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.model.preprocessing import normalize

LENGTHS = [15, 20, 33, 34, 40, 60]
READER = make_model(29)  # ends its phrases at different times


@torch.no_grad()
def encode(model: FingerspellingModel) -> Encoded:
    frames, mask = make_batch(LENGTHS)
    return model.encode(normalize(frames), mask)


def single(encoded: Encoded, clip: int) -> Encoded:
    hidden, mask = encoded
    return hidden[clip][mask[clip]][None], None


@pytest.mark.parametrize("token", [text.PAD, text.START, text.END, text.MASK])
def test_every_special_token_ends_a_phrase(token: int) -> None:
    model = always_says(make_model(), token)
    assert decode([model], [encode(model)]) == [[]] * len(LENGTHS)


def test_a_phrase_without_end_ends_after_33_steps() -> None:
    model = always_says(make_model(), 11)
    assert decode([model], [encode(model)]) == [[11] * 33] * len(LENGTHS)


def test_nothing_follows_the_end() -> None:
    """A clip that has ended keeps silent while others of its batch go on."""
    encoded = encode(READER)
    batch = decode([READER], [encoded])
    assert [decode([READER], [single(encoded, clip)])[0] for clip in range(len(LENGTHS))] == batch
    assert len({len(ids) for ids in batch}) > 2
    assert all(token < text.PAD for ids in batch for token in ids)


def test_what_is_best_are_the_logits_of_each_step() -> None:
    logits = torch.randn(4, 3, 63, generator=torch.Generator().manual_seed(0))
    spelled = torch.tensor([[5, 6, 7], [8, text.MASK, 9], [text.START, 1, 2]])
    for step, tokens in enumerate(spelled.T):
        logits[step, range(3), tokens] = 9.0
    search = GreedySearch([READER], [(torch.zeros(3, 20, 32), None)])
    state = search.start()
    for step in range(3):
        assert search.inputs(state).tolist() == [[60] * 3, [5, 8, 62], [6, 62, 62]][step]
        state, parents = search.advance(state, step, logits[step])
        assert parents is None
    rows, lengths = search.best(state)
    assert search.ended(state).tolist() == [False, True, True] and lengths.tolist() == [3, 1, 0]
    for row, length in enumerate(lengths):
        assert torch.equal(rows[row, :length], logits[:length, row, : text.PAD])
