import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from synthetic import make_batch, make_labels, make_model
from torch import nn

from fingerspelling import text
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.model.modeling import reverse_labels
from fingerspelling.model.preprocessing import normalize

ROUND_1 = {
    "d_model": 144,
    "encoder_layers": 6,
    "part_extractors": False,
    "backward_decoder": False,
    "confidence_head": False,
}


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


# --- configuration


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"d_model": 200, "encoder_attention_heads": 3}, "d_model 200 must be a multiple of"),
        ({"d_model": 24}, "d_model 24 must be a multiple of"),
        ({"conv_kernel": 50}, "conv_kernel 50 must be odd"),
        ({"frame_stride": 3}, "frame_stride 3 must be 1 or 2"),
        ({"encoder_block": "transformer"}, "encoder_block"),
        ({"d_model": "wide"}, "d_model"),
        ({"dropout": None}, "dropout"),
    ],
)
def test_impossible_sizes_are_named(values: dict, reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        FingerspellingConfig(**values)


# --- model


def test_round_2_has_the_winners_parameters_part_by_part() -> None:
    with torch.device("meta"):
        model = FingerspellingModel(FingerspellingConfig())
    parts = {
        "all points": count(model.extractor),
        **{part: count(extractor) for part, extractor in model.part_extractors.items()},
        "encoder": count(model.encoder),
        "decoder": count(model.decoder, model.output_projection),
        "backward decoder": count(model.backward_decoder, model.backward_projection),
        "confidence": count(model.confidence),
    }
    assert parts == {
        "all points": 433_984,
        "left_hand": 19_336,
        "right_hand": 19_336,
        "face": 64_264,
        "pose": 11_016,
        "encoder": 6_883_968,
        "decoder": 1_152_096,
        "backward decoder": 1_152_096,
        "confidence": 209,
    }
    assert count(model) == sum(parts.values()) == 9_736_305


def test_round_1_has_its_parameters() -> None:
    with torch.device("meta"):
        model = FingerspellingModel(FingerspellingConfig(**ROUND_1))
    assert count(model.extractor) == 300_736
    assert count(model.encoder) == 1_434_240
    assert count(model.decoder, model.output_projection) == 650_464
    assert count(model) == 2_385_440


@pytest.mark.parametrize("changes", [{}, {**ROUND_1, "d_model": 32, "encoder_layers": 1}, {"ctc_weight": 0.2}])
def test_a_saved_model_comes_back_bit_by_bit(changes: dict, tmp_path: Path) -> None:
    model = make_model(**changes)
    model.save_pretrained(tmp_path)
    loaded = FingerspellingModel.from_pretrained(tmp_path).eval()
    assert loaded.config.to_dict() == model.config.to_dict() | {"_name_or_path": loaded.config.name_or_path}
    stored = load_file(tmp_path / "model.safetensors")
    assert stored.keys() == model.state_dict().keys() == loaded.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, stored[name]), name
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    frames, mask = make_batch([9, 14])
    labels = make_labels("abc", "12")
    with torch.no_grad():
        # Not to the last bit: a matrix product's order of summation depends on where in memory the weights lie.
        torch.testing.assert_close(model(frames, mask, labels).logits, loaded(frames, mask, labels).logits)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"frame_stride": 2},
        {"encoder_block": "conformer"},
        {"rotary": False, "cnn_features": False, "frame_stride": 2},
    ],
)
@pytest.mark.parametrize("lengths", [[1, 2, 3, 4], [15, 16, 40, 41], [20, 300]])
def test_padding_changes_nothing(changes: dict, lengths: list[int]) -> None:
    model = make_model(**changes)
    stride = model.config.frame_stride
    frames, mask = make_batch(lengths)
    labels = make_labels(*["hello world"] * len(lengths))
    with torch.no_grad():
        hidden, hidden_mask = model.encode(frames, mask)
        logits = model(frames, mask, labels).logits
        for i, length in enumerate(lengths):
            alone, none = model.encode(frames[i : i + 1, :length])
            assert none is None
            assert alone.shape[1] == math.ceil(length / stride) == hidden_mask[i].sum()
            torch.testing.assert_close(hidden[i : i + 1, : alone.shape[1]], alone, atol=1e-4, rtol=0)
            expected = model(frames[i : i + 1, :length], None, labels[i : i + 1]).logits
            torch.testing.assert_close(logits[i : i + 1], expected, atol=1e-4, rtol=0)


