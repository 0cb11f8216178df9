"""How well a model reads real clips, whatever real clips are at hand: per set and signer, with bootstrap intervals.

    python benchmarks/real_clips.py outputs/demo/submission.zip
    python benchmarks/real_clips.py outputs/reader/seed1/model --num-beams 4 --ctc-weight 0.3 --predictions

A model is a folder that `from_pretrained` loads, or a submission (a zip, or a folder with its two files), which reads
as it was exported; "shown" is its score if a clip counts as missed of which it is said that nothing is readable. The
recordings are not part of this project. --real names a folder (default ../shared/real) with a subfolder for each set of
clips, to which anyone can add theirs:

    <set>/manifest.csv      a row per clip; columns file, phrase and signer, and any others
    <set>/<file>.parquet    one clip in the competition's schema: 1,629 landmark columns, a row per frame; NaN where
                            nothing was detected

Intervals hold the middle 95 % of scores of signers drawn with replacement; a single signer has none. Sets without a
manifest of clips are passed over.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fingerspelling.data.parquet import read_clip
from fingerspelling.scoring.submission import Submission
from fingerspelling.text import edit_distance

REAL = Path(__file__).resolve().parents[1] / "../shared/real"
COLUMNS = ["file", "phrase", "signer"]
DRAWS = 2000
Transcribe = Callable[[Path], tuple[str, str]]


def find_sets(real: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the sets of clips: their names, and tables with the columns path, phrase and signer."""
    for manifest in sorted(real.glob("*/manifest.csv")):
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
        if not set(COLUMNS) <= set(table.columns):
            continue
        clips = table[COLUMNS].assign(path=[manifest.parent / file for file in table["file"]])
        clips = clips[[path.suffix == ".parquet" and path.is_file() for path in clips["path"]]]
        if len(clips):
            yield manifest.parent.name, clips


def load(model: Path, num_beams: int, ctc_weight: float) -> Transcribe:
    """Return what reads a clip's file, as read and as shown: a trained model, or a submission as Kaggle runs it."""
    if not (model / "model.safetensors").is_file():
        submission = Submission(model)

        def transcribe(path: Path) -> tuple[str, str]:
            frames = read_clip(path, submission.columns)
            return submission.transcribe(frames), submission.read(frames).text

        return transcribe

    import torch

    from fingerspelling.decoding.search import decode
    from fingerspelling.decoding.transcribe import transcribe_clip
    from fingerspelling.model import FingerspellingModel

    torch.set_num_threads(1)
    trained = FingerspellingModel.from_pretrained(model).eval()
    search = partial(decode, num_beams=num_beams, ctc_weight=ctc_weight if trained.ctc is not None else 0.0)
    return lambda path: (transcribe_clip([trained], torch.from_numpy(read_clip(path)), search),) * 2


def bootstrap(characters: np.ndarray, distances: np.ndarray) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles of the score over signers drawn with replacement.

    Args:
        characters: of each signer's phrases, int [signers].
        distances: from each signer's predictions to the phrases, int [signers].
    """
    draws = np.random.default_rng(0).integers(len(characters), size=(DRAWS, len(characters)))
    low, high = np.quantile(1 - distances[draws].sum(1) / characters[draws].sum(1), [0.025, 0.975])
    return float(low), float(high)


def score_rows(name: str, clips: pd.DataFrame) -> Iterator[str]:
    """Yield a set's lines of the table, from clips with the columns phrase, signer, prediction and shown."""
    counted = clips.assign(
        clips=1,
        characters=clips["phrase"].str.len(),
        distance=list(map(edit_distance, clips["prediction"], clips["phrase"])),
        missed=list(map(edit_distance, clips["shown"], clips["phrase"])),
    )
    signers = counted.groupby("signer")[["clips", "characters", "distance", "missed"]].sum()
    interval = ""
    if len(signers) > 1:
        interval = "{:.2f} .. {:.2f}".format(
            *bootstrap(signers["characters"].to_numpy(), signers["distance"].to_numpy())
        )
    whole = signers.sum()
    yield _line(name, len(signers), whole, interval)
    if len(signers) > 1:
        yield from (_line(f"    {signer}", 1, of_signer, "") for signer, of_signer in signers.iterrows())


def _line(name: str, signers: int, row: pd.Series, interval: str) -> str:
    score, shown = (1 - row[name] / row["characters"] for name in ("distance", "missed"))
    return f"{name:28}{signers:8}{row['clips']:8}{row['characters']:12}{score:8.3f}{shown:8.3f}   {interval}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model's folder, or a submission")
    parser.add_argument("--real", type=Path, default=REAL, help="folder with a subfolder for each set of clips")
    parser.add_argument("--num-beams", type=int, default=4, help="of a model's folder")
    parser.add_argument("--ctc-weight", type=float, default=0.3, help="of a model's folder")
    parser.add_argument("--predictions", action="store_true", help="also print each clip's phrase and prediction")
    options = parser.parse_args(arguments)
    sets = list(find_sets(options.real))
    if not sets:
        print(f"{options.real} holds no clips with a manifest.csv: nothing is measured")
        return 0
    transcribe = load(options.model, options.num_beams, options.ctc_weight)
    lines = []
    for name, clips in sets:
        prediction, shown = zip(*map(transcribe, clips["path"]), strict=True)
        read = clips.assign(prediction=prediction, shown=shown)
        lines += score_rows(name, read)
        if options.predictions:
            for clip in read.itertuples():
                print(f"{name}  {clip.signer}  {clip.phrase!r} was read as {clip.prediction!r}")
    print(f"{'':28}{'signers':>8}{'clips':>8}{'characters':>12}{'score':>8}{'shown':>8}   95 % of draws of signers")
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
