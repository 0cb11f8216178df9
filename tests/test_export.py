import functools
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from fingerspelling import text
from fingerspelling.data.parquet import read_clip
from fingerspelling.decoding.search import decode, hypotheses
from fingerspelling.decoding.transcribe import transcribe_clip
from fingerspelling.export import check_parity, export_tflite
from fingerspelling.export.fold import fold_constants
from fingerspelling.export.tflite import _conversion
from fingerspelling.export.transcriber import ClipTranscriber
from fingerspelling.landmarks import FARTHEST, PARTS, SELECTED_COLUMNS, WRISTS, as_points, hand_seen
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.model.preprocessing import normalize, resize_index
from fingerspelling.scoring.runtime import load_runner
from fingerspelling.scoring.scorer import score_submission
from fingerspelling.scoring.submission import Submission, write_submission

LENGTHS = [0, 1, 14, 15, 16, 50, 51, 383, 384, 385, 500, 1200, 5000]


def build(seed: int, **sizes: int | bool) -> FingerspellingModel:
    """A tiny model whose weights are scaled so that phrases, their lengths and confidences differ from clip to clip."""
    torch.manual_seed(seed)
    sizes = {"d_model": 32, "encoder_layers": 1, "conv_kernel": 27, "decoder_ffn_dim": 64, **sizes}
    model = FingerspellingModel(FingerspellingConfig(backward_decoder=False, **sizes)).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.dim() == 1:
                tensor.add_(torch.randn_like(tensor), alpha=0.2)
            elif "decoder" in name:
                tensor.mul_(30 if "embed_tokens" in name else 4)
        model.output_projection.weight.normal_()
        if model.confidence is not None:
            model.confidence.weight.normal_(std=0.2)
            model.confidence.bias.fill_(-1.7)
        if model.ctc is not None:
            model.ctc.weight.mul_(8)
            model.ctc.bias[text.PAD] += 12  # most frames are blank
    return model


def clip(n_frames: int, seed: int = 0) -> np.ndarray:
    """float32 [frames, 390]: points that wander, a fifth of all frames without the left hand."""
    rng = np.random.default_rng([seed, n_frames])
    steps = rng.normal(0, 0.05, (n_frames, 3, 130)).cumsum(0)
    points = rng.random((3, 130)) + steps
    points[rng.random(n_frames) < 0.2, :, 40:61] = np.nan
    return points.reshape(n_frames, len(SELECTED_COLUMNS)).astype(np.float32)


def without_hands(frames: np.ndarray, value: float) -> np.ndarray:
    points = frames.reshape(-1, 3, 130).copy()
    points[:, :, [*PARTS["left_hand"], *PARTS["right_hand"]]] = value
    return points.reshape(frames.shape)


def clips() -> list[np.ndarray]:
    nothing_seen = np.full((40, len(SELECTED_COLUMNS)), np.nan, np.float32)
    return [*map(clip, LENGTHS), nothing_seen, *(clip(60, seed) for seed in range(1, 9))]


runner = functools.cache(load_runner)


def submit(folder: Path, models: list[FingerspellingModel], precision: str, **search: float) -> Submission:
    tflite = export_tflite(models, folder / "model.tflite", precision, **search)
    return Submission(write_submission(tflite, folder / "submission.zip"))


def disagreeing() -> list[FingerspellingModel]:
    """Two models of different sizes, the first so sure of itself that the mean of both confidences would be high."""
    models = [build(4, frame_stride=2), build(10, d_model=48, decoder_layers=1)]
    with torch.no_grad():
        for model, change in zip(models, (2.0, -2.0), strict=True):
            model.confidence.bias += change
    return models


# Seeds whose phrases differ from clip to clip, none empty, and whose confidences lie on both sides of the threshold.
MODELS = {
    "plain": lambda: [build(10, part_extractors=False, confidence_head=False)],
    "ensemble": disagreeing,
}


@pytest.fixture(scope="module", params=MODELS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[FingerspellingModel], Submission]:
    models = MODELS[request.param]()
    return models, submit(tmp_path_factory.mktemp(request.param), models, "fp32")


def test_the_file_spells_what_pytorch_spells(exported):
    models, submission = exported
    table = check_parity(models, submission, clips())
    assert table["frames"].tolist() == [len(frames) for frames in clips()]
    assert table["same"].all(), table[~table["same"]]
    assert (table["tflite"][table["frames"] < 15] == text.CONSTANT_PHRASE).all()
    phrases = table["tflite"][(table["frames"] >= 15) & (table["tflite"] != text.CONSTANT_PHRASE)]
    assert phrases.nunique() >= 3 and phrases.str.len().nunique() >= 3, "the clips do not tell models apart"


