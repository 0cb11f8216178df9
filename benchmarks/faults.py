"""Kill the smallest run at any moment, fill its disk or take away the right to write: does the same command mend it?

    python benchmarks/faults.py [SIGKILL=300 SIGTERM=30 SIGINT=30 full=10 read-only=10] [--folder outputs/faults]
    python benchmarks/faults.py --report                  the table of what was tried so far

A run makes simulated signers, the clip store, a model, its predictions and submission.zip. Each try disturbs one: a
signal at a random moment of a random stage or right at a random file that is opened, renamed or removed; a disk that is
full, or becomes read-only. Then the same command runs until it ends. It must leave the same files as an undisturbed
run, with the same bytes, and nothing else: no temporary files, no processes. Tries are kept, so the script can be
stopped and goes on. As exporting takes most of the time, a share of the tries begins with a trained model, and the
others end with its predictions. Needs Linux, and `unshare` for the disks.
"""

import argparse
import atexit
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch
import yaml

from fingerspelling.export import export_tflite
from fingerspelling.files import TEMPORARY
from fingerspelling.processes import exit_status
from fingerspelling.runs.config import ROOT
from fingerspelling.scoring.submission import write_submission
from fingerspelling.workbook import open_run

STAGES = {"train": ["simulation", "extraction", "training", "decoding"], "export": ["export", "zip"]}
EXPORTS = 0.05  # share of the tries
FAULTS = {"SIGKILL": 300, "SIGTERM": 30, "SIGINT": 30, "full": 10, "read-only": 10}
SIGNALS = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}  # with the status that each should end with
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
    """Go through all stages of a part, "train" or "export", and tell when each is reached."""
    book = open_run(params)
    reached("simulation")
    _ = book.data_dir
    reached("extraction")
    _ = book.store
    reached("training")
    models = book.train()
    reached("decoding")
    book.read_held_out()
    if part == "train":
        return 0
    reached("export")
    submission = book.config.submission
    tflite = book.run_dir / "submission/model.tflite"
    export_tflite(
        models, tflite, submission.precision, num_beams=submission.num_beams, ctc_weight=submission.ctc_weight
    )
    reached("zip")
    write_submission(tflite, book.run_dir / "submission.zip")
    return 0


class Run:
    """A run in a process of its own, forked from this one, which has imported all packages already."""

    def __init__(self, folder: Path, part: str, strike_at: int = 0, strike: int = 0) -> None:
        """Start it; with `strike`, it gets this signal at the n-th file that it opens to write, renames or removes."""
        self.errors, self.temporary = folder / "stderr", folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            self._become(folder, part, writing, strike_at, strike)
        os.close(writing)
        self.stages = os.fdopen(reading)
        self.began = time.monotonic()

    def _become(self, folder: Path, part: str, writing: int, strike_at: int, strike: int) -> None:
        status = 70
        try:
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
            os.environ[MARK] = os.environ["TMPDIR"] = tempfile.tempdir = str(self.temporary)
            if strike:
                strike_at_file(folder / "run", strike_at, strike)
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


