import itertools
from functools import partial

import numpy as np
import pytest
import torch
from synthetic import make_model

from fingerspelling.decoding.inspection import aligned, follow_clip, inspect_clip, runners_up
from fingerspelling.decoding.search import decode
from fingerspelling.decoding.transcribe import transcribe_clip


def clip(n_frames: int) -> np.ndarray:
    return np.random.default_rng(0).random((n_frames, 130, 3)).astype(np.float16)


@pytest.mark.parametrize(("ctc_weight", "stride"), [(0.0, 1), (0.5, 1), (0.5, 2)])
def test_what_models_see_has_a_place_in_the_clip(ctc_weight: float, stride: int) -> None:
    models = [make_model(ctc_weight=ctc_weight, frame_stride=stride, seed=seed) for seed in (1, 2)]
    seen = inspect_clip(models, clip(41), "abba")
    assert seen.frames.tolist() == list(range(0, 41, stride))
    assert seen.attention.shape == (5, len(seen.frames))
    np.testing.assert_allclose(seen.attention.sum(1), 1, rtol=1e-5)
    assert (seen.ctc is not None) == bool(ctc_weight)
    if seen.ctc is not None:
        assert seen.ctc.shape == (len(seen.frames), 60)
        assert (np.diff(seen.read_at) > 0).all()
    else:
        np.testing.assert_array_equal(seen.read_at, seen.frames[seen.attention[:-1].argmax(1)])


def test_longer_clips_than_the_model_takes_keep_their_own_frame_numbers() -> None:
    seen = inspect_clip([make_model()], clip(800), "ab")
    assert len(seen.frames) == 384 and seen.frames[-1] > 790


def test_attention_is_that_of_the_decoder_and_stays_as_quick() -> None:
    model = make_model()
    before = model.decoder.config._attn_implementation
    looks = []
    hook = model.decoder.layers[0].encoder_attn.k_proj.register_forward_hook(lambda *about: looks.append(about[2]))
    seen = inspect_clip([model], clip(30), "abc")
    hook.remove()
    assert model.decoder.config._attn_implementation == before and len(looks) == 1
    keys = torch.zeros_like(model.decoder.layers[0].encoder_attn.k_proj.weight)
    with torch.no_grad():
        for layer in model.decoder.layers:  # keys that are all alike are looked at alike
            layer.encoder_attn.k_proj.weight.copy_(keys)
            layer.encoder_attn.k_proj.bias.zero_()
    even = inspect_clip([model], clip(30), "abc").attention
    np.testing.assert_allclose(even, 1 / 30, rtol=1e-5)
    assert np.abs(seen.attention - even).max() > 1e-4


def test_alignment_is_the_likeliest_of_all() -> None:
    rng = np.random.default_rng(3)
    for ids in ([0], [0, 1], [1, 1], [0, 0, 1]):
        log = np.log(rng.dirichlet(np.ones(3), 6))
        best, frames = -np.inf, None
        for path in itertools.product(range(3), repeat=6):
            runs = [key for key, _ in itertools.groupby(path)]
            total = sum(log[frame, token] for frame, token in enumerate(path))
            if [key for key in runs if key != 2] == ids and total > best:
                best, starts = total, itertools.groupby(range(6), key=lambda i, path=path: path[i])
                frames = [max(run, key=lambda i, k=k: log[i, k]) for k, run in ((k, [*r]) for k, r in starts) if k != 2]
        assert aligned(log, ids).tolist() == frames


def test_too_few_frames_are_shared_out() -> None:
    assert aligned(np.log(np.full((2, 3), 1 / 3)), [0, 0, 1]).tolist() == [0, 0, 1]
    assert aligned(np.log(np.full((4, 3), 1 / 3)), []).tolist() == []


def test_runners_up_begin_with_what_is_read() -> None:
    model = make_model(ctc_weight=0.5, seed=2)
    frames = clip(40)
    found = runners_up([model], frames, 4, 0.3)
    points = torch.tensor(frames.astype(np.float32)).transpose(1, 2).flatten(1)
    assert found[0][0] == transcribe_clip([model], points, partial(decode, num_beams=4, ctc_weight=0.3))
    likely = [probability for _, probability in found]
    assert likely == sorted(likely, reverse=True) and len({phrase for phrase, _ in found}) == 4


def test_clip_is_followed_through_the_model_itself() -> None:
    model = make_model(ctc_weight=0.5, frame_stride=2, part_extractors=True)
    stages = follow_clip(model, clip(41), "abc")
    d_model = model.config.d_model
    shapes = {key: stage.shape for key, stage in stages.items()}
    assert shapes == {
        "clip": (41, 130, 3),
        "convolution": (21, 65, 32),
        "features": (21, d_model),
        "encoder": (21, d_model),
        "ctc": (21, 60),
        "decoder": (4, d_model),
        "characters": (4, 63),
    }
    for key, stage in stages.items():
        assert stage.values.shape == (stage.shape[1], stage.shape[0]), key
        assert np.isfinite(stage.values).all()
    unused = [model.backward_decoder, model.backward_projection, model.confidence]
    training_only = sum(weight.numel() for part in unused for weight in part.parameters())
    assert sum(stage.weights for stage in stages.values()) + training_only == model.num_parameters()
    np.testing.assert_allclose(stages["ctc"].values.sum(0), 1, rtol=1e-5)
    assert not model.encoder._forward_pre_hooks and not model.extractor.conv._forward_hooks


def test_models_without_parts_are_followed_too() -> None:
    stages = follow_clip(make_model(ctc_weight=0.0, cnn_features=False), clip(30), "")
    assert {*stages} == {"clip", "features", "encoder", "decoder", "characters"}
