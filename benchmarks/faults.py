"""Kill the smallest run at any moment, fill its disk or take away the right to write: does the same command mend it?

    python benchmarks/faults.py [SIGKILL=300 SIGTERM=30 SIGINT=30 full=10 read-only=10] [--folder outputs/faults]
    python benchmarks/faults.py --report                  the table of what was tried so far

A run makes simulated signers, the clip store, a model, its predictions and submission.zip. Each try disturbs one: by
several signals, each at a random moment of a random stage, right at a random file that is opened, renamed or removed,
or (SIGKILL) after so many bytes of a file, and the same command is given after each; or by a disk that is full, or
becomes read-only. Then the same command runs until it ends. It must leave the same files as an undisturbed run, with
the same bytes, and nothing else: no temporary files, no processes. What is counted is what has struck: how often a run
has died or has ended with an error. Tries are kept, as is the undisturbed run, so the script can be stopped and goes
on; where other code leaves other bytes, remove the folder. As exporting takes most of the time, runs come in parts,
each of which begins with what the one before has left. Needs Linux, and `unshare` for the disks.
"""

import argparse
import atexit
import gc
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch
import yaml

from fingerspelling.data.stages import SUBMISSION, note
from fingerspelling.export import export_tflite
from fingerspelling.export.tflite import _conversion
from fingerspelling.files import TEMPORARY, content
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.submission import write_submission
from fingerspelling.workbook import open_run

STAGES = {"train": ["simulation", "extraction", "training", "decoding"], "export": ["export"], "zip": ["zip"]}
SHARES = {"train": 0.82, "export": 0.06, "zip": 0.12}  # of the tries
STRIKES = {"train": 12, "export": 3, "zip": 4}  # by signals, one after another, in a run
PLACES = {"train": 30, "export": 12, "zip": 5}  # files opened, renamed or removed
FAULTS = {"SIGKILL": 300, "SIGTERM": 30, "SIGINT": 30, "full": 10, "read-only": 10}
SIGNALS = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}  # with the status that each should end with
WITHIN = "bytes of a file"  # where a kill strikes, beside stages and numbers of files
MOST_BYTES = 300_000  # that a file may have before that
TIMES = {
    "metrics.jsonl",
    "stages.json",
    "trainer_state.json",
    "files.json",
    "training.log",
    ".lock",
}  # files that tell of times
MARK = "FINGERSPELLING_FAULTS"  # environment variable by which processes that were left are found
DISK_MB = 200
PATIENCE = 600  # seconds after which a run counts as hanging


def parameters(folder: Path) -> Path:
    """Write the parameters of the smallest run, which goes to folder/run, with the data that runs share."""
    values = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text())
    del values["first_round"], values["seeds"]
    values["training"] |= {"epochs": 3, "folds": 4}
    values["simulation"] |= {"clips": 16, "supplemental_clips": 2, "clips_per_file": 6}
    values |= {"params": "", "run_dir": str(folder / "run/demo"), "submission": {"precision": "fp32"}}
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def run(params: Path, part: str, reached: Callable[[str], None]) -> int:
    """Go through all stages of a part, and tell when each is reached."""
    book = open_run(params)
    submission, tflite = book.config.submission, book.run_dir / "submission/model.tflite"
    if part == "train":
        reached("simulation")
        _ = book.data_dir
        reached("extraction")
        _ = book.store
        reached("training")
        book.train()
        reached("decoding")
        book.read_held_out()
    elif part == "export":
        models = book.train()
        reached("export")
        export_tflite(
            models, tflite, submission.precision, num_beams=submission.num_beams, ctc_weight=submission.ctc_weight
        )
    else:
        book.train()
        reached("zip")
        write_submission(tflite, archive := book.run_dir / SUBMISSION)
        note(book.run_dir, SUBMISSION, {"content": content(archive)})
    return 0


