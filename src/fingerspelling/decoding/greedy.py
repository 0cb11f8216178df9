"""Greedy decoding: in each step the likeliest token, with the decoders' key/value cache."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from fingerspelling.model import FingerspellingModel

Encoded = Sequence[tuple[Tensor, Tensor | None]]  # of each model what `encode` gave: hidden states and mask


def next_logits(
    models: Sequence[FingerspellingModel], encoded: Encoded, caches: Sequence[EncoderDecoderCache], tokens: Tensor
) -> Tensor:
    """Return the sum of the decoders' logits, float [batch, vocabulary], after one more token, int64 [batch, 1]."""
    logits = 0.0
    for model, (hidden, mask), cache in zip(models, encoded, caches, strict=True):
        decoded = model.decoder(
            input_ids=tokens,
            encoder_hidden_states=hidden,
            encoder_attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )
        logits = logits + model.output_projection(decoded.last_hidden_state[:, -1])
    return logits


def decode_greedily(models: Sequence[FingerspellingModel], encoded: Encoded) -> list[list[int]]:
    """Spell from the encoders' outputs, each step the likeliest token, until every clip has met a special token.

    Args:
        models: the models whose logits are averaged.
        encoded: what `encode` gave for each of them.

    Returns:
        The ids of each clip's characters, without the token that ended it.
    """
    batch, device = len(encoded[0][0]), encoded[0][0].device
    config = models[0].config
    caches = [EncoderDecoderCache(DynamicCache(), DynamicCache()) for _ in models]
    tokens = torch.full((batch, 1), config.bos_token_id, device=device)
    ended = torch.zeros(batch, 1, dtype=torch.bool, device=device)
    spelled = []
    for _ in range(config.max_new_tokens):
        tokens = next_logits(models, encoded, caches, tokens).argmax(-1, keepdim=True)
        ended |= tokens >= config.pad_token_id
        if ended.all():
            break
        # Clips that have ended go on with the mask token: padding would upset the positions in the cache.
        tokens = torch.where(ended, config.mask_token_id, tokens)
        spelled.append(tokens)
    rows = torch.cat(spelled, 1).tolist() if spelled else [[] for _ in range(batch)]
    return [[token for token in row if token < config.pad_token_id] for row in rows]


Decode = Callable[[Sequence[FingerspellingModel], Encoded], list[list[int]]]
