"""What damaged and hostile files do to the workbook.

    python benchmarks/fuzz.py [KIND ...] [--tries 1000] [--first 0]       more than 10,000 tries by default

Every try damages one file (bits, bytes, pieces, or its structure) of a small run and reads it as the workbook does. It
counts as

    same      the result is that of the undamaged file
    named     an error of the kind that becomes a sentence, which names the file
    passed    the file is passed over, and its name is printed
    other     a result that differs, where the damage makes another file that is valid in itself
    WRONG     a result that differs, where the file carries what could have told
    CRASH     any other error, or the death of the process

Each kind runs in a process of its own, with a limit on memory, so that a crash costs no other. A new kind is a class
with the methods of `Kind` in KINDS.
"""

import argparse
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from damages import BYTES, Damage, change_csv, change_json, change_table, change_yaml, change_zip, nest

from fingerspelling.data.clip_files import write_clips
from fingerspelling.data.competition import read_table
from fingerspelling.data.extraction import extract
from fingerspelling.data.parquet import read_clips
from fingerspelling.data.stages import METRICS, NOTES, PREDICTIONS, last_checkpoint
from fingerspelling.data.store import ClipStore
from fingerspelling.export import export_tflite
from fingerspelling.files import InputError
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.model import FingerspellingConfig
from fingerspelling.runs.config import ROOT
from fingerspelling.runs.status import status
from fingerspelling.scoring.runtime import ModelProcess
from fingerspelling.scoring.submission import Submission, write_submission
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.training import FingerspellingTrainer, Recipe, TrainingConfig, train
from fingerspelling.workbook import Workbook, open_run

MEMORY = 6e9  # bytes of address space that a try may take beyond what is in use
SECONDS = 120  # that a try may take
MODEL = {"d_model": 32, "encoder_layers": 1, "conv_kernel": 5, "decoder_layers": 1, "decoder_ffn_dim": 32}
EPOCHS = 3  # of a training that is stopped before the last
TRAINING = {"epochs": 1, "batch_size": 4, "gradient_accumulation_steps": 1, "folds": 2, "eval_clips": 2}


# --- what is damaged, and how it is read


class Kind:
    """A kind of file: what may happen to it, and what the workbook makes of it.

    Attributes:
        files: patterns of the files in the run's folder that are damaged.
        damages: functions of a file's content.
        detected: whether every damage has to be noticed, as the workbook wrote the file with what can tell.
        needs: what reading it needs of the run's folder.
        words: of which an error may have one instead of the file's name, as they lead to its place in the file.
        tries: how many by default.
    """

    files: tuple[str, ...] = ()
    damages: tuple[Damage, ...] = BYTES
    detected = False
    needs: tuple[str, ...] = ("competition", "clips")
    words: tuple[str, ...] = ()
    tries = 1000

    def result(self, run: Path, file: Path) -> Any:
        """Read the damaged file as the workbook does; what is returned is compared with the undamaged one's."""
        raise NotImplementedError


class Source(Kind):
    """A parquet file of the competition's data, extracted."""

    files = ("competition/train_landmarks/*.parquet",)
    damages = (*BYTES, *[change_table] * 7)
    tries = 500

    def result(self, run: Path, file: Path) -> Any:
        extract(run / "competition", run / "clips")
        return _frames(run)


class SourceOfClips(Source):
    """The same, dealt into clips' files, and read without a table, as `fingerspelling predict` does."""

    def result(self, run: Path, file: Path) -> Any:
        read = read_clips(file)
        clips = write_clips(run / "competition", read_table(run / "competition"), run / "held_out_clips")
        return sorted(read), [Path(path).read_bytes() for path in clips["path"]]


class Table(Kind):
    """train.csv."""

    files = ("competition/train.csv",)
    damages = (*BYTES, *[change_csv] * 7)

    def result(self, run: Path, file: Path) -> Any:
        extract(run / "competition", run / "clips")
        return _frames(run)


class Shard(Kind):
    """A shard of the clip store, with the sources at hand."""

    files = ("clips/train/train_landmarks/*.arrow",)
    detected = True
    tries = 500

    def result(self, run: Path, file: Path) -> Any:
        extract(run / "competition", run / "clips")
        return _frames(run)


class ShardAlone(Shard):
    """A shard of the clip store, opened as training's processes do."""

    detected = False

    def result(self, run: Path, file: Path) -> Any:
        return _frames(run)


class ClipFile(Kind):
    """A clip's own file and the note beside it."""

    files = ("held_out_clips/train_landmarks/*/*.parquet", "held_out_clips/train_landmarks/*/files.json")
    damages = (*BYTES, change_json)
    detected = True
    needs = ("competition", "held_out_clips")
    tries = 500

    def result(self, run: Path, file: Path) -> Any:
        clips = write_clips(run / "competition", read_table(run / "competition"), run / "held_out_clips")
        return [Path(path).read_bytes() for path in clips["path"]]


