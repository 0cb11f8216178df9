"""Clips -> characters by beam search, the decoder's and CTC's probabilities together.

Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (2017), section IV-A. The
competition's 2nd place gained .007 with it; without CTC, a beam did not help the winner.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from fingerspelling.inference import Encoded, next_logits
from fingerspelling.model import FingerspellingModel


class CtcPrefixScorer:
    """How likely CTC finds each next character of a beam's prefixes; all begin empty.

    Args:
        log_probabilities: float32 [batch, frames, characters + 1] of the CTC head, the blank last.
        mask: bool [batch, frames], True on real frames; None where all are real.
        beam: prefixes a clip.
    """

    def __init__(self, log_probabilities: Tensor, mask: Tensor | None, beam: int) -> None:
        if mask is not None:
            # On padding, the blank is certain: nothing is spelled there, and nothing becomes less likely.
            certain = torch.full_like(log_probabilities[0, 0], -math.inf)
            certain[-1] = 0.0
            log_probabilities = torch.where(mask[..., None], log_probabilities, certain)
        self.log_probabilities = log_probabilities[:, None]
        # Log probabilities that the first 0, 1, ... frames spell the prefix, the last of them its last character or
        # a blank: float32 [batch, beam, frames + 1]. The paper's gamma.
        blanks = log_probabilities[..., -1].cumsum(1)
        self.on_blank = F.pad(blanks, (1, 0))[:, None].repeat(1, beam, 1)
        self.on_character = torch.full_like(self.on_blank, -math.inf)
        self.last = torch.zeros(self.on_blank.shape[:2], dtype=torch.long, device=log_probabilities.device)

    def next_log_probabilities(self) -> Tensor:
        """Return the log probabilities of each next character and, in the blank's place, that the phrase ends here.

        Returns:
            float32 [batch, beam, characters + 1], -inf where too few frames are left; NaN only for prefixes that
            cannot be themselves.
        """
        spelled = torch.logaddexp(self.on_character, self.on_blank)
        following = (spelled[..., :-1, None] + self.log_probabilities).logsumexp(2)
        repeated = (self.on_blank[..., :-1] + self._of(self.last)).logsumexp(2, keepdim=True)
        following.scatter_(2, self.last[..., None], repeated)
        following[..., -1] = spelled[..., -1]
        # A prefix is as likely as all that can follow it together, the end included.
        return following.log_softmax(-1)

    def extend(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the prefixes by longer ones.

        Args:
            parents: int64 [batch, beam], the place in the beam of the prefix that each of them continues.
            tokens: int64 [batch, beam], their new last characters.
        """
        on_character = self.on_character.take_along_dim(parents[..., None], 1)
        on_blank = self.on_blank.take_along_dim(parents[..., None], 1)
        repeats = tokens == self.last.gather(1, parents)  # needs a blank between
        before = torch.where(repeats[..., None], on_blank, torch.logaddexp(on_character, on_blank)).unbind(2)
        characters, blanks = self._of(tokens).unbind(2), self.log_probabilities[..., -1].unbind(2)
        character = blank = torch.full_like(before[0], -math.inf)
        states = [(character, blank)]
        for frame in range(len(blanks)):
            blank = torch.logaddexp(character, blank) + blanks[frame]
            character = torch.logaddexp(character, before[frame]) + characters[frame]
            states.append((character, blank))
        self.on_character, self.on_blank = (torch.stack(state, 2) for state in zip(*states, strict=True))
        self.last = tokens

    def _of(self, tokens: Tensor) -> Tensor:
        """Pick one token's log probabilities for each prefix: [batch, beam, frames]."""
        return self.log_probabilities.take_along_dim(tokens[..., None, None], 3).squeeze(3)


@torch.inference_mode()
def decode_by_beam(
    models: Sequence[FingerspellingModel],
    encoded: Encoded,
    beam: int,
    ctc_weight: float,
) -> list[list[int]]:
    """Spell from the encoders' outputs the likeliest phrases that a beam search finds.

    A phrase's score is (1 - ctc_weight) * its log probability by the decoder + ctc_weight * that by CTC. While it
    goes on, CTC counts all phrases that begin so.

    Args:
        models: the decoders' logits are averaged, and so are the scores of the CTC heads.
        encoded: what `encode` gave for each of them.
        beam: hypotheses that are kept for each clip.
        ctc_weight: 0 for the decoder alone, 1 for CTC alone.

    Returns:
        The ids of each clip's characters, without the token that ended it.

    Raises:
        ValueError: beam or ctc_weight is out of range, or a model has no CTC head to weigh.
    """
    if beam < 1 or not 0 <= ctc_weight <= 1:
        raise ValueError(f"beam {beam} must be at least 1 and ctc_weight {ctc_weight} from 0 to 1")
    if ctc_weight and any(model.ctc is None for model in models):
        raise ValueError(f"ctc_weight {ctc_weight}: a model has no CTC head, it was trained with ctc_weight 0")
    batch, device = len(encoded[0][0]), encoded[0][0].device
    config = models[0].config
    end = config.pad_token_id  # column of the end behind those of the characters; CTC has its blank there
    caches = [EncoderDecoderCache(DynamicCache(), DynamicCache()) for _ in models]
    scorers = [
        CtcPrefixScorer(model.ctc(hidden).float().log_softmax(-1), mask, beam)
        for model, (hidden, mask) in zip(models, encoded, strict=True)
        if ctc_weight
    ]
    encoded = [[None if part is None else part.repeat_interleave(beam, 0) for part in parts] for parts in encoded]
    tokens = torch.full((batch, beam), config.bos_token_id, device=device)
    # All hypotheses begin alike, so only the first counts. What has ended stays in the beam with its score.
    ended = torch.arange(beam, device=device).expand(batch, beam) > 0
    scores = torch.where(ended, -math.inf, 0.0)
    spelled = tokens[..., None][..., :0]
    nothing = torch.full((end + 1,), -math.inf, device=device)
    nothing[end] = 0.0
    for _ in range(config.max_new_tokens):
        logits = next_logits(models, encoded, caches, tokens.view(-1, 1)) / len(models)
        log_probabilities = logits.float().log_softmax(-1).view(batch, beam, -1)
        # The likeliest special token is the end, whichever it is, as in greedy decoding.
        special = log_probabilities[..., end:].amax(-1, keepdim=True)
        following = torch.cat([log_probabilities[..., :end], special], -1)
        if scorers:
            by_ctc = sum(scorer.next_log_probabilities() for scorer in scorers) / len(scorers)
            following = (1 - ctc_weight) * following + ctc_weight * by_ctc
        candidates = scores[..., None] + torch.where(ended[..., None], nothing, following)
        scores, best = candidates.flatten(1).topk(beam)
        parents, tokens = best // (end + 1), best % (end + 1)
        spelled = torch.cat([spelled.take_along_dim(parents[..., None], 1), tokens[..., None]], 2)
        ended = (tokens == end) | scores.isneginf()
        if ended[:, 0].all():  # scores only fall, so nothing overtakes the best
            break
        rows = (parents + beam * torch.arange(batch, device=device)[:, None]).flatten()
        for cache in caches:  # the encoder's part is the same for all hypotheses of a clip
            cache.self_attention_cache.reorder_cache(rows)
        for scorer in scorers:
            scorer.extend(parents, tokens)
        tokens = torch.where(ended, config.mask_token_id, tokens)
    return [[token for token in row if token < end] for row in spelled[:, 0].tolist()]
