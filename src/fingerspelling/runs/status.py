"""Which stages of a run are done, by which version and when, and which no longer fit the others.

Knows a run by its files alone, whatever their state: its parameters are not needed, nor are PyTorch and the model.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from fingerspelling.data.competition import TABLES
from fingerspelling.data.sources import Source, list_sources
from fingerspelling.data.stages import METRICS, NOTES, PREDICTIONS, SCORES, SUBMISSION, checkpoints, read_notes
from fingerspelling.data.store import ClipStore, read_about
from fingerspelling.files import DataError, content, is_whole, read_json, visible_files
from fingerspelling.runs.shared_data import NOTE, SIMULATED, read_note


def status(run_dir: Path) -> pd.DataFrame:
    """Return a row per stage of a run: stage, state, made (UTC) and version, "" where that is not known.

    A state begins with "done", "partly", "stale", "damaged" or "missing", and says the reason.

    Raises:
        DataError: the folder holds no run.
    """
    if not (run_dir / NOTE).is_file() and not (run_dir / NOTES).is_file():
        raise DataError(f"{run_dir}: holds no run of the workbook, which would have left a file {NOTE}")
    notes = read_notes(run_dir)
    rows = []
    for name, examine in _stages(run_dir, notes):
        try:
            state = examine()
        except Exception as error:  # whatever a damaged file leads to
            state = f"damaged: {' '.join(str(error).split())}"
        note = notes.get(name, {}) if state != "missing" else {}
        rows.append((name, state, note.get("made", ""), note.get("version", "")))
    return pd.DataFrame(rows, columns=["stage", "state", "made", "version"])


def run(options: argparse.Namespace) -> int:
    """Run `fingerspelling status`: print a table of each run's stages; returns the exit status, 0."""
    for folder in options.run_dir:
        stages = status(folder)
        width = max(map(len, stages["stage"]))
        print(folder)
        for row in stages.itertuples():
            made = f"  ({row.made} UTC, version {row.version})" if row.made else ""
            print(f"  {row.stage:{width}}  {row.state}{made}")
    return 0


def _stages(run_dir: Path, notes: dict[str, dict]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the stages in their order, each with what says its state."""
    noted, share = read_note(run_dir), run_dir / "share"
    folder = noted.home / "competition" if noted.data in ("", SIMULATED) else Path(noted.data)
    folder = share if (share / TABLES["train"]).is_file() else folder
    clips = (run_dir if (run_dir / "clips").is_dir() else noted.home) / "clips"  # its own, or those that runs share
    yield "data", partial(_data, folder)
    yield "clips", partial(_clips, folder, clips, notes.get("clips", {}).get("of"))
    found = sorted(str(file.parent.relative_to(run_dir)) for file in run_dir.rglob("training.json"))
    names = dict.fromkeys([*notes.get("run", {}).get("of", []), *found])
    first = [name for name in names if name.startswith("first_round")]
    last = [name for name in names if name not in first]
    for name in first:
        yield name, partial(_training, run_dir, name, notes, clips)
    if first:
        yield SCORES, partial(_derived, run_dir, SCORES, notes, first)
    for name in last:
        yield name, partial(_training, run_dir, name, notes, clips)
    for name in (PREDICTIONS, SUBMISSION, METRICS):
        if name != PREDICTIONS or name in notes or len(last) > 1:  # a model that reads greedily and alone has its own
            yield name, partial(_derived, run_dir, name, notes, last)


def _data(folder: Path) -> str:
    if (folder / TABLES["train"]).is_file():
        return "done"
    files = len(list(folder.rglob("*.parquet"))) if folder.name == "competition" else 0
    return f"partly: {files} files" if files else f"missing: {folder}"


def _clips(folder: Path, store: Path, noted: str | None) -> str:
    shards = _shards(store)
    if not shards:
        return "missing"
    clips = f"{len(opened := ClipStore(store))} clips"
    if not (folder / TABLES["train"]).is_file():
        return f"done: {clips}; what they were made of is not in {folder}"
    sources = {source.shard: source for source in list_sources(folder, store)}
    if changed := [shard for shard in shards if shard not in sources or not _is_of(shard, sources[shard])]:
        return f"stale: {len(changed)} of {len(shards)} shards are of other files or rows than those of {folder}"
    left = len(sources.keys() - shards)
    if left and noted != opened.fingerprint:
        return f"partly: {clips} of {len(shards)} of {len(sources)} files"
    return f"done: {clips}" + f"; {left} files were left out" * bool(left)


def _shards(store: Path) -> set[Path]:
    return set(visible_files(store.resolve(), "*.arrow"))


def _is_of(shard: Path, source: Source) -> bool:
    """Tell whether a shard is of a source as it is now, whatever the extraction's parameters were."""
    about = read_about(shard)
    return about is not None and about["source"][:3] == source.fingerprint()


def _training(run_dir: Path, name: str, notes: dict[str, dict], clips: Path) -> str:
    folder = run_dir / name
    if not (folder / "training.json").is_file():
        return "damaged: training.json is missing" if (folder / "model").is_dir() else "missing"
    inputs = read_json(folder / "training.json")
    compared = bool(_shards(clips))
    if compared and inputs["data"]["clips"] != ClipStore(clips).fingerprint:
        return f"stale: trained on other clips than those in {clips}"
    if (folder / "model").is_dir():
        if not is_whole(folder / "model"):
            return "damaged: a file of model/ is not as it was written"
        if inputs["training"]["scores"] and notes.get(name, {}).get("of", [])[1:] != [content(run_dir / SCORES)]:
            return f"stale: trained with other scores than those in {SCORES}"
        pd.read_parquet(folder / PREDICTIONS, page_checksum_verification=True)
        return "done" if compared else f"done: on clips that are not in {clips} any more"
    for checkpoint in checkpoints(folder / "checkpoints"):
        if is_whole(checkpoint):
            state = read_json(checkpoint / "trainer_state.json")
            return f"partly: {checkpoint.name} of {state['max_steps']} steps (epoch {state['epoch']:.0f})"
    return "partly: begun, no checkpoint yet"


def _derived(run_dir: Path, name: str, notes: dict[str, dict], trainings: list[str]) -> str:
    """Say the state of a file that was made of what trainings have read."""
    path = run_dir / name
    if not path.is_file():
        return "missing"
    if path.suffix == ".parquet":
        pd.read_parquet(path, page_checksum_verification=True)
    if (of := notes.get(name, {}).get("of")) is None:
        return "done, but there is no note of what it was made from"
    if of.get("content", content(path)) != content(path):
        return "damaged, or of another run: it is not the file that was written"
    of = of.get("readers", of)
    made_of = {training: written for training, written in of.items() if isinstance(written, list | None)}
    contents = {Path(training).name: content(run_dir / training / PREDICTIONS) for training in trainings}
    if changed := [training for training, written in made_of.items() if contents.get(training) != written]:
        return f"stale: {', '.join(changed)} has changed since"
    return "done"
