"""Pack model.tflite and its arguments as Kaggle wants them, and compare the file with the model it came from."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fingerspelling.clips import written_whole
from fingerspelling.inference import Decode, decode_greedily, spell_clip
from fingerspelling.landmarks import SELECTED_COLUMNS
from fingerspelling.model import FingerspellingModel
from fingerspelling.progress import track
from fingerspelling.runtime import ARGUMENTS_FILE, MODEL_FILE, Submission

LIMIT_MB = 40.0  # of all files of a submission together, by the competition's rules; 10**6 bytes each


def write_submission(tflite: str | Path, zip_path: str | Path, limit_mb: float = LIMIT_MB) -> Path:
    """Write submission.zip: the model and the columns that it reads.

    Args:
        tflite: a file of `export_tflite`.
        zip_path: the archive; it appears only when whole.
        limit_mb: what model and arguments may take, unpacked, in 10**6 bytes.

    Raises:
        ValueError: they take more.
        OSError: the model cannot be read.
    """
    zip_path = Path(zip_path)
    model = Path(tflite).read_bytes()
    arguments = json.dumps({"selected_columns": SELECTED_COLUMNS}).encode()
    size_mb = (len(model) + len(arguments)) / 1e6
    if size_mb >= limit_mb:
        raise ValueError(f"{tflite}: {size_mb:.2f} MB with its arguments; a submission must stay below {limit_mb:g} MB")
    with written_whole(zip_path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ARGUMENTS_FILE, arguments)
        archive.writestr(MODEL_FILE, model)
    return zip_path


def check_parity(
    models: Sequence[FingerspellingModel],
    submission: Submission,
    clips: Sequence[np.ndarray],
    decode: Decode = decode_greedily,
) -> pd.DataFrame:
    """Read clips with the PyTorch models and with the file made of them.

    Args:
        models: the models that were exported, in evaluation mode.
        submission: the file's, loaded.
        clips: float32 [frames, 390] each, raw landmarks.
        decode: how the file finds the characters.

    Returns:
        A row a clip: frames, pytorch and tflite (the phrases), same.
    """
    rows = [
        {
            "frames": len(clip),
            "pytorch": spell_clip(models, torch.from_numpy(clip), decode),
            "tflite": submission.spell(clip),
        }
        for clip in track(clips, "parity", "clips")
    ]
    table = pd.DataFrame(rows, columns=["frames", "pytorch", "tflite"])
    return table.assign(same=table["pytorch"] == table["tflite"])
