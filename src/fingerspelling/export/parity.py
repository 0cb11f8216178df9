"""Compare an exported file with the models it was made of, clip by clip."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from fingerspelling.decoding.search import Decode, decode
from fingerspelling.decoding.transcribe import transcribe_clip
from fingerspelling.model import FingerspellingModel
from fingerspelling.processes import track
from fingerspelling.scoring.submission import Submission


def check_parity(
    models: Sequence[FingerspellingModel],
    submission: Submission,
    clips: Sequence[np.ndarray],
    decode: Decode = decode,
) -> pd.DataFrame:
    """Read clips, float32 [frames, 390] each, with the exported models and with the submission that holds their file.

    Returns:
        One row per clip: frames, pytorch and tflite (the phrases), same.
    """
    rows = [
        {
            "frames": len(clip),
            "pytorch": transcribe_clip(models, torch.from_numpy(clip), decode),
            "tflite": submission.transcribe(clip),
        }
        for clip in track(clips, "parity", "clips")
    ]
    table = pd.DataFrame(rows, columns=["frames", "pytorch", "tflite"])
    return table.assign(same=table["pytorch"] == table["tflite"])
