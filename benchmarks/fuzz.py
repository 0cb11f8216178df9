"""What damaged and hostile files do to the workbook.

    python benchmarks/fuzz.py [KIND ...] [--tries 1000] [--first 0]

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
import csv
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.data.clip_files import write_clips
from fingerspelling.data.competition import read_table
from fingerspelling.data.extraction import extract
from fingerspelling.data.parquet import read_clips
from fingerspelling.data.stages import METRICS, NOTES, PREDICTIONS
from fingerspelling.data.store import ClipStore
from fingerspelling.files import InputError
from fingerspelling.model import FingerspellingConfig
from fingerspelling.runs.status import status
from fingerspelling.simulation import SimulationConfig, simulate
from fingerspelling.training import Recipe, TrainingConfig, train
from fingerspelling.workbook import Workbook

MEMORY = 6e9  # bytes of address space that a try may take beyond what is in use
SECONDS = 60  # that a try may take
MODEL = {"d_model": 32, "encoder_layers": 1, "conv_kernel": 5, "decoder_layers": 1, "decoder_ffn_dim": 32}
TRAINING = {"epochs": 1, "batch_size": 4, "gradient_accumulation_steps": 1, "folds": 2, "eval_clips": 2}

Damage = Callable[[bytes, np.random.Generator], bytes]


# --- damages of bytes


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_footer(content: bytes, rng: np.random.Generator) -> bytes:
    """Change bytes where parquet, Arrow and zip say what the file holds."""
    changed = bytearray(content)
    end = max(len(content) - int(min(len(content), 10 ** rng.uniform(1, 5))), 0)
    for place in rng.integers(end, len(content), size=rng.integers(1, 9)):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def cut_off(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def take_out(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = sorted(rng.integers(len(content) + 1, size=2))
    return content[:start] + content[stop:]


def hole(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = sorted(rng.integers(len(content) + 1, size=2))
    return content[:start] + bytes(stop - start) + content[stop:]


def put_in(content: bytes, rng: np.random.Generator) -> bytes:
    place = rng.integers(len(content) + 1)
    return content[:place] + rng.bytes(rng.integers(1, 200)) + content[place:]


def noise(content: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(rng.integers(3000))


BYTES: tuple[Damage, ...] = (flip_bits, flip_footer, cut_off, take_out, hole, put_in, noise)


# --- damages of structure

VALUES: list[Any] = [
    None,
    -1,
    0,
    1.5,
    1e308,
    float("nan"),
    10**30,
    "",
    "x",
    "\0",
    "../..",
    "/etc/passwd",
    [],
    {},
    [[]],
    True,
]


def change_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, rename or remove something somewhere in a JSON document; flip bits in other files."""
    try:
        document = json.loads(content)
    except ValueError:
        return flip_bits(content, rng)
    node = document
    while isinstance(node, dict | list) and node:
        key = list(node)[rng.integers(len(node))] if isinstance(node, dict) else int(rng.integers(len(node)))
        if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.3:
            how = rng.integers(3)
            if how == 0:
                node[key] = VALUES[rng.integers(len(VALUES))]
            elif how == 1:
                del node[key]
            elif isinstance(node, dict):
                node[str(VALUES[rng.integers(len(VALUES))])] = node.pop(key)
            break
        node = node[key]
    return json.dumps(document).encode()


def nest(content: bytes, rng: np.random.Generator) -> bytes:
    depth = int(10 ** rng.uniform(1, 5))
    return b"[" * depth + b"]" * depth


FIELDS = [
    *VALUES[6:],
    "9" * 30,
    "-5",
    "1e5",
    "1.0",
    "0x10",
    "x" * 40_000,
    "a\0b",
    "a\nb",
    '"',
    "\ufeff",
    "$_$",
    "\U0001f600",
]


def change_csv(content: bytes, rng: np.random.Generator) -> bytes:
    """Change fields, rows or the header of a table."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(rng.integers(1, 4)):
        row = rows[rng.integers(len(rows))]
        how = rng.integers(6)
        if how <= 2 and row:
            row[rng.integers(len(row))] = str(FIELDS[rng.integers(len(FIELDS))])
        elif how == 3 and row:
            del row[rng.integers(len(row))]
        elif how == 4:
            rows.append(list(row))
        else:
            row.append("more")
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def change_table(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a parquet file anew with a column of another type, doubled, gone, or with other rows."""
    table = pq.read_table(io.BytesIO(content))
    place = int(rng.integers(table.num_columns))
    if rng.random() < 0.4:
        place = table.schema.names.index(("sequence_id", "frame")[rng.integers(2)])
    name, n = table.schema.names[place], table.num_rows
    how = rng.integers(8)
    kinds = [
        pa.array(["text"] * n),
        pa.array([{"a": 1.0}] * n),
        pa.array([[1.0]] * n),
        pa.array(np.full(n, 2**63, np.uint64)),
        pa.array([None] * n),
        pa.array(rng.random(n)),
        pa.array([b"\\xff"] * n),
        pa.array(rng.integers(-(2**62), 2**62, n)),
        pa.array(np.full(n, np.inf)),
    ]
    if how <= 3:
        table = table.set_column(place, name, kinds[rng.integers(len(kinds))])
    elif how == 4:
        table = table.remove_column(place)
    elif how == 5:
        table = table.append_column(name, table[place])
    elif how == 6:
        table = table.take(pa.array(rng.integers(n, size=rng.integers(0, 2 * n))))
    else:
        table = table.slice(0, int(rng.integers(n)))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


