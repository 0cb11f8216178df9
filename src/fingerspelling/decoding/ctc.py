"""CTC prefix scores: how likely CTC finds each next character of the phrases so far.

Algorithm 2 of Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (2017).
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST = 1e-30  # of 1; what CTC finds impossible costs 69 times its weight
LONGEST_RUN = 64  # frames; two seconds of the recordings


class Prefixes(NamedTuple):
    """The forward probabilities of the phrases so far, float32 [rows, frames + 1], up to a factor per row."""

    gamma_b: Tensor
    gamma_n: Tensor


class CtcPrefixScorer:
    """Scores the phrases of a beam search, all frames and all next characters at once.

    Of a phrase g, gamma_b[t] and gamma_n[t] are the probabilities that the first t of T frames spell it, the last of
    them a blank or its last character. With p[t](c), the probability of a character c in frame t, a longer phrase
    h = g c has

        phi[t]     = gamma_b[t](g) + (0 if g ends with c else gamma_n[t](g))    as a blank parts equal characters
        gamma_n[t] = (gamma_n[t-1] + phi[t-1]) p[t](c)
        gamma_b[t] = (gamma_b[t-1] + gamma_n[t-1]) p[t](blank)
        psi        = sum over t of phi[t-1] p[t](c)                             for all phrases that begin with h
        psi        = gamma_b[T](g) + gamma_n[T](g)                              if c stands for the end

    where the empty phrase has gamma_n[t] = 0 and gamma_b[t] = p[1](blank) ... p[t](blank). ESPnet's CTCPrefixScoreTH
    and SpeechBrain's CTCPrefixScore go through the frames one by one, in logarithms. Here probabilities are multiplied,
    and few steps of doubling length replace the loop, which is many times quicker.

    So that nothing depends on how a processor treats the smallest floats, `LEAST` is added to the probability of every
    next character, and a phrase less likely than that, given the one it continues, can be followed by all alike. No
    character lasts longer than `LONGEST_RUN` frames.

    Args:
        log_probabilities: float32 [batch, frames, characters + 1] of the CTC head, the blank last.
        mask: bool [batch, frames], True on real frames; None where all are real.
        num_beams: phrases per clip; a row is one of them, clip after clip.
        max_frames: no clip has more; how many there are is unknown where this is traced.
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
        # With a frame of zeros in front, t = 0; [batch, tokens, frames + 1].
        self.p = F.pad(probabilities.transpose(1, 2), (1, 0))
        # Where the tokens of each row's clip begin in p.flatten(0, 1).
        self.first_token = torch.arange(batch * num_beams, device=device) // num_beams * columns
        self.runs = _runs(self.p.flatten(0, 1), LONGEST_RUN - 1)
        self.blank_runs = _runs(self.p[:, self.blank], max_frames)

    def start(self) -> Prefixes:
        """Return the empty phrases."""
        first = F.pad(torch.zeros_like(self.p[:, :1, 1:]), (1, 0), value=1.0)
        gamma_b = _scan(first, self.blank_runs) + torch.zeros(self.num_beams, 1, device=self.columns.device)
        return Prefixes(gamma_b.flatten(0, 1), torch.zeros_like(gamma_b.flatten(0, 1)))

    def next_log_probabilities(self, prefixes: Prefixes, last: Tensor) -> Tensor:
        """Return the log probabilities of each next character and, in the blank's place, that the phrase ends here.

        Args:
            prefixes: the phrases.
            last: int64 [rows], their last characters; any other token where there are none.

        Returns:
            float32 [rows, characters + 1].
        """
        gamma_b, gamma_n = prefixes
        gamma = gamma_b + gamma_n
        psi = (self._by_clip(_shift(gamma, 1)) @ self.p.transpose(1, 2)).flatten(0, 1)
        p_last = self.p.flatten(0, 1).index_select(0, self.first_token + last.clamp(max=self.blank))
        psi_repeated = (_shift(gamma_b, 1) * p_last).sum(1, keepdim=True)
        psi = torch.where(self.columns == last[:, None], psi_repeated, psi)
        psi = torch.where(self.columns == self.blank, gamma[:, -1:], psi)
        # A phrase is as likely as all that can follow it together, the end included.
        return (psi / psi.sum(1, keepdim=True).clamp(min=LEAST) + LEAST).log()

    def extend(self, prefixes: Prefixes, last: Tensor, parents: Tensor, tokens: Tensor) -> Prefixes:
        """Return longer phrases.

        Args:
            prefixes: the shorter ones.
            last: int64 [rows], their last characters.
            parents: int64 [rows], which of them each of the longer ones continues.
            tokens: int64 [rows], their new last characters.
        """
        gamma_b, gamma_n, last = (state.index_select(0, parents) for state in (*prefixes, last))
        phi = torch.where((tokens == last)[:, None], gamma_b, gamma_b + gamma_n)
        runs = self.runs.index_select(0, self.first_token + tokens)
        gamma_n = _scan(runs[:, :1] * _shift(phi[:, None], 1), runs).flatten(1)
        entering = self.blank_runs[:, :1] * _shift(self._by_clip(gamma_n), 1)
        gamma_b = _scan(entering, self.blank_runs).flatten(0, 1)
        largest = (gamma_b + gamma_n).amax(1, keepdim=True)
        largest = torch.where(largest > LEAST, largest, math.inf)
        return Prefixes(gamma_b / largest, gamma_n / largest)

    def _by_clip(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (-1, self.num_beams))


def _shift(x: Tensor, frames: int) -> Tensor:
    """Return x[t - frames] in the place of x[t], float [..., frames]; zeros come in front."""
    return F.pad(x, (frames, 0))[..., :-frames]


def _runs(p: Tensor, longest: int) -> Tensor:
    """Return the products of p over the last 1, 2, 4, ... frames, as many as make `longest` together.

    float [rows, frames + 1] to [rows, runs, frames + 1].
    """
    runs = [p]
    for n in range(longest.bit_length() - 1):
        runs.append(runs[-1] * _shift(runs[-1], 2**n))
    return torch.stack(runs, 1)


def _scan(first: Tensor, runs: Tensor) -> Tensor:
    """Solve x[t] = first[t] + p[t] x[t-1] with p's `_runs`: each step looks back twice as far as the one before."""
    x = first
    for n, run in enumerate(runs.split(1, 1)):
        x = x + run * _shift(x, 2**n)
    return x
