"""How large, fast, robust and faithful is the exported file?

    python benchmarks/export.py [sizes latency unseen memory fuzz parity] [--folder outputs/benchmark] [--clips N]
    python benchmarks/export.py parity --num-beams 4 --ctc-weight 0.3    # of a file that searches

Sizes, latency and unseen are measured with the architecture of the winner's second round and random weights that
never end a phrase, so that every clip takes all decoding steps; memory, fuzz and parity with a trained model
(--model, by default outputs/demo/seed1/model). Files that are already in --folder are used again: delete it after
changes to the export. Times are processor times of one thread, which other programs disturb less.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml

from fingerspelling import text
from fingerspelling.data.competition import read_table
from fingerspelling.data.parquet import read_clips
from fingerspelling.decoding.search import decode
from fingerspelling.decoding.transcribe import transcribe_clip
from fingerspelling.export import export_tflite
from fingerspelling.landmarks import PARTS, SELECTED, SELECTED_COLUMNS
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.processes import track
from fingerspelling.scoring import metric
from fingerspelling.scoring.runtime import load_runner
from fingerspelling.simulation import SimulationConfig, simulate

LENGTHS = (50, 150, 384)
PRECISIONS = ("fp32", "fp16", "int8")
CTC_WEIGHT = 0.3  # in a beam search
MOST_ROWS = FingerspellingConfig().max_new_tokens
HANDS = [PARTS["left_hand"], PARTS["right_hand"]]
DEMO = Path(__file__).parents[1] / "notebooks" / "params" / "demo.yaml"


class Variant(NamedTuple):
    """One way to export the second round's architecture."""

    seeds: int
    precision: str
    loop: bool = True
    num_beams: int = 1  # more than one search together with CTC

    def __str__(self) -> str:
        search = f", beam of {self.num_beams} with CTC" if self.num_beams > 1 else ""
        return f"{self.seeds} seed(s), {self.precision}{search}{'' if self.loop else ', unrolled'}"


VARIANTS = [
    Variant(seeds, precision, num_beams=num_beams)
    for num_beams in (1, 4)
    for seeds in (1, 2)
    for precision in ("fp16", "int8")
]
VARIANTS.append(Variant(2, "fp16", loop=False))


class Bench:
    """The files that are measured, exported when they are first needed."""

    def __init__(self, folder: Path, model: Path, num_beams: int, ctc_weight: float) -> None:
        self.folder, self.model_folder = folder, model
        self.search = {"num_beams": num_beams, "ctc_weight": ctc_weight}
        folder.mkdir(parents=True, exist_ok=True)

    def variant(self, variant: Variant) -> Path:
        path = self.folder / f"{str(variant).replace(', ', '_').replace(' ', '-')}.tflite"
        return path if path.is_file() else export_variant(variant, path)

    def model(self) -> FingerspellingModel:
        return FingerspellingModel.from_pretrained(self.model_folder).eval()

    def trained(self, precision: str) -> Callable:
        path = self.folder / "_".join(["trained", precision, *map(str, self.search.values())])
        return runner(path if path.is_file() else export_tflite([self.model()], path, precision, **self.search))


def runner(path: Path) -> Callable:
    return load_runner(path.read_bytes(), threads=1)


def export_variant(variant: Variant, path: Path) -> Path:
    """Export random models of the second round's sizes that never end a phrase."""
    models, ctc_weight = [], CTC_WEIGHT if variant.num_beams > 1 else 0.0
    for seed in range(variant.seeds):
        torch.manual_seed(seed)
        config = FingerspellingConfig(min_confidence=0.0, ctc_weight=ctc_weight)
        models.append(FingerspellingModel(config).eval())
        for parameter in models[-1].parameters():
            if parameter.dim() == 1:  # initial scales of 1 and biases of 0 would be left out of the file
                parameter.data += 0.1 * torch.randn_like(parameter)
        models[-1].output_projection.weight.data[text.PAD :] = 0  # the best of 59 random logits is above 0
    return export_tflite(
        models, path, variant.precision, loop=variant.loop, num_beams=variant.num_beams, ctc_weight=ctc_weight
    )


def export_measured(variant: Variant, path: Path) -> tuple[float, float]:
    start = time.monotonic()
    export_variant(variant, path)
    # Not from getrusage, where a new process begins with the size of the one that started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return time.monotonic() - start, int(status["VmHWM"].split()[0]) / 1e6