def test_padding_changes_nothing_at_full_size() -> None:
    torch.manual_seed(0)
    model = FingerspellingModel(FingerspellingConfig()).eval()
    frames, mask = make_batch([15, 60, 384])
    frames, labels = normalize(frames), make_labels("hello world", "27 elm", "a/b-c")
    with torch.no_grad():
        logits = model(frames, mask, labels).logits
        for i, length in enumerate(mask.sum(1).tolist()):
            alone = model(frames[i : i + 1, :length], None, labels[i : i + 1]).logits
            torch.testing.assert_close(logits[i : i + 1], alone, atol=1e-4, rtol=0)
    assert logits.std() > 0.1, "logits this small would hide a difference"


@pytest.mark.parametrize("block", ["squeezeformer", "conformer"])
def test_every_parameter_receives_a_gradient(block: str) -> None:
    model = make_model(ctc_weight=0.2, encoder_block=block).train()
    frames, mask = make_batch([20, 33, 28])
    labels = make_labels("hello", "27 elm", "a/b-c")
    model(frames, mask, labels, torch.rand(2, *labels.shape) < 0.2, torch.tensor([0.9, 0.1, 0.5])).loss.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still


def test_every_part_of_the_body_matters() -> None:
    model = make_model()
    frames, mask = make_batch([12])
    with torch.no_grad():
        for part, extractor in model.part_extractors.items():
            hidden = model.encode(frames, mask)[0]
            extractor.norm.weight.mul_(2)
            assert not torch.allclose(model.encode(frames, mask)[0], hidden), part


def test_loss_is_weighed_as_the_winners() -> None:
    model = make_model(ctc_weight=0.25)
    frames, mask = make_batch([20, 33])
    labels, scores = make_labels("hello", "27"), torch.tensor([0.9, 0.2])
    output = model(frames, mask, labels, None, scores)
    forward, backward = output.loss_parts["forward"], output.loss_parts["backward"]
    winners = 0.98 * (0.6 * forward + 0.4 * backward) + 0.02 * output.loss_parts["confidence"]
    torch.testing.assert_close(output.loss, 0.75 * winners + 0.25 * output.loss_parts["ctc"])
    real = labels != text.PAD
    by_hand = -output.logits.log_softmax(-1).gather(2, labels[..., None])[..., 0][real].mean()
    torch.testing.assert_close(forward, by_hand)
    confidence = model.confidence(model.encode(frames, mask)[0][:, 0])[:, 0].sigmoid()
    by_hand = -(scores * confidence.log() + (1 - scores) * (1 - confidence).log()).mean()
    torch.testing.assert_close(output.loss_parts["confidence"], by_hand)


def test_with_the_counts_of_a_step_every_token_and_clip_weighs_the_same_in_it() -> None:
    model = make_model(ctc_weight=0.25)
    clips = [make_batch([20, 33], seed=1), make_batch([25], seed=2)]
    phrases, scores = [make_labels("hello", "27"), make_labels("12-34 elm street")], torch.tensor([0.9, 0.2, 0.4])
    counts = torch.tensor([6 + 3 + 17, 3]) / 2
    parts = [
        model(*batch, labels, None, some, counts)
        for batch, labels, some in zip(clips, phrases, scores.split([2, 1]), strict=True)
    ]
    (one, one_mask), (other, other_mask) = clips
    frames = F.pad(one, (0, 0, 0, 0, 0, 0, 0, 1), value=math.nan)
    frames[2, :25], mask = other[0], F.pad(one_mask, (0, 0, 0, 1))
    mask[2, :25] = other_mask
    together = model(frames, mask, make_labels("hello", "27", "12-34 elm street"), None, scores)
    for name, part in together.loss_parts.items():
        torch.testing.assert_close(sum(output.loss_parts[name] for output in parts) / 2, part, msg=name)
    torch.testing.assert_close(sum(output.loss for output in parts) / 2, together.loss)


def test_each_decoder_has_masks_of_its_own() -> None:
    model = make_model()
    frames, mask = make_batch([20])
    labels = make_labels("hello")
    of_forward, of_backward = torch.zeros(2, 2, *labels.shape, dtype=torch.bool)
    of_forward[0, :, 3] = of_backward[1, :, 3] = True
    plain, first, second = (model(frames, mask, labels, which) for which in (None, of_forward, of_backward))
    assert torch.equal(second.logits, plain.logits) and not torch.equal(first.logits, plain.logits)
    assert first.loss_parts["backward"] == plain.loss_parts["backward"] != second.loss_parts["backward"]


