"""What the package ships: made by the command from a tiny model, and read with; and the file that is there."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from synthetic import make_model
from test_main import HEAVY

from fingerspelling.__main__ import main
from fingerspelling.data.parquet import read_clip
from fingerspelling.decoding.search import decode
from fingerspelling.decoding.transcribe import transcribe_clip
from fingerspelling.files import DataError
from fingerspelling.landmarks import COLUMNS, SELECTED_COLUMNS
from fingerspelling.model import FingerspellingModel
from fingerspelling.processes import exit_status
from fingerspelling.runs import release
from fingerspelling.runs.config import ROOT, SubmissionConfig
from fingerspelling.scoring.submission import MODEL_FILE, NOTHING, WEIGHTS, Submission, shipped
from fingerspelling.video.command import SAMPLE_FILE

SEARCH = SubmissionConfig(num_beams=2, ctc_weight=0.3)
FEWER = {"CLIPS": 24, "SIGNERS": 4, "PARITY_CLIPS": 3, "SAMPLE_TRIES": 3}
RECIPE = {"training": {"epochs": 2, "simulation": {"clips": 3000, "wild": {"share": 0.7}}}}
CARRIED = WEIGHTS / MODEL_FILE, ROOT / "weights/reader/model.safetensors"
carried = pytest.mark.skipif(not all(file.is_file() for file in CARRIED), reason="`make weights` has not been run yet")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has trained one tiny model."""
    folder = tmp_path_factory.mktemp("release") / "reader"
    model = make_model(ctc_weight=0.3, confidence_head=False, backward_decoder=False, min_frames=5)
    model.save_pretrained(folder / "seed1/model")
    (folder / "seed1/training.json").write_text(json.dumps(RECIPE))
    return folder


@pytest.fixture(scope="module")
def made(run: Path) -> tuple[Path, Path]:
    """The package's folder and that of the PyTorch weights."""
    package, pytorch = run.parent / "weights", run.parent / "pytorch"
    with pytest.MonkeyPatch.context() as patched:
        for name, value in FEWER.items():
            patched.setattr(release, name, value)
        release.release(run, SEARCH, package, pytorch)
    return package, pytorch


@pytest.fixture
def installed(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's folder, where the package looks for it."""
    monkeypatch.setattr("fingerspelling.scoring.submission.WEIGHTS", made[0])
    return made[0]


def test_the_files_are_a_submission_that_says_how_sure_it_is(made: tuple[Path, Path]) -> None:
    package, _ = made
    assert sorted(file.name for file in package.iterdir()) == ["inference_args.json", MODEL_FILE, SAMPLE_FILE]
    submission = Submission(package)
    assert submission.columns == SELECTED_COLUMNS and submission.calibration
    assert 0 <= submission.calibration.threshold <= 1 and submission.calibration.slope > 0
    about = json.loads((package / "inference_args.json").read_text())
    assert about["made"]["recipe"] == RECIPE and about["made"]["search"] == {"num_beams": 2, "ctc_weight": 0.3}
    assert {*about["made"]["scores"]} == {*release.KINDS}


def test_the_sample_is_a_small_clip_in_the_competitions_columns(made: tuple[Path, Path]) -> None:
    sample = made[0] / SAMPLE_FILE
    assert sample.stat().st_size < 450_000
    frames = read_clip(sample, COLUMNS)
    assert 60 < len(frames) < 200
    hands = [COLUMNS.index(f"x_{hand}_hand_0") for hand in ("left", "right")]
    assert np.isfinite(frames[:, hands]).any(1).mean() > 0.8
    assert np.isfinite(frames[:, COLUMNS.index("x_face_0")]).all()


def test_the_pytorch_weights_are_half_as_large_and_read_the_same(made: tuple[Path, Path], run: Path) -> None:
    package, pytorch = made
    stored = load_file(pytorch / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}
    model = FingerspellingModel.from_pretrained(pytorch).eval()
    assert model.dtype == torch.float32
    trained = FingerspellingModel.from_pretrained(run / "seed1/model").state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, trained[name], rtol=1e-3, atol=1e-4)
    frames = torch.from_numpy(read_clip(package / SAMPLE_FILE))
    read = transcribe_clip([model], frames, partial(decode, num_beams=2, ctc_weight=0.3))
    assert read == Submission(package).transcribe(frames.numpy())


def test_the_card_has_the_measured_numbers(made: tuple[Path, Path]) -> None:
    package, pytorch = made
    card = ModelCard.load(pytorch / "README.md")
    assert card.data.license == "mit"
    scores = json.loads((package / "inference_args.json").read_text())["made"]["scores"]
    told = {result.dataset_config: result.metric_value for result in card.data.eval_results}
    assert told == pytest.approx(scores, abs=1e-4)
    for score in scores.values():
        assert f"| {score:.3f} |" in card.text
    assert "6,000 clips, none seen twice, 70% of them by wild signers" in card.text
    assert "(reliability.png)" in card.text and (pytorch / "reliability.png").stat().st_size > 10_000
    if (ROOT / "../shared/real").is_dir():
        assert "words-sakuragone" in card.text


