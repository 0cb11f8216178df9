import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from fingerspelling import metric, training
from fingerspelling.augmentation import PointAugmentation
from fingerspelling.batches import ClipRequest, Clips, PlannedBatches
from fingerspelling.clips import ClipStore
from fingerspelling.competition import DataError
from fingerspelling.inference import spell_store
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.model.modeling import FingerspellingOutput
from fingerspelling.simulation import SimulationConfig
from fingerspelling.simulation import stream as stream_module
from fingerspelling.simulation.stream import Cast
from fingerspelling.training import (
    FingerspellingTrainer,
    TrainingConfig,
    confidence_targets,
    last_checkpoint,
    split_by_signer,
    train,
)

MODEL = FingerspellingConfig(d_model=32, encoder_layers=1, conv_kernel=7, decoder_layers=1, decoder_ffn_dim=32)
CONFIG = TrainingConfig(epochs=3, batch_size=4, accumulate=1, learning_rate=3e-3, warmup_epochs=1.0)


@pytest.fixture(scope="module")
def run_dir(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training."""
    folder = tmp_path_factory.mktemp("run")
    train(store, MODEL, CONFIG, folder)
    return folder


def assert_same_weights(first: FingerspellingModel, second: FingerspellingModel) -> None:
    for (name, tensor), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(tensor, other), name


def watch_evaluations(monkeypatch: pytest.MonkeyPatch, die_in: int = 0) -> list[float]:
    """Note the epoch of each evaluation; die in the n-th one, before that epoch's checkpoint is written."""
    evaluate, epochs = FingerspellingTrainer.evaluate, []

    def watching(self: FingerspellingTrainer, *arguments: object, **named: object) -> dict[str, float]:
        epochs.append(self.state.epoch)
        if len(epochs) == die_in:
            raise KeyboardInterrupt
        return evaluate(self, *arguments, **named)

    monkeypatch.setattr(FingerspellingTrainer, "evaluate", watching)
    return epochs


# --- configuration and split


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"precision": "fp8"}, "fp8"), ({"validation_fold": 4}, "4 is not among 4"), ({"validation_fold": -2}, "-2")],
)
def test_values_out_of_range_are_named(change: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TrainingConfig(**change)


@pytest.mark.parametrize("fold", range(4))
def test_validation_signers_are_never_trained_on(store: ClipStore, fold: int) -> None:
    split = split_by_signer(store, replace(CONFIG, validation_fold=fold))
    signers, supplemental = store.table["participant_id"].to_numpy(), store.table["supplemental"].to_numpy()
    unseen = set(signers[split.validation])
    assert unseen
    assert not unseen & set(signers[split.training])
    assert not unseen & set(signers[split.supplemental])
    assert supplemental[split.supplemental].all()
    assert sorted([*split.training, *split.validation]) == np.flatnonzero(~supplemental).tolist()


def test_folds_hold_every_clip_out_once(store: ClipStore) -> None:
    splits = [split_by_signer(store, replace(CONFIG, validation_fold=fold)) for fold in range(4)]
    held_out = np.concatenate([split.validation for split in splits])
    assert sorted(held_out) == np.flatnonzero(~store.table["supplemental"]).tolist()


def test_fold_minus_1_trains_on_everybody(store: ClipStore) -> None:
    everything = split_by_signer(store, replace(CONFIG, validation_fold=-1))
    assert everything.training.tolist() == np.flatnonzero(~store.table["supplemental"]).tolist()
    first = split_by_signer(store, replace(CONFIG, validation_fold=0))
    assert everything.validation.tolist() == first.validation.tolist()


def test_what_joins_training_can_be_chosen(store: ClipStore) -> None:
    table = store.table
    split = split_by_signer(store, replace(CONFIG, validation_fold=-1))
    assert table["sequence_id"].iloc[split.supplemental].tolist() == [3001, 3002, 3003, 3005]  # 3004 is too long
    assert not len(split_by_signer(store, replace(CONFIG, supplemental=False)).supplemental)
    longer = split_by_signer(store, replace(CONFIG, validation_fold=-1, min_frames=38))
    assert table["n_frames"].iloc[longer.training].min() == 38
    assert table["sequence_id"].iloc[longer.supplemental].tolist() == [3003, 3005]
    assert longer.validation.tolist() == split.validation.tolist()


def test_a_split_with_an_empty_side_is_an_error(store: ClipStore) -> None:
    with pytest.raises(DataError, match="0 clips to train on, 3 held out"):
        split_by_signer(store, replace(CONFIG, min_frames=1000))
    with pytest.raises(DataError, match="4 signers cannot be split into 5 folds"):
        split_by_signer(store, replace(CONFIG, folds=5))


# --- confidence targets


def test_scores_of_a_first_round_become_targets(store: ClipStore, tmp_path: Path) -> None:
    for name, scores in {"a": {1001: 0.25, 1002: 0.0, 3001: 0.9}, "b": {2006: 0.75, 1001: 0.1, 777: 0.3}}.items():
        table = pd.DataFrame({"sequence_id": scores.keys(), "score": scores.values(), "phrase": "x"})
        table.to_parquet(tmp_path / f"{name}.parquet")
    targets = confidence_targets(store, (str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")))
    by_id = dict(zip(store.table["sequence_id"], targets, strict=True))
    expected = {1001: 0.25, 1002: 0.0, 2006: 0.75, 1003: 1.0, 2005: 1.0, 3001: 0.5, 3005: 0.5}
    assert {clip: by_id[clip] for clip in expected} == expected
    assert confidence_targets(store, ()).tolist() == [0.5] * 5 + [1.0] * 12


def test_unreadable_scores_are_named(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(tmp_path / "nowhere.parquet"),))
    path = tmp_path / "other.parquet"
    pd.DataFrame({"sequence_id": [1]}).to_parquet(path)
    with pytest.raises(DataError, match=r"other\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(path),))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"other\.parquet: no readable out-of-fold scores"):
        confidence_targets(store, (str(path),))


def test_out_of_fold_predictions_serve_as_scores(store: ClipStore, run_dir: Path) -> None:
    told = pd.read_parquet(run_dir / "out_of_fold.parquet")
    targets = confidence_targets(store, (str(run_dir / "out_of_fold.parquet"),))
    assert targets[split_by_signer(store, CONFIG).validation].tolist() == told["score"].tolist()


# --- training


def test_a_training_leaves_model_history_and_predictions(store: ClipStore, run_dir: Path) -> None:
    model = FingerspellingModel.from_pretrained(run_dir / "model")
    told = pd.read_parquet(run_dir / "out_of_fold.parquet")
    clips = split_by_signer(store, CONFIG).validation
    assert told["sequence_id"].tolist() == store.table["sequence_id"].iloc[clips].tolist()
    assert told["prediction"].tolist() == spell_store([model], store, clips)
    assert told["score"].tolist() == metric.clip_scores(told["prediction"], told["phrase"])

    history = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    evaluations = [entry for entry in history if "eval_score" in entry]
    assert [entry["epoch"] for entry in evaluations] == [1, 2, 3]
    assert evaluations[-1]["eval_score"] == pytest.approx(metric.score(told["prediction"], told["phrase"]))
    steps = [entry for entry in history if "loss" in entry]
    assert steps[-1]["loss"] < steps[0]["loss"]
    for entry in steps:
        cross_entropy = 0.6 * entry["loss_forward"] + 0.4 * entry["loss_backward"]
        assert entry["loss"] == pytest.approx(0.98 * cross_entropy + 0.02 * entry["loss_confidence"], rel=1e-5)


def test_a_finished_training_is_not_repeated(store: ClipStore, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "FingerspellingTrainer", None)
    model = train(store, MODEL, CONFIG, run_dir)
    assert not model.training
    assert_same_weights(model, FingerspellingModel.from_pretrained(run_dir / "model"))


def test_other_parameters_do_not_mix_with_a_training(store: ClipStore, run_dir: Path) -> None:
    other_model = FingerspellingConfig(**{**MODEL.to_dict(), "d_model": 64})
    other = replace(CONFIG, epochs=5, points=replace(CONFIG.points, mirror=0.0))
    with pytest.raises(DataError, match=r"other parameters \(model\.d_model, training\.epochs, training\.points\)"):
        train(store, other_model, other, run_dir)


@pytest.mark.parametrize(("evaluation", "repeated"), [(1, [1, 2, 3]), (2, [2, 3]), (3, [2, 3])])
def test_a_killed_training_goes_on_to_the_same_weights(
    store: ClipStore,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evaluation: int,
    repeated: list[float],
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch_evaluations(patch, die_in=evaluation)
        train(store, MODEL, CONFIG, tmp_path)
    written = sorted(path.name for path in (tmp_path / "checkpoints").glob("*"))
    assert written == ["checkpoint-3", "checkpoint-6"][: evaluation - 1]
    if evaluation == 3:  # as if it had been killed while it wrote this one
        (tmp_path / "checkpoints/checkpoint-6/trainer_state.json").write_text('{"epoch": 2')
    epochs = watch_evaluations(monkeypatch)
    assert_same_weights(train(store, MODEL, CONFIG, tmp_path), FingerspellingModel.from_pretrained(run_dir / "model"))
    assert epochs == repeated
    history = [
        [(e["step"], e.get("loss"), e.get("eval_score")) for e in map(json.loads, path.open()) if "train_loss" not in e]
        for path in (tmp_path / "metrics.jsonl", run_dir / "metrics.jsonl")
    ]
    assert history[0] == history[1]


def test_incomplete_checkpoints_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None
    for step, state in {9: "{}", 90: "{}", 100: None, 200: '{"epo'}.items():
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-90"
    assert f"{tmp_path / 'checkpoint-200'}: incomplete" in capsys.readouterr().out


def test_every_epoch_trains_on_its_own_plan(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[ClipRequest] = []
    make = Clips.__getitem__

    def recording(self: Clips, request: ClipRequest) -> dict:
        if self.augmentation == CONFIG.time:  # not in validation
            requests.append(request)
        return make(self, request)

    monkeypatch.setattr(Clips, "__getitem__", recording)
    train(store, MODEL, CONFIG, tmp_path)
    split = split_by_signer(store, CONFIG)
    plan = PlannedBatches(store, split.training, 4, CONFIG.seed, CONFIG.time, one_a_phrase=split.supplemental)
    planned = []
    for epoch in range(3):
        plan.set_epoch(epoch)
        planned += [request for batch in plan for request in batch]
    assert requests == planned


def test_points_are_augmented_and_tokens_replaced_in_training_alone(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: dict[bool, list[Tensor | None]] = {True: [], False: []}
    augmented: list[tuple[int, ...]] = []
    forward, augment = FingerspellingModel.forward, training.augment

    def spying_forward(self: FingerspellingModel, *inputs: Tensor) -> FingerspellingOutput:
        replaced[self.training].append(inputs[3])
        return forward(self, *inputs)

    def spying_augment(frames: Tensor, mask: Tensor, config: PointAugmentation) -> Tensor:
        augmented.append(frames.shape)
        return augment(frames, mask, config)

    monkeypatch.setattr(FingerspellingModel, "forward", spying_forward)
    monkeypatch.setattr(training, "augment", spying_augment)
    train(store, MODEL, replace(CONFIG, epochs=1, mask_tokens=0.5), tmp_path)
    assert len(augmented) == len(replaced[True]) == 3
    share = torch.cat([tokens.flatten() for tokens in replaced[True]]).float().mean()
    assert share.item() == pytest.approx(0.5, abs=0.1)
    assert replaced[False] == [None]


def test_half_precision_and_loader_processes_train(store: ClipStore, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1, precision="fp16", loader_processes=1, accumulate=2)
    model = train(store, MODEL, config, tmp_path)
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_stream_trains_on_new_signers_in_each_epoch_and_can_be_resumed(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated: list[tuple[int, ...]] = []

    def recording(config: SimulationConfig, clips: int, key: tuple[int, ...]) -> Cast:
        simulated.append(key)
        return Cast(config, clips, key)

    monkeypatch.setattr(stream_module, "Cast", recording)
    config = replace(CONFIG, simulation=SimulationConfig(clips=10, max_length=3))
    whole = train(store, MODEL, config, tmp_path / "whole")
    assert simulated == [(0, 0), (1, 0), (2, 0)]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch_evaluations(patch, die_in=2)
        train(store, MODEL, config, tmp_path / "killed")
    assert_same_weights(train(store, MODEL, config, tmp_path / "killed"), whole)