class Training(Kind):
    """What a finished training has left: its inputs, its model's files and its predictions."""

    files = ("seed1/training.json", "seed1/model/*", f"seed1/{PREDICTIONS}")
    damages = (*BYTES, change_json)
    detected = True
    needs = ("clips", "seed1")
    tries = 300

    def result(self, run: Path, file: Path) -> Any:
        return _trained(run, run / "seed1", 1)


class Checkpoint(Kind):
    """A file of a checkpoint: weights, optimizer, scheduler, random numbers, the trainer's state, or their seal."""

    files = ("begun/checkpoints/*/*",)
    damages = (*BYTES, change_json)
    detected = True
    needs = ("begun",)

    def result(self, run: Path, file: Path) -> Any:
        return getattr(last_checkpoint(run / "begun/checkpoints"), "name", None)


class Resumed(Checkpoint):
    """The same, and the training then goes on to its end."""

    needs = ("clips", "begun")
    tries = 40

    def result(self, run: Path, file: Path) -> Any:
        with redirect_stdout(io.StringIO()):  # where it goes on from does not matter
            return _trained(run, run / "begun", EPOCHS)


class Figures(Kind):
    """metrics.json and the notes of the stages; figures of another run may not appear among new ones."""

    files = (METRICS, NOTES)
    damages = (*BYTES, *[change_json] * 7, nest)
    needs = ("competition", "clips", "seed1", METRICS, NOTES)
    tries = 1200

    def result(self, run: Path, file: Path) -> Any:
        stages = status(run)
        kept = _book(run).keep_metrics(other=1.0)
        assert kept["other"] == 1.0
        return list(stages["stage"]), sorted(kept)


class Parameters(Kind):
    """A YAML file of parameters."""

    files = ("params.yaml",)
    damages = (*BYTES, *[change_yaml] * 14)
    needs = ("params.yaml",)
    words = ("(data_dir)",)
    tries = 3000

    def result(self, run: Path, file: Path) -> Any:
        return repr(open_run(file).config)


class Arguments(Kind):
    """inference_args.json of a submission."""

    files = ("submission/inference_args.json",)
    damages = (*BYTES, *[change_json] * 7, nest)
    needs = ("submission",)

    def result(self, run: Path, file: Path) -> Any:
        submission = Submission(run / "submission", threads=1)
        return submission.transcribe(_clip(len(submission.columns)))


class Archive(Arguments):
    """submission.zip."""

    files = ("submission.zip",)
    damages = (*BYTES, *[change_zip] * 7)
    needs = ("submission.zip",)

    def result(self, run: Path, file: Path) -> Any:
        submission = Submission(file, threads=1)
        return submission.columns, submission.transcribe(_clip(len(submission.columns)))


