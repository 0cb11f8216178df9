"""Writes simulated signers as the competition's own files, in several processes.

    data_dir/                   exactly the competition's (see data/competition.py), and
      simulation.json           the parameters, so that a half-written folder is finished only with the same

Every file's content depends on the seed and its own clips alone, not on which process writes it when.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fingerspelling.data.competition import TABLE_COLUMNS, TABLES
from fingerspelling.data.parallel import LostTask, unordered
from fingerspelling.files import DataError, written_whole
from fingerspelling.landmarks import COLUMNS, as_columns
from fingerspelling.processes import track
from fingerspelling.simulation.config import SimulationConfig
from fingerspelling.simulation.phrases import sample_wording, training_phrases
from fingerspelling.simulation.render import render_aligned_clip, render_clip
from fingerspelling.simulation.signer import Signer
from fingerspelling.simulation.wild_signer import wild_signer
from fingerspelling.simulation.words import SENTENCES
from fingerspelling.text import CHARACTERS

FOLDERS = {"train": "train_landmarks", "supplemental": "supplemental_landmarks"}
CHARACTER_MAP = "character_to_prediction_index.json"
PARAMETERS = "simulation.json"
# Beta distribution of how much signers record. As in the competition, the median is 1.1 times the mean, and the ten
# with the most clips of 94 signers have 14.5 % of all.
ZEAL = (2.2, 0.9)
CLIPS_PER_GROUP = 50  # clips in a row group: bounds the memory of writing and of reading
PROCESS_MEMORY = 0.25e9  # bytes that a process takes, and in addition
CLIP_MEMORY = 4e6  # for each clip of a row group, of the usual length at 30 frames per second
GOLDEN = 0.6180339887  # multiples of the golden ratio fill 0..1 evenly
# First words of the spawn keys of the random streams.
PEOPLE, PHRASES, CASTING, CLIPS = range(4)
# As pandas would write it, with sequence_id as the index.
_EMPTY = pd.DataFrame(columns=COLUMNS, index=pd.Index([], name="sequence_id", dtype=np.int64), dtype=np.float32)
_EMPTY.insert(0, "frame", np.array([], np.int16))
SCHEMA = pa.Schema.from_pandas(_EMPTY)


def simulate(config: SimulationConfig, data_dir: Path) -> None:
    """Write a simulated competition; files that are already there with the same parameters are kept.

    Raises:
        ValueError: the folder holds other data, or data simulated with other parameters.
        DataError: a process that writes a file dies.
    """
    data_dir = Path(data_dir)
    _claim(config, data_dir)
    if (data_dir / TABLES["train"]).is_file():
        return
    tables = {part: _table(config, part) for part in TABLES}
    configs = {"train": config, "supplemental": config.everyday()}
    tasks = [
        Task(configs[part], data_dir / path, rows)
        for part, table in tables.items()
        for path, rows in table.groupby("path", sort=False)
        if not (data_dir / path).is_file()
    ]
    memory = PROCESS_MEMORY + CLIPS_PER_GROUP * CLIP_MEMORY * config.fps / 30 / config.tempo
    written = unordered(_write, tasks, memory, config.processes)
    for place, result in track(written, "simulate", "file", len(tasks)):
        if isinstance(result, LostTask):
            raise DataError(f"{tasks[place].path}: {result}")
    with written_whole(data_dir / CHARACTER_MAP) as temporary:
        temporary.write_text(json.dumps({character: i for i, character in enumerate(CHARACTERS)}))
    for part in ("supplemental", "train"):  # train.csv last: it says that the folder is complete
        with written_whole(data_dir / TABLES[part]) as temporary:
            tables[part].to_csv(temporary, index=False)


@dataclass(frozen=True)
class Task:
    """One parquet file to write: its path and its rows of train.csv or supplemental_metadata.csv."""

    config: SimulationConfig
    path: Path
    clips: pd.DataFrame


def _claim(config: SimulationConfig, data_dir: Path) -> None:
    """Claim the folder: write the parameters, or check those that are there."""
    data_dir.mkdir(parents=True, exist_ok=True)
    parameters = data_dir / PARAMETERS
    if not parameters.is_file():
        if any((data_dir / name).exists() for name in (*TABLES.values(), *FOLDERS.values())):
            raise ValueError(f"{data_dir}: holds data that was not simulated here")
        with written_whole(parameters) as temporary:
            temporary.write_text(json.dumps(config.content(), indent=1))
        return
    ours, theirs = config.content(), json.loads(parameters.read_text())
    if different := [
        f"{name}: {theirs.get(name)} instead of {ours.get(name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if theirs.get(name) != ours.get(name)
    ]:
        raise ValueError(f"{data_dir}: holds data simulated with other parameters ({'; '.join(different)})")


def participant(config: SimulationConfig, number: int) -> Signer:
    """Return one of the simulation's signers; left-handers and wild signers are spread evenly among their numbers."""
    rng = config.generator(PEOPLE, number)
    if _is_wild(config, number):
        return wild_signer(rng, config)
    return Signer.sample(rng, left_handed=float(number * GOLDEN % 1 < config.left_handed))


