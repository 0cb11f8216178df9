from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic import COUNTING_CLIPS, requests_of
from torch.utils.data import DataLoader

from fingerspelling import text
from fingerspelling.data.augmentation import TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset, collate, time_map
from fingerspelling.data.sampler import NO_PARTNER, LengthGroupedSampler, PlannedClip
from fingerspelling.data.store import ClipStore
from fingerspelling.model.preprocessing import resize_index

RECIPE = TemporalAugmentation()


def test_unjoined_clips_come_as_they_are_stored(counting: ClipStore) -> None:
    scores = np.linspace(0, 1, COUNTING_CLIPS)
    for request in requests_of(LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0)):
        item = ClipDataset(counting, scores)[request]
        np.testing.assert_array_equal(item["frames"], counting.frames(request.clip))
        assert text.decode(item["labels"]) == counting.table["phrase"].iat[request.clip]
        assert item["score"] == scores[request.clip]
        assert item["clip"] == request.clip


def test_a_request_gives_the_same_clip_whenever_it_is_made(counting: ClipStore) -> None:
    dataset = ClipDataset(counting)
    for request in requests_of(LengthGroupedSampler(counting, np.arange(40), 8, seed=0, augmentation=RECIPE)):
        np.testing.assert_array_equal(dataset[request]["frames"], dataset[request]["frames"])
        assert len(dataset[request]["frames"]) == request.length


def planned(resampled: int, windows: tuple[int, ...] = (), shift: int = 0, length: int = 0) -> PlannedClip:
    """Plan a single clip; its length is that of all frames by default."""
    length = length or (sum(windows) or resampled) + shift
    return PlannedClip(0, NO_PARTNER, 0.5, resampled, windows, shift, length, seed=0)


@given(
    st.integers(1, 1000), st.integers(1, 400), st.lists(st.integers(1, 9), max_size=30), st.integers(-99, 99), st.data()
)
def test_time_maps_run_forward_within_the_clip(
    n_frames: int, resampled: int, windows: list[int], shift: int, data: st.DataObject
) -> None:
    windows = windows[:resampled]
    while windows and -(-resampled // -(-resampled // len(windows))) != len(windows):
        windows.pop()  # no clip of this length is cut into so many
    frames = sum(windows) or resampled
    shift = max(shift, 1 - frames)
    length = data.draw(st.integers(1, frames + shift))
    index = time_map(n_frames, planned(resampled, tuple(windows), shift, length))
    assert index.shape == (length,)
    shown = index[index >= 0]
    assert (np.diff(index) >= 0).all()
    assert (shown < n_frames).all()
    assert (index == -1).sum() == np.ceil(max(shift, 0) * length / (frames + shift))


@given(st.integers(1, 5000), st.integers(1, 400))
def test_plain_time_maps_are_those_of_inference(n_frames: int, max_frames: int) -> None:
    plain = time_map(n_frames, planned(n_frames, length=min(n_frames, max_frames)))
    assert plain.tolist() == resize_index(n_frames, max_frames).tolist()


def test_each_window_is_resampled_by_itself() -> None:
    assert time_map(8, planned(8, (2, 3, 2))).tolist() == [0, 1, 3, 4, 5, 6, 7]  # three, three and two frames
    assert time_map(8, planned(8, (6, 1, 4))).tolist() == [0, 0, 1, 1, 2, 2, 3, 6, 6, 7, 7]
    assert time_map(16, planned(8, (6, 1, 4))).tolist() == [0, 0, 2, 2, 4, 4, 6, 12, 12, 14, 14]  # at double speed


def test_a_shift_is_made_before_a_long_clip_is_resized() -> None:
    assert time_map(6, planned(6, shift=2, length=4)).tolist() == [-1, 0, 2, 4]
    assert time_map(6, planned(6, shift=-2, length=2)).tolist() == [2, 4]


def test_shifted_clips_begin_after_empty_frames_or_without_their_first_ones(counting: ClipStore) -> None:
    config = TemporalAugmentation(cut_mix=0.0, resample=0.0, local_resample=0.0, shift=0.5, shift_range=3)
    plan, dataset = (
        LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=config),
        ClipDataset(counting),
    )
    requests = [request for epoch in range(5) for request in requests_of(plan, epoch)]
    assert np.mean([request.shift != 0 for request in requests]) == pytest.approx(0.5 * 5 / 6, abs=0.05)
    assert {request.shift for request in requests} == {-3, -2, -1, 0, 1, 2}
    for request in requests:
        frames, shift = counting.frames(request.clip), request.shift
        empty = np.full_like(frames, np.nan)[: max(shift, 0)]
        np.testing.assert_array_equal(dataset[request]["frames"], np.concatenate([empty, frames[max(-shift, 0) :]]))


def test_collate_pads_and_marks_what_is_real() -> None:
    rng = np.random.default_rng(0)
    items = [
        {
            "frames": rng.normal(size=(n, 130, 3)).astype(np.float16),
            "labels": labels,
            "score": n / 10,
            "clip": 7 * n,
            "seed": n,
        }
        for n, labels in [(3, [5, 0]), (5, []), (1, [1, 2, 3, 58])]
    ]
    batch = collate(items)
    assert batch["frames"].dtype == torch.float16
    assert batch["frames"].shape == (3, 5, 130, 3)
    for row, item in zip(batch["frames"], items, strict=True):
        np.testing.assert_array_equal(row[: len(item["frames"])], item["frames"])
        assert row[len(item["frames"]) :].isnan().all()
    assert batch["mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5, [True] + [False] * 4]
    pad, end = text.PAD, text.END
    assert batch["labels"].tolist() == [[5, 0, end, pad, pad], [end, pad, pad, pad, pad], [1, 2, 3, 58, end]]
    assert batch["labels"].dtype == torch.int64
    torch.testing.assert_close(batch["scores"], torch.tensor([0.3, 0.5, 0.1]))
    assert batch["clips"].tolist() == [21, 35, 7]
    assert batch["seed"].tolist() == 3
    padded = collate(items, min_frames=9)
    assert padded["frames"].shape == (3, 9, 130, 3)
    assert padded["mask"].sum(1).tolist() == [3, 5, 1]
    assert collate(items, min_frames=4)["frames"].shape == (3, 5, 130, 3)


def test_loader_processes_make_the_same_batches(store: ClipStore, tmp_path: Path) -> None:
    def load(processes: int) -> list[dict]:
        plan = LengthGroupedSampler(store, np.arange(len(store)), 4, seed=3, augmentation=RECIPE)
        return list(DataLoader(ClipDataset(store), batch_sampler=plan, collate_fn=collate, num_workers=processes))

    for here, there in zip(load(0), load(1), strict=True):
        for name in here:
            torch.testing.assert_close(here[name], there[name], rtol=0, atol=0, equal_nan=True)