class Run:
    """A run in a process of its own, forked from this one, which has imported all packages already."""

    def __init__(self, folder: Path, part: str, strike: Callable[[], None] = lambda: None) -> None:
        """Start it; `strike` is called in its process first."""
        self.errors, self.temporary = folder / "stderr", folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        if part == "export":
            _conversion()  # which takes many seconds to import
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            self._become(folder, part, writing, strike)
        os.close(writing)
        self.stages = os.fdopen(reading)
        self.began = time.monotonic()

    def _become(self, folder: Path, part: str, writing: int, strike: Callable[[], None]) -> None:
        status = 70
        try:
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
            os.environ[MARK] = os.environ["TMPDIR"] = tempfile.tempdir = str(self.temporary)
            strike()
            status = exit_status(lambda: run(folder / "params.yaml", part, lambda stage: tell(writing, stage)))
        except BaseException:
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()  # such as those by which TensorFlow removes its temporary files
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait_for(self, stage: str) -> None:
        """Wait until a stage is reached, or the run has ended."""
        while (line := self.stages.readline()) and line.strip() != stage:
            pass

    def end(self, patience: float = PATIENCE) -> int | None:
        """Wait for its end; returns the status as subprocess does, or None if it hangs and was killed."""
        limit = time.monotonic() + patience
        while time.monotonic() < limit:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.stages.close()
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None


def tell(pipe: int, stage: str) -> None:
    os.write(pipe, f"{stage}\n".encode())


def kill_in_write(most_bytes: int) -> None:
    """Let the kernel kill this process once a file that it writes has so many bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def strike_at_file(folder: Path, place: int, strike: Callable[[], object]) -> None:
    """Strike this process when it has opened to write, renamed or removed so many files of a folder."""
    left = place

    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "shutil.rmtree"):
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        if str(arguments[0]).startswith(str(folder)):
            left -= 1
            if left == 0:
                strike()

    sys.addaudithook(hook)


def contents(folder: Path) -> dict[str, int | None]:
    """Return the checksum of each file of a run; None for those that tell of times, which differ."""
    return {str(file.relative_to(folder)): checksum(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def megabytes(folder: Path) -> float:
    """Return what the files of a folder take together."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def checksum(file: Path) -> int | None:
    if file.name in TIMES:
        return None
    if file.suffix == ".arrow":  # a shard also tells how long it took
        batch = pa.ipc.open_file(file).get_batch(0).replace_schema_metadata(None)
        return zlib.crc32(batch.serialize().to_pybytes())
    return zlib.crc32(file.read_bytes())


def leftovers(folder: Path, temporary: Path) -> list[str]:
    """Name the temporary files in a run's folder, and all in the folder of temporary files."""
    return [str(file) for file in [*folder.rglob(f".*{TEMPORARY}*"), *folder.rglob(".tmp*"), *temporary.rglob("*")]]


def processes(mark: Path) -> list[str]:
    """Name the processes that a run has started and that are still there; they have two seconds to end."""
    limit = time.monotonic() + 2
    while found := [*_processes(f"{MARK}={mark}".encode())]:
        if time.monotonic() > limit:
            break
        time.sleep(0.1)
    return found


