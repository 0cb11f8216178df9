"""Where the competition's files lie, and reading them.

    data_dir/
      train.csv                               path, file_id, sequence_id, participant_id, phrase
      train_landmarks/<file_id>.parquet       index sequence_id; frame int16; 1,629 float32 columns
      supplemental_metadata.csv, supplemental_landmarks/     the same, everyday sentences
      character_to_prediction_index.json      the 59 characters

Source: the data page of Kaggle's "Google - American Sign Language Fingerspelling Recognition".
"""

import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from fingerspelling.landmark_files import UNREADABLE, DataError, require_columns
from fingerspelling.landmark_files import read_clip as read_clip
from fingerspelling.landmarks import SELECTED_COLUMNS

SLUG = "asl-fingerspelling"
ENVIRONMENT_VARIABLE = "ASL_FINGERSPELLING_DATA"
# Kaggle's mount today, and the one of kernels made before 2025.
KAGGLE_MOUNTS = [Path("/kaggle/input/competitions") / SLUG, Path("/kaggle/input") / SLUG]
TABLES = {"train": "train.csv", "supplemental": "supplemental_metadata.csv"}
TABLE_COLUMNS = ["path", "file_id", "sequence_id", "participant_id", "phrase"]


def find_data(data_dir: str | Path | None = None) -> Path | None:
    """Return the folder of the competition's data, or None where there is none.

    Looks at the argument, then the environment variable ASL_FINGERSPELLING_DATA, then Kaggle's mounts.

    Raises:
        DataError: a folder was named but has no train.csv.
    """
    if named := data_dir or os.environ.get(ENVIRONMENT_VARIABLE):
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder (data_dir, or {ENVIRONMENT_VARIABLE})")
        if not (folder / TABLES["train"]).is_file():
            raise DataError(f"{folder}: holds no {TABLES['train']}; is it the competition's data folder?")
        return folder
    return next((mount for mount in KAGGLE_MOUNTS if (mount / TABLES["train"]).is_file()), None)


def read_table(data_dir: Path, part: str = "train") -> pd.DataFrame:
    """Read train.csv or supplemental_metadata.csv: one row a clip.

    Returns:
        The columns path (relative to data_dir), file_id, sequence_id, participant_id (int64) and phrase (str).

    Raises:
        DataError: the table is missing, cannot be parsed, or lacks a column.
    """
    path = Path(data_dir) / TABLES[part]
    try:
        numbers = dict.fromkeys(["file_id", "sequence_id", "participant_id"], "int64")
        table = pd.read_csv(path, dtype={"path": str, "phrase": str, **numbers}, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path}: {error}") from error
    if missing := [name for name in TABLE_COLUMNS if name not in table]:
        raise DataError(f"{path}: lacks the columns {', '.join(missing)}")
    return table[TABLE_COLUMNS]


def clip_facts(data_dir: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Count the frames of clips and those with a hand, reading two columns of their files.

    A file that cannot be read is reported and left out.

    Args:
        data_dir: the competition's data.
        table: rows of `read_table`.

    Returns:
        The rows whose clip was found, with n_frames, left and right (frames in which that hand was detected).

    Raises:
        DataError: not one of the files can be read.
    """
    hands = {"left": "x_left_hand_0", "right": "x_right_hand_0"}
    counts = []
    for path in table["path"].unique():
        source = Path(data_dir) / path
        try:
            require_columns(source, pq.read_schema(source), SELECTED_COLUMNS)
            points = pd.read_parquet(source, columns=[*hands.values()])
        except (*UNREADABLE, DataError) as error:
            unread = str(error) if isinstance(error, DataError) else f"{source}: not a readable parquet file ({error})"
            print(f"skipped {unread}")
            continue
        grouped = points.groupby(level=0)
        columns = {"n_frames": grouped.size(), **{hand: grouped[name].count() for hand, name in hands.items()}}
        counts.append(pd.DataFrame(columns))
    if not counts:
        raise DataError(unread if len(table) else f"{data_dir}: no clips to count")
    return table.merge(pd.concat(counts), left_on="sequence_id", right_index=True)
