"""The module that is exported: one clip's raw landmarks -> the logits of its phrase.

Everything here is traced by torch.export, so control flow that depends on values is written with tensors.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop
from transformers.cache_utils import Cache, CacheLayerMixin, EncoderDecoderCache

from fingerspelling import text
from fingerspelling.decoding.beam import Beam, BeamSearch, check_search
from fingerspelling.landmarks import as_points
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index

KeysValues = tuple[Tensor, Tensor]  # of one layer, float [1, heads, length, d_head] each
MASKED = -1e9  # added to the attention scores of places that are still empty


class FixedCacheLayer(CacheLayerMixin):
    """Keys and values of a fixed length, written at `step` out of place, as a traced loop demands.

    The cross-attention's layers are full from the start and have no step.
    """

    is_sliding = False

    def __init__(self, keys: Tensor, values: Tensor, step: Tensor | None = None) -> None:
        super().__init__()
        self.keys, self.values, self.step = keys, values, step
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        raise NotImplementedError("a fixed cache is made with its tensors")

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> KeysValues:
        here = (torch.arange(self.get_max_length()) == self.step)[:, None]
        self.keys = torch.where(here, key_states, self.keys)
        self.values = torch.where(here, value_states, self.values)
        return self.keys, self.values

    def get_seq_length(self) -> int | Tensor:
        return self.get_max_length() if self.step is None else self.step

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_max_length(), 0

    def get_max_length(self) -> int:
        return self.keys.shape[2]

    get_max_cache_shape = get_max_length  # its name in transformers 5.0


class ClipTranscriber(nn.Module):
    """Spells one clip with an ensemble: every model is fed the same tokens, their logits are averaged.

    Args:
        models: the models of the ensemble, of one vocabulary, max_frames, max_new_tokens, min_frames, min_confidence.
        constant_phrase: what to answer where a clip is too short, where the models' confidence heads, on average, trust
            themselves too little, or where nothing is spelled.
        num_beams: hypotheses of a beam search.
        ctc_weight: of the CTC heads in its scores; with a beam of 1 and 0 here, decoding is greedy.

    Raises:
        ValueError: as `beam.check_search` says.
    """

    def __init__(
        self, models: Sequence[FingerspellingModel], constant_phrase: str, num_beams: int = 1, ctc_weight: float = 0.0
    ) -> None:
        super().__init__()
        check_search(models, num_beams, ctc_weight)
        self.num_beams, self.ctc_weight = num_beams, ctc_weight
        self.models = nn.ModuleList(models)
        self.config = models[0].config
        self.max_steps = self.config.max_new_tokens
        constant = F.one_hot(torch.tensor(text.encode(constant_phrase)), len(text.CHARACTERS)).float()
        self.constant_length = len(constant)
        self.register_buffer("constant", F.pad(constant, (0, 0, 0, self.max_steps - len(constant))))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Spell one clip.

        Args:
            inputs: float32 [frames, 390], at least one frame, NaN where a point was not detected.

        Returns:
            float32 [max_new_tokens, 59], whose largest values are the characters: the logits, or 1 for each that a
            search has chosen. And int32 [1]: how many of these rows are the phrase, at least one.
        """
        frames = self._preprocess(inputs)
        hidden = [model.encode(frames)[0] for model in self.models]
        readable = self._readable(inputs.shape[0], hidden)
        greedy = self.num_beams == 1 and not self.ctc_weight
        logits, length = (self._decode if greedy else self._search)(hidden, torch.where(readable, self.max_steps, 0))
        # An empty answer would break the scorer, as TensorFlow Lite fails to hand out a matrix of no rows.
        spelled = length > 0
        logits = torch.where(spelled, logits, self.constant)
        return logits, torch.where(spelled, length, self.constant_length).int()

    def _preprocess(self, inputs: Tensor) -> Tensor:
        picked = inputs.index_select(0, resize_index(inputs.shape[0], self.config.max_frames))
        return normalize(as_points(picked)[None])

    def _readable(self, n_frames: int | torch.SymInt, hidden: list[Tensor]) -> Tensor:
        """Return bool [1]: whether a clip is long enough and the models trust themselves with it."""
        readable = torch.full((1,), n_frames) >= self.config.min_frames
        confidences = [
            model.confidence(encoded[:, 0]).sigmoid()[0]
            for model, encoded in zip(self.models, hidden, strict=True)
            if model.confidence is not None
        ]
        if confidences:
            readable = readable & (torch.stack(confidences).mean(0) >= self.config.min_confidence)
        return readable

    def _decode(self, hidden: list[Tensor], max_steps: Tensor) -> tuple[Tensor, Tensor]:
        """Decode greedily until a special token or max_steps, int [1].

        Returns:
            float [steps, 59], the averaged logits, and int32 [1]: the characters spelled, below 1 where none are.
        """
        cross = [_cross_keys_values(m, h) for m, h in zip(self.models, hidden, strict=True)]

        def spelling(step: Tensor, token: Tensor) -> Tensor:
            return (step < max_steps) & ((token < text.PAD) | (step == 0))

        def running(step: Tensor, token: Tensor, *_: Tensor) -> Tensor:
            return spelling(step, token).squeeze()

        def advance(step: Tensor, token: Tensor, logits: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
            row, written = self._averaged_logits(token, step, hidden, cross, caches)
            here = (torch.arange(self.max_steps) == step)[:, None]
            logits = torch.where(here, row[:, : text.PAD], logits)
            # Once unrolled, steps follow the last one: they stay where it ended and write behind the phrase.
            more = spelling(step, token)
            return step + more.int(), torch.where(more, row.argmax(-1).int(), token), logits, *written

        start = (
            torch.zeros(1, dtype=torch.int32),
            torch.full((1,), text.START, dtype=torch.int32),
            torch.zeros(self.max_steps, text.PAD),
            *self._empty_caches(1),
        )
        step, token, logits, *_ = while_loop(running, advance, start)
        return logits, torch.where(token < text.PAD, step, step - 1)

    def _search(self, hidden: list[Tensor], max_steps: Tensor) -> tuple[Tensor, Tensor]:
        """Decode by beam search, in at most max_steps, int [1].

        Returns:
            float [steps, 59], 1 for each character of the best phrase, and int32 [1]: how many these are.
        """
        cross = [_cross_keys_values(m, h) for m, h in zip(self.models, hidden, strict=True)]
        encoded = [(states, None) for states in hidden]
        search = BeamSearch(self.models, encoded, self.num_beams, self.ctc_weight)

        def running(step: Tensor, hypotheses: Beam, *_: Tensor) -> Tensor:
            return ((step < max_steps) & ~search.ended(hypotheses)[:1]).squeeze()

        def advance(step: Tensor, hypotheses: Beam, *caches: Tensor) -> tuple[Tensor | Beam, ...]:
            tokens = search.inputs(hypotheses)
            logits, written = self._averaged_logits(tokens, step, hidden, cross, caches)
            hypotheses, parents = search.advance(hypotheses, step, logits)
            return step + 1, hypotheses, *(states.index_select(0, parents) for states in written)

        start = torch.zeros(1, dtype=torch.int64), search.start(), *self._empty_caches(self.num_beams)
        _, hypotheses, *_ = while_loop(running, advance, start)
        best = hypotheses.spelled[0]
        # Once unrolled, steps follow the last one: what has ended stays so, and what must not begin counts nothing.
        length = torch.where(max_steps > 0, (best < text.PAD).int().sum(0, keepdim=True), 0)
        return (best[:, None] == torch.arange(text.PAD)).float(), length.int()

    def _averaged_logits(
        self,
        tokens: Tensor,
        step: Tensor,
        hidden: list[Tensor],
        cross: list[list[KeysValues]],
        caches: Sequence[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the models' averaged logits after more tokens, float [rows, vocabulary], and the caches written to."""
        remaining = iter(caches)
        logits, written = [], []
        for model, encoded, keys_values in zip(self.models, hidden, cross, strict=True):
            cache = [FixedCacheLayer(next(remaining), next(remaining), step) for _ in model.decoder.layers]
            logits.append(_next_logits(model, tokens, step, cache, encoded, keys_values))
            written += [states for layer in cache for states in (layer.keys, layer.values)]
        return torch.stack(logits).mean(0), written

    def _empty_caches(self, rows: int) -> list[Tensor]:
        """Return zero keys and values for every layer's self-attention, float [rows, heads, steps, d_head] each."""
        attentions = [layer.self_attn for model in self.models for layer in model.decoder.layers]
        shapes = [(rows, attention.num_heads, self.max_steps, attention.head_dim) for attention in attentions]
        return [torch.zeros(shape) for shape in shapes for _ in ("keys", "values")]


def _cross_keys_values(model: FingerspellingModel, hidden: Tensor) -> list[KeysValues]:
    """Compute what every layer's cross-attention reads in every step, once."""
    keys_values = []
    for layer in model.decoder.layers:
        attention = layer.encoder_attn
        heads = (
            project(hidden).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
            for project in (attention.k_proj, attention.v_proj)
        )
        keys_values.append(tuple(heads))
    return keys_values


def _next_logits(
    model: FingerspellingModel,
    tokens: Tensor,
    step: Tensor,
    cache: list[FixedCacheLayer],
    hidden: Tensor,
    cross: list[KeysValues],
) -> Tensor:
    """Return one model's logits after more tokens, int [rows], float [rows, vocabulary]; writes to the cache."""
    written = torch.arange(cache[0].get_max_length()) <= step
    decoded = model.decoder(
        input_ids=tokens[:, None],
        attention_mask=torch.where(written, 0.0, MASKED)[None, None, None],
        encoder_hidden_states=hidden,
        encoder_attention_mask=torch.zeros(1, 1, 1, 1),  # nothing to hide; None would be made into a full mask
        past_key_values=EncoderDecoderCache(
            Cache(layers=cache), Cache(layers=[FixedCacheLayer(*keys_values) for keys_values in cross])
        ),
        use_cache=True,
    )
    return model.output_projection(decoded.last_hidden_state)[:, 0]