def _processes(mark: bytes) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                yield (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Mount a disk of its own on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", size(DISK_MB), "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def size(megabytes: float) -> str:
    """Return the option with which a disk has a size."""
    return f"size={int(1000 * megabytes)}k"


def remount(folder: Path, options: str) -> bool:
    return not subprocess.run(["mount", "-o", f"remount,{options}", folder], capture_output=True).returncode


class Campaign:
    """Tries in a folder, compared with an undisturbed run in the same place."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"  # where runs go, always the same: paths are part of what is written
        self.before = folder / "before"  # for each part, a run as it finds it
        self.run_dir = self.work / "run"
        self.times: dict[str, float] = {}
        self.expected, self.megabytes, kept = {}, {}, folder / "undisturbed.json"
        if kept.is_file():
            self.times, self.expected, self.megabytes = json.loads(kept.read_text())
            return
        for used in (self.work, self.before):
            shutil.rmtree(used, ignore_errors=True)
        self.work.mkdir(parents=True)
        parameters(self.work)
        for part in STAGES:
            self.run_dir.mkdir(exist_ok=True)
            shutil.copytree(self.run_dir, self.before / part)
            self._undisturbed(part)
        kept.write_text(json.dumps([self.times, self.expected, self.megabytes]))

    def _undisturbed(self, part: str) -> None:
        """Run a part once: the files to compare with, and how long each stage takes."""
        undisturbed, began = Run(self.work, part), {}
        while line := undisturbed.stages.readline():
            began[line.strip()] = time.monotonic()
        began["end"] = time.monotonic()
        if status := undisturbed.end():
            raise RuntimeError(f"the undisturbed run ended with {status}: {undisturbed.errors.read_text()}")
        for stage, following in zip(STAGES[part], [*STAGES[part][1:], "end"], strict=True):
            self.times[stage] = began[following] - began[stage]
        self.expected[part] = contents(self.run_dir)
        self.megabytes[part] = megabytes(self.run_dir) - megabytes(self.before / part)
        took = ", ".join(f"{stage} {self.times[stage]:.1f} s" for stage in STAGES[part])
        print(f"undisturbed: {took}; {len(self.expected[part])} files, {self.megabytes[part]:.1f} MB", flush=True)

    def attempt(self, fault: str, rng: random.Random) -> dict:
        """Disturb a run once and let the same command end; returns what happened."""
        for name in ("run", "tmp"):
            shutil.rmtree(self.work / name, ignore_errors=True)
        part = rng.choices(list(SHARES), SHARES.values())[0]  # type: ignore[arg-type]
        if fault in SIGNALS:
            shutil.copytree(self.before / part, self.run_dir)
            return self._signal(fault, part, rng)
        with disk(self.run_dir):
            shutil.copytree(self.before / part, self.run_dir, dirs_exist_ok=True)
            if fault == "full":
                used = shutil.disk_usage(self.run_dir).used / 1e6
                remount(self.run_dir, size(used + rng.uniform(0.01, 1.1) * self.megabytes[part]))
            return self._take_disk(fault, part, rng)

    def _signal(self, fault: str, part: str, rng: random.Random) -> dict:
        """Strike a run again and again, later and later."""
        number, struck, wrong = signal.Signals[fault], [], []
        for stage in sorted(rng.choices(STAGES[part], k=STRIKES[part]), key=STAGES[part].index):
            how, place = rng.random(), rng.randrange(1, PLACES[part])
            if how < 0.5:
                disturbed = Run(self.work, part)
                disturbed.wait_for(stage)
                time.sleep(rng.uniform(0, 1.1) * self.times[stage])
                with suppress(ProcessLookupError):
                    os.kill(disturbed.pid, number)
            else:
                strike = partial(signal.raise_signal, number)
                stage = f"file {place}"
                if fault == "SIGKILL" and how < 0.75:
                    stage = WITHIN
                    strike = partial(kill_in_write, int(MOST_BYTES ** rng.random()))
                disturbed = Run(self.work, part, partial(strike_at_file, self.run_dir, place, strike))
            status, _, found = self._end(fault, disturbed, {SIGNALS[fault], 0})
            wrong += [f"at {stage}: {what}" for what in found]
            if status == 0:
                break
            struck.append(stage)
        wrong += self._mend(part)
        return {"fault": fault, "part": part, "struck": struck, "wrong": "; ".join(wrong)}

    def _take_disk(self, fault: str, part: str, rng: random.Random) -> dict:
        disturbed, stage = Run(self.work, part), rng.choice(STAGES[part])
        if fault == "read-only":
            disturbed.wait_for(stage)
            time.sleep(rng.uniform(0, 0.9) * self.times[stage])
            while not remount(self.run_dir, "ro"):  # while a file is being written
                time.sleep(0.001)
        status, said, wrong = self._end(fault, disturbed, {2, 0})
        remount(self.run_dir, f"rw,{size(DISK_MB)}")
        wrong += self._mend(part)
        struck = [stage if fault == "read-only" else said] if status else []
        return {"fault": fault, "part": part, "struck": struck, "wrong": "; ".join(wrong)}

    def _end(self, fault: str, disturbed: Run, statuses: set[int]) -> tuple[int | None, str, list[str]]:
        """Let a disturbed run end; returns its status, what it said, and what is wrong."""
        status = disturbed.end()
        if fault == "SIGKILL" and status == -signal.SIGXFSZ:
            status = -signal.SIGKILL
        said = disturbed.errors.read_text()
        wrong = [] if status in statuses else [f"status {status}"]
        if (fault != "SIGKILL" and (status == 0) != (said == "")) or said.count("\n") > 1:
            wrong.append(f"said {said[-300:]!r}")
        if left := processes(disturbed.temporary):
            wrong.append(f"processes {left}")
        cleared = fault not in ("SIGKILL", "read-only")  # else the next run clears the run's folder
        if left := leftovers(self.run_dir if cleared else self.work / "nowhere", disturbed.temporary):
            wrong.append(f"left {left[:5]}")
        return status, said.strip(), wrong

    def _mend(self, part: str) -> list[str]:
        """Run the same command to its end, and return what is wrong."""
        mending, wrong = Run(self.work, part), []
        if end := mending.end():
            wrong.append(f"then status {end}: {mending.errors.read_text()[-300:]!r}")
        expected, now = self.expected[part], contents(self.run_dir)
        if different := sorted(
            name for name in now.keys() | expected.keys() if now.get(name, "") != expected.get(name, "")
        ):
            wrong.append(f"differ {different[:5]}")
        if left := leftovers(self.run_dir, mending.temporary):
            wrong.append(f"left in the end {left[:5]}")
        if left := processes(mending.temporary):
            wrong.append(f"processes in the end {left}")
        return wrong


def report(results: Path) -> int:
    """Print what was tried and what went wrong; returns the exit status."""
    tries = pd.read_json(results, lines=True)
    tries["strikes"], tries["mended"] = tries["struck"].map(len), tries["wrong"] == ""
    tries["held"] = tries["strikes"].where(tries["mended"], 0)
    columns = {"runs": ("fault", "size"), "struck": ("strikes", "sum"), "mended": ("held", "sum")}
    print(tries.groupby("fault", sort=False).agg(**columns).to_string())
    places = tries.explode("struck").dropna(subset="struck")
    places["place"] = places["struck"].str.replace(r"^file \d+$", "a file opened, renamed or removed", regex=True)
    signalled = places[places["fault"].isin(SIGNALS) | (places["fault"] == "read-only")]
    print(pd.crosstab(signalled["place"], signalled["fault"]).to_string())
    for row in tries[~tries["mended"]].itertuples():
        print(f"{row.fault} at {row.struck}: {row.wrong}")
    return int((~tries["mended"]).any())


def main() -> int:
    """Parse the command line, try what is left to try, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tries", nargs="*", default=[f"{fault}={number}" for fault, number in FAULTS.items()])
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/faults", help="default: %(default)s")
    parser.add_argument("--report", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    results = folder / "tries.jsonl"
    if not arguments.report:
        if MARK not in os.environ:  # a mount namespace of its own
            command = ["unshare", "--mount", "--map-root-user", sys.executable, *sys.argv]
            os.execvpe(command[0], command, os.environ | {MARK: "", "OMP_NUM_THREADS": "1"})
        torch.set_num_threads(1)
        gc.freeze()  # or collecting in a fork would copy all of it
        campaign = Campaign(folder)
        wanted = {fault: int(number) for fault, _, number in (text.partition("=") for text in arguments.tries)}
        lines = results.read_text().splitlines() if results.is_file() else []
        struck, runs = Counter(), Counter()
        for kept in map(json.loads, lines):
            struck[kept["fault"]] += len(kept["struck"])
            runs[kept["fault"]] += 1
        for fault, number in wanted.items():
            while struck[fault] < number:
                outcome = campaign.attempt(fault, random.Random(f"{fault} {runs[fault]}"))
                with results.open("a") as file:
                    file.write(json.dumps(outcome) + "\n")
                struck[fault] += len(outcome["struck"])
                runs[fault] += 1
                about = f"{fault} {struck[fault]}/{number} at {', '.join(outcome['struck'])}"
                print(f"{about}: {outcome['wrong'] or 'mended'}", flush=True)
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
