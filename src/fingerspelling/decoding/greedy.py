"""Greedy search: each step takes the likeliest token. It is a `search.Search` of one hypothesis per clip."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fingerspelling.model import Encoded, FingerspellingModel


class Greedy(NamedTuple):
    """The phrases so far."""

    tokens: Tensor  # int64 [rows], the last ones: START, a character, or the padding token where a phrase has ended
    lengths: Tensor  # int64 [rows], in characters
    logits: Tensor  # float32 [rows, max_new_tokens, characters]; behind a phrase they mean nothing


class GreedySearch:
    """A search that keeps one hypothesis per clip, until it meets a special token."""

    def __init__(self, models: Sequence[FingerspellingModel], encoded: Sequence[Encoded]) -> None:
        self.config = models[0].config
        self.batch, self.device = len(encoded[0][0]), encoded[0][0].device
        self.end = self.config.pad_token_id  # stands for any special token, all of which follow the characters

    def start(self) -> Greedy:
        return Greedy(
            torch.full((self.batch,), self.config.bos_token_id, device=self.device),
            torch.zeros(self.batch, dtype=torch.int64, device=self.device),
            torch.zeros(self.batch, self.config.max_new_tokens, self.end, device=self.device),
        )

    def ended(self, state: Greedy) -> Tensor:
        return state.tokens == self.end

    def inputs(self, state: Greedy) -> Tensor:
        return torch.where(self.ended(state), self.config.mask_token_id, state.tokens)

    def advance(self, state: Greedy, step: int | Tensor, logits: Tensor) -> tuple[Greedy, None]:
        tokens = torch.where(self.ended(state), self.end, logits.argmax(-1).clamp(max=self.end))
        here = torch.arange(self.config.max_new_tokens, device=self.device) == step
        rows = torch.where(here[:, None], logits[:, None, : self.end], state.logits)
        return Greedy(tokens, state.lengths + (tokens < self.end).long(), rows), None

    def best(self, state: Greedy) -> tuple[Tensor, Tensor]:
        return state.logits, state.lengths
