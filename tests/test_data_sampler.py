from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import COUNTING_CLIPS, SUPPLEMENTAL, requests_of

from fingerspelling import text
from fingerspelling.data.augmentation import NO_TEMPORAL_AUGMENTATION, TemporalAugmentation
from fingerspelling.data.dataset import ClipDataset, time_map
from fingerspelling.data.sampler import LengthGroupedSampler, PlannedClip, cut_after
from fingerspelling.data.store import ClipStore
from fingerspelling.parameters import ParameterError, build

RECIPE = TemporalAugmentation()


class Table:
    """A store of clips that nobody reads."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)


@pytest.mark.parametrize("augmentation", [NO_TEMPORAL_AUGMENTATION, RECIPE])
def test_every_clip_stands_once_in_an_epoch(counting: ClipStore, augmentation: TemporalAugmentation) -> None:
    clips = np.arange(0, COUNTING_CLIPS, 3)
    plan = LengthGroupedSampler(counting, clips, 8, seed=1, augmentation=augmentation)
    for epoch in range(3):
        plan.set_epoch(epoch)
        batches = list(plan)
        assert len(batches) == len(plan) == 9
        requests = [request for batch in batches for request in batch]
        if augmentation is NO_TEMPORAL_AUGMENTATION:
            assert sorted(request.clip for request in requests) == clips.tolist()
        else:  # it may have become the other one of the two
            assert {place for request in requests for place in (request.clip, request.partner)} - {-1} == {*clips}
        assert sorted(map(len, batches)) == [7] * 5 + [8] * 4


@pytest.mark.parametrize(
    ("clips", "batches", "sizes"),
    [(190, 24, {7, 8}), (32, 4, {8}), (33, 8, {4, 5}), (20, 3, {6, 7}), (1, 1, {1}), (0, 0, set())],
)
def test_every_step_of_an_epoch_has_as_many_clips(
    counting: ClipStore, clips: int, batches: int, sizes: set[int]
) -> None:
    plan = LengthGroupedSampler(counting, np.arange(clips), 8, seed=1, batches_per_step=4)
    planned = list(plan)
    assert len(planned) == len(plan) == batches
    assert {len(batch) for batch in planned} == sizes
    assert sorted(request.clip for batch in planned for request in batch) == list(range(clips))


@pytest.mark.parametrize(("clips", "batch_size", "batches"), [(13, 1, 13), (9, 1, 9), (12, 1, 12), (9, 2, 8)])
def test_no_batch_is_empty_where_a_step_has_few_clips(
    counting: ClipStore, clips: int, batch_size: int, batches: int
) -> None:
    plan = LengthGroupedSampler(counting, np.arange(clips), batch_size, seed=1, batches_per_step=4)
    planned = list(plan)
    assert len(planned) == len(plan) == batches and all(planned)
    assert sorted(request.clip for batch in planned for request in batch) == list(range(clips))


def test_a_plan_depends_on_seed_and_epoch_alone(counting: ClipStore) -> None:
    def plan(seed: int, epoch: int, before: int = 0) -> list[PlannedClip]:
        batches = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed, RECIPE)
        for earlier in range(before):
            requests_of(batches, earlier)
        return requests_of(batches, epoch)

    assert plan(1, 2) == plan(1, 2, before=2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)
    assert [request.clip for request in plan(1, 2)] != [request.clip for request in plan(1, 3)]


def test_without_shuffling_the_shortest_come_first_in_every_epoch(counting: ClipStore) -> None:
    plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, shuffle=False)
    clips = [request.clip for request in requests_of(plan)]
    assert (np.diff(counting.table["n_frames"].to_numpy()[clips]) >= 0).all()
    assert clips == [request.clip for request in requests_of(plan, 1)]


@pytest.mark.parametrize(("augmentation", "most"), [(NO_TEMPORAL_AUGMENTATION, 0.15), (RECIPE, 0.15)])
def test_little_is_spent_on_padding(counting: ClipStore, augmentation: TemporalAugmentation, most: float) -> None:
    plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=augmentation)
    lengths = [[request.length for request in batch] for batch in plan]
    padded = sum(max(batch) * len(batch) for batch in lengths)
    assert 1 - sum(map(sum, lengths)) / padded < most


def test_long_clips_are_resized(counting: ClipStore) -> None:
    plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, max_frames=50)
    for request in requests_of(plan):
        assert request.length == min(counting.table["n_frames"].iat[request.clip], 50)
        assert len(ClipDataset(counting)[request]["frames"]) == request.length


def test_resampling_stays_in_its_range_and_takes_its_share(counting: ClipStore) -> None:
    only = TemporalAugmentation(cut_mix=0.0, resample=0.8, resample_range=(0.3, 0.5), local_resample=0.0, shift=0.0)
    plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=only)
    frames = counting.table["n_frames"].to_numpy()
    pairs = np.array([(r.length, frames[r.clip]) for epoch in range(5) for r in requests_of(plan, epoch)])
    changed = pairs[pairs[:, 0] != pairs[:, 1]]
    assert len(changed) / len(pairs) == pytest.approx(0.8, abs=0.04)
    assert (np.abs(changed[:, 0] - 0.4 * changed[:, 1]) <= 0.1 * changed[:, 1] + 1).all()


@pytest.mark.parametrize(("n_frames", "shortened"), [(50, 0.79), (160, 0.93), (380, 0.97)])
def test_local_resampling_shortens_as_the_winners(n_frames: int, shortened: float) -> None:
    table = pd.DataFrame({"participant_id": 1, "phrase": "abc", "n_frames": [n_frames] * 2000})
    only = replace(NO_TEMPORAL_AUGMENTATION, local_resample=0.25)
    requests = requests_of(LengthGroupedSampler(Table(table), np.arange(2000), 8, seed=0, augmentation=only))
    bent = [request for request in requests if request.windows]
    assert len(bent) / 2000 == pytest.approx(0.25, abs=0.03)
    assert np.mean([request.length for request in bent]) / n_frames == pytest.approx(shortened, abs=0.005)
    for request in requests:
        assert request.resampled == n_frames
        assert request.length == (sum(request.windows) or n_frames)
        size = -(-n_frames // len(request.windows)) if request.windows else n_frames
        assert all(int(0.9 * size) <= window <= 1.1 * size for window in request.windows[:-1])
    # 20 to 29 windows of ceil(frames / windows); where frames are few, some are none.
    counts = {-(-n_frames // -(-n_frames // windows)) for windows in range(20, 30)}
    assert {len(request.windows) for request in bent} == counts


def test_hardly_any_frames_are_resampled_locally() -> None:
    table = pd.DataFrame({"participant_id": 1, "phrase": "abc", "n_frames": range(8)})
    only = replace(NO_TEMPORAL_AUGMENTATION, local_resample=1.0)
    for request in requests_of(LengthGroupedSampler(Table(table), np.arange(8), 8, seed=0, augmentation=only)):
        assert request.windows == (1,) * max(request.clip, 1)


JOINED = TemporalAugmentation(cut_mix=1.0, resample=0.0, local_resample=0.0, shift=0.0)


def test_cut_mix_joins_the_end_of_one_clip_and_the_beginning_of_another(counting: ClipStore) -> None:
    scores = np.random.default_rng(0).random(COUNTING_CLIPS)
    dataset, lengths, phrases = ClipDataset(counting, scores), counting.table["n_frames"], counting.table["phrase"]
    for request in requests_of(
        LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=JOINED)
    ):
        item = dataset[request]
        both = request.partner, request.clip
        skipped, kept = (min(max(round(request.cut * lengths[clip]), 1), lengths[clip] - 1) for clip in both)
        origin = [[request.partner, frame] for frame in range(skipped, lengths[request.partner])]
        origin += [[request.clip, frame] for frame in range(kept)]
        assert item["frames"][:, 5, :2].tolist() == origin
        end, beginning = (text.encode(phrases[clip]) for clip in (request.partner, request.clip))
        characters = min(max(round(request.cut * 12), 1), 11)
        assert item["labels"] == end[characters:] + beginning[:characters]
        mixed = request.cut * scores[request.clip] + (1 - request.cut) * scores[request.partner]
        assert item["score"] == pytest.approx(mixed)


def test_something_of_both_clips_is_joined() -> None:
    lengths = np.repeat([2, 3, 10, 31], 21)
    cut = cut_after(np.tile(np.linspace(0, 1, 21), 4), lengths)
    assert (cut >= 1).all() and (lengths - cut >= 1).all()
    assert cut_after([0.0, 0.3, 0.5, 1.0], 10).tolist() == [1, 3, 5, 9]
    assert cut_after([0.1, 0.9], [1, 0]).tolist() == [0, 0]  # there is only one side


def test_either_clip_comes_first_with_equal_chance() -> None:
    table = pd.DataFrame({"participant_id": np.arange(2000) // 2, "phrase": "abc", "n_frames": 9})
    plan = LengthGroupedSampler(Table(table), np.arange(2000), 8, seed=0, augmentation=JOINED)
    # Each of a pair takes the other as its partner; in every second pair they come in the same order both times.
    orders = Counter((request.partner, request.clip) for request in requests_of(plan))
    assert np.mean([n == 2 for n in orders.values() for _ in range(n)]) == pytest.approx(0.5, abs=0.07)
    assert np.mean([partner < clip for partner, clip in orders.elements()]) == pytest.approx(0.5, abs=0.05)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_partners_are_other_clips_of_the_same_signer(signers: list[int], data: st.DataObject) -> None:
    table = pd.DataFrame({"participant_id": signers, "phrase": "abc", "n_frames": 9})
    places = st.lists(st.sampled_from(range(len(signers))), unique=True)
    clips, further = data.draw(places), data.draw(places)
    plan = LengthGroupedSampler(Table(table), clips, 4, seed=1, augmentation=JOINED, sampled_per_phrase=further)
    for request in requests_of(plan):
        mates = {place for place in {*clips, *further} if signers[place] == signers[request.clip]} - {request.clip}
        assert request.partner in mates if mates else request.partner == -1


def test_all_other_clips_of_a_signer_become_partners(counting: ClipStore) -> None:
    plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=JOINED)
    joined = [{r.clip, r.partner} for epoch in range(60) for r in requests_of(plan, epoch)]
    assert set.union(*(pair for pair in joined if 0 in pair)) == {0, 40, 80, 120, 160}


def test_cut_mix_takes_its_share(counting: ClipStore) -> None:
    for probability in (0.0, 0.5, 1.0):
        augmentation = TemporalAugmentation(cut_mix=probability)
        plan = LengthGroupedSampler(counting, np.arange(COUNTING_CLIPS), 8, seed=0, augmentation=augmentation)
        joined = [request.partner >= 0 for epoch in range(5) for request in requests_of(plan, epoch)]
        assert np.mean(joined) == (probability if probability != 0.5 else pytest.approx(0.5, abs=0.05))


def test_one_clip_of_every_further_phrase_joins_an_epoch(store: ClipStore) -> None:
    table = store.table
    main, further = np.flatnonzero(~table["supplemental"]), np.flatnonzero(table["supplemental"])
    alone = replace(RECIPE, cut_mix=0.0)
    plan = LengthGroupedSampler(store, main, 4, seed=0, augmentation=alone, sampled_per_phrase=further)
    phrases = sorted({clip.phrase for clips in SUPPLEMENTAL.values() for clip in clips})
    seen = set()
    for epoch in range(20):
        requests = requests_of(plan, epoch)
        drawn = [request for request in requests if request.clip in further]
        assert len(requests) == len(main) + len(phrases)
        assert sorted(table["phrase"].iloc[[request.clip for request in drawn]]) == phrases
        seen |= {request.clip for request in drawn}
    assert seen == set(further)


def test_a_signer_of_supplemental_clips_alone_finds_no_partner(store: ClipStore) -> None:
    table = store.table
    main = np.flatnonzero(~table["supplemental"] & (table["participant_id"] < 4))
    last = np.flatnonzero(table["supplemental"] & (table["participant_id"] == 4))
    always = TemporalAugmentation(cut_mix=1.0)
    plan = LengthGroupedSampler(store, main, 4, seed=0, augmentation=always, sampled_per_phrase=last)
    requests = requests_of(plan)
    assert [request.partner for request in requests if request.clip == last[0]] == [-1]
    assert all(request.partner >= 0 for request in requests if request.clip != last[0])


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20), st.integers(1, 60), st.integers(0, 30), st.integers(0))
def test_something_of_every_clip_stays_and_no_clip_is_too_long(
    lengths: list[int], max_frames: int, shift_range: int, seed: int
) -> None:
    table = pd.DataFrame({"participant_id": 1, "phrase": "abc", "n_frames": lengths})
    augmentation = TemporalAugmentation(shift=1.0, shift_range=shift_range)
    plan = LengthGroupedSampler(Table(table), np.arange(len(lengths)), 4, seed, augmentation, max_frames)
    for request in requests_of(plan):
        assert 1 <= request.length <= max_frames
        assert -shift_range <= request.shift < max(shift_range, 1)
        index = time_map(lengths[request.clip] or 1, request._replace(partner=-1))
        assert len(index) == request.length and (index >= 0).any()


@pytest.mark.parametrize("name", ["resample_range", "local_windows", "local_range"])
def test_ranges_that_end_before_they_begin_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"training.temporal.{name}: expected the lower end first"):
        build(TemporalAugmentation, {name: [3, 2]}, "training.temporal")
