import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import CONFIG, MODEL, assert_same_weights, watch_evaluations
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from fingerspelling import text
from fingerspelling.data.augmentation import SpatialAugmentation
from fingerspelling.data.dataset import ClipDataset
from fingerspelling.data.sampler import LengthGroupedSampler, PlannedClip
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import Transcript
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.modeling import FingerspellingOutput
from fingerspelling.simulation import SimulationConfig
from fingerspelling.training import FingerspellingTrainer, Recipe, run, split_by_signer, train, trainer
from fingerspelling.training import stream as stream_module
from fingerspelling.training.optim import MuonWithAdamW
from fingerspelling.training.stream import Cast


def test_every_epoch_trains_on_its_own_plan(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[PlannedClip] = []
    make = ClipDataset.__getitem__

    def recording(self: ClipDataset, request: PlannedClip) -> dict:
        requests.append(request)
        return make(self, request)

    monkeypatch.setattr(ClipDataset, "__getitem__", recording)
    monkeypatch.setattr(FingerspellingTrainer, "evaluate", lambda *_, **__: {})
    monkeypatch.setattr(run, "read_store", lambda models, store, clips, *_: [Transcript("", False)] * len(clips))
    train(store, Recipe(MODEL, CONFIG), tmp_path)
    split = split_by_signer(store, CONFIG)
    plan = LengthGroupedSampler(
        store, split.training, 4, CONFIG.seed, CONFIG.temporal, sampled_per_phrase=split.supplemental
    )
    planned = []
    for epoch in range(3):
        plan.set_epoch(epoch)
        planned += [request for batch in plan for request in batch]
    assert requests == planned


def test_points_are_augmented_and_tokens_replaced_in_training_alone(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked_inputs: dict[bool, list[Tensor | None]] = {True: [], False: []}
    augmented: list[tuple[int, ...]] = []
    losses, augment = FingerspellingModel.losses, trainer.augment

    def spying_losses(self: FingerspellingModel, *inputs: Tensor) -> FingerspellingOutput:
        masked_inputs[self.training].append(inputs[3])
        return losses(self, *inputs)

    def spying_augment(frames: Tensor, mask: Tensor, config: SpatialAugmentation) -> Tensor:
        augmented.append(frames.shape)
        return augment(frames, mask, config)

    monkeypatch.setattr(FingerspellingModel, "losses", spying_losses)
    monkeypatch.setattr(trainer, "augment", spying_augment)
    train(store, Recipe(MODEL, replace(CONFIG, epochs=1, mask_tokens=0.5)), tmp_path)
    assert len(augmented) == len(masked_inputs[True]) == 3
    share = torch.cat([tokens.flatten() for tokens in masked_inputs[True]]).float().mean()
    assert share.item() == pytest.approx(0.5, abs=0.1)
    assert masked_inputs[False] == [None]


@pytest.mark.parametrize("pad", [True, False])
def test_batches_are_padded_to_the_longest_clip_or_to_the_most_frames(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pad: bool
) -> None:
    padding = []
    augment = trainer.augment

    def spying(frames: Tensor, mask: Tensor, config: SpatialAugmentation) -> Tensor:
        padding.append(mask.shape[1] - mask.sum(1).max().item())
        return augment(frames, mask, config)

    monkeypatch.setattr(trainer, "augment", spying)
    train(store, Recipe(MODEL, replace(CONFIG, epochs=1, pad_to_max=pad)), tmp_path)
    assert len(padding) == 3
    assert all(padding) if pad else not any(padding)


def test_half_precision_and_loader_processes_train(store: ClipStore, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1, precision="fp16", num_workers=1, gradient_accumulation_steps=2)
    model = train(store, Recipe(MODEL, config), tmp_path)
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
    whole = train(store, Recipe(MODEL, config), tmp_path / "whole")
    assert simulated == [(0, 0), (1, 0), (2, 0)]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch_evaluations(patch, die_in=2)
        train(store, Recipe(MODEL, config), tmp_path / "killed")
    assert_same_weights(train(store, Recipe(MODEL, config), tmp_path / "killed"), whole)


def test_what_is_drawn_comes_from_the_batch_alone(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, epochs=1)
    quiet = train(store, Recipe(MODEL, config), tmp_path / "quiet")
    make = ClipDataset.__getitem__

    def disturbing(self: ClipDataset, request: PlannedClip) -> dict:
        torch.rand(request.clip + 1)
        return make(self, request)

    monkeypatch.setattr(ClipDataset, "__getitem__", disturbing)
    assert_same_weights(train(store, Recipe(MODEL, config), tmp_path / "disturbed"), quiet)


def test_the_average_is_what_is_validated_and_kept(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[FingerspellingModel] = []
    spell, weights = trainer.read_encoded, []
    update = AveragedModel.update_parameters

    def watching(models: list[FingerspellingModel], *batch: Tensor) -> list[Transcript]:
        read.extend(models)
        return spell(models, *batch)

    def recording(self: AveragedModel, model: FingerspellingModel) -> None:
        update(self, model)
        weights.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    monkeypatch.setattr(trainer, "read_encoded", watching)
    monkeypatch.setattr(AveragedModel, "update_parameters", recording)
    model = train(store, Recipe(MODEL, replace(CONFIG, epochs=2, ema_decay=0.75)), tmp_path)
    assert len(weights) == 6  # a step each
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            average = weights[0][name]
            for later in weights[1:]:
                average = 0.75 * average + 0.25 * later[name]
            torch.testing.assert_close(tensor, average, msg=name)
    assert len(set(read)) == 1
    assert_same_weights(read[0], model)


@pytest.mark.parametrize(("batch_size", "batches_per_step", "last"), [(3, 1, 1), (3, 2, 2), (3, 3, 3), (1, 4, 3)])
def test_every_token_of_a_step_weighs_the_same(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, batches_per_step: int, last: int
) -> None:
    steps: list[list[tuple[int, int, Tensor]]] = []
    prepare, losses = FingerspellingTrainer.get_batch_samples, FingerspellingModel.losses

    def preparing(self: FingerspellingTrainer, *about: Any) -> Any:
        steps.append([])
        return prepare(self, *about)

    def spying(self: FingerspellingModel, hidden: Tensor, mask: Tensor, labels: Tensor, *others: Any) -> Any:
        if self.training:
            steps[-1].append((int((labels != text.PAD).sum()), len(labels), others[-1]))
        return losses(self, hidden, mask, labels, *others)

    monkeypatch.setattr(FingerspellingTrainer, "get_batch_samples", preparing)
    monkeypatch.setattr(FingerspellingModel, "losses", spying)
    config = replace(CONFIG, epochs=1, batch_size=batch_size, gradient_accumulation_steps=batches_per_step)
    train(store, Recipe(MODEL, config), tmp_path)
    *others, short = map(len, steps)
    assert {*others} <= {batches_per_step} and short == last
    assert sum(clips for step in steps for _, clips, _ in step) == 11
    for step in steps:
        tokens, clips = (sum(batch[i] for batch in step) / len(step) for i in range(2))
        for *_, counts in step:
            assert counts.tolist() == pytest.approx([tokens, clips])


def test_weight_decay_spares_no_parameter(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Optimizer] = []
    create = FingerspellingTrainer.create_optimizer

    def recording(self: FingerspellingTrainer, *model: FingerspellingModel) -> Optimizer:
        made.append(create(self, *model))
        return made[-1]

    monkeypatch.setattr(FingerspellingTrainer, "create_optimizer", recording)
    model = train(store, Recipe(MODEL, replace(CONFIG, epochs=1, weight_decay=0.05)), tmp_path)
    decays = {group["weight_decay"]: sum(map(torch.numel, group["params"])) for group in made[0].param_groups}
    assert decays.pop(0.0, 0) == 0
    assert decays == {0.05: sum(map(torch.numel, model.parameters()))}


def test_the_learning_rate_is_raised_with_every_batch(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FingerspellingTrainer, "evaluate", lambda *_, **__: {})
    config = replace(CONFIG, epochs=2, batch_size=2, gradient_accumulation_steps=4, warmup_epochs=2.0)
    train(store, Recipe(MODEL, config), tmp_path)
    history = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    # Two steps an epoch; the history has every second step's.
    rates = [entry["learning_rate"] / CONFIG.learning_rate for entry in history if "loss" in entry]
    assert rates == pytest.approx([1.75 / 4, 3.75 / 4])


def test_muon_trains(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[MuonWithAdamW] = []

    def recording(*arguments: object) -> MuonWithAdamW:
        made.append(MuonWithAdamW(*arguments))
        return made[-1]

    monkeypatch.setattr(trainer, "MuonWithAdamW", recording)
    model = train(store, Recipe(MODEL, replace(CONFIG, epochs=1, optimizer="muon", weight_decay=0.05)), tmp_path)
    (optimizer,) = made
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.05]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [CONFIG.learning_rate] * 2
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))
