"""model.tflite with tensors of fixed sizes: the same phrases as the file of any length."""

import json
from pathlib import Path

import numpy as np
import pytest
from synthetic import make_model

from fingerspelling.export import export_tflite
from fingerspelling.export.static import LENGTH, main, with_fixed_sizes
from fingerspelling.scoring.runtime import INPUT, OUTPUT, PROBABILITY, load_runner
from fingerspelling.text import CHARACTERS


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("static") / "model.tflite"
    return export_tflite([make_model(ctc_weight=0.3)], path, "fp16", num_beams=2, tells_probability=True)


def test_phrases_are_those_of_the_file_of_any_length(exported: Path) -> None:
    any_length = load_runner(exported.read_bytes())
    content, offsets = with_fixed_sizes(exported.read_bytes())
    rng = np.random.default_rng(0)
    phrases = set()
    for frames in (1, 14, 15, 40, 97, 500):  # too few to be read, usual, more than a model takes
        clip = rng.random((frames, 390), np.float32)
        clip[rng.random(frames) < 0.2] = np.nan
        changed = bytearray(content)
        for offset in offsets:
            changed[offset : offset + 4] = frames.to_bytes(4, "little")
        runner = load_runner(bytes(changed))
        assert runner.get_input_details()[INPUT]["shape_signature"].tolist() == [frames, 390]
        outputs = runner(**{INPUT: clip})
        assert outputs[OUTPUT].shape == (make_model().config.max_new_tokens, len(CHARACTERS))
        expected = any_length(**{INPUT: clip})[OUTPUT]
        assert outputs[LENGTH].tolist() == [len(expected)]
        assert outputs[PROBABILITY] == any_length(**{INPUT: clip})[PROBABILITY]
        np.testing.assert_array_equal(outputs[OUTPUT][: len(expected)].argmax(1), expected.argmax(1))
        phrases.add(tuple(expected.argmax(1)))
    assert len(phrases) > 2


def test_the_command_writes_both_files(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["static", str(exported), str(tmp_path / "made")])
    assert main() == 0
    content, offsets = with_fixed_sizes(exported.read_bytes())
    assert (tmp_path / "made" / "model.tflite").read_bytes() == content
    about = json.loads((tmp_path / "made" / "model.json").read_text())
    assert about == {"frameCounts": offsets, "confidence": None}
    sure = {"intercept": 0.1, "slope": 1.2, "threshold": 0.3}
    (exported.parent / "inference_args.json").write_text(json.dumps({"confidence": sure}))
    assert main() == 0
    assert json.loads((tmp_path / "made" / "model.json").read_text())["confidence"] == sure


def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from competitor import write_submission

    for file in (write_submission(tmp_path / "files") / "model.tflite", tmp_path / "text.tflite"):
        if not file.exists():
            file.write_bytes(b"text, no model")
        monkeypatch.setattr("sys.argv", ["static", str(file), str(tmp_path)])
        with pytest.raises(Exception, match=f"{file.name}: not a model.tflite of the workbook"):
            main()
