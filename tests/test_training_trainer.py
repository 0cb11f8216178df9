from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import CONFIG, MODEL, assert_same_weights, watch_evaluations
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from fingerspelling.data.augmentation import SpatialAugmentation
from fingerspelling.data.dataset import ClipDataset
from fingerspelling.data.sampler import LengthGroupedSampler, PlannedClip
from fingerspelling.data.store import ClipStore
from fingerspelling.model import FingerspellingModel
from fingerspelling.model.modeling import FingerspellingOutput
from fingerspelling.simulation import SimulationConfig
from fingerspelling.training import Recipe, split_by_signer, train, trainer
from fingerspelling.training import stream as stream_module
from fingerspelling.training.optim import MuonWithAdamW
from fingerspelling.training.stream import Cast


def test_every_epoch_trains_on_its_own_plan(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[PlannedClip] = []
    make = ClipDataset.__getitem__

    def recording(self: ClipDataset, request: PlannedClip) -> dict:
        if self.augmentation == CONFIG.temporal:  # not in validation
            requests.append(request)
        return make(self, request)

    monkeypatch.setattr(ClipDataset, "__getitem__", recording)
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
    spell, weights = trainer.transcribe_encoded, []
    update = AveragedModel.update_parameters

    def watching(models: list[FingerspellingModel], *batch: Tensor) -> list[str]:
        read.extend(models)
        return spell(models, *batch)

    def recording(self: AveragedModel, model: FingerspellingModel) -> None:
        update(self, model)
        weights.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    monkeypatch.setattr(trainer, "transcribe_encoded", watching)
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


def test_muon_trains(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[MuonWithAdamW] = []

    def recording(*arguments: object) -> MuonWithAdamW:
        made.append(MuonWithAdamW(*arguments))
        return made[-1]

    monkeypatch.setattr(trainer, "MuonWithAdamW", recording)
    model = train(store, Recipe(MODEL, replace(CONFIG, epochs=1, optimizer="muon", weight_decay=0.05)), tmp_path)
    (optimizer,) = made
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.05, 0.0]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [CONFIG.learning_rate] * 3
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))
