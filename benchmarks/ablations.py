"""What each trick is worth: trainings of the recipe without it, or with it, beside the recipe as it is.

    python benchmarks/ablations.py                          # all variants, two seeds each
    python benchmarks/ablations.py --only cut-mix,rotary    # those whose names contain one of these, and the baseline
    python benchmarks/ablations.py --table                  # the table of what is there so far

All trainings read one clip store and hold the same signers out; without a GPU they run side by side, a core each. Each
that is finished is a line of results.jsonl, and a killed run goes on where it was. The first seed of all variants comes
before the second of any.
"""

import argparse
import contextlib
import json
import math
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from dask.system import CPU_COUNT

from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.search import Decode, decode
from fingerspelling.decoding.transcribe import read_store
from fingerspelling.files import DataError, written_whole
from fingerspelling.model import Encoded, FingerspellingModel
from fingerspelling.parameters import ParameterError, lay_over, read_parameters
from fingerspelling.runs.config import ROOT, RunConfig
from fingerspelling.scoring import metric
from fingerspelling.training import split_by_signer, train
from fingerspelling.training.recipe import Recipe
from fingerspelling.workbook import Workbook

BASELINE = "the recipe as it is"


class Variant(NamedTuple):
    """A change to the parameters, and what the winner's authors say that it does to the score."""

    name: str
    changes: dict
    authors: float = math.nan


VARIANTS = [
    Variant(BASELINE, {}),
    Variant("without cut-mix", {"training": {"temporal": {"cut_mix": 0.0}}}, -0.005),
    Variant("without finger dropout", {"training": {"spatial": {"finger_drop": 0.0}}}, -0.005),
    Variant("finger dropout as it was meant", {"training": {"spatial": {"finger_draws": [2, 5]}}}),
    Variant(
        "without dropping arms, face or hands", {"training": {"spatial": {"part_drop": 0.0, "hand_drop": 0.0}}}, -0.005
    ),
    Variant("arms dropped as it was meant", {"training": {"spatial": {"arm_points": "meant"}}}),
    Variant("without masking decoder inputs", {"training": {"mask_tokens": 0.0}}, -0.003),
    Variant("without convolution in the features", {"model": {"cnn_features": False}}, -0.005),
    Variant("without parts normalized per frame", {"model": {"part_extractors": False}}, -0.003),
    Variant("Conformer instead of Squeezeformer", {"model": {"encoder_block": "conformer"}}, -0.005),
    Variant("two encoder blocks", {"model": {"encoder_layers": 2}}, -0.003),
    Variant("without rotary positions", {"model": {"rotary": False}}, -0.003),
    Variant("all batches padded to 384 frames", {"training": {"pad_to_max": True}}, -0.005),
    Variant("without confidence head", {"model": {"confidence_head": False}}, -0.002),
    Variant("without backward decoder", {"model": {"backward_decoder": False}}),
    Variant("without square", {"training": {"spatial": {"spatial_mask": 0.0}}}),
    Variant("without mirror", {"training": {"spatial": {"mirror": 0.0}}}),
    Variant("without affine", {"training": {"spatial": {"affine": 0.0}}}),
    Variant("without frame masks", {"training": {"spatial": {"time_mask": 0.0}}}),
    Variant("without resampling", {"training": {"temporal": {"resample": 0.0}}}),
    Variant("without local resampling", {"training": {"temporal": {"local_resample": 0.0}}}),
    Variant("without shift in time", {"training": {"temporal": {"shift": 0.0}}}),
    # What the winner did not have. Those that the baseline has are left out, as they change nothing.
    Variant("decoder alone, without CTC beside it", {"model": {"ctc_weight": 0.0}}),
    Variant("CTC beside the decoder, half of the loss", {"model": {"ctc_weight": 0.5}}),
    Variant("whole frame rate", {"model": {"frame_stride": 1}}),
    Variant("half frame rate", {"model": {"frame_stride": 2}}),
    Variant("longer context: convolutions of 31 frames", {"model": {"conv_kernel": 31}}),
    Variant("weights averaged", {"training": {"ema_decay": 0.99}}),
    Variant("Muon", {"training": {"optimizer": "muon"}}),
]


def chosen_recipes(values: dict, only: Sequence[str]) -> dict[str, Recipe]:
    """Return the recipes to train by their names; say which cannot be, and why, before hours are spent.

    Raises:
        ParameterError: the parameters themselves cannot be used, or no variant's name has a part of `only`.
    """
    if unknown := [part for part in only if not any(part in variant.name for variant in VARIANTS)]:
        names = ", ".join(variant.name for variant in VARIANTS)
        raise ParameterError(f"--only: no variant has {unknown[0]!r} in its name; they are {names}")
    recipes = {BASELINE: RunConfig.from_values(values).recipe}
    for variant in VARIANTS[1:]:
        if only and not any(part in variant.name for part in only):
            continue
        try:
            recipe = RunConfig.from_values(lay_over(values, variant.changes)).recipe
        except ParameterError as error:
            print(f"left out: {variant.name} ({error})")
            continue
        if repr(recipe) == repr(recipes[BASELINE]):
            print(f"left out: {variant.name} (so it is already)")
        else:
            recipes[variant.name] = recipe
    return recipes


