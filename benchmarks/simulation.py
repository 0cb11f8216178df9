"""How near the simulated signers come to real ones: every published figure of the real ones next to the simulated.

    python benchmarks/simulation.py [--clips 4000] [--real ../shared/real] [--full] [--speed] [--wild]

Clips are simulated in memory. The folder of public recordings of hands that --real names (see real_letters.py) is not
part of this project; without it, the comparison with them is left out.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from real_letters import (
    DIGITS,
    FLOW_LETTERS,
    LETTERS,
    Hands,
    accuracies,
    nearest_in_flow,
    read_sets,
    readings,
    weakest,
)

from fingerspelling.data import measures
from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION
from fingerspelling.data.dataset import collate
from fingerspelling.data.published import SUPPLEMENTAL, WORDS
from fingerspelling.simulation import Signer, SimulationConfig, render_clip, sample_phrase, simulate
from fingerspelling.simulation.body import hand_of
from fingerspelling.simulation.camera import WIDTH_OVER_HEIGHT
from fingerspelling.simulation.config import Footage, Tracker, View, Wild
from fingerspelling.simulation.dataset import participant
from fingerspelling.simulation.movement import sign
from fingerspelling.simulation.render import render_aligned_clip
from fingerspelling.simulation.wild_signer import wild_signer
from fingerspelling.simulation.words import SENTENCES
from fingerspelling.training.stream import SimulatedBatches

SIGNERS = 500  # more than the competition's 94, so that the figures depend less on chance
CONFIG = SimulationConfig()
CLEAR = replace(CONFIG, lost_hand=0, junk=0)  # every frame of the spelling is seen
# Wild signers whose hands are seen in every frame, in portrait pictures.
WILD = replace(
    CLEAR,
    wild=Wild(
        share=1,
        view=View(aspects=(WIDTH_OVER_HEIGHT,)),
        footage=Footage(idle=0, other_hand=0),
        tracker=Tracker(swapped=0, zeros=0, no_depth=0, never_lost=1),
    ),
)
FRAMES = 20000  # that a classifier is trained on
REAL = Path(__file__).resolve().parents[1] / "../shared/real"
WANTED = {"letters": 0.55, "digits": 0.70}  # shares read correctly


def stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def cast(seed: int) -> list[Signer]:
    return [participant(replace(CONFIG, seed=seed), number) for number in range(SIGNERS)]


def measured(signers: list[Signer], phrases: list[str], seed: int, config: SimulationConfig) -> pd.DataFrame:
    """Simulate clips as the competition has them and measure each."""
    rows = []
    for number, phrase in enumerate(phrases):
        clip = render_clip(signers[number % len(signers)], phrase, stream(seed, 1, number), config)
        rows.append(measures.measure(phrase, clip[:, measures.PLACES]))
    return pd.DataFrame(rows)


def word_pace(signers: list[Signer], seed: int) -> np.ndarray:
    """Return the seconds per letter of each word in everyday sentences."""
    paces = []
    for number, sentence in enumerate(SENTENCES):
        _, characters = sign(sentence, signers[number % len(signers)], stream(seed, 2, number), CONFIG)
        frames = np.bincount(characters[characters >= 0], minlength=len(sentence))
        words = np.cumsum([character == " " for character in sentence])
        letters = np.array([character != " " for character in sentence])
        for word in np.unique(words):
            within = letters & (words == word)
            paces.append(frames[within].sum() / CONFIG.fps / within.sum())
    return np.array(paces)


def hands_in_flow(
    signers: list[Signer], characters: str, count: int, seed: int, config: SimulationConfig = CLEAR
) -> Hands:
    """Simulate strings of random characters; a hand is labelled with the character whose time it is."""
    points, labels = [], []
    for number in range(count):
        signer = signers[number % len(signers)]
        phrase = "".join(stream(seed, 3, number).choice(list(characters), 18))
        clip, places = render_aligned_clip(signer, phrase, stream(seed, 4, number), config)
        points.append((clip[:, hand_of(signer)] * [signer.side, 1 / WIDTH_OVER_HEIGHT, 1])[places >= 0])
        labels.append(np.array(list(phrase))[places[places >= 0]])
    return Hands("simulated", np.concatenate(points), np.concatenate(labels))


class Row(NamedTuple):
    """A line of the table; fits is None if there is nothing to judge."""

    name: str
    real: float
    simulated: float
    allowed: str = ""
    fits: bool | None = None

    @classmethod
    def alike(cls, name: str, real: float, simulated: float, allowed: float, fits: bool) -> "Row":
        return cls(name, real, simulated, f"±{allowed:.0%}", fits)

    @classmethod
    def at_least(cls, name: str, wanted: float, reached: float) -> "Row":
        return cls(name, wanted, reached, "at least", reached >= wanted)

    def __str__(self) -> str:
        real, off = ("", "") if np.isnan(self.real) else (f"{self.real:.4g}", f"{self.simulated / self.real - 1:+.0%}")
        mark = {None: "", True: "ok", False: "SHORT"}[self.fits]
        return f"{self.name:48}{real:>10}{self.simulated:>10.4g}{off:>8}{self.allowed:>10}  {mark}"


def measure_rows(signers: list[Signer], arguments: argparse.Namespace) -> list[Row]:
    rng = stream(arguments.seed, 7)
    phrases = [sample_phrase(rng) for _ in range(arguments.clips)]
    everyday = [SENTENCES[i % len(SENTENCES)] for i in range(arguments.clips // 4)]
    training = measures.compare(measured(signers, phrases, arguments.seed, CONFIG))
    supplemental = measures.compare(measured(signers, everyday, arguments.seed, CONFIG.everyday()), SUPPLEMENTAL)
    table = pd.concat([training, supplemental.rename("everyday: {}".format)])
    rows = [Row.alike(row.Index, row.competition, row.these, row.allowed, row.fits) for row in table.itertuples()]
    paces = word_pace(signers, arguments.seed)
    for word in WORDS:
        pace = measures.summary(paces, word.figure)
        fits = bool(abs(pace / word.value - 1) <= word.allowed)
        rows.append(Row.alike(word.name, word.value, pace, word.allowed, fits))
    return rows


def hand_rows(signers: list[Signer], arguments: argparse.Namespace) -> list[Row]:
    """Train on simulated hands and test on real ones; prints which characters are read worst."""
    tests = list(read_sets(arguments.real))
    config = WILD if arguments.wild else CLEAR
    if arguments.wild:
        signers = [wild_signer(stream(arguments.seed, 8, number), config) for number in range(SIGNERS)]
    flow = hands_in_flow(signers, FLOW_LETTERS + DIGITS, max(400, arguments.clips // 2), arguments.seed, config)
    chosen = stream(arguments.seed, 5).permutation(len(flow.labels))[:FRAMES]
    hands = Hands("simulated", flow.points[chosen], flow.labels[chosen])
    rows = []
    for kind, characters in (("letters", LETTERS), ("digits", DIGITS)):
        read = readings(hands, tests, characters)
        for reader, shares in accuracies(read).iterrows():
            rows.append(Row.at_least(f"real {kind} read, {reader}", WANTED[kind], float(shares["mean"])))
            rows += [Row(f"    {name}", np.nan, share) for name, share in shares.drop("mean").items()]
        print(f"\nreal {kind} read worst, and what for:\n{weakest(read)}")
    wrong = {letter: other for letter, other in nearest_in_flow(flow, arguments.real).items() if letter != other}
    print(f"\nin flow nearest to another letter: {wrong or 'none'}")
    return [*rows, Row.at_least("letters nearest to the real ones in flow", 21, 26 - len(wrong))]


def between_sets(folder: Path) -> pd.DataFrame:
    """Train on each real set and test on the others, for comparison with the simulated hands."""
    sets = [hands for hands in read_sets(folder) if len(hands.of(LETTERS).labels)]
    tables = {}
    for training in sets:
        others = [test for test in sets if test is not training]
        tables[training.name] = accuracies(readings(training, others, LETTERS))
    return pd.concat(tables)


def speed_rows(signers: list[Signer], arguments: argparse.Namespace, repeats: int = 7) -> list[Row]:
    """Time one core in memory, one that makes batches, and all that write files; medians over repeats."""

    def render(number: int, clips: int = 100) -> int:
        for clip in range(clips):
            rng = stream(arguments.seed, 6, number, clip)
            render_clip(signers[clip % len(signers)], sample_phrase(rng), rng, CONFIG)
        return clips

    def write(number: int, clips: int = 1000) -> int:
        with tempfile.TemporaryDirectory() as folder:
            simulate(replace(CONFIG, seed=number, clips=clips, supplemental_clips=0, clips_per_file=125), Path(folder))
        return clips

    def stream_batches(number: int, clips: int = 128) -> int:
        mixture = replace(CONFIG, seed=arguments.seed, clips=clips, wild=Wild(share=0.7))
        batches = SimulatedBatches(mixture, 32, NO_TEMPORAL_AUGMENTATION)
        batches.set_epoch(number)
        for items in batches:
            collate(items)
        return clips

    return [
        Row.at_least("clips per second and core, in memory", 400, _pace(render, repeats, time.process_time)),
        Row(
            "the same in batches, as for the shipped reader", np.nan, _pace(stream_batches, repeats, time.process_time)
        ),
        Row.at_least("clips per second written, all cores", 100, _pace(write, 3)),
    ]


def _pace(work: Callable[[int], int], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    paces = []
    for number in range(repeats):
        begin = clock()
        done = work(number)
        paces.append(done / (clock() - begin))
    return float(np.median(paces))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4000, help="simulated clips to measure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path, default=REAL, help="folder of public recordings of hands")
    parser.add_argument("--full", action="store_true", help="also train on each real set and test on the others")
    parser.add_argument("--speed", action="store_true", help="also measure the pace of simulation")
    parser.add_argument("--wild", action="store_true", help="compare wild signers' hands with the real ones")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pd.set_option("display.width", 200, "display.max_columns", 20)
    signers = cast(arguments.seed)
    rows = measure_rows(signers, arguments)
    if arguments.real.is_dir():
        rows += hand_rows(signers, arguments)
        if arguments.full:
            print(
                f"\nletters of a set (column) read after training on another\n{between_sets(arguments.real).round(2)}"
            )
    else:
        print(f"{arguments.real} is not there: no comparison with real hands")
    if arguments.speed:
        rows += speed_rows(signers, arguments)
    print(f"\n{'':48}{'real':>10}{'simulated':>10}{'off by':>8}{'allowed':>10}")
    print(*rows, sep="\n")
    short = [row.name for row in rows if row.fits is False]
    print(f"\n{sum(row.fits is True for row in rows)} fit, {len(short)} are short: {'; '.join(short) or 'none'}")


if __name__ == "__main__":
    main()
