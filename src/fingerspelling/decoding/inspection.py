"""What models see in one clip: where the decoders look for each character, what CTC finds in each frame."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fingerspelling import text
from fingerspelling.decoding.search import hypotheses
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index


class Inspection(NamedTuple):
    """What models see in a clip."""

    frames: np.ndarray  # int [encoded frames], the clip's frame that each of the encoder's stands for
    # float [characters + 1, encoded frames], how much the decoders look where as they spell each character and then the
    # end; the mean of all models, layers and heads, 1 in each row.
    attention: np.ndarray
    # float [encoded frames, 60], the probability of each character and of the blank; None without CTC.
    ctc: np.ndarray | None
    # int [characters], the clip's frame at which each character is read: by the likeliest alignment of CTC or, without
    # it, where the attention is greatest.
    read_at: np.ndarray


@torch.inference_mode()
def inspect_clip(models: Sequence[FingerspellingModel], frames: np.ndarray, phrase: str) -> Inspection:
    """Look into models, in evaluation mode, that read a phrase of a clip: float [frames, 130, 3], raw landmarks."""
    config = models[0].config
    encoded = [model.encode(_normalized(frames, model))[0] for model in models]
    attentions = [_cross_attention(model, hidden, phrase) for model, hidden in zip(models, encoded, strict=True)]
    attention = torch.stack(attentions).mean(0).numpy()
    ctc = None
    if all(model.ctc is not None for model in models):
        heads = [model.ctc(hidden[0]).log_softmax(-1) for model, hidden in zip(models, encoded, strict=True)]
        ctc = torch.stack(heads).mean(0).exp().numpy()
    at = attention[:-1].argmax(1) if ctc is None else aligned(np.log(ctc + 1e-30), text.encode(phrase))
    shown = resize_index(len(frames), config.max_frames).numpy()[:: config.frame_stride]
    return Inspection(shown, attention, ctc, shown[at])


@torch.inference_mode()
def runners_up(
    models: Sequence[FingerspellingModel], frames: np.ndarray, num_beams: int, ctc_weight: float
) -> list[tuple[str, float]]:
    """Return what a beam search of at least two hypotheses considers for a clip, and how likely each phrase is to it.

    The likeliest comes first. Models and frames are those of `inspect_clip`.
    """
    encoded = [model.encode(_normalized(frames, model)) for model in models]
    [scored] = hypotheses(models, encoded, num_beams, ctc_weight)
    return [(text.decode(ids), math.exp(score)) for ids, score in scored]


def _normalized(frames: np.ndarray, model: FingerspellingModel) -> Tensor:
    index = resize_index(len(frames), model.config.max_frames).numpy()
    return normalize(torch.from_numpy(np.asarray(frames, np.float32)[index])[None])


def _cross_attention(model: FingerspellingModel, hidden: Tensor, phrase: str) -> Tensor:
    """Return the mean of all layers' and heads' cross-attention as a phrase is spelled: float [tokens, frames]."""
    tokens = torch.tensor([[model.config.bos_token_id, *text.encode(phrase)]])
    decoder = model.decoder
    usual = decoder.config._attn_implementation
    decoder.set_attn_implementation("eager")  # the quick ones do not say where they look
    try:
        decoded = decoder(input_ids=tokens, encoder_hidden_states=hidden, use_cache=False, output_attentions=True)
    finally:
        decoder.set_attn_implementation(usual)
    return torch.stack(decoded.cross_attentions).mean((0, 1, 2))


def aligned(log_probabilities: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Return the frame in which each character of a phrase is likeliest, along the likeliest alignment of CTC.

    Viterbi's algorithm over blank, character, blank, ..., blank: a state goes on, or to the next one, or from a
    character to a different one without a blank between them.

    Args:
        log_probabilities: float [frames, characters + 1], the blank last.
        ids: the phrase.

    Returns:
        int [characters]. Where there are too few frames for an alignment, characters are spread evenly.
    """
    n_frames, blank = len(log_probabilities), log_probabilities.shape[1] - 1
    states = np.full(2 * len(ids) + 1, blank)
    states[1::2] = ids
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    emitted = log_probabilities[:, states]
    best = np.full(len(states), -np.inf)
    best[:2] = emitted[0, :2]
    advances = np.zeros((n_frames, len(states)), np.int64)
    for frame in range(1, n_frames):
        one, two = np.roll(best, 1), np.where(skips, np.roll(best, 2), -np.inf)
        one[0] = -np.inf
        paths = np.stack([best, one, two])
        advances[frame] = paths.argmax(0)
        best = paths.max(0) + emitted[frame]
    state = len(states) - 1 - int(best[-1] < best[-2]) if len(ids) else 0
    if not np.isfinite(best[state]):
        return np.linspace(0, n_frames - 1, len(ids)).round().astype(int)
    path = [state]
    for frame in range(n_frames - 1, 0, -1):
        path.append(path[-1] - advances[frame, path[-1]])
    states_of_frames = np.array(path[::-1])
    frames_of = [np.flatnonzero(states_of_frames == 2 * i + 1) for i in range(len(ids))]
    return np.array([frames[emitted[frames, 2 * i + 1].argmax()] for i, frames in enumerate(frames_of)], int)


class Stage(NamedTuple):
    """What a part of a model makes of a clip."""

    name: str  # the part, in words
    shape: tuple[int, ...]  # of what it makes, without the batch
    values: (
        np.ndarray
    )  # float [rows, steps], to be drawn, of several channels one: time or the phrase runs to the right
    weights: int  # how many it has


@torch.inference_mode()
def follow_clip(model: FingerspellingModel, frames: np.ndarray, phrase: str) -> dict[str, Stage]:
    """Follow a clip, float [frames, 130, 3] of raw landmarks, through a model that spells a phrase.

    Returns:
        Stages by key: clip, convolution (where there is one), features, encoder, ctc (where there is one), decoder,
        characters.
    """
    batch = _normalized(frames, model)
    encoder, decoder, output = model.encoder, model.decoder, model.output_projection
    features: list[Tensor] = []
    with encoder.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0])):
        hidden, _ = model.encode(batch)
    tokens = torch.tensor([[model.config.bos_token_id, *text.encode(phrase)]])
    spelled = decoder(input_ids=tokens, encoder_hidden_states=hidden, use_cache=False).last_hidden_state
    extractors = _weights(model.extractor) + _weights(model.part_extractors)
    seen = torch.nan_to_num(batch[0])  # as the extractor does
    parts = {"clip": ("the clip, normalized", seen, 0)}
    if (convolution := model.extractor.conv) is not None:
        maps = convolution(seen.permute(2, 0, 1)).permute(1, 2, 0)  # [frames, points, channels]
        parts["convolution"] = ("convolution over time and points", maps, _weights(convolution))
        extractors -= _weights(convolution)
    parts |= {
        "features": ("features of each frame", features[0], extractors),
        "encoder": (f"encoder, {len(encoder.blocks)} blocks", hidden[0], _weights(encoder)),
        "decoder": (f"decoder, {model.config.decoder_layers} layers", spelled[0], _weights(decoder)),
        "characters": ("next character", output(spelled[0]).softmax(-1), _weights(output)),
    }
    if model.ctc is not None:
        parts["ctc"] = ("CTC head", model.ctc(hidden[0]).softmax(-1), _weights(model.ctc))
    return {
        key: Stage(name, tuple(values.shape), (values if values.ndim == 2 else values[..., 0]).T.numpy(), weights)
        for key, (name, values, weights) in parts.items()
    }


def _weights(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())
