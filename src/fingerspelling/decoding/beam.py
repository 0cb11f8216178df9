"""Beam search by the decoder's and CTC's log probabilities together.

Joint decoding in one pass after Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition"
(2017). The competition's 2nd place gained .007 with it; without CTC, a beam did not help the winner.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fingerspelling.decoding.ctc import CtcPrefixScorer, Prefixes
from fingerspelling.model import Encoded, FingerspellingModel

FLOATS = torch.finfo(torch.float32)


class Beam(NamedTuple):
    """The hypotheses."""

    scores: Tensor  # float32 [batch, num_beams], the best first; -inf for none
    tokens: Tensor  # int64 [rows], the last ones: START, a character, or the padding token where a phrase has ended
    spelled: Tensor  # int64 [rows, max_new_tokens], all of them, then padding
    prefixes: tuple[Prefixes, ...]  # what CTC knows of them, for each model


class BeamSearch:
    """A `search.Search` that keeps num_beams hypotheses per clip; the CTC heads' log probabilities are averaged.

    A phrase's score is (1 - ctc_weight) * its log probability by the decoder + ctc_weight * that by CTC. While it
    goes on, CTC counts all phrases that begin so.
    """

    def __init__(
        self, models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int, ctc_weight: float
    ) -> None:
        self.config, self.num_beams, self.ctc_weight = models[0].config, num_beams, ctc_weight
        self.batch, self.device = len(encoded[0][0]), encoded[0][0].device
        self.end = self.config.pad_token_id  # the column behind the characters, where CTC has its blank
        self.scorers = [
            CtcPrefixScorer(
                model.ctc(hidden).float().log_softmax(-1),
                mask,
                num_beams,
                -(-model.config.max_frames // model.config.frame_stride),
            )
            for model, (hidden, mask) in zip(models, encoded, strict=True)
            if ctc_weight
        ]

    def start(self) -> Beam:
        rows, device = self.batch * self.num_beams, self.device
        first = torch.arange(self.num_beams, device=device) == 0  # all are alike, so only the first of each clip counts
        return Beam(
            torch.zeros(self.batch, 1, device=device) + torch.where(first, 0.0, -math.inf),
            torch.full((rows,), self.config.bos_token_id, device=device),
            torch.full((rows, self.config.max_new_tokens), self.end, device=device),
            tuple(scorer.start() for scorer in self.scorers),
        )

    def ended(self, state: Beam) -> Tensor:
        # Scores only fall, so nothing overtakes a best hypothesis that has ended.
        return (state.tokens == self.end) | (state.scores.flatten() < FLOATS.min)

    def inputs(self, state: Beam) -> Tensor:
        return torch.where(self.ended(state), self.config.mask_token_id, state.tokens)

    def advance(self, state: Beam, step: int | Tensor, logits: Tensor) -> tuple[Beam, Tensor]:
        by_decoder = logits.float().log_softmax(-1)
        # The likeliest special token is the end, whichever it is, as in greedy search.
        special = by_decoder[:, self.end :].amax(1, keepdim=True)
        following = torch.cat([by_decoder[:, : self.end], special], 1)
        if self.scorers:
            pairs = zip(self.scorers, state.prefixes, strict=True)
            by_ctc = [scorer.next_log_probabilities(prefixes, state.tokens) for scorer, prefixes in pairs]
            following = (1 - self.ctc_weight) * following + self.ctc_weight * torch.stack(by_ctc).mean(0)
        columns = torch.arange(self.end + 1, device=self.device)
        stays = torch.where(columns == self.end, 0.0, -math.inf)  # what has ended stays in the beam with its score
        following = torch.where(self.ended(state)[:, None], stays, following)
        candidates = state.scores.flatten()[:, None] + following
        scores, best = candidates.view(self.batch, -1).topk(self.num_beams)
        first = torch.arange(self.batch, device=self.device)[:, None] * self.num_beams
        parents, tokens = (first + best // len(columns)).flatten(), (best % len(columns)).flatten()
        here = torch.arange(self.config.max_new_tokens, device=self.device) == step
        spelled = torch.where(here, tokens[:, None], state.spelled.index_select(0, parents))
        prefixes = tuple(
            scorer.extend(shorter, state.tokens, parents, tokens)
            for scorer, shorter in zip(self.scorers, state.prefixes, strict=True)
        )
        return Beam(scores, tokens, spelled, prefixes), parents

    def best(self, state: Beam) -> tuple[Tensor, Tensor]:
        spelled = state.spelled[:: self.num_beams]
        characters = torch.arange(self.end, device=self.device)
        return (spelled[..., None] == characters).float(), (spelled < self.end).int().sum(1)
