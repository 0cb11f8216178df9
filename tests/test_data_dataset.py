from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from synthetic import COUNTING_CLIPS, requests_of
from torch.utils.data import DataLoader

from fingerspelling import text
from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset, collate, time_map
from fingerspelling.data.sampler import LengthGroupedSampler
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
    dataset = ClipDataset(counting, augmentation=RECIPE)
    for request in requests_of(LengthGroupedSampler(counting, np.arange(40), 8, seed=0, augmentation=RECIPE)):
        np.testing.assert_array_equal(dataset[request]["frames"], dataset[request]["frames"])
        assert len(dataset[request]["frames"]) == request.length


local = st.builds(
    TemporalAugmentation,
    local_resample=st.sampled_from([0.0, 1.0]),
    local_windows=st.sampled_from([(20, 30), (1, 1), (500, 500)]),
)


@given(st.integers(0, 1000), st.integers(1, 400), st.integers(-500, 399), local, st.integers(0, 2**32))
def test_time_maps_run_forward_within_the_clip(
    n_frames: int, length: int, shift: int, config: TemporalAugmentation, seed: int
) -> None:
    shift = min(shift, length - 1)
    index = time_map(n_frames, length, shift, config, np.random.default_rng(seed))
    assert index.shape == (length,)
    empty = max(shift, 0) if n_frames else length
    assert (index[:empty] == -1).all()
    assert (index[empty:] >= 0).all()
    assert (index < max(n_frames, 1)).all()
    assert (np.diff(index) >= 0).all()


@given(st.integers(1, 5000), st.integers(1, 400))
def test_plain_time_maps_are_those_of_inference(n_frames: int, max_frames: int) -> None:
    length = min(n_frames, max_frames)
    plain = time_map(n_frames, length, 0, NO_TEMPORAL_AUGMENTATION, np.random.default_rng(0))
    assert plain.tolist() == resize_index(n_frames, max_frames).tolist()


def test_local_resampling_bends_time_a_little() -> None:
    config = TemporalAugmentation(local_resample=1.0)
    for seed in range(20):
        index = time_map(300, 300, 0, config, np.random.default_rng(seed))
        assert index[0] == 0
        assert 0 < np.abs(index - np.arange(300)).max() <= 30
        assert index[-1] >= 297


def test_shifted_clips_begin_after_empty_frames_or_without_their_first_ones(counting: ClipStore) -> None:
    config = TemporalAugmentation(cut_mix=0.0, resample=0.0, local_resample=0.0, shift=0.5, shift_range=3)
    plan, dataset = (
        LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=config),
        ClipDataset(counting),
    )
    requests = [request for epoch in range(5) for request in requests_of(plan, epoch)]
    assert np.mean([request.shift != 0 for request in requests]) == pytest.approx(0.5 * 6 / 7, abs=0.05)
    assert {request.shift for request in requests} == set(range(-3, 4))
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
        dataset = ClipDataset(store, augmentation=RECIPE)
        return list(DataLoader(dataset, batch_sampler=plan, collate_fn=collate, num_workers=processes))

    for here, there in zip(load(0), load(1), strict=True):
        for name in here:
            torch.testing.assert_close(here[name], there[name], rtol=0, atol=0, equal_nan=True)
