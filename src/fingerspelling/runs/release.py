"""Make what the package ships, from a run whose model is trained.

    make weights                  # of outputs/reader, as notebooks/params/reader.yaml says; PARAMS names another file

    src/fingerspelling/weights/   model.tflite and inference_args.json, which is a submission that also says how sure it
                                  is; sample.parquet, a simulated signer's clip
    weights/reader/               the same weights for `FingerspellingModel.from_pretrained`, and their model card

Every number in the card (card.py) is measured by the file that is shipped, on simulated signers whom no training has
seen and, by benchmarks/real_clips.py, on real clips where any are at hand.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fingerspelling.data.competition import read_table
from fingerspelling.data.parquet import read_clips
from fingerspelling.decoding.search import decoding_name
from fingerspelling.export import check_parity, export_tflite
from fingerspelling.files import DataError, read_json, to_path, write_whole
from fingerspelling.landmarks import FACE, SELECTED_PLACES, as_columns
from fingerspelling.model import FingerspellingModel
from fingerspelling.processes import exit_status, track
from fingerspelling.runs import provenance
from fingerspelling.runs.card import LEGIBLE, real_clips, training_in_words, write_card
from fingerspelling.runs.config import CHAPTERS, ROOT, RunConfig, SubmissionConfig, named_file
from fingerspelling.scoring import confidence
from fingerspelling.scoring.confidence import Calibration
from fingerspelling.scoring.metric import clip_scores
from fingerspelling.scoring.submission import ARGUMENTS, ARGUMENTS_FILE, MODEL_FILE, WEIGHTS, Submission
from fingerspelling.scoring.uncertainty import score_table
from fingerspelling.simulation import SimulationConfig, render_clip, simulate
from fingerspelling.simulation.config import Footage, Pace, Tracker, View, Wild
from fingerspelling.simulation.wild_signer import wild_signer
from fingerspelling.training.stream import Cast
from fingerspelling.video.command import SAMPLE_FILE
from fingerspelling.video.recording import FPS, Recording

READER = CHAPTERS / "params/reader.yaml"
PYTORCH = ROOT / "weights/reader"
LIMIT_MB = 6.0
# Seeds of signers whom no training has seen: those that the calibration is fitted to, and those that everything is
# measured on. No file of parameters has them.
FITTED, UNSEEN = 71, 72
CLIPS, SIGNERS = 400, 30  # of each kind that is measured, and of each that is fitted
KINDS = {"like the competition's": 0.0, "wild": 1.0}  # and the share of wild signers
EMPTY = Wild(share=1.0, footage=Footage(cut=0, idle=1, idle_seconds=6, resting=1))  # hands that rest, in view
SHORTEST = 15  # frames of a clip in which nothing is spelled
PARITY_CLIPS = 20
SAMPLE = "hello world"
SAMPLE_TRIES = 20
UNREAD_FACE = [i for i in range(FACE) if i not in SELECTED_PLACES]  # among landmarks.POINTS
# Someone of whom all is seen, filmed upright, who spells at an even pace.
SAMPLE_SIGNER = Wild(
    share=1.0,
    pace=Pace(seconds=(0.22, 0.3), fps=(FPS, FPS)),
    footage=Footage(cut=0, idle=0),
    view=View(aspects=(9 / 16,), angles=(10.0, 10.0, 5.0)),
    tracker=Tracker(
        no_face=0, no_pose=0, hand_alone=0, no_depth=0, odd_depth=0, swapped=0, doubled=0, zeros=0, never_lost=1
    ),
)


def release(run: Path, submission: SubmissionConfig, package: Path = WEIGHTS, pytorch: Path = PYTORCH) -> None:
    """Write the package's weights and those for PyTorch.

    Args:
        run: a run's folder, with the model of one seed.
        submission: how the file finds the characters, and how precise its weights are.
        package: receives the submission's files and the sample.
        pytorch: receives the PyTorch weights and the card.

    Raises:
        DataError: the run has no model or several, or its file is larger than LIMIT_MB.
    """
    trained, recipe = _trained(run)
    search = submission.search
    tflite = export_tflite([trained], package / MODEL_FILE, submission.precision, **search, tells_probability=True)
    megabytes = tflite.stat().st_size / 1e6
    if megabytes > LIMIT_MB:
        raise DataError(f"{tflite}: has {megabytes:.1f} MB; what is shipped may have {LIMIT_MB:g} at most")
    reader = Submission(tflite)

    calibration = calibrated(reader)
    read, empty = (_sure(clips, calibration) for clips in (read_kinds(reader, UNSEEN), read_empty(reader, UNSEEN)))
    scores = score_table(read, read["kind"]).loc[list(KINDS)]
    made = {
        "run": run.name,
        **provenance.code(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tensorflow")},
        "recipe": recipe,
        "search": search,
        "scores": {kind: round(float(score), 4) for kind, score in scores["score"].items()},
    }
    arguments = ARGUMENTS | {"confidence": asdict(calibration), "sample": SAMPLE, "made": made}
    write_whole(package / ARGUMENTS_FILE, json.dumps(arguments) + "\n")
    write_sample(reader, package / SAMPLE_FILE)
    _save(trained, pytorch)
    write_card(
        pytorch,
        scores,
        read,
        empty,
        calibration.threshold,
        training=training_in_words(recipe),
        parameters=f"{sum(parameter.numel() for parameter in trained.parameters()) / 1e6:.1f} million",
        search=decoding_name(**search),
        megabytes=f"{megabytes:.1f}",
        real=real_clips(package),
        alike=f"{_parity(pytorch, reader, submission)} of {PARITY_CLIPS}",
        commit=str(made["commit"])[:10],
    )
    print(f"{package} and {pytorch} are made: score {scores['score'].iloc[0]:.3f} on unseen signers", flush=True)


def _trained(run: Path) -> tuple[FingerspellingModel, dict[str, Any]]:
    """Return the model of a run, and the recipe that it was trained by."""
    models = sorted(run.glob("seed*/model"))
    if len(models) != 1:
        raise DataError(f"{run}: has {len(models)} trained models, and one is shipped")
    return FingerspellingModel.from_pretrained(models[0]).eval(), read_json(models[0].parent / "training.json")


def calibrated(reader: Submission) -> Calibration:
    """Return how right the model is from how probable it finds a phrase, and from which confidence on it answers."""
    clips = read_kinds(reader, FITTED)
    calibration = confidence.fit(clips["probability"].to_numpy(), clips["score"].to_numpy())
    legible = _sure(clips, calibration).loc[clips["score"] >= LEGIBLE, "confidence"]
    return replace(calibration, threshold=confidence.keeping(legible.to_numpy()))


def read_kinds(reader: Submission, seed: int) -> pd.DataFrame:
    """Read clips of every kind; their columns: kind, participant_id, phrase, prediction, probability and score."""
    rows: list[dict[str, Any]] = []
    for kind, wild in KINDS.items():
        config = SimulationConfig(
            seed=seed, signers=SIGNERS, clips=CLIPS, supplemental_clips=0, clips_per_file=100, wild=Wild(share=wild)
        )
        with tempfile.TemporaryDirectory(prefix="fingerspelling-") as folder:
            simulate(config, Path(folder))
            table = read_table(Path(folder))
            files = [read_clips(Path(folder) / path) for path in table["path"].unique()]
        frames = {number: clip for file in files for number, clip in file.items()}
        for clip in track([*table.itertuples()], f"reading, {kind}", "clips"):
            who = {"kind": kind, "participant_id": clip.participant_id, "phrase": clip.phrase}
            rows.append(who | _read(reader, frames[clip.sequence_id]))
    read = pd.DataFrame(rows)
    return read.assign(score=clip_scores(read["prediction"].tolist(), read["phrase"].tolist()))


def read_empty(reader: Submission, seed: int) -> pd.DataFrame:
    """Read clips in which nothing is spelled; their columns: kind, prediction and probability."""
    cast = Cast(SimulationConfig(seed=seed, wild=EMPTY), CLIPS // 2, (0, 0))
    rng = np.random.default_rng(seed)
    rows = []
    for clip in track(range(len(cast)), "reading, nothing spelled", "clips"):
        frames = cast.frames(clip).astype(np.float32)
        spelled = np.flatnonzero(cast.alignments[clip] >= 0)
        resting = max(frames[: spelled[0]], frames[spelled[-1] + 1 :], key=len)
        for kind, points in (("a hand that rests", resting), ("frames in random order", rng.permutation(frames))):
            if len(points) >= SHORTEST:
                rows.append({"kind": kind} | _read(reader, as_columns(points)))
    return pd.DataFrame(rows)


def _read(reader: Submission, frames: np.ndarray) -> dict[str, Any]:
    return {"prediction": reader.transcribe(frames), "probability": reader.process.probability}


def _sure(clips: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    return clips.assign(confidence=[calibration.confidence(probability) for probability in clips["probability"]])


def write_sample(reader: Submission, path: Path) -> None:
    """Write a clip of SAMPLE: of the first of some signers of whom the model reads it rightly, or most of it."""
    clips = [_sample(number) for number in range(SAMPLE_TRIES)]
    scores = clip_scores([reader.transcribe(clip.selected) for clip in clips], [SAMPLE] * len(clips))
    clips[int(np.argmax(scores))].write(path)


def _sample(number: int) -> Recording:
    """Simulate a clip that is small: in half precision, and of the face with those points alone that models read."""
    config = SimulationConfig(seed=UNSEEN, wild=SAMPLE_SIGNER)
    rng = config.generator(number)
    clip = render_clip(wild_signer(rng, config), SAMPLE, rng, config).astype(np.float16).astype(np.float32)
    clip[:, UNREAD_FACE] = np.nan
    return Recording(as_columns(clip), np.arange(len(clip)) / FPS)


def _save(trained: FingerspellingModel, folder: Path) -> None:
    """Write weights in half precision; they are loaded as float32, which `config.json` says."""
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in trained.state_dict().items()
    }
    trained.save_pretrained(folder, state_dict=halves)


def _parity(folder: Path, reader: Submission, submission: SubmissionConfig) -> int:
    """Count the clips that the PyTorch weights as they were written read as the file does."""
    config = SimulationConfig(seed=UNSEEN, wild=Wild(share=0.5))
    cast = Cast(config, PARITY_CLIPS, (1, 0))
    clips = [as_columns(cast.frames(clip).astype(np.float32)) for clip in range(PARITY_CLIPS)]
    models = [FingerspellingModel.from_pretrained(folder).eval()]
    return int(check_parity(models, reader, clips, submission.decode)["same"].sum())


def main() -> int:
    """Parse the command line and make the weights; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fingerspelling.runs.release", description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=to_path, help="the run's folder (default: the parameters' own)")
    parser.add_argument("--params", type=named_file, default=READER, help="the run's YAML file (default: the reader's)")
    options = parser.parse_args()

    config = RunConfig.from_values({"params": str(options.params.absolute())})
    release(options.run or config.run_dir, config.submission)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