def test_clips_of_low_confidence_get_the_constant_phrase(exported):
    models, submission = exported
    long_enough = [clip(n_frames) for n_frames in LENGTHS if n_frames >= 15] + [clip(60, seed) for seed in range(1, 9)]
    confidences = [confidence(models, frames) for frames in long_enough]
    constant = [submission.transcribe(frames) == text.CONSTANT_PHRASE for frames in long_enough]
    assert constant == [value < models[0].config.min_confidence for value in confidences]
    assert models[0].confidence is None or 0 < sum(constant) < len(constant), "the threshold divides nothing"


@pytest.mark.parametrize("value", [np.nan, np.inf, -FARTHEST - 1])
def test_clips_without_a_hand_get_the_constant_phrase(exported, value):
    models, submission = exported
    trusted = (without_hands(clip(60, seed), value) for seed in range(50))
    frames = next(frames for frames in trusted if confidence(models, frames) >= 0.15)
    assert check_parity(models, submission, [frames])["tflite"].tolist() == [text.CONSTANT_PHRASE]
    frames[7, WRISTS[0]] = 0.5  # x of a hand in a single frame is enough
    table = check_parity(models, submission, [frames])
    assert table["same"].all()
    assert (table["tflite"][0] == text.CONSTANT_PHRASE) == (confidence(models, frames) < 0.15)


@pytest.mark.parametrize("n_frames", [1, 30])
def test_clips_without_a_hand_are_never_long_enough(n_frames):
    models = [build(10, part_extractors=False, confidence_head=False, min_frames=0)]
    spelled = []
    for frames in (clip(n_frames), without_hands(clip(n_frames), np.nan)):
        rows, length = ClipTranscriber(models)(torch.from_numpy(frames))
        spelled.append(text.decode(rows[: length[0]].argmax(1).tolist()))
    assert spelled[0] != text.CONSTANT_PHRASE == spelled[1]


@pytest.mark.parametrize("n_frames", [15, 50, 500])
def test_its_rows_are_the_averaged_logits(exported, n_frames):
    models, submission = exported
    frames = next(f for f in (clip(n_frames, s) for s in range(50)) if confidence(models, f) >= 0.15)
    rows = runner(submission.model)(inputs=frames)["outputs"]
    expected = teacher_forced(models, frames, rows.argmax(1))
    assert 0 < len(rows) <= models[0].config.max_new_tokens
    np.testing.assert_allclose(rows, expected[:-1, : len(text.CHARACTERS)], atol=2e-4)
    ended = len(rows) == models[0].config.max_new_tokens or expected[-1].argmax() >= text.PAD
    assert ended, "the phrase stops before its end"


def encode(models: list[FingerspellingModel], frames: np.ndarray) -> list[Tensor]:
    picked = torch.from_numpy(frames)[resize_index(len(frames), 384)]
    points = normalize(picked.unflatten(1, (3, 130)).transpose(1, 2)[None])
    with torch.no_grad():
        return [model.encode(points)[0] for model in models]


def confidence(models: list[FingerspellingModel], frames: np.ndarray) -> float:
    hidden = encode(models, frames)
    logits = [m.confidence(h[0, 0]).item() for m, h in zip(models, hidden, strict=True) if m.confidence]
    return float(1 / (1 + np.exp(-np.mean(logits)))) if logits else 1.0