def folder_of(folder: Path, name: str, seed: int) -> Path:
    return folder / "trainings" / "".join(c if c.isalnum() else "-" for c in name) / f"seed{seed}"


class Measured(NamedTuple):
    """What is known of a training, or of another way to read."""

    score: float  # of the held-out clips, read greedily
    with_ctc: float | None  # read by `JOINT` instead; None without a CTC head
    minutes: float | None  # of a training that was killed, those since it went on
    weights: int


class Results:
    """What has been measured so far: results.jsonl, a JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def has(self, name: str, seed: int) -> bool:
        return any((line["variant"], line["seed"]) == (name, seed) for line in self.lines)

    def add(self, name: str, seed: int, measured: Measured) -> None:
        self.lines.append({"variant": name, "seed": seed, **measured._asdict()})
        with written_whole(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in self.lines))


class Job(NamedTuple):
    """One training."""

    name: str
    seed: int
    store: Path
    recipe: Recipe
    folder: Path
    log: Path | None  # what it prints goes there; None prints it


JOINT = partial(decode, num_beams=4, ctc_weight=0.3)


def train_one(job: Job) -> Measured | str:
    """Train a variant; returns what was wrong where it cannot be."""
    with contextlib.ExitStack() as stack:
        if job.log:
            job.log.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(job.log.open("a"))))
        begun = time.monotonic()
        store, training = ClipStore(job.store), replace(job.recipe.training, seed=job.seed)
        try:
            model = train(store, Recipe(job.recipe.model, training), job.folder)
        except (DataError, ParameterError, ArithmeticError, RuntimeError) as error:
            return str(error)
        minutes = (time.monotonic() - begun) / 60
        read = pd.read_parquet(job.folder / "out_of_fold.parquet")
        score, with_ctc = metric.score(read["prediction"], read["phrase"]), None
        if model.ctc is not None:
            clips = split_by_signer(store, training).validation
            joint = [transcript.phrase for transcript in read_store([model], store, clips, decode=JOINT)]
            with_ctc = metric.score(joint, store.table["phrase"].iloc[clips])
    shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)
    return Measured(score, with_ctc, minutes, model.num_parameters())


def trained(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, Measured | str]]:
    """Train, one by one here or several at a time, a core each, and yield each as it is done."""
    if processes == 1:
        yield from ((job, train_one(job)) for job in jobs)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        calls = {pool.submit(train_one, job): job for job in jobs}
        try:
            yield from ((calls[call], call.result()) for call in as_completed(calls))
        except BaseException:  # those that wait are not begun
            pool.shutdown(cancel_futures=True)
            raise


def train_all(
    store: ClipStore, recipes: dict[str, Recipe], seeds: int, folder: Path, results: Results, processes: int
) -> int:
    """Train what is not trained yet; returns how many trainings failed."""
    jobs = []
    for seed in range(1, seeds + 1):
        for name in recipes:
            if not results.has(name, seed):
                run_dir = folder_of(folder, name, seed)
                log = run_dir / "training.log" if processes > 1 else None
                jobs.append(Job(name, seed, store.folder, recipes[name], run_dir, log))
    logs = f"; what they print is in {folder}/trainings/*/*/training.log" if processes > 1 else ""
    print(f"{len(jobs)} trainings to do{logs}", flush=True)
    begun, failed = time.monotonic(), 0
    for done, (job, measured) in enumerate(trained(jobs, processes), 1):
        if isinstance(measured, Measured):
            results.add(job.name, job.seed, measured)
            result = f"score {measured.score:.3f}"
            result += "" if measured.with_ctc is None else f", with CTC {measured.with_ctc:.3f}"
        else:
            print(f"{job.name}, seed {job.seed}: {measured}", file=sys.stderr)
            failed += 1
            result = "failed"
        hours = (time.monotonic() - begun) / 3600 / done * (len(jobs) - done)
        print(f"{done} of {len(jobs)}: {job.name}, seed {job.seed}: {result}; {hours:.1f} hours left", flush=True)
    return failed


def by_ctc(models: Sequence[FingerspellingModel], encoded: Sequence[Encoded]) -> list[list[int]]:
    """Read with one model's CTC head: each frame's likeliest character, without repetitions and blanks."""
    [model], [(hidden, mask)] = models, encoded
    best = model.ctc(hidden).argmax(-1).masked_fill(~mask, model.config.pad_token_id)
    rows = [row.unique_consecutive().tolist() for row in best]
    return [[token for token in row if token != model.config.pad_token_id] for row in rows]


# Other ways to read with the baseline's models, without a training, and what their authors say that they are worth:
# the winner, and of the beam with CTC the 2nd place. Those with CTC in their name need its head.
READINGS = {
    "read by CTC instead of the decoder": by_ctc,
    "beam of 4 instead of greedy": partial(decode, num_beams=4, ctc_weight=0.0),
    "beam of 4 with CTC, weight 0.3": JOINT,
}
ALL_READ = "without constant phrase"
TOGETHER = "all seeds read together"
AUTHORS = {variant.name: variant.authors for variant in VARIANTS}
AUTHORS |= zip((*READINGS, ALL_READ, TOGETHER), (-0.003, 0.0, 0.007, -0.006, 0.01), strict=True)


def read_otherwise(store: ClipStore, recipe: Recipe, seeds: int, folder: Path, results: Results) -> None:
    """Read the held-out clips with the baseline's models in other ways, and with all of its seeds together."""
    clips = split_by_signer(store, recipe.training).validation
    phrases = store.table["phrase"].iloc[clips]
    done = [seed for seed in range(1, seeds + 1) if results.has(BASELINE, seed)]
    models = [FingerspellingModel.from_pretrained(folder_of(folder, BASELINE, seed) / "model") for seed in done]

    def read(name: str, seed: int, models: Sequence[FingerspellingModel], decode: Decode = decode) -> None:
        if not results.has(name, seed):
            transcripts = read_store(models, store, clips, decode=decode)
            score = metric.score([transcript.phrase for transcript in transcripts], phrases)
            results.add(name, seed, Measured(score, None, None, sum(model.num_parameters() for model in models)))

    if len(done) > 1:
        read(TOGETHER, len(done), models)
    for seed, model in zip(done, models, strict=True):
        for name, search in READINGS.items():
            if model.ctc is not None or "CTC" not in name:
                read(name, seed, [model], search)
        model.config.min_frames, model.config.min_confidence = 0, 0.0
        read(ALL_READ, seed, [model])