class Model(Kind):
    """model.tflite, which may crash its own process, not this one."""

    files = ("submission/model.tflite",)
    needs = ("submission",)
    tries = 400

    def result(self, run: Path, file: Path) -> Any:
        process = ModelProcess(file.read_bytes(), threads=1, patience=SECONDS // 2, name=str(file))
        return process.input_shape, process.characters(_clip(len(SELECTED_COLUMNS)))


KINDS = {
    "source": Source(),
    "source-of-clips": SourceOfClips(),
    "table": Table(),
    "shard": Shard(),
    "shard-alone": ShardAlone(),
    "clip-file": ClipFile(),
    "training": Training(),
    "checkpoint": Checkpoint(),
    "resumed": Resumed(),
    "figures": Figures(),
    "parameters": Parameters(),
    "arguments": Arguments(),
    "archive": Archive(),
    "tflite": Model(),
}


def _frames(run: Path) -> tuple[str, list[bytes]]:
    store = ClipStore(run / "clips")
    return store.table.to_csv(), [store.frames(place).tobytes() for place in range(len(store))]


def _recipe(epochs: int) -> Recipe:
    return Recipe(FingerspellingConfig(**MODEL), TrainingConfig(**TRAINING | {"epochs": epochs}))


def _trained(run: Path, folder: Path, epochs: int) -> tuple[dict[str, bytes], str]:
    """Return the weights and predictions that a training ends with."""
    model = train(ClipStore(run / "clips"), _recipe(epochs), folder)
    weights = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
    return weights, pd.read_parquet(folder / PREDICTIONS).to_csv()


def _clip(columns: int) -> np.ndarray:
    return np.random.default_rng(0).random((40, columns), np.float32)


def _book(run: Path) -> Workbook:
    (run / "data.txt").unlink(missing_ok=True)  # of the folder from which this run was copied
    values = {"run_dir": str(run), "data_dir": str(run / "competition"), "model": MODEL, "training": TRAINING}
    return Workbook(values)


def make_run(run: Path) -> None:
    """Write a small run with all that is to be damaged."""
    config = SimulationConfig(signers=2, clips=6, clips_per_file=3, supplemental_clips=0, tempo=4, processes=1)
    simulate(config, run / "competition")
    book = _book(run)
    models = book.train()
    write_submission(export_tflite(models, run / "submission/model.tflite", "fp32"), run / "submission.zip")
    with zipfile.ZipFile(run / "submission.zip") as archive:
        archive.extractall(run / "submission")
    begin_training(run)
    write_clips(book.data_dir, read_table(book.data_dir), run / "held_out_clips")
    book.keep_metrics(score=0.5)
    shutil.copy(ROOT / "tests/tiny.yaml", run / "params.yaml")


def begin_training(run: Path) -> None:
    """Train until two of three epochs have left a checkpoint."""
    evaluate, evaluations = FingerspellingTrainer.evaluate, iter(range(EPOCHS))

    def evaluate_or_stop(trainer: FingerspellingTrainer, *arguments: Any, **named: Any) -> dict[str, float]:
        if next(evaluations) == EPOCHS - 1:
            raise KeyboardInterrupt
        return evaluate(trainer, *arguments, **named)

    FingerspellingTrainer.evaluate = evaluate_or_stop
    with suppress(KeyboardInterrupt):
        train(ClipStore(run / "clips"), _recipe(EPOCHS), run / "begun")
    FingerspellingTrainer.evaluate = evaluate


# --- trying


def outcome(kind: Kind, run: Path, file: Path, expected: Any) -> tuple[str, str]:
    """Return a try's class and, where it is WRONG or a CRASH, what happened."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            result = kind.result(run, file)
    except InputError as error:
        named = names(file, str(error)) or any(word in str(error) for word in kind.words)
        return ("named", "") if named else ("CRASH", f"an error that does not name the file: {error}")
    except Exception:
        return "CRASH", traceback.format_exc()
    if result == expected:
        return "same", ""
    if names(file, printed.getvalue()):
        return "passed", ""
    return ("WRONG", "a different result") if kind.detected else ("other", "")


def names(file: Path, text: str) -> bool:
    """Tell whether a text names a file or its folder."""
    return file.name in text or file.parent.name in text


def run_kind(name: str, pristine: Path, tries: range, answers: Any) -> None:
    """Try a kind of file; sends (number, class, what happened, damage) for each."""
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + int(MEMORY),) * 2)
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        for number in [-1, *tries]:
            shutil.rmtree(run, ignore_errors=True)
            for name in kind.needs:
                copy(pristine / name, run / name)
            rng = np.random.default_rng([number + 1, *name.encode()])
            files = sorted(path for pattern in kind.files for path in run.glob(pattern))
            file = files[rng.integers(len(files))]
            if number < 0:
                expected = kind.result(run, file)
                continue
            damage = kind.damages[rng.integers(len(kind.damages))]
            content = file.read_bytes()
            file.write_bytes(damage(content, rng))
            about = f"{damage.__name__} of {file.relative_to(run)}"
            answers.send((number, "", "", about))
            signal.alarm(SECONDS)
            answers.send((number, *outcome(kind, run, file, expected), about))
            signal.alarm(0)
    answers.send(None)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def try_kind(name: str, pristine: Path, first: int, tries: int) -> Counter[str]:
    """Try a kind in processes of its own; another one goes on where one has died."""
    counts: Counter[str] = Counter()
    end, number = first + tries, first
    while number < end:
        here, there = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=run_kind, args=(name, pristine, range(number, end), there)
        )
        process.start()
        there.close()
        about = "the undamaged run"
        try:
            while (answer := here.recv()) is not None:
                number, what, story, about = answer
                if what:
                    counts[what] += 1
                    if what.isupper():
                        print(f"{name} {number}: {what}: {about}\n{story}", flush=True)
        except EOFError:
            process.join()
            counts["CRASH"] += 1
            print(f"{name} {number}: CRASH: {about}: the process ended with {process.exitcode}", flush=True)
        process.join()
        number += 1
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--tries", type=int, help="per kind (default: as many as each says)")
    parser.add_argument("--first", type=int, default=0, help="number of the first try, to repeat one")
    parser.add_argument(
        "--run", type=Path, help="folder for the run that is damaged, to be found again (default: none)"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - KINDS.keys():
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    classes = ["same", "named", "passed", "other", "WRONG", "CRASH"]
    with tempfile.TemporaryDirectory() as folder:
        pristine = arguments.run or Path(folder, "run")
        if not (pristine / "params.yaml").is_file():
            with redirect_stdout(io.StringIO()):
                make_run(pristine)
        print(f"{'':18}" + "".join(f"{name:>8}" for name in classes))
        table = {}
        for name in arguments.kinds or KINDS:
            tries = arguments.tries or KINDS[name].tries
            table[name] = try_kind(name, pristine, arguments.first, tries)
            print(f"{name:18}" + "".join(f"{table[name][what]:8}" for what in classes), flush=True)
    return int(any(counts["WRONG"] + counts["CRASH"] for counts in table.values()))


if __name__ == "__main__":
    sys.exit(main())
