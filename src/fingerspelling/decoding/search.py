"""Encoded clips -> characters: what a search is, which one the settings mean, and the loop that runs it in PyTorch.

The exported file runs the same searches in a traced loop (`export.transcriber`).
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from fingerspelling.decoding.beam import BeamSearch
from fingerspelling.decoding.greedy import GreedySearch
from fingerspelling.model import Encoded, FingerspellingModel

State = TypeVar("State", bound=tuple)  # of tensors: the hypotheses of all clips
Decode = Callable[[Sequence[FingerspellingModel], Sequence[Encoded]], list[list[int]]]


class Search(Protocol[State]):
    """Everything of decoding but the decoders, made of tensors alone, so that it can be traced.

    A row is a hypothesis: num_beams of them per clip, clip after clip, the best of a clip first.
    """

    def start(self) -> State:
        """Return the empty hypotheses."""

    def ended(self, state: State) -> Tensor:
        """Return which hypotheses go no further, bool [rows]. Once a clip's first one has ended, it stays the best."""

    def inputs(self, state: State) -> Tensor:
        """Return the tokens that the decoders read next, int64 [rows].

        Where a hypothesis has ended, this is the mask token: padding would upset the positions in the caches.
        """

    def advance(self, state: State, step: int | Tensor, logits: Tensor) -> tuple[State, Tensor | None]:
        """Continue the hypotheses of step tokens by one; what has ended stays as it is.

        Takes the models' averaged logits after `inputs`, float [rows, vocabulary]. Returns the new hypotheses, and
        which of the old ones each of them continues, int64 [rows]; None if each continues its own.
        """

    def best(self, state: State) -> tuple[Tensor, Tensor]:
        """Return each clip's best phrase, float32 [batch, max_new_tokens, characters], and its length, int [batch].

        The largest value of a row is that of the character.
        """


def make_search(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int, ctc_weight: float
) -> Search[Any]:
    """Return the search that the settings mean: greedy with one beam and no CTC, where there is nothing to search.

    Raises:
        ValueError: num_beams or ctc_weight is out of range, or a model lacks the CTC head that is to be weighted.
    """
    if num_beams < 1 or not 0 <= ctc_weight <= 1:
        raise ValueError(f"num_beams {num_beams} must be at least 1 and ctc_weight {ctc_weight} from 0 to 1")
    if ctc_weight and any(model.ctc is None for model in models):
        raise ValueError(f"ctc_weight {ctc_weight}: a model has no CTC head, it was trained with ctc_weight 0")
    if num_beams == 1 and not ctc_weight:
        return GreedySearch(models, encoded)
    return BeamSearch(models, encoded, num_beams, ctc_weight)


@torch.inference_mode()
def decode(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int = 1, ctc_weight: float = 0.0
) -> list[list[int]]:
    """Decode a batch of clips, with the decoders' key/value caches; greedily by default.

    Args:
        models: the ensemble; the decoders' logits are averaged, and so are the log probabilities of the CTC heads.
        encoded: what `encode` gave for each model.
        num_beams: hypotheses per clip.
        ctc_weight: 0 for the decoder alone, 1 for CTC alone.

    Returns:
        The ids of each clip's characters, without the token that ended it.

    Raises:
        ValueError: as `make_search` says.
    """
    search, state = _run(models, encoded, num_beams, ctc_weight)
    rows, lengths = search.best(state)
    return [ids[:length] for ids, length in zip(rows.argmax(-1).tolist(), lengths.tolist(), strict=True)]


@torch.inference_mode()
def hypotheses(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int, ctc_weight: float
) -> list[list[tuple[list[int], float]]]:
    """Return all that a beam search of at least two hypotheses ends with: ids and log probability, the best first.

    Arguments and errors are those of `decode`.
    """
    search, state = _run(models, encoded, num_beams, ctc_weight)
    spelled = state.spelled.unflatten(0, (-1, num_beams)).tolist()
    return [
        [([i for i in ids if i < search.end], score) for ids, score in zip(of_clip, scores, strict=True)]
        for of_clip, scores in zip(spelled, state.scores.tolist(), strict=True)
    ]


def _run(
    models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int, ctc_weight: float
) -> tuple[Any, Any]:
    """Search, and return the search with its last state."""
    search = make_search(models, encoded, num_beams, ctc_weight)
    caches: list[Any] = [EncoderDecoderCache(DynamicCache(), DynamicCache()) for _ in models]
    if num_beams > 1:
        encoded = [
            (hidden.repeat_interleave(num_beams, 0), None if mask is None else mask.repeat_interleave(num_beams, 0))
            for hidden, mask in encoded
        ]
    state = search.start()
    for step in range(models[0].config.max_new_tokens):
        tokens = search.inputs(state)[:, None]
        logits = [
            next_logits(model, tokens, hidden, cache, encoder_attention_mask=mask)
            for model, (hidden, mask), cache in zip(models, encoded, caches, strict=True)
        ]
        state, parents = search.advance(state, step, torch.stack(logits).mean(0))
        if search.ended(state)[::num_beams].all():
            break
        if parents is not None:
            for cache in caches:  # the encoder's part is the same for all hypotheses of a clip
                cache.self_attention_cache.reorder_cache(parents)
    return search, state


def next_logits(
    model: FingerspellingModel, tokens: Tensor, hidden: Tensor, cache: EncoderDecoderCache, **masks: Tensor | None
) -> Tensor:
    """Return a model's logits after one more token, int64 [rows, 1], that the cache takes in: float [rows, vocabulary].

    It is traced as well, for the exported file; hidden is what `encode` returns, the masks are the decoder's.
    """
    # Past the decorators of transformers, which set a variable of its own: torch 2.11 cannot trace that in a loop.
    forward = inspect.unwrap(type(model.decoder).forward)
    decoded = forward(
        model.decoder, input_ids=tokens, encoder_hidden_states=hidden, past_key_values=cache, use_cache=True, **masks
    )
    return model.output_projection(decoded.last_hidden_state)[:, 0]


def decoding_name(num_beams: int, ctc_weight: float) -> str:
    """Return what these settings do, in words."""
    if num_beams == 1:
        return f"greedy with {ctc_weight:g} of CTC" if ctc_weight else "greedy"
    return f"beam of {num_beams} with {ctc_weight:g} of CTC" if ctc_weight else f"beam of {num_beams}"