def test_the_threshold_refuses_what_the_table_says(made: tuple[Path, Path]) -> None:
    rows = [line.split(" | ") for line in (made[1] / "README.md").read_text().splitlines()]
    refused = {row[0].strip("| "): (int(row[1]), float(row[2].strip(" |"))) for row in rows if "frames in" in row[0]}
    assert refused["frames in random order"][0] == FEWER["CLIPS"] // 2
    assert all(0 <= share <= 1 for _, share in refused.values())


def test_a_run_without_its_one_model_and_a_file_too_large_are_sentences(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path}: has 0 trained models"):
        release.release(tmp_path, SEARCH, tmp_path / "a", tmp_path / "b")

    def export(models: list, path: Path, *_: object, **__: object) -> Path:
        path.parent.mkdir()
        path.write_bytes(bytes(6_100_000))
        return path

    monkeypatch.setattr(release, "export_tflite", export)
    with pytest.raises(DataError, match=r"model.tflite: has 6.1 MB; what is shipped may have 6 at most"):
        release.release(run, SEARCH, tmp_path / "a", tmp_path / "b")


def test_what_the_command_cannot_do_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["release", str(tmp_path)])
    assert exit_status(release.main) == 2
    assert capsys.readouterr().err == f"{tmp_path}: has 0 trained models, and one is shipped\n"
    monkeypatch.setattr("sys.argv", ["release", "--params", str(tmp_path / "absent.yaml")])
    assert exit_status(release.main) == 2
    assert capsys.readouterr().err == f"params: {tmp_path / 'absent.yaml'}: No such file or directory\n"


def test_predict_reads_with_what_is_shipped(installed: Path, capsys: pytest.CaptureFixture) -> None:
    sample = str(installed / SAMPLE_FILE)
    submission = Submission(installed)
    answer = submission.read(read_clip(sample))
    assert main(["predict", sample]) == int(not answer.text)
    assert capsys.readouterr().out == f"{answer}\n"
    uncalibrated = Submission(installed / MODEL_FILE).read(read_clip(sample))
    assert main(["predict", sample, "--submission", str(installed / MODEL_FILE)]) == int(not uncalibrated.text)
    assert capsys.readouterr().out == f"{uncalibrated}\n"


def test_the_sample_is_drawn_and_read(installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = json.loads((installed / "inference_args.json").read_text())
    arguments["confidence"]["threshold"] = 0.0
    (installed / "inference_args.json").write_text(json.dumps(arguments))
    assert main(["predict", "--sample", "--picture", str(tmp_path / "sample.html")]) == 0
    said = capsys.readouterr()
    text, confidence, *_ = said.out.splitlines()[-1].split("\t")
    assert text and confidence.endswith("%")
    assert any(0x2800 < ord(character) < 0x2900 for character in said.out)
    page = (tmp_path / "sample.html").read_text()
    assert "a simulated signer" in page and "://" not in page
    assert main(["predict", "--sample", "--picture", str(tmp_path / "nowhere/sample.html")]) == 2
    assert capsys.readouterr() == ("", f"{tmp_path / 'nowhere'}: no such folder to write sample.html to\n")
    arguments["confidence"]["threshold"] = 1.0
    (installed / "inference_args.json").write_text(json.dumps(arguments))
    assert main(["predict", "--sample"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == NOTHING


@pytest.mark.parametrize("arguments", [[], ["a.parquet", "--sample"], ["a.parquet", "--picture", "a.png"]])
def test_clips_or_the_sample_must_be_named(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", *arguments]) == 2
    assert "name clips to read, or --sample" in capsys.readouterr().err


def test_without_weights_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("fingerspelling.scoring.submission.WEIGHTS", tmp_path)
    for command in (["predict", "--sample"], ["predict", "a.parquet"], ["read", "a.parquet"]):
        assert main(command) == 2
        expected = f"{tmp_path}: this copy of the package has no weights; name a model with --submission\n"
        assert capsys.readouterr() == ("", expected)


def test_the_sample_needs_numpy_pyarrow_and_a_runtime_only(installed: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="no small runtime is installed: TensorFlow takes its place")
    code = (
        f"import sys; from pathlib import Path; sys.modules.update(dict.fromkeys({HEAVY}))\n"
        f"import fingerspelling.scoring.submission as submission; submission.WEIGHTS = Path({str(installed)!r})\n"
        "from fingerspelling.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code, "predict", "--sample"], capture_output=True, text=True)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--sample"], capture_output=True, text=True, env=os.environ | ascii_only
    )
    assert done.returncode in (0, 1) and not done.stderr, "a terminal without braille gets the phrase alone"


@carried
def test_the_shipped_file_is_small_and_reads_its_sample() -> None:
    assert (WEIGHTS / MODEL_FILE).stat().st_size <= 6e6
    about = json.loads((WEIGHTS / "inference_args.json").read_text())
    answer = Submission(shipped()).read(read_clip(WEIGHTS / SAMPLE_FILE))
    assert answer.text == about["sample"]
    assert answer.confidence is not None and answer.confidence > 0.5


@carried
def test_what_the_readme_names_loads_the_weights_that_are_shipped() -> None:
    model = FingerspellingModel.from_pretrained(CARRIED[1].parent).eval()
    about = json.loads((WEIGHTS / "inference_args.json").read_text())
    frames = torch.from_numpy(read_clip(WEIGHTS / SAMPLE_FILE))
    assert transcribe_clip([model], frames, partial(decode, **about["made"]["search"])) == about["sample"]