def compared(results: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return each variant's mean, its difference to the baseline, and the difference's standard error.

    The error comes from what the seeds of all variants differ by: two are too few alone.
    """
    groups = results.dropna(subset=column).groupby("variant")[column]
    rows = pd.DataFrame({"mean": groups.mean(), "seeds": groups.size()})
    freedom = rows["seeds"].sum() - len(rows)
    noise = (groups.var() * (rows["seeds"] - 1)).sum() / freedom if freedom else math.nan
    base = rows.reindex([BASELINE]).iloc[0]
    return rows.assign(
        difference=rows["mean"] - base["mean"], error=(noise / rows["seeds"] + noise / base["seeds"]) ** 0.5
    )


def table(lines: Sequence[dict]) -> str:
    """Return what helped and what did not, best first, as a Markdown table."""
    results = pd.DataFrame(lines, columns=["variant", "seed", *Measured._fields]).astype({"with_ctc": float})
    if BASELINE not in set(results["variant"]):
        return "no training of the baseline is finished yet"
    groups = results.groupby("variant")
    rows = groups[["minutes", "weights"]].mean().assign(seeds=groups.size())
    scores = {column: compared(results, column).reindex(rows.index) for column in ("score", "with_ctc")}
    rows["order"] = scores["with_ctc"]["difference"].fillna(scores["score"]["difference"])

    def in_words(column: str, name: str) -> str:
        value = scores[column].loc[name]
        if math.isnan(value["mean"]):
            return ""
        difference = "" if name == BASELINE else f" ({value['difference']:+.3f} ± {value['error']:.3f})"
        return f"{value['mean']:.3f}{difference}"

    printed = [
        "| | greedy | beam of 4 with CTC | its authors' | minutes | weights | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.sort_values("order", ascending=False).iterrows():
        published, minutes = AUTHORS.get(name, math.nan), row["minutes"]
        cells = [
            name,
            in_words("score", name),
            in_words("with_ctc", name),
            "" if math.isnan(published) else f"{published:+.3f}",
            "" if math.isnan(minutes) else f"{minutes:.1f}",
            f"{row['weights'] / 1e6:.2f} M",
            f"{row['seeds']:.0f}",
        ]
        printed.append("|" + "".join(f" {cell} |" if cell else " |" for cell in cells))
    return "\n".join(printed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    side_by_side = 1 if torch.cuda.is_available() else CPU_COUNT
    parser.add_argument("--params", type=Path, default=ROOT / "notebooks/params/ablations.yaml")
    parser.add_argument("--seeds", type=int, default=2, help="trainings a variant")
    parser.add_argument("--only", default="", help="parts of the variants' names, separated by commas")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/ablations")
    parser.add_argument("--processes", type=int, default=side_by_side, help="trainings side by side, a core each")
    parser.add_argument("--table", action="store_true", help="print the table and train nothing")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.processes < 1:
        parser.error(f"--seeds {options.seeds} and --processes {options.processes} must be at least 1")
    results, failed = Results(options.folder / "results.jsonl"), 0
    if not options.table:
        try:
            values = {**read_parameters(options.params), "run_dir": str(options.folder.resolve())}
            recipes = chosen_recipes(values, [part for part in options.only.split(",") if part])
            store = Workbook(values).store
        except (ParameterError, DataError) as error:
            print(f"{options.params}: {error}", file=sys.stderr)
            return 2
        failed = train_all(store, recipes, options.seeds, options.folder, results, options.processes)
        read_otherwise(store, recipes[BASELINE], options.seeds, options.folder, results)
    print(table(results.lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
