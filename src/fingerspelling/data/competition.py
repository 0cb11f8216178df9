"""Where the competition's files are, and reading its tables.

    data_dir/
      train.csv                               path, file_id, sequence_id, participant_id, phrase
      train_landmarks/<file_id>.parquet       index sequence_id; frame int16; 1,629 float32 columns
      supplemental_metadata.csv, supplemental_landmarks/     the same, of everyday sentences
      character_to_prediction_index.json      the 59 characters

Source: the data page of Kaggle's "Google - American Sign Language Fingerspelling Recognition".
"""

import math
import os
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from fingerspelling.files import DataError, from_home, write_whole

SLUG = "asl-fingerspelling"
ENVIRONMENT_VARIABLE = "ASL_FINGERSPELLING_DATA"
# Kaggle's machines. Tests that cannot make a folder at the root name another one.
KAGGLE = Path(os.environ.get("FINGERSPELLING_KAGGLE", "/kaggle"))
INPUT = KAGGLE / "input"  # what is mounted, for reading only
WORKING = KAGGLE / "working"  # 20 GB, which Kaggle keeps as the output
SCRATCH = KAGGLE / "temp"  # larger, and gone afterwards
KAGGLE_MOUNTS = [INPUT / "competitions" / SLUG, INPUT / SLUG]  # today's, and that of kernels made before 2025
TABLES = {"train": "train.csv", "supplemental": "supplemental_metadata.csv"}
NUMBERS = ["file_id", "sequence_id", "participant_id"]  # columns of the tables
LONGEST_NAME = 200  # bytes of a file's or folder's; most file systems allow 255, and the store's names are longer
TABLE_COLUMNS = ["path", "file_id", "sequence_id", "participant_id", "phrase"]


def find_data(data_dir: str | Path | None = None) -> Path | None:
    """Return the folder of the competition's data: as named, or by the environment, or Kaggle's mount; None for none.

    Raises:
        DataError: a folder was named but has no train.csv.
    """
    if named := data_dir or os.environ.get(ENVIRONMENT_VARIABLE):
        folder, by = from_home(named), "data_dir" if data_dir else ENVIRONMENT_VARIABLE
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder ({by})")
        if not (folder / TABLES["train"]).is_file():
            raise DataError(f"{folder}: holds no {TABLES['train']}; is it the competition's data folder ({by})?")
        return folder
    return next((mount for mount in KAGGLE_MOUNTS if (mount / TABLES["train"]).is_file()), None)


def write_share(data_dir: Path, fraction: float, folder: Path) -> Path:
    """Write tables that name a share of the competition's files only, beside links to the files.

    Args:
        data_dir: the competition's data.
        fraction: of each table's files, this share, rounded up, evenly spaced.
        folder: receives the tables and the links; returned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part, table in read_tables(data_dir).items():
        files = table["path"].unique()
        chosen = files[np.linspace(0, len(files) - 1, math.ceil(fraction * len(files))).round().astype(int)]
        write_whole(folder / TABLES[part], table[table["path"].isin(chosen)].to_csv(index=False))
        for top in {PurePath(file).parts[0] for file in files}:
            (folder / top).unlink(missing_ok=True)
            (folder / top).symlink_to(data_dir.resolve() / top)
    return folder


def read_tables(data_dir: Path) -> dict[str, pd.DataFrame]:
    """Read train.csv and, where there is one, supplemental_metadata.csv, by "train" and "supplemental"."""
    parts = [part for part, name in TABLES.items() if part == "train" or (data_dir / name).is_file()]
    return {part: read_table(data_dir, part) for part in parts}


def read_table(data_dir: Path, part: str = "train") -> pd.DataFrame:
    """Read train.csv or supplemental_metadata.csv: one row per clip.

    Returns:
        The columns path (relative to data_dir), file_id, sequence_id, participant_id (int64) and phrase (str); how
        often a row stands in the file beyond once is in attrs["doubled"], by path.

    Raises:
        DataError: the table is missing, cannot be parsed, lacks a column or names no clip, or no path in it is inside
            of data_dir.
    """
    path = Path(data_dir) / TABLES[part]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path}: {' '.join(str(error).split())}") from error
    if missing := [name for name in TABLE_COLUMNS if name not in table]:
        raise DataError(f"{path}: lacks the columns {', '.join(missing)}")
    if part == "train" and table.empty:
        raise DataError(f"{path}: names no clip, it is a header alone")
    for name in NUMBERS:  # which pandas reads, too, but does not say which value is none
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (wrong := ~((numbers % 1 == 0) & (numbers.abs() < 10**18))).any():
            row = int(wrong.argmax())
            problem = f"{name} is {table[name].iat[row][:80]!r} in row {row + 1}"
            raise DataError(f"{path}: {problem}; it must be a whole number of at most 18 digits")
        table[name] = numbers.astype("int64")
    table["path"] = table["path"].map({file: str(PurePath(file)) if file else "" for file in table["path"].unique()})
    inside = table["path"].isin(list(filter(_is_inside, table["path"].unique())))
    if not inside.all():
        file = table["path"][~inside].iat[0]
        problem = f"{path}: the path {file[:80]!r} is none of a visible file inside of {data_dir}"
        if not inside.any():
            raise DataError(problem)
        print(f"{problem}; passed over, with {(~inside).sum() - 1} other rows")
    table = table.loc[inside, TABLE_COLUMNS]
    again = table.duplicated()
    doubled = table["path"][again].value_counts().to_dict()
    table = table[~again].reset_index(drop=True)
    table.attrs["doubled"] = doubled
    return table


def _is_inside(file: str) -> bool:
    """Tell whether a path can be one of a file inside of a folder, and not of a hidden one."""
    path = PurePath(file)
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    hidden = any(part.startswith(".") for part in path.parts)  # as .. does
    return "\0" not in file and 0 < longest <= LONGEST_NAME and not path.is_absolute() and not hidden