# --- what is damaged, and how it is read


class Kind:
    """A kind of file: what may happen to it, and what the workbook makes of it.

    Attributes:
        files: patterns of the files in the run's folder that are damaged.
        damages: functions of a file's content.
        detected: whether every damage has to be noticed, as the workbook wrote the file with what can tell.
    """

    files: tuple[str, ...] = ()
    damages: tuple[Damage, ...] = BYTES
    detected = False

    def result(self, run: Path, file: Path) -> Any:
        """Read the damaged file as the workbook does; what is returned is compared with the undamaged one's."""
        raise NotImplementedError


class Source(Kind):
    """A parquet file of the competition's data, extracted."""

    files = ("competition/train_landmarks/*.parquet",)
    damages = (*BYTES, *[change_table] * 7)

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

    def result(self, run: Path, file: Path) -> Any:
        clips = write_clips(run / "competition", read_table(run / "competition"), run / "held_out_clips")
        return [Path(path).read_bytes() for path in clips["path"]]


class Training(Kind):
    """What a finished training has left: its inputs, its model's files and its predictions."""

    files = ("seed1/training.json", "seed1/model/*", f"seed1/{PREDICTIONS}")
    damages = (*BYTES, change_json)
    detected = True

    def result(self, run: Path, file: Path) -> Any:
        model = train(ClipStore(run / "clips"), _recipe(), run / "seed1")
        weights = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
        read = pd.read_parquet(run / "seed1" / PREDICTIONS)
        return weights, read.to_csv()


class Figures(Kind):
    """metrics.json and the notes of the stages; figures of another run may not appear among new ones."""

    files = (METRICS, NOTES)
    damages = (*BYTES, *[change_json] * 7, nest)

    def result(self, run: Path, file: Path) -> Any:
        told = status(run)
        kept = _book(run).keep_metrics(other=1.0)
        assert kept["other"] == 1.0
        return list(told["stage"]), sorted(kept)


KINDS = {
    "source": Source(),
    "source-of-clips": SourceOfClips(),
    "table": Table(),
    "shard": Shard(),
    "shard-alone": ShardAlone(),
    "clip-file": ClipFile(),
    "training": Training(),
    "figures": Figures(),
}


def _frames(run: Path) -> tuple[str, list[bytes]]:
    store = ClipStore(run / "clips")
    return store.table.to_csv(), [store.frames(place).tobytes() for place in range(len(store))]


def _recipe() -> Recipe:
    return Recipe(FingerspellingConfig(**MODEL), TrainingConfig(**TRAINING))


def _book(run: Path) -> Workbook:
    (run / "data.txt").unlink(missing_ok=True)  # of the folder from which this run was copied
    values = {"run_dir": str(run), "data_dir": str(run / "competition"), "model": MODEL, "training": TRAINING}
    return Workbook(values)


def make_run(run: Path) -> None:
    """Write a small run with all that is to be damaged."""
    config = SimulationConfig(signers=2, clips=6, clips_per_file=3, supplemental_clips=0, tempo=4, processes=1)
    simulate(config, run / "competition")
    book = _book(run)
    book.train()
    write_clips(book.data_dir, read_table(book.data_dir), run / "held_out_clips")
    book.keep_metrics(score=0.5)


# --- trying


def outcome(kind: Kind, run: Path, file: Path, expected: Any) -> tuple[str, str]:
    """Return a try's class and, where it is WRONG or a CRASH, what happened."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            result = kind.result(run, file)
    except InputError as error:
        named = file.name in str(error) or file.parent.name in str(error)
        return ("named", "") if named else ("CRASH", f"an error that does not name the file: {error}")
    except Exception:
        return "CRASH", traceback.format_exc()
    if result == expected:
        return "same", ""
    if file.name in printed.getvalue():
        return "passed", ""
    return ("WRONG", "a different result") if kind.detected else ("other", "")


def run_kind(name: str, pristine: Path, tries: range, answers: Any) -> None:
    """Try a kind of file; sends (number, class, what happened, damage) for each."""
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + int(MEMORY),) * 2)
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        for number in [-1, *tries]:
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(pristine, run, copy_function=shutil.copyfile)
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
    parser.add_argument("--tries", type=int, default=1000, help="per kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first try, to repeat one")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - KINDS.keys():
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    classes = ["same", "named", "passed", "other", "WRONG", "CRASH"]
    with tempfile.TemporaryDirectory() as folder:
        pristine = Path(folder, "run")
        with redirect_stdout(io.StringIO()):
            make_run(pristine)
        table = {name: try_kind(name, pristine, arguments.first, arguments.tries) for name in arguments.kinds or KINDS}
    print(f"{'':18}" + "".join(f"{name:>8}" for name in classes))
    for name, counts in table.items():
        print(f"{name:18}" + "".join(f"{counts[name]:8}" for name in classes))
    return int(any(counts["WRONG"] + counts["CRASH"] for counts in table.values()))


if __name__ == "__main__":
    sys.exit(main())