def _is_wild(config: SimulationConfig, number: int) -> bool:
    return number * GOLDEN % 1 >= 1 - config.wild.share


def signed_places(config: SimulationConfig, sequence_id: int, participant_id: int, phrase: str) -> np.ndarray:
    """Return when which character of a training clip is signed, which its file does not say: the clip is made again.

    Returns:
        int [frames]: place in the phrase, -1 for none (see `movement.sign`).
    """
    person, rng = participant(config, participant_id), config.generator(CLIPS, sequence_id)
    return render_aligned_clip(person, phrase, rng, config)[1]


def _table(config: SimulationConfig, part: str) -> pd.DataFrame:
    """Lay out train.csv or supplemental_metadata.csv: who signs what, in which file."""
    kind = list(TABLES).index(part)
    rng = config.generator(CASTING, kind)
    if part == "train":
        count = config.clips
        phrases = training_phrases(config.generator(PHRASES), count, config.min_length, config.max_length)
    else:
        count = config.supplemental_clips
        phrases = [SENTENCES[i % len(SENTENCES)] for i in range(count)]
        rng.shuffle(phrases)
    files = rng.permutation(10**6)[: -(-count // config.clips_per_file)] + 10**6 * (kind + 1)
    file_ids = np.repeat(files, config.clips_per_file)[:count]
    table = pd.DataFrame(
        {
            "path": [f"{FOLDERS[part]}/{file_id}.parquet" for file_id in file_ids],
            "file_id": file_ids,
            "sequence_id": 10**9 * (kind + 1) + np.arange(count),
            "participant_id": rng.permutation(_cast(config.signers, count, rng)),
            "phrase": phrases,
        },
        columns=TABLE_COLUMNS,
    )
    if part == "train" and config.wild.share:
        wild = [_is_wild(config, number) for number in table["participant_id"]]
        table.loc[wild, "phrase"] = [sample_wording(rng, config.wild.wording) for _ in range(sum(wild))]
    return table


def _cast(signers: int, clips: int, rng: np.random.Generator) -> np.ndarray:
    """Return the signer of each clip: most record about equally many, some only a few, all at least one."""
    zeal = rng.beta(*ZEAL, signers)
    more = rng.choice(signers, max(clips - signers, 0), p=zeal / zeal.sum())
    return np.concatenate([np.arange(signers), more])[:clips]


def _write(task: Task) -> None:
    people = {number: participant(task.config, number) for number in set(task.clips.participant_id)}
    with (
        written_whole(task.path) as temporary,
        pq.ParquetWriter(temporary, SCHEMA, use_dictionary=False, write_statistics=False) as writer,
    ):
        for first in range(0, len(task.clips), CLIPS_PER_GROUP):
            rows = task.clips.iloc[first : first + CLIPS_PER_GROUP]
            clips = []
            for row in rows.itertuples():
                rng = task.config.generator(CLIPS, row.sequence_id)
                clips.append(render_clip(people[row.participant_id], row.phrase, rng, task.config))
            writer.write_table(_arrow(rows.sequence_id.tolist(), clips))


def _arrow(sequence_ids: list[int], clips: list[np.ndarray]) -> pa.Table:
    """Join clips, float32 [frames, 543, 3] each, to a table in the competition's schema."""
    lengths = [len(clip) for clip in clips]
    values = np.concatenate([as_columns(clip).T for clip in clips], 1)
    frames = np.concatenate([np.arange(length, dtype=np.int16) for length in lengths])
    index = np.repeat(np.array(sequence_ids, np.int64), lengths)
    # from_pandas turns NaN into null, as pandas does when it writes
    columns = [pa.array(frames), *(pa.array(column, from_pandas=True) for column in values), pa.array(index)]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
