"""The module that is exported: one clip's raw landmarks -> a row of numbers per character of its phrase.

Everything here is traced by torch.export, so control flow that depends on values is written with tensors.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop
from transformers.cache_utils import Cache, CacheLayerMixin, EncoderDecoderCache

from fingerspelling import text
from fingerspelling.decoding.beam import Beam
from fingerspelling.decoding.search import make_search, next_logits
from fingerspelling.decoding.transcribe import readable
from fingerspelling.landmarks import as_points
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index

KeysValues = tuple[Tensor, Tensor]  # of one layer, float [1, heads, length, d_head] each
MASKED = -1e9  # added to the attention scores of places that are still empty


class FixedCacheLayer(CacheLayerMixin):
    """Keys and values of a fixed length, written at `step` out of place, as a traced loop demands.

    The cross-attention's layers are full from the start and have no step.
    """

    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor, step: Tensor | None = None) -> None:
        super().__init__()
        self.keys, self.values, self.step = keys, values, step
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        raise NotImplementedError("a fixed cache is made with its tensors")

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> KeysValues:
        here = (torch.arange(self.get_max_length()) == cast(Tensor, self.step))[:, None]
        self.keys = torch.where(here, key_states, self.keys)
        self.values = torch.where(here, value_states, self.values)
        return self.keys, self.values

    def get_seq_length(self) -> Any:
        return self.get_max_length() if self.step is None else self.step

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_max_length(), 0

    def get_max_length(self) -> int:
        return self.keys.shape[2]

    get_max_cache_shape = get_max_length  # its name in transformers 5.0


class ClipTranscriber(nn.Module):
    """Transcribes one clip with an ensemble, as `decoding.transcribe.transcribe_clip` does.

    Models and settings are those of `export_tflite`.

    Raises:
        ValueError: greedy search is asked for a probability; in `forward`, as `make_search` says.
    """

    def __init__(
        self,
        models: Sequence[FingerspellingModel],
        num_beams: int = 1,
        ctc_weight: float = 0.0,
        tells_probability: bool = False,
    ) -> None:
        super().__init__()
        if tells_probability and num_beams < 2:
            raise ValueError("a single beam has no probability to tell; search with 2 or more")
        self.num_beams, self.ctc_weight, self.tells_probability = num_beams, ctc_weight, tells_probability
        self.models: Any = nn.ModuleList(models)
        self.config = models[0].config
        constant = F.one_hot(torch.tensor(text.encode(text.CONSTANT_PHRASE)), len(text.CHARACTERS)).float()
        self.constant_length = len(constant)
        self.constant: Tensor
        self.register_buffer("constant", F.pad(constant, (0, 0, 0, self.config.max_new_tokens - len(constant))))

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Transcribe one clip.

        Args:
            inputs: float32 [frames, 390], at least one frame, NaN where a point was not detected.

        Returns:
            float32 [max_new_tokens, 59], whose largest values are the characters (averaged logits if decoding is
            greedy, else 1 among zeros), and int32 [1], how many of these rows are the phrase, at least one. If asked
            for, also float32 [1], the phrase's probability per character by the search, its end included (geometric
            mean); 0 where it is the constant one.
        """
        picked = inputs.index_select(0, resize_index(inputs.shape[0], self.config.max_frames))
        frames = normalize(as_points(picked)[None])
        encoded = [model.encode(frames) for model in self.models]
        max_steps = torch.where(readable(self.models, encoded, frames, None), self.config.max_new_tokens, 0)
        rows, length, *probability = self._decode(encoded, max_steps)
        # An empty answer would break the scorer: TensorFlow Lite fails to hand out a matrix of no rows.
        rows = torch.where(length > 0, rows, self.constant)
        probability = [torch.where(length > 0, each, 0.0) for each in probability]
        return rows, torch.where(length > 0, length, self.constant_length).int(), *probability

    def _decode(self, encoded: list[Encoded], max_steps: Tensor) -> tuple[Tensor, ...]:
        """Decode as `search.decode` does, in at most max_steps, int [1].

        Returns:
            The best phrase, float32 [max_new_tokens, 59], its length, int [1], and, if it is to be told, its
            probability per character, float32 [1].
        """
        search = make_search(self.models, encoded, self.num_beams, self.ctc_weight)
        hidden = [states for states, _ in encoded]
        cross = [_cross_keys_values(model, states) for model, states in zip(self.models, hidden, strict=True)]

        def running(step: Tensor, state: tuple, *_: Tensor) -> Tensor:
            return ((step < max_steps) & ~search.ended(state)[:1]).squeeze()

        def advance(step: Tensor, state: tuple, *keys_values: Tensor) -> tuple[Tensor | tuple, ...]:
            tokens = search.inputs(state)
            caches: list[Any] = self._caches(keys_values, step, cross)
            logits = []
            for model, states, cache in zip(self.models, hidden, caches, strict=True):
                filled = torch.arange(self.config.max_new_tokens) <= step
                of_model = next_logits(
                    model,
                    tokens[:, None],
                    states,
                    cache,
                    attention_mask=torch.where(filled, 0.0, MASKED)[None, None, None],
                    encoder_attention_mask=torch.zeros(1, 1, 1, 1),  # nothing to hide; None would make a full mask
                    cache_position=step,  # transformers 5.0 would count it, which a tensor does not allow
                )
                logits.append(of_model)
            state, parents = search.advance(state, step, torch.stack(logits).mean(0))
            layers = [layer for cache in caches for layer in cache.self_attention_cache.layers]
            written = [states for layer in layers for states in (layer.keys, layer.values)]
            if parents is not None:
                written = [states.index_select(0, parents) for states in written]
            return step + 1, state, *written

        start = torch.zeros(1, dtype=torch.int64), search.start(), *self._empty_caches()
        _, state, *_ = while_loop(running, advance, start)
        rows, length = search.best(state)
        # Unrolled, the loop always takes all steps: what has ended stays so, and what must not begin counts as empty.
        length = torch.where(max_steps > 0, length, 0)
        if not self.tells_probability:
            return rows[0], length
        return rows[0], length, (cast(Beam, state).scores[:, 0] / (length + 1)).exp()

    def _caches(
        self, keys_values: Sequence[Tensor], step: Tensor, cross: list[list[KeysValues]]
    ) -> list[EncoderDecoderCache]:
        """Return the models' caches: of the self-attention, written at this step, and of the cross-attention."""
        remaining = iter(keys_values)
        return [
            EncoderDecoderCache(
                Cache(layers=[FixedCacheLayer(next(remaining), next(remaining), step) for _ in layers]),
                Cache(layers=[FixedCacheLayer(*of_layer) for of_layer in layers]),
            )
            for layers in cross
        ]

    def _empty_caches(self) -> list[Tensor]:
        """Return zero keys and values for every layer's self-attention, float [beams, heads, steps, d_head] each."""
        steps = self.config.max_new_tokens
        attentions = [layer.self_attn for model in self.models for layer in model.decoder.layers]
        shapes = [(self.num_beams, attention.num_heads, steps, attention.head_dim) for attention in attentions]
        return [torch.zeros(shape) for shape in shapes for _ in ("keys", "values")]


def _cross_keys_values(model: FingerspellingModel, hidden: Tensor) -> list[KeysValues]:
    """Return what every layer's cross-attention reads in every step, so that it is computed once."""
    keys_values = []
    for layer in model.decoder.layers:
        attention = layer.encoder_attn
        heads = (
            project(hidden).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
            for project in (attention.k_proj, attention.v_proj)
        )
        keys_values.append(tuple(heads))
    return keys_values
