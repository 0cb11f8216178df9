"""The winning architecture as a Hugging Face model: feature extractors, Squeezeformer, Speech2Text decoders."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, Speech2TextConfig
from transformers.modeling_outputs import ModelOutput
from transformers.models.speech_to_text.modeling_speech_to_text import Speech2TextDecoder

from fingerspelling.landmarks import PARTS, SELECTED
from fingerspelling.model.configuration import FingerspellingConfig
from fingerspelling.model.encoder import Encoder
from fingerspelling.model.extractor import FeatureExtractor
from fingerspelling.model.padding import Padding
from fingerspelling.model.preprocessing import normalize_per_frame

Encoded = tuple[Tensor, Tensor | None]  # what `FingerspellingModel.encode` returns: hidden states and their mask


@dataclass
class FingerspellingOutput(ModelOutput):
    """What a training step needs: the loss, its parts by name, and the logits of the forward decoder and of CTC."""

    loss: Any = None  # a scalar
    logits: Tensor | None = None  # float [batch, tokens, vocabulary]
    loss_parts: dict[str, Tensor] | None = None
    ctc_logits: Tensor | None = None  # float32 [batch, encoded frames, characters and the blank]
    # Per layer of the forward decoder, what each token attends to: float [batch, heads, tokens, encoded frames].
    cross_attentions: tuple[Tensor, ...] | None = None


def _decoder(config: FingerspellingConfig) -> Speech2TextDecoder:
    return Speech2TextDecoder(
        Speech2TextConfig(
            vocab_size=config.vocab_size,
            d_model=config.d_model,
            decoder_layers=config.decoder_layers,
            decoder_attention_heads=config.decoder_attention_heads,
            decoder_ffn_dim=config.decoder_ffn_dim,
            dropout=config.dropout,
            activation_dropout=config.dropout,
            attention_dropout=config.decoder_attention_dropout,
            max_target_positions=256,
            pad_token_id=config.pad_token_id,
            tie_word_embeddings=False,
        )
    )


class FingerspellingModel(PreTrainedModel):
    """Normalised landmarks -> the logits of the phrase's characters.

    The backward decoder of the winning solution read the encoder's output reversed in time. Cross-attention has
    no positions of its own, so the order of what it attends to makes no difference, and nothing is reversed here.
    """

    config_class = FingerspellingConfig
    main_input_name = "frames"
    config: FingerspellingConfig
    # What a configuration may leave out, and transformers' decoders, whose attributes PyTorch does not declare.
    decoder: Any
    backward_decoder: Any
    backward_projection: Any
    confidence: Any
    ctc: Any

    def __init__(self, config: FingerspellingConfig) -> None:
        super().__init__(config)
        d_model = config.d_model
        self.extractor = FeatureExtractor(len(SELECTED), d_model, config)
        self.part_extractors = nn.ModuleDict(
            {
                part: FeatureExtractor(len(points), d_model // 4, config)
                for part, points in PARTS.items()
                if config.part_extractors
            }
        )
        self.encoder = Encoder(config)
        self.decoder = _decoder(config)
        self.output_projection = nn.Linear(d_model, config.vocab_size, bias=False)
        self.backward_decoder = self.backward_projection = self.confidence = self.ctc = None
        if config.backward_decoder:
            self.backward_decoder = _decoder(config)
            self.backward_projection = nn.Linear(d_model, config.vocab_size, bias=False)
        if config.confidence_head:
            self.confidence = nn.Linear(d_model, 1)
        if config.ctc_weight:
            self.ctc = nn.Linear(d_model, config.pad_token_id + 1)  # the padding token serves as the blank
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        # PyTorch's own initialisation, as the winner's; the decoders are PreTrainedModels and initialise themselves.
        # transformers 5.0 asks this of loaded modules too, whose running statistics it does not protect.
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        loaded = all(getattr(tensor, "_is_hf_initialized", False) for tensor in tensors)
        reset = getattr(module, "reset_parameters", None)
        if reset is not None and not loaded:
            reset()

    def encode(self, frames: Tensor, mask: Tensor | None = None) -> Encoded:
        """Encode clips.

        Args:
            frames: float [batch, frames, 130, 3], normalised (`preprocessing.normalize`), NaN where a point is
                missing and on padding frames.
            mask: bool [batch, frames], True on real frames; None where all are real.

        Returns:
            float [batch, encoded frames, d_model] and the mask of the encoded frames; with frame_stride 2 there
            are half as many, rounded up.
        """
        stride = self.config.frame_stride
        mask = None if mask is None else mask[:, ::stride]
        padding = Padding(len(frames), (frames.shape[1] + stride - 1) // stride, mask)
        features = self.extractor(frames, padding)
        if self.part_extractors:
            parts = []
            for part, extractor in self.part_extractors.items():
                points = frames[:, :, torch.as_tensor(PARTS[part], device=frames.device)]
                parts.append(extractor(normalize_per_frame(points), padding))
            features = features + torch.cat(parts, -1)
        return padding.pad_input(self.encoder(features, padding)), mask

    def forward(
        self, frames: Tensor, mask: Tensor | None, labels: Tensor, *targets: Tensor | None
    ) -> FingerspellingOutput:
        """Encode clips (see `encode`) and compute the training loss; labels and what follows are those of `losses`."""
        return self.losses(*self.encode(frames, mask), labels, *targets)

    def losses(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        labels: Tensor,
        masked_inputs: Tensor | None = None,
        scores: Tensor | None = None,
        counts: Tensor | None = None,
    ) -> FingerspellingOutput:
        """Score the phrases' characters, each given those before it, and compute the training loss.

        Loss: (1 - confidence_weight) * ((1 - backward_weight) * CE forward + backward_weight * CE backward)
        + confidence_weight * BCE(confidence, score), then (1 - ctc_weight) of that + ctc_weight * CTC. The
        cross-entropy leaves padding out (the winner's counted it in).

        Args:
            hidden: the hidden states that `encode` returns.
            mask: their mask.
            labels: int64 [batch, tokens]: the phrase's ids, the end token, then padding.
            masked_inputs: bool [2, batch, tokens], True where the forward and the backward decoder's input token is
                replaced by the mask token; None replaces none.
            scores: float [batch], targets of the confidence head; None takes 1 for every clip.
            counts: float [2], what sums over tokens (characters and ends of phrases) and over clips are divided by;
                None takes the batch's own numbers. With those of a whole step, divided by how many batches it has,
                the mean of the batches' losses gives every token the same weight, and every clip.
        """
        config = self.config
        n_tokens, n_clips = ((labels != config.pad_token_id).sum(), len(labels)) if counts is None else counts
        masked, masked_backward = (None, None) if masked_inputs is None else masked_inputs
        logits, attentions = self._decode(self.decoder, self.output_projection, labels, masked, hidden, mask)
        loss_parts = {"forward": self._cross_entropy(logits, labels) / n_tokens}
        loss = loss_parts["forward"]
        if self.backward_decoder is not None:
            reversed_labels = reverse_labels(labels, config.pad_token_id, config.eos_token_id)
            backward, _ = self._decode(
                self.backward_decoder, self.backward_projection, reversed_labels, masked_backward, hidden, mask
            )
            loss_parts["backward"] = self._cross_entropy(backward, reversed_labels) / n_tokens
            loss = (1 - config.backward_weight) * loss + config.backward_weight * loss_parts["backward"]
        if self.confidence is not None:
            confidence = self.confidence(hidden[:, 0]).squeeze(-1).float()
            targets = torch.ones_like(confidence) if scores is None else scores.to(confidence.dtype)
            entropy = F.binary_cross_entropy_with_logits(confidence, targets, reduction="sum")
            loss_parts["confidence"] = entropy / n_clips
            loss = (1 - config.confidence_weight) * loss + config.confidence_weight * loss_parts["confidence"]
        ctc_logits = None
        if self.ctc is not None:
            ctc_logits = self.ctc(hidden).float()
            n_characters = (n_tokens - n_clips).clamp(min=1)
            loss_parts["ctc"] = self._ctc_loss(ctc_logits, mask, labels) / n_characters
            loss = (1 - config.ctc_weight) * loss + config.ctc_weight * loss_parts["ctc"]
        return FingerspellingOutput(loss, logits, loss_parts, ctc_logits, attentions)

    def _decode(
        self,
        decoder: Speech2TextDecoder,
        projection: nn.Linear,
        labels: Tensor,
        masked_inputs: Tensor | None,
        hidden: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        inputs = F.pad(labels[:, :-1], (1, 0), value=self.config.bos_token_id)
        inputs = torch.where(inputs == self.config.eos_token_id, self.config.pad_token_id, inputs)
        if masked_inputs is not None:
            inputs = torch.where(masked_inputs & (inputs < self.config.pad_token_id), self.config.mask_token_id, inputs)
        encoded = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        decoded = decoder(input_ids=inputs, **encoded, use_cache=False, output_attentions=True)
        return projection(decoded.last_hidden_state), decoded.cross_attentions

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        pad, logits = self.config.pad_token_id, logits.flatten(0, 1).float()
        return F.cross_entropy(logits, labels.flatten(), ignore_index=pad, reduction="sum")

    def _ctc_loss(self, logits: Tensor, mask: Tensor | None, labels: Tensor) -> Tensor:
        """CTC (Graves et al., 2006), the sum over the clips."""
        blank = self.config.pad_token_id
        log_probabilities = logits.log_softmax(-1).transpose(0, 1)
        frames = logits.shape[1] if mask is None else mask.sum(1)
        frames = torch.as_tensor(frames, device=logits.device).expand(len(logits))
        characters = (labels < blank).sum(1)
        # A clip with fewer frames than characters cannot be aligned: its loss counts as 0.
        return F.ctc_loss(log_probabilities, labels, frames, characters, blank, reduction="sum", zero_infinity=True)


def reverse_labels(labels: Tensor, pad: int, end: int) -> Tensor:
    """Reverse each phrase's characters; the end token and the padding stay behind them: int64 [batch, tokens]."""
    characters = ((labels != pad) & (labels != end)).sum(1, keepdim=True)
    places = torch.arange(labels.shape[1], device=labels.device).expand_as(labels)
    return labels.gather(1, torch.where(places < characters, characters - 1 - places, places))