def teacher_forced(models: list[FingerspellingModel], frames: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Logits [len(ids) + 1, vocabulary] of one pass over the whole phrase: without cache, loop or folding."""
    tokens = torch.tensor([[text.START, *ids.tolist()]])
    hidden = encode(models, frames)
    with torch.no_grad():
        decoded = [
            model.output_projection(model.decoder(input_ids=tokens, encoder_hidden_states=h).last_hidden_state)
            for model, h in zip(models, hidden, strict=True)
        ]
    return torch.stack(decoded).mean(0)[0].numpy()


WILD = st.one_of(st.floats(width=32), st.sampled_from([np.nan, np.inf, -np.inf, 3e38, 0.0]))


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 40), st.just(30)), elements=WILD), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_no_input_breaks_the_file(exported, values, n_frames):
    _, submission = exported
    frames = np.resize(values, (n_frames, len(SELECTED_COLUMNS))) if values.size else clip(n_frames)
    rows = runner(submission.model)(inputs=frames)["outputs"]
    assert 1 <= len(rows) <= 33 and np.isfinite(rows).all()


def test_what_cannot_be_a_landmark_counts_as_missing(exported):
    models, submission = exported
    rng = np.random.default_rng(0)
    frames = clip(60, 3)
    somewhere = rng.random(frames.shape) < 0.1
    wild = np.where(somewhere, rng.choice([np.inf, -np.inf, 3e38, -1001], frames.shape), frames).astype(np.float32)
    missing = np.where(somewhere, np.float32("nan"), frames)
    assert transcribe_clip(models, torch.from_numpy(wild)) == transcribe_clip(models, torch.from_numpy(missing))
    np.testing.assert_array_equal(*(runner(submission.model)(inputs=f)["outputs"] for f in (wild, missing)))


def test_unrolled_the_file_says_the_same_without_a_loop(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"  # the machine's temporary folder
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    models = [build(10, max_new_tokens=12, decoder_layers=1, part_extractors=False, confidence_head=False)]
    files = {loop: export_tflite(models, tmp_path / f"{loop}", "fp32", loop=loop) for loop in (True, False)}
    assert [subgraphs(files[loop].read_bytes()) for loop in (True, False)] == [3, 1]  # with a condition and a body
    assert not list(elsewhere.iterdir())  # where nobody would clear away what a killed export leaves
    loop, unrolled = (load_runner(path.read_bytes()) for path in files.values())
    lengths = set()
    for frames in clips():
        expected = loop(inputs=frames)["outputs"]
        np.testing.assert_allclose(unrolled(inputs=frames)["outputs"], expected, atol=1e-4)
        lengths.add(len(expected))
    assert len(lengths) > 2, "the clips do not tell where a phrase ends"


SEARCH = {"num_beams": 3, "ctc_weight": 0.4}


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[FingerspellingModel], Submission]:
    """Two models with CTC heads, of different frame rates, and the file that searches with both and tells how sure."""
    models = [build(4, frame_stride=2, ctc_weight=0.3), build(10, d_model=48, decoder_layers=1, ctc_weight=0.3)]
    for model in models:
        model.config.min_confidence = 0.0
    return models, submit(tmp_path_factory.mktemp("searching"), models, "fp32", **SEARCH, tells_probability=True)


def test_the_file_searches_as_pytorch_does(searching):
    models, submission = searching
    table = check_parity(models, submission, clips(), functools.partial(decode, **SEARCH))
    assert table["same"].all(), table[~table["same"]]
    assert (table["tflite"][table["frames"] < 15] == text.CONSTANT_PHRASE).all()
    phrases = table["tflite"][table["frames"] >= 15]
    assert phrases.nunique() >= 3 and phrases.str.len().nunique() >= 3, "the clips do not tell models apart"
    other = check_parity(models, submission, clips())
    assert not other["same"].all(), "greedy decoding finds the same, so the search is not seen"


@torch.inference_mode()
def test_the_file_tells_how_probable_its_phrase_is(searching):
    models, submission = searching
    told = []
    for frames in clips():
        submission.transcribe(frames)
        told.append(submission.process.probability)
        if len(frames) < 15:
            assert told[-1] == 0, "the constant phrase is no reading"
            continue
        points = normalize(as_points(torch.from_numpy(frames)[resize_index(len(frames), 384)])[None])
        ids, score = hypotheses(models, [model.encode(points) for model in models], **SEARCH)[0][0]
        expected = np.exp(score / (len(ids) + 1)) if ids and hand_seen(points).any() else 0.0
        assert told[-1] == pytest.approx(expected, abs=1e-4)
    assert len(set(np.round(told, 3))) > 3


def test_unless_asked_for_the_file_has_the_competitions_output_alone(exported, searching):
    names = [{*runner(submission.model).get_output_details()} for _, submission in (exported, searching)]
    assert names == [{"outputs"}, {"outputs", "probability"}]


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 40), st.just(30)), elements=WILD), st.integers(0, 2000))
@settings(max_examples=30, deadline=None)
def test_no_input_breaks_the_search(searching, values, n_frames):
    test_no_input_breaks_the_file.hypothesis.inner_test(searching, values, n_frames)


def test_unrolled_the_search_says_the_same_without_a_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "CONSTANT_PHRASE", "a b")  # the other one has more than 6 characters
    models = [
        build(10, max_new_tokens=6, decoder_layers=1, part_extractors=False, confidence_head=False, ctc_weight=0.3)
    ]
    files = [export_tflite(models, tmp_path / f"{loop}", "fp32", loop=loop, **SEARCH) for loop in (True, False)]
    loop, unrolled = (load_runner(path.read_bytes()) for path in files)
    expected, ids = ([run(inputs=f)["outputs"].argmax(1).tolist() for f in clips()] for run in (loop, unrolled))
    assert ids == expected
    assert len(set(map(len, ids))) > 2, "the clips do not tell where a phrase ends"


def subgraphs(model: bytes) -> int:
    from tensorflow.lite.tools import flatbuffer_utils

    return len(flatbuffer_utils.convert_bytearray_to_object(model).subgraphs)


def test_int8_is_for_linear_layers_alone(exported):
    _conversion()
    from tensorflow.lite.python.schema_py_generated import TensorType
    from tensorflow.lite.tools import flatbuffer_utils

    from fingerspelling.export.weights import MIN_OUTPUTS, quantize_linear_layers, read_model, to_bytes

    _, submission = exported
    model = read_model(submission.model)
    quantize_linear_layers(model)
    content = to_bytes(model)
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    int8 = [tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.type == TensorType.INT8]
    assert len(int8) >= 3 and all(tensor.shape.size == 2 and tensor.shape[0] >= MIN_OUTPUTS for tensor in int8)
    assert len(submission.model) - len(content) > 2 * sum(tensor.shape.prod() for tensor in int8), "fp32 is still there"
    run = load_runner(content)
    first = [
        (run(inputs=clip(n))["outputs"][0], runner(submission.model)(inputs=clip(n))["outputs"][0]) for n in (50, 200)
    ]
    np.testing.assert_allclose(*np.swapaxes(first, 0, 1), atol=0.5)


def test_where_nothing_is_spelled_the_answer_is_not_empty():
    models = [build(1, part_extractors=False, confidence_head=False)]
    frames = clip(50)
    assert teacher_forced(models, frames, np.array([], int))[0].argmax() >= text.PAD, "this model spells something"
    rows, length = ClipTranscriber(models)(torch.from_numpy(frames))
    assert text.decode(rows[: length[0]].argmax(1).tolist()) == text.CONSTANT_PHRASE


@pytest.mark.parametrize("block", ["squeezeformer", "conformer"])
def test_folding_changes_no_output_and_leaves_no_scale(block):
    model, folded = (build(4, frame_stride=2, encoder_layers=2, encoder_block=block) for _ in range(2))
    fold_constants(folded)
    points, labels = torch.randn(1, 21, 130, 3), torch.tensor([[5, 6, 7, text.END]])
    with torch.no_grad():
        for mine, theirs in [
            (folded.encode(points)[0], model.encode(points)[0]),
            (folded(points, None, labels).logits, model(points, None, labels).logits),
        ]:
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    assert not any("scale" in name or "norm.running" in name for name in folded.state_dict())
    added = [name for name in folded.state_dict() if "norm" in name and name.endswith("bias")]
    assert block == "conformer" or added == ["encoder.blocks.1.norms.3.bias"], "only what nothing linear follows"


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (lambda: [], {}, "no model"),
        (lambda: [build(1)], {"precision": "fp8"}, "fp8"),
        (lambda: [build(1), build(2, max_frames=200)], {}, "max_frames.*200.*384"),
        (lambda: [build(1, max_new_tokens=10)], {}, "max_new_tokens is less"),
        (lambda: [build(1)], {"num_beams": 0}, "num_beams 0"),
        (lambda: [build(1)], {"tells_probability": True}, "single beam has no probability"),
        (lambda: [build(1, ctc_weight=0.3), build(1)], {"ctc_weight": 0.3}, "no CTC head"),
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(tmp_path, models, options, message):
    with pytest.raises(ValueError, match=message):
        export_tflite(models(), tmp_path / "model.tflite", **options)
    assert not list(tmp_path.iterdir())


def test_a_submission_holds_the_model_and_its_columns(tmp_path):
    model = tmp_path / "any.tflite"
    model.write_bytes(b"model")
    path = write_submission(model, tmp_path / "new" / "submission.zip")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["inference_args.json", "model.tflite"]
        assert archive.read("model.tflite") == b"model"
        assert pd.read_json(archive.open("inference_args.json"))["selected_columns"].tolist() == SELECTED_COLUMNS


def test_a_submission_above_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fingerspelling.scoring.submission.LIMIT_MB", 2)
    model = tmp_path / "large.tflite"
    model.write_bytes(bytes(2_000_000))
    with pytest.raises(ValueError, match=r"large.tflite: 2\.01 MB .* below 2 MB"):
        write_submission(model, tmp_path / "submission.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["large.tflite"]


def test_importing_the_package_leaves_tensorflow_alone():
    code = "import sys, fingerspelling.export, fingerspelling.scoring; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_recordings_are_scored(exported, real_data: Path):
    """Public recordings of single letters in the competition's schema, one clip per file."""
    models, submission = exported
    paths = sorted((real_data / "ase-letters-pose").glob("*.parquet"))
    results, summary = score_submission(submission, pd.DataFrame({"path": paths, "phrase": [p.stem for p in paths]}))
    assert summary.clips == len(paths) > 20
    assert summary.errors == 0, results["error"].tolist()
    spelled = [transcribe_clip(models, torch.from_numpy(read_clip(path))) for path in paths]
    assert results["prediction"].tolist() == spelled