def sizes(bench: Bench, clips: int | None) -> pd.DataFrame:
    """Convert every variant anew, in a process of its own."""
    rows = []
    for variant in VARIANTS:
        path = bench.folder / "measured.tflite"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            seconds, memory = process.submit(export_measured, variant, path).result()
        rows.append({"": str(variant), "MB": path.stat().st_size / 1e6, "seconds": seconds, "peak GB": memory})
    return pd.DataFrame(rows)


def random_walk(rng: np.random.Generator, n_frames: int) -> np.ndarray:
    steps = rng.normal(0, 0.02, (n_frames, len(SELECTED_COLUMNS))).cumsum(0)
    return (rng.random(len(SELECTED_COLUMNS)) + steps).astype(np.float32)


def seconds(run: Callable, clip: np.ndarray) -> float:
    start = time.thread_time()
    run(inputs=clip)
    return time.thread_time() - start


def latency(bench: Bench, clips: int | None) -> pd.DataFrame:
    """Median and least milliseconds; the variants take turns."""
    runs = {variant: runner(bench.variant(variant)) for variant in VARIANTS}
    table = pd.DataFrame({"": map(str, runs)})
    for n_frames in LENGTHS:
        clip = random_walk(np.random.default_rng(n_frames), n_frames)
        times = [
            [seconds(run, clip) * 1e3 for run in runs.values()]
            for _ in track(range((clips or 20) + 2), f"latency, {n_frames} frames", "rounds")
        ][2:]
        table[f"{n_frames} frames"] = np.median(times, 0)
        table[f"{n_frames}, least"] = np.min(times, 0)
    return table


def unseen(bench: Bench, clips: int | None) -> pd.DataFrame:
    """How much longer the first clip of a length takes than the second, once the longest clip has been seen."""
    rng, rows = np.random.default_rng(0), []
    for variant in VARIANTS:
        run = runner(bench.variant(variant))
        run(inputs=random_walk(rng, max(LENGTHS)))
        more = []
        for n_frames in track(rng.integers(15, max(LENGTHS), clips or 60), f"unseen lengths, {variant}", "lengths"):
            clip = random_walk(rng, n_frames)
            more.append(1e3 * (seconds(run, clip) - min(seconds(run, clip) for _ in range(2))))
        rows.append({"": str(variant), "median ms": np.median(more), "90 % ms": np.quantile(more, 0.9)})
    return pd.DataFrame(rows)