@pytest.mark.parametrize("decoder", ["decoder", "backward_decoder"])
def test_decoders_drop_out_as_the_winners(decoder: str) -> None:
    with torch.device("meta"):
        layers = getattr(FingerspellingModel(FingerspellingConfig()), decoder).layers
    assert {(layer.dropout, layer.activation_dropout) for layer in layers} == {(0.1, 0.1)}
    assert {attention.dropout for layer in layers for attention in (layer.self_attn, layer.encoder_attn)} == {0.2}


def test_padding_of_labels_does_not_count() -> None:
    model = make_model(ctc_weight=0.25)
    frames, mask = make_batch([20, 33])
    labels = make_labels("hello", "27")
    padded = F.pad(labels, (0, 6), value=text.PAD)
    output, expected = model(frames, mask, padded), model(frames, mask, labels)
    for name, part in expected.loss_parts.items():
        torch.testing.assert_close(output.loss_parts[name], part)


def test_a_character_is_spelled_from_those_before_it() -> None:
    model = make_model()
    frames, mask = make_batch([20])
    logits = model(frames, mask, make_labels("hello")).logits
    changed = model(frames, mask, make_labels("hexlo")).logits
    torch.testing.assert_close(changed[:, :3], logits[:, :3])
    assert not torch.allclose(changed[:, 3], logits[:, 3])
    labels = make_labels("hello")
    masked_inputs = torch.ones(2, *labels.shape, dtype=torch.bool)
    masked = model(frames, mask, labels, masked_inputs).logits
    torch.testing.assert_close(masked[:, 0], logits[:, 0])  # the start token stays
    torch.testing.assert_close(masked, model(frames, mask, make_labels("abcde"), masked_inputs).logits)


def test_the_backward_decoder_spells_the_reversed_phrase() -> None:
    model = make_model()
    frames, mask = make_batch([20, 25])
    backward = model(frames, mask, make_labels("hello", "ab")).loss_parts["backward"]
    model.decoder, model.output_projection = model.backward_decoder, model.backward_projection
    torch.testing.assert_close(model(frames, mask, make_labels("olleh", "ba")).loss_parts["forward"], backward)


def test_reversal_leaves_end_and_padding() -> None:
    labels = make_labels("abc", "", "hello", "x")
    assert torch.equal(reverse_labels(labels, text.PAD, text.END), make_labels("cba", "", "olleh", "x"))


def test_ctc_sums_over_all_alignments() -> None:
    model = make_model(ctc_weight=0.5)
    frames, mask = make_batch([4, 9])
    blank, letter = text.PAD, text.encode("a")[0]
    with torch.no_grad():
        hidden, _ = model.encode(frames, mask)
        chances = model.ctc(hidden).softmax(-1)
        loss = model(frames, mask, make_labels("a", "a")).loss_parts["ctc"]
    expected = 0.0
    for row, length in zip(chances, [4, 9], strict=True):
        runs = [(start, stop) for start in range(length) for stop in range(start + 1, length + 1)]
        paths = [[letter if start <= t < stop else blank for t in range(length)] for start, stop in runs]
        expected -= math.log(sum(row[range(length), path].prod().item() for path in paths)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_ctc_passes_over_clips_too_short_for_their_phrase() -> None:
    model = make_model(ctc_weight=0.5)
    frames, mask = make_batch([2, 30])
    loss = model(frames, mask, make_labels("abcdef", "ab")).loss_parts["ctc"]
    alone = model(frames[1:], mask[1:], make_labels("ab")).loss_parts["ctc"]
    torch.testing.assert_close(loss * 8, alone * 2)
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("spoil", ["nothing there", "constant", "one frame"])
def test_poor_input_gives_finite_losses(spoil: str) -> None:
    model = make_model(ctc_weight=0.2).train()
    frames, mask = make_batch([16, 16])
    if spoil == "nothing there":
        frames[:] = math.nan
    elif spoil == "constant":
        frames[:] = 0.5
    else:
        frames, mask = make_batch([1, 1])
    output = model(normalize(frames), mask, make_labels("ab", "c"))
    output.loss.backward()
    assert output.loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_chance_is_left_out_of_evaluation() -> None:
    model = make_model()
    frames, mask = make_batch([20])
    labels = make_labels("hello")
    assert torch.equal(model(frames, mask, labels).logits, model(frames, mask, labels).logits)
    model.train()
    assert not torch.equal(model(frames, mask, labels).logits, model(frames, mask, labels).logits)
