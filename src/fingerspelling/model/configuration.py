"""The model's sizes; the defaults are the winner's second round."""

from dataclasses import dataclass
from typing import Any, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from fingerspelling import text

MOST = 1 << 16  # of any size; no machine has the memory for more
# Fields that no parameter sets: they belong to the code and its 59 characters.
SETTLED = {"model_type", "vocab_size", "pad_token_id", "bos_token_id", "eos_token_id", "mask_token_id"}


@strict(accept_kwargs=True)
@dataclass(repr=False, kw_only=True)
class FingerspellingConfig(PreTrainedConfig):
    """Sizes and switches of a `FingerspellingModel`.

    By default round 2 of the winning solution; round 1 is d_model 144, encoder_layers 6 and without
    part_extractors, backward_decoder and confidence_head. frame_stride and ctc_weight are this workbook's own.

    Raises:
        ValueError: d_model does not divide into heads of even width and four parts.
    """

    model_type = "fingerspelling"

    d_model: int = 208  # numbers that stand for a frame, and for a character, in all of the model
    encoder_layers: int = 14  # blocks of attention and convolution
    encoder_attention_heads: int = 4  # ways in which a block's attention looks at the frames
    conv_kernel: int = 51  # frames that the encoder's depthwise convolution spans, odd
    dropout: float = 0.1  # share of values zeroed in training: of the decoders, and the encoder but for its attention
    encoder_block: Literal["squeezeformer", "conformer"] = "squeezeformer"  # the second is what the first improved on
    rotary: bool = True  # positions in attention; without, only the convolutions know what comes first
    cnn_features: bool = True  # a convolution over time and points before each frame's projection
    frame_stride: int = 1  # 2 halves the frame rate in the feature extractors
    max_frames: int = 384  # longer clips are resized to this
    part_extractors: bool = True  # hands, face and pose each normalised per frame, besides all points together

    decoder_layers: int = 2  # of a Transformer's decoder
    decoder_attention_heads: int = 4  # in each of its attentions, to the frames and to what it has spelled
    decoder_ffn_dim: int = 512  # width of its feed-forward layers
    decoder_attention_dropout: float = 0.2  # share of attention weights zeroed in training
    max_new_tokens: int = 33  # decoding steps at most: a phrase's characters, and its end
    min_frames: int = 15  # shorter clips get the constant phrase, as do clips in which no hand is seen
    min_confidence: float = 0.15  # clips whose predicted score is lower get the constant phrase, too; 0 leaves that out

    backward_decoder: bool = True  # a second decoder spells the phrase backwards; training only
    confidence_head: bool = True  # predicts the clip's score
    backward_weight: float = 0.4  # share of the backward decoder in the cross-entropy
    confidence_weight: float = 0.02  # share of the confidence head in the loss
    ctc_weight: float = 0.0  # share of a CTC loss on the encoder's frames; 0 leaves the head out

    vocab_size: int = text.VOCABULARY_SIZE  # tokens: the 59 characters, and the four that follow here
    pad_token_id: int = text.PAD  # fills a phrase up to the longest of its batch
    bos_token_id: int = text.START  # begins every phrase
    eos_token_id: int = text.END  # ends it
    mask_token_id: int = text.MASK  # stands for a character that the decoder is not shown, see training.mask_tokens

    validate_rope = None  # type: ignore[assignment]  # nothing to validate, and @strict refuses that of transformers 5.0

    def __post_init__(self, **others: Any) -> None:
        # In transformers 5.0 the base class is no dataclass yet: it takes what else there is in its __init__.
        getattr(super(), "__post_init__", super().__init__)(**others)

    def validate_ranges(self) -> None:
        for name, kind in FingerspellingConfig.__annotations__.items():
            least = 0 if name == "min_frames" or name.endswith("_id") else 1
            if kind is float and not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must be a number from 0 to 1")
            if name.endswith("dropout") and getattr(self, name) == 1:
                raise ValueError(f"{name} 1 would leave nothing; it must be a number from 0 to below 1")
            if kind is int and not least <= getattr(self, name) <= MOST:
                raise ValueError(f"{name} {getattr(self, name)} must be a whole number from {least} to {MOST:,}")

    def validate_sizes(self) -> None:
        if self.d_model % (4 * self.encoder_attention_heads) or self.d_model % (2 * self.decoder_attention_heads):
            raise ValueError(
                f"d_model {self.d_model} must be a multiple of 4 x encoder_attention_heads "
                f"({self.encoder_attention_heads}) and of 2 x decoder_attention_heads ({self.decoder_attention_heads})"
            )
        if self.conv_kernel % 2 == 0:
            raise ValueError(f"conv_kernel {self.conv_kernel} must be odd")
        if self.frame_stride not in (1, 2):
            raise ValueError(f"frame_stride {self.frame_stride} must be 1 or 2")