def strike_at_file(folder: Path, place: int, number: int) -> None:
    """Send this process a signal when it has opened to write, renamed or removed so many files of a folder."""
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
                os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def contents(folder: Path) -> dict[str, int | None]:
    """Return the checksum of each file of a run; None for those that tell of times, which differ."""
    return {str(file.relative_to(folder)): checksum(file) for file in sorted(folder.rglob("*")) if file.is_file()}


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
def disk(folder: Path, megabytes: float) -> Iterator[None]:
    """Mount a disk of its own on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, options: str) -> bool:
    return not subprocess.run(["mount", "-o", f"remount,{options}", folder], capture_output=True).returncode


class Campaign:
    """Tries in a folder, compared with an undisturbed run in the same place."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"  # where runs go, always the same: paths are part of what is written
        self.trained = folder / "trained"  # a run as the part "export" finds it
        self.run_dir = self.work / "run"
        for used in (self.work, self.trained):
            shutil.rmtree(used, ignore_errors=True)
        self.work.mkdir(parents=True)
        parameters(self.work)
        self.times: dict[str, float] = {}
        self.expected, self.megabytes = {}, {}
        for part in STAGES:
            self._undisturbed(part)
            if part == "train":
                shutil.copytree(self.run_dir, self.trained)

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
        self.megabytes[part] = sum(file.stat().st_size for file in self.run_dir.rglob("*") if file.is_file()) / 1e6
        took = ", ".join(f"{stage} {self.times[stage]:.1f} s" for stage in STAGES[part])
        print(f"undisturbed: {took}; {len(self.expected[part])} files, {self.megabytes[part]:.1f} MB", flush=True)

    def attempt(self, fault: str, rng: random.Random) -> dict:
        """Disturb a run once and let the same command end; returns what happened."""
        for name in ("run", "tmp"):
            shutil.rmtree(self.work / name, ignore_errors=True)
        part = "export" if rng.random() < EXPORTS else "train"
        if fault in SIGNALS:
            if part == "export":
                shutil.copytree(self.trained, self.run_dir)
            return self._signal(fault, part, rng)
        share = rng.uniform(0.9, 1.2) if part == "export" else rng.uniform(0.01, 1.2)
        with disk(self.run_dir, share * self.megabytes[part] if fault == "full" else DISK_MB):
            if part == "export":
                shutil.copytree(self.trained, self.run_dir, dirs_exist_ok=True)
            return self._take_disk(fault, part, rng)

    def _signal(self, fault: str, part: str, rng: random.Random) -> dict:
        number, stage = signal.Signals[fault], rng.choice(STAGES[part])
        if rng.random() < 0.5:
            place = rng.randrange(1, 120 if part == "train" else 12)
            disturbed, stage = Run(self.work, part, place, number), f"file {place}"
        else:
            disturbed = Run(self.work, part)
            disturbed.wait_for(stage)
            time.sleep(rng.uniform(0, 1.1) * self.times[stage])
            with suppress(ProcessLookupError):
                os.kill(disturbed.pid, number)
        return self._mend(fault, part, stage, disturbed, {SIGNALS[fault], 0})

    def _take_disk(self, fault: str, part: str, rng: random.Random) -> dict:
        disturbed, stage = Run(self.work, part), rng.choice(STAGES[part])
        if fault == "read-only":
            disturbed.wait_for(stage)
            time.sleep(rng.uniform(0, 1.0) * self.times[stage])
            while not remount(self.run_dir, "ro"):  # while a file is being written
                time.sleep(0.001)
        else:
            stage = part
        return self._mend(fault, part, stage, disturbed, {2, 0}, lambda: remount(self.run_dir, f"rw,size={DISK_MB}m"))

    def _mend(
        self,
        fault: str,
        part: str,
        stage: str,
        disturbed: Run,
        statuses: set[int],
        give_back: Callable[[], object] = lambda: None,
    ) -> dict:
        """Let a disturbed run end, give back what it lacked, run the same command, and say what is wrong."""
        status = disturbed.end()
        said = disturbed.errors.read_text()
        wrong = [] if status in statuses else [f"status {status}"]
        if (fault != "SIGKILL" and (status == 0) != (said == "")) or said.count("\n") > 1:
            wrong.append(f"said {said[-300:]!r}")
        if left := processes(disturbed.temporary):
            wrong.append(f"processes {left}")
        cleared = fault not in ("SIGKILL", "read-only")  # else the next run clears the run's folder
        if left := leftovers(self.run_dir if cleared else self.work / "nowhere", disturbed.temporary):
            wrong.append(f"left {left[:5]}")
        give_back()
        mending = Run(self.work, part)
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
        return {"fault": fault, "stage": stage, "status": status, "said": said.strip(), "wrong": "; ".join(wrong)}


def report(results: Path) -> int:
    """Print what was tried and what went wrong; returns the exit status."""
    tries = pd.read_json(results, lines=True)
    tries["disturbed"], tries["mended"] = tries["status"] != 0, tries["wrong"] == ""
    table = tries.groupby("fault", sort=False).agg(
        tries=("fault", "size"), disturbed=("disturbed", "sum"), mended=("mended", "sum")
    )
    print(table.to_string())
    for row in tries[~tries["mended"]].itertuples():
        print(f"{row.fault} at {row.stage}: {row.wrong}")
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
        from fingerspelling.export.tflite import _conversion

        _conversion()
        campaign = Campaign(folder)
        wanted = {fault: int(number) for fault, _, number in (text.partition("=") for text in arguments.tries)}
        known = results.read_text().splitlines() if results.is_file() else []
        done = {(kept["fault"], kept["try"]) for kept in map(json.loads, known)}
        for fault, number in wanted.items():
            for place in (place for place in range(number) if (fault, place) not in done):
                outcome = {"try": place} | campaign.attempt(fault, random.Random(f"{fault} {place}"))
                with results.open("a") as file:
                    file.write(json.dumps(outcome) + "\n")
                print(f"{fault} {place + 1}/{number} at {outcome['stage']}: {outcome['wrong'] or 'mended'}", flush=True)
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
