"""Random clips in the competition's own file format, and tiny random models, for tests."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from fingerspelling import text
from fingerspelling.data.sampler import LengthGroupedSampler, PlannedClip
from fingerspelling.data.store import ClipStore, write_shard
from fingerspelling.landmarks import COLUMNS, POINTS, SELECTED
from fingerspelling.model import FingerspellingConfig, FingerspellingModel

HANDS = {
    hand: np.array([name.split("_", 1)[1].startswith(hand) for name in COLUMNS]) for hand in ("left_hand", "right_hand")
}


class Clip(NamedTuple):
    """A row of the competition's table and how its landmarks are drawn."""

    sequence_id: int
    participant_id: int
    phrase: str
    n_frames: int
    hand: str | None = "right_hand"  # the one that is seen, with gaps; None for no hand at all


# Four signers of three clips each; one clip shows no hand, one is of three frames.
TRAIN = {
    10: [
        Clip(1001, 1, "3 creekhouse", 40),
        Clip(1002, 1, "scales/kuhaylah", 52),
        Clip(1003, 2, "+33-4821-05", 31, "left_hand"),
        Clip(1004, 2, "https://a_b.com", 60, "left_hand"),
        Clip(1005, 3, "1383 william lanier", 45),
        Clip(1006, 3, "988 franklin lane", 36),
    ],
    20: [
        Clip(2001, 1, "william~lanier", 28, None),
        Clip(2002, 2, "#[at@$5", 33),
        Clip(2003, 3, "'(*)%&'", 48),
        Clip(2004, 4, "6920 northeast 661st", 57),
        Clip(2005, 4, "a=b;c?d!", 38),
        Clip(2006, 4, "it", 3),
    ],
}
SUPPLEMENTAL = {
    30: [
        Clip(3001, 1, "why do you ask", 30),
        Clip(3002, 2, "why do you ask", 35),
        Clip(3003, 4, "why do you ask", 41),
        Clip(3004, 1, "coming up with killer sound bites", 44),  # 33 characters
        Clip(3005, 3, "prices are high", 39),
    ]
}


def landmarks(clip: Clip) -> np.ndarray:
    """Draw a clip's points from its id: float32 [frames, 1629], a slow random walk, NaN for undetected hands."""
    rng = np.random.default_rng(clip.sequence_id)
    steps = rng.normal(0, 0.01, (clip.n_frames, len(COLUMNS)))
    values = (rng.uniform(0.2, 0.8, len(COLUMNS)) + steps.cumsum(0)).astype(np.float32)
    for hand, columns in HANDS.items():
        unseen = rng.random(clip.n_frames) < 0.3 if hand == clip.hand else np.ones(clip.n_frames, bool)
        values[np.ix_(unseen, columns)] = np.nan
    return values


def clip_table(clip: Clip) -> pd.DataFrame:
    """Return a clip as a competition file holds it: index sequence_id, frame int16, 1,629 float32 columns."""
    points = pd.DataFrame(landmarks(clip), columns=COLUMNS)
    index = pd.Index([clip.sequence_id] * clip.n_frames, name="sequence_id", dtype=np.int64)
    frame = pd.Series(range(clip.n_frames), name="frame", dtype=np.int16)
    return pd.concat([frame, points], axis=1).set_index(index)


def write_competition(folder: Path) -> None:
    """Write both parts of a tiny competition: tables and landmark files."""
    parts = {
        "train.csv": (TRAIN, "train_landmarks"),
        "supplemental_metadata.csv": (SUPPLEMENTAL, "supplemental_landmarks"),
    }
    for table, (files, landmarks_folder) in parts.items():
        (folder / landmarks_folder).mkdir(parents=True)
        rows = []
        for file_id, clips in files.items():
            path = f"{landmarks_folder}/{file_id}.parquet"
            pd.concat([clip_table(clip) for clip in clips]).to_parquet(folder / path, compression="snappy")
            rows += [(path, file_id, clip.sequence_id, clip.participant_id, clip.phrase) for clip in clips]
        columns = ["path", "file_id", "sequence_id", "participant_id", "phrase"]
        pd.DataFrame(rows, columns=columns).to_csv(folder / table, index=False)


def selected(values: np.ndarray) -> np.ndarray:
    """Pick the 130 points by name out of [frames, 1629], slowly and plainly: [frames, 130, 3]."""
    places = [[axis * len(POINTS) + POINTS.index(point) for axis in range(3)] for point in SELECTED]
    return values[:, np.array(places)]


COUNTING_CLIPS = 200


def write_counting_store(folder: Path, lengths: Sequence[int], signers: Sequence[int]) -> ClipStore:
    """Write a store in which every value says where it comes from.

    Of clip i, x is i and y the number of the frame on all points. Its phrase consists of letters that occur in
    no other clip of the same signer, as long as a signer has fewer than six clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = np.zeros((sum(lengths), len(SELECTED), 3), np.float16)
    frames[..., 0] = np.repeat(np.arange(len(lengths)), lengths)[:, None]
    frames[..., 1] = np.concatenate([np.arange(length) for length in lengths])[:, None]
    clips = pd.DataFrame({"participant_id": signers, "n_frames": lengths})
    number = clips.groupby("participant_id").cumcount() % 6
    clips["phrase"] = ["abcdefghijklmnopqrstuvwx"[4 * i : 4 * i + 4] * 3 for i in number]
    write_shard(folder / "train" / "1.arrow", clips.assign(sequence_id=clips.index, file_id=1), frames, {})
    return ClipStore(folder)


TINY = {"d_model": 32, "encoder_layers": 2, "conv_kernel": 7, "decoder_layers": 1, "decoder_ffn_dim": 32}


def make_model(seed: int = 0, **changes: object) -> FingerspellingModel:
    """Return the whole architecture, tiny by default, in evaluation mode.

    Every parameter and running statistic gets a value that is neither 0 nor 1, so that all of them matter.
    """
    torch.manual_seed(seed)
    model = FingerspellingModel(FingerspellingConfig(**{**TINY, **changes}))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape)
                tensor.add_(noise.abs() if name.endswith("running_var") else noise, alpha=0.2)
    return model.eval()


def always_says(model: FingerspellingModel, token: int) -> FingerspellingModel:
    """Give a model one answer to everything, in place."""
    with torch.no_grad():
        model.decoder.layer_norm.weight.zero_()
        model.decoder.layer_norm.bias.fill_(1.0)
        model.output_projection.weight.zero_()
        model.output_projection.weight[token] = 1.0
    return model


def make_batch(lengths: Sequence[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return clips of random points, some of them missing, padded with NaN, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(len(lengths), max(lengths), 130, 3, generator=generator)
    frames[torch.rand(frames.shape[:3], generator=generator) < 0.2] = math.nan
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    frames[~mask] = math.nan
    return frames, mask


def make_labels(*phrases: str) -> Tensor:
    """Return what `collate` makes of phrases."""
    rows = [torch.tensor([*text.encode(phrase), text.END]) for phrase in phrases]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=text.PAD)


def requests_of(plan: LengthGroupedSampler, epoch: int = 0) -> list[PlannedClip]:
    plan.set_epoch(epoch)
    return [request for batch in plan for request in batch]
