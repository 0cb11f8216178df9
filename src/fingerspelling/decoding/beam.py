"""Clips -> characters by beam search, the decoder's and CTC's probabilities together.

Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (2017), section IV-A. The
competition's 2nd place gained .007 with it; without CTC, a beam did not help the winner.

A row is a hypothesis: `num_beams` of them per clip, clip after clip. All of it is traced for the
exported file too, and therefore made of tensors alone.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fingerspelling.model import Encoded, FingerspellingModel

FLOATS = torch.finfo(torch.float32)
LEAST = 1e-30  # of 1; what CTC finds impossible costs 69 times its weight
LONGEST_RUN = 64  # frames; two seconds of the recordings


class Prefixes(NamedTuple):
    """What CTC knows of the hypotheses so far: the paper's gamma, up to a factor a row.

    The probabilities that the first 0, 1, ... frames spell the prefix, the last of them a blank or its last character;
    float32 [rows, frames + 1].
    """

    on_blank: Tensor
    on_character: Tensor


class CtcPrefixScorer:
    """How likely CTC finds each next character of the hypotheses.

    It computes with probabilities, many times quicker than with their logarithms. So that nothing depends on how a
    processor treats the smallest floats, each of what can follow is `LEAST` likelier than it is, and what follows on
    something less likely is all the same. A character in more than `LONGEST_RUN` frames on end is not thought of.

    Args:
        log_probabilities: float32 [batch, frames, characters + 1] of the CTC head, the blank last.
        mask: bool [batch, frames], True on real frames; None where all are real.
        num_beams: hypotheses a clip.
        max_frames: the most that there can be; frames itself is unknown where this is traced.
    """

    def __init__(self, log_probabilities: Tensor, mask: Tensor | None, num_beams: int, max_frames: int) -> None:
        probabilities = log_probabilities.exp()
        batch, _, columns = probabilities.shape
        device = probabilities.device
        self.num_beams, self.columns = num_beams, torch.arange(columns, device=device)
        self.blank = columns - 1
        if mask is not None:
            # On padding, the blank is certain: nothing is spelled there, and nothing becomes less likely.
            certain = (self.columns == self.blank).to(probabilities.dtype)
            probabilities = torch.where(mask[..., None], probabilities, certain)
        # Of each clip's tokens, with the state before the first frame in front; [batch, tokens, frames + 1].
        self.tokens = F.pad(probabilities.transpose(1, 2), (1, 0))
        # Where those of each row's clip begin.
        self.of_clip = torch.arange(batch * num_beams, device=device) // num_beams * columns
        self.runs = _runs(self.tokens.flatten(0, 1), LONGEST_RUN - 1)
        self.blank_runs = _runs(self.tokens[:, self.blank], max_frames)

    def start(self) -> Prefixes:
        """Return the empty prefixes, which frames spell that are all blank."""
        # What is before the first frame counts as a blank here, and only here.
        before = F.pad(torch.zeros_like(self.tokens[:, :1, 1:]), (1, 0), value=1.0)
        on_blank = _extended(before, self.blank_runs) + torch.zeros(self.num_beams, 1, device=self.columns.device)
        return Prefixes(on_blank.flatten(0, 1), torch.zeros_like(on_blank.flatten(0, 1)))

    def next_log_probabilities(self, prefixes: Prefixes, last: Tensor) -> Tensor:
        """Return the log probabilities of each next character and, in the blank's place, that the phrase ends here.

        Args:
            prefixes: the hypotheses.
            last: int64 [rows], their last characters; any other token where there are none.

        Returns:
            float32 [rows, characters + 1].
        """
        on_blank, on_character = prefixes
        spelled = on_blank + on_character
        following = (self._by_clip(_later(spelled, 1)) @ self.tokens.transpose(1, 2)).flatten(0, 1)
        here = self.tokens.flatten(0, 1).index_select(0, self.of_clip + last.clamp(max=self.blank))
        repeated = (_later(on_blank, 1) * here).sum(1, keepdim=True)  # needs a blank between
        following = torch.where(self.columns == last[:, None], repeated, following)
        following = torch.where(self.columns == self.blank, spelled[:, -1:], following)
        # A prefix is as likely as all that can follow it together, the end included.
        return (following / following.sum(1, keepdim=True).clamp(min=LEAST) + LEAST).log()

    def extend(self, prefixes: Prefixes, last: Tensor, parents: Tensor, tokens: Tensor) -> Prefixes:
        """Return longer prefixes.

        Args:
            prefixes: the shorter ones.
            last: int64 [rows], their last characters.
            parents: int64 [rows], which of them each of the longer ones continues.
            tokens: int64 [rows], their new last characters.
        """
        on_blank, on_character, last = (state.index_select(0, parents) for state in (*prefixes, last))
        before = torch.where((tokens == last)[:, None], on_blank, on_blank + on_character)
        runs = self.runs.index_select(0, self.of_clip + tokens)
        on_character = _extended(runs[:, :1] * _later(before[:, None], 1), runs).flatten(1)
        blank = self.blank_runs[:, :1] * _later(self._by_clip(on_character), 1)
        on_blank = _extended(blank, self.blank_runs).flatten(0, 1)
        most = (on_blank + on_character).amax(1, keepdim=True)
        most = torch.where(most > LEAST, most, math.inf)
        return Prefixes(on_blank / most, on_character / most)

    def _by_clip(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (-1, self.num_beams))


def _later(x: Tensor, frames: int) -> Tensor:
    """Move a sequence, float [..., frames], so many frames on; zeros come in front."""
    return F.pad(x, (frames, 0))[..., :-frames]


def _runs(probabilities: Tensor, longest: int) -> Tensor:
    """Tell how likely tokens are in 1, 2, 4, ... frames on end, together at least `longest`, up to each.

    float [rows, frames + 1] to [rows, runs, frames + 1].
    """
    runs = [probabilities]
    for n in range(longest.bit_length() - 1):
        runs.append(runs[-1] * _later(runs[-1], 2**n))
    return torch.stack(runs, 1)


def _extended(first: Tensor, runs: Tensor) -> Tensor:
    """Let whoever is on a token stay there, as long as `runs` last: twice as many frames are counted in each step."""
    for n, run in enumerate(runs.split(1, 1)):
        first = first + run * _later(first, 2**n)
    return first


class Beam(NamedTuple):
    """The hypotheses."""

    scores: Tensor  # float32 [batch, num_beams], the best first; -inf for none
    tokens: Tensor  # int64 [rows], the last ones: START, a character, or the padding token where a phrase has ended
    spelled: Tensor  # int64 [rows, max_new_tokens], all of them, then padding
    prefixes: tuple[Prefixes, ...]  # CTC's of each model


class BeamSearch:
    """A `search.Search` that keeps num_beams hypotheses per clip.

    A phrase's score is (1 - ctc_weight) * its log probability by the decoder + ctc_weight * that by CTC. While it
    goes on, CTC counts all phrases that begin so.

    Args:
        models: their CTC heads' scores are averaged.
        encoded: what `encode` gave for each model.
        num_beams: hypotheses per clip.
        ctc_weight: 0 for the decoder alone, 1 for CTC alone.
    """

    def __init__(
        self, models: Sequence[FingerspellingModel], encoded: Sequence[Encoded], num_beams: int, ctc_weight: float
    ) -> None:
        self.config, self.num_beams, self.ctc_weight = models[0].config, num_beams, ctc_weight
        self.batch, self.device = len(encoded[0][0]), encoded[0][0].device
        self.end = self.config.pad_token_id  # column of the end behind those of the characters; CTC has its blank there
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
            by_ctc = sum(scorer.next_log_probabilities(prefixes, state.tokens) for scorer, prefixes in pairs)
            by_ctc = by_ctc / len(self.scorers)
            following = (1 - self.ctc_weight) * following + self.ctc_weight * by_ctc
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