def memory(bench: Bench, clips: int | None) -> pd.DataFrame:
    """Resident memory over calls of random length."""
    run, rng, rows = bench.trained("fp16"), np.random.default_rng(0), []
    clip = random_walk(rng, 2000)
    calls = clips or 5000
    for i in track(range(1, calls + 1), "memory", "calls"):
        run(inputs=clip[: rng.integers(0, 2001)])
        if i == 1 or i % (calls // 10) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            rows.append({"calls": i, "resident MB": pages * resource.getpagesize() / 1e6})
    return pd.DataFrame(rows)


def wild_clip(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Draw float32 [frames, 390] of a kind, of 0 to 2,000 frames, a third of them at most 20."""
    n_frames = int(rng.integers(0, 21 if rng.random() < 1 / 3 else 2001))
    clip = random_walk(rng, n_frames).reshape(n_frames, 3, len(SELECTED))
    some = rng.random(clip.shape) < 10 ** rng.uniform(-3, 0)
    if kind in ("one hand", "no hand"):
        for hand in HANDS[rng.integers(2) :][:1] if kind == "one hand" else HANDS:
            clip[..., hand] = np.nan
    elif kind == "scattered NaN":
        clip[some] = np.nan
    elif kind == "empty frames":
        clip[rng.random(n_frames) < rng.random()] = np.nan
    elif kind == "nothing":
        clip[:] = np.nan
    elif kind == "infinities":
        clip[some] = rng.choice([-np.inf, np.inf, np.nan], some.sum())
    elif kind == "huge values":
        clip *= np.where(some, 10 ** rng.uniform(0, 38, clip.shape), 1).astype(np.float32)
    elif kind == "tiny values":
        clip *= np.float32(10 ** rng.uniform(-45, 0))
    elif kind == "constant":
        clip[:] = rng.choice([0, 1, 0.3, -999, 1e-40])
    return clip.reshape(n_frames, len(SELECTED_COLUMNS))


WILD = ("walk", "one hand", "no hand", "scattered NaN", "empty frames", "nothing", "infinities", "huge values",
        "tiny values", "constant")  # fmt: skip


def fuzz(bench: Bench, clips: int | None) -> pd.DataFrame:
    """Run wild inputs and count what must not happen."""
    run, rng, rows = bench.trained("fp16"), np.random.default_rng(0), []
    for i in track(range(clips or 10_000), "fuzz", "clips"):
        kind = WILD[i % len(WILD)]
        clip = wild_clip(rng, kind)
        try:
            outputs = run(inputs=clip)["outputs"]
            rows.append({"": kind, "errors": 0, "not finite": not np.isfinite(outputs).all(), "rows": len(outputs)})
        except (ValueError, RuntimeError) as error:
            print(f"{kind}, {len(clip)} frames: {error}", flush=True)
            rows.append({"": kind, "errors": 1})
    table = pd.DataFrame(rows).assign(inputs=1)
    table["too many rows"] = ~table["rows"].between(1, MOST_ROWS)
    return table.groupby("", sort=False)[["inputs", "errors", "not finite", "too many rows"]].sum().reset_index()


def simulated(folder: Path, count: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield clips and phrases, simulated with the demo's settings, of signers that it has not seen."""
    demo = yaml.safe_load(DEMO.read_text())["simulation"]
    config = SimulationConfig(**demo | {"seed": demo["seed"] + 1000, "clips": count, "supplemental_clips": 0})
    data = folder / f"clips_{count}"
    simulate(config, data)
    for path, rows in read_table(data).groupby("path"):
        clips = read_clips(data / path)
        for row in rows.itertuples():
            yield clips[row.sequence_id], row.phrase


def parity(bench: Bench, clips: int | None) -> pd.DataFrame:
    """Read simulated clips with PyTorch and with the files made of the same model."""
    count, model, search = clips or 2000, bench.model(), partial(decode, **bench.search)
    readers = {precision: bench.trained(precision) for precision in PRECISIONS}
    rows = [
        {"phrase": phrase, "PyTorch": transcribe_clip([model], torch.from_numpy(clip), search)}
        | {precision: text.decode(run(inputs=clip)["outputs"].argmax(1).tolist()) for precision, run in readers.items()}
        for clip, phrase in track(simulated(bench.folder, count), "parity", "clips", count)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(bench.folder / "parity.csv", index=False)
    pytorch = metric.score(table["PyTorch"], table["phrase"])
    return pd.DataFrame(
        [
            {
                "": precision,
                "clips": count,
                "other phrase": (table[precision] != table["PyTorch"]).sum(),
                "same, %": 100 * (table[precision] == table["PyTorch"]).mean(),
                "score": metric.score(table[precision], table["phrase"]),
                "gain": metric.score(table[precision], table["phrase"]) - pytorch,
            }
            for precision in PRECISIONS
        ]
    )


PARTS_OF_BENCH = {f.__name__: f for f in (sizes, latency, unseen, memory, fuzz, parity)}


def main() -> None:
    """Measure the parts that are named, by default all, and print one table per part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS_OF_BENCH))
    parser.add_argument("--folder", type=Path, default=Path("outputs/benchmark"))
    parser.add_argument("--model", type=Path, default=Path("outputs/demo/seed1/model"))
    parser.add_argument("--num-beams", type=int, default=1, help="hypotheses of the trained model's search")
    parser.add_argument("--ctc-weight", type=float, default=0.0, help="of its CTC head in that search")
    parser.add_argument("--clips", type=int, help="repeats, lengths, calls or clips, instead of each part's own number")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS_OF_BENCH):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS_OF_BENCH)}")
    bench = Bench(options.folder, options.model, options.num_beams, options.ctc_weight)
    for name in options.parts or PARTS_OF_BENCH:
        table = PARTS_OF_BENCH[name](bench, options.clips)
        print(f"\n{name}\n{table.to_string(index=False, float_format='{:.4g}'.format)}\n", flush=True)


if __name__ == "__main__":
    main()
