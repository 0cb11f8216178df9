import json
import os
import shutil
from dataclasses import asdict, replace
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import make_batch, make_labels, make_model
from tiny_training import CONFIG, MODEL, assert_same_weights, watch_evaluations
from torch import nn
from torch._dynamo.testing import CompileCounter

from fingerspelling.data.extraction import extract
from fingerspelling.data.store import ClipStore
from fingerspelling.decoding.transcribe import Transcript, read_store
from fingerspelling.files import DataError, seal
from fingerspelling.model import FingerspellingConfig, FingerspellingModel
from fingerspelling.parameters import ParameterError
from fingerspelling.scoring import metric
from fingerspelling.simulation.config import Footage, SimulationConfig, Wild
from fingerspelling.text import CONSTANT_PHRASE
from fingerspelling.training import (
    FingerspellingTrainer,
    Recipe,
    confidence_targets,
    run,
    split_by_signer,
    train,
    write_predictions,
)


@pytest.fixture(scope="module")
def run_dir(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training."""
    folder = tmp_path_factory.mktemp("run")
    train(store, Recipe(MODEL, CONFIG), folder)
    return folder


def test_raw_out_of_fold_predictions_serve_as_scores(store: ClipStore, run_dir: Path) -> None:
    told = pd.read_parquet(run_dir / "out_of_fold.parquet")
    targets = confidence_targets(store, (str(run_dir / "out_of_fold.parquet"),))
    assert targets[split_by_signer(store, CONFIG).validation].tolist() == told["raw_score"].tolist()


def test_clips_that_get_the_constant_phrase_are_scored_by_what_was_decoded(store: ClipStore, tmp_path: Path) -> None:
    clips = store.table.iloc[[5, 6, 7]].assign(phrase=["2 a-e -aroe", "smith", "smith"])
    transcripts = [Transcript("2 a-e", True), Transcript("smit", False), Transcript("", True)]
    told = write_predictions(tmp_path / "told.parquet", clips, transcripts)
    assert told["prediction"].tolist() == ["2 a-e", CONSTANT_PHRASE, CONSTANT_PHRASE]
    assert told["score"].tolist() == [1 - 6 / 11, 0.0, 0.0]
    assert told["raw_score"].tolist() == [1 - 6 / 11, 0.8, 0.0]
    scores = replace(CONFIG, scores=(str(tmp_path / "told.parquet"),)).scores
    assert confidence_targets(store, scores)[[5, 6, 7]].tolist() == pytest.approx([1 - 6 / 11, 0.8, 0.0])


def test_a_training_leaves_model_history_and_predictions(store: ClipStore, run_dir: Path) -> None:
    model = FingerspellingModel.from_pretrained(run_dir / "model")
    told = pd.read_parquet(run_dir / "out_of_fold.parquet")
    clips = split_by_signer(store, CONFIG).validation
    assert told["sequence_id"].tolist() == store.table["sequence_id"].iloc[clips].tolist()
    assert told["prediction"].tolist() == [read.phrase for read in read_store([model], store, clips)]
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
    monkeypatch.setattr(run, "FingerspellingTrainer", None)
    model = train(store, Recipe(MODEL, CONFIG), run_dir)
    assert not model.training
    assert_same_weights(model, FingerspellingModel.from_pretrained(run_dir / "model"))


def test_other_parameters_do_not_mix_with_a_training(store: ClipStore, run_dir: Path) -> None:
    other_model = FingerspellingConfig(**{**MODEL.to_dict(), "d_model": 64})
    other = replace(CONFIG, epochs=5, spatial=replace(CONFIG.spatial, mirror=0.0))
    with pytest.raises(DataError, match=r"other parameters \(model\.d_model, training\.epochs, training\.spatial\)"):
        train(store, Recipe(other_model, other), run_dir)


def test_parameters_of_a_simulation_that_decide_nothing_may_change(
    store: ClipStore, run_dir: Path, tmp_path: Path
) -> None:
    """In a training.json of an earlier version, too, which lacks some of them."""
    shutil.copytree(run_dir, tmp_path / "run")
    file = tmp_path / "run/training.json"
    inputs = json.loads(file.read_text())
    simulated = json.loads(json.dumps(asdict(SimulationConfig(processes=1, wild=Wild(footage=Footage(cut=0))))))
    del simulated["wild"]["tracker"]
    file.write_text(json.dumps(inputs | {"training": inputs["training"] | {"simulation": simulated}}))
    (tmp_path / "run/model/trained.json").unlink()
    seal(tmp_path / "run/model")
    train(store, Recipe(MODEL, replace(CONFIG, simulation=SimulationConfig())), tmp_path / "run")
    with pytest.raises(DataError, match=r"other parameters \(training\.simulation\)"):
        train(store, Recipe(MODEL, replace(CONFIG, simulation=SimulationConfig(tempo=2))), tmp_path / "run")
    wild = SimulationConfig(wild=Wild(share=0.5))
    with pytest.raises(DataError, match=r"other parameters \(training\.simulation\)"):
        train(store, Recipe(MODEL, replace(CONFIG, simulation=wild)), tmp_path / "run")


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
        train(store, Recipe(MODEL, CONFIG), tmp_path)
    written = sorted(path.name for path in (tmp_path / "checkpoints").glob("*"))
    assert written == ["checkpoint-3", "checkpoint-6"][: evaluation - 1]
    if evaluation == 3:  # as if it had been killed while it wrote this one
        (tmp_path / "checkpoints/checkpoint-6/files.json").unlink()
    epochs = watch_evaluations(monkeypatch)
    assert_same_weights(
        train(store, Recipe(MODEL, CONFIG), tmp_path), FingerspellingModel.from_pretrained(run_dir / "model")
    )
    assert epochs == repeated
    history = [
        [(e["step"], e.get("loss"), e.get("eval_score")) for e in map(json.loads, path.open()) if "train_loss" not in e]
        for path in (tmp_path / "metrics.jsonl", run_dir / "metrics.jsonl")
    ]
    assert history[0] == history[1]


def test_the_two_newest_checkpoints_are_kept_whatever_their_dates(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    kept: list[list[str]] = []

    def look(*_: object, **__: object) -> dict[str, float]:
        there = sorted((tmp_path / "checkpoints").glob("*"))
        kept.append([path.name for path in there])
        for age, path in enumerate(there):  # as a copy may have them
            os.utime(path, (0, -age))
        return {}

    monkeypatch.setattr(FingerspellingTrainer, "evaluate", look)
    train(store, Recipe(MODEL, replace(CONFIG, epochs=4)), tmp_path)
    assert kept == [[], ["checkpoint-3"], ["checkpoint-3", "checkpoint-6"], ["checkpoint-6", "checkpoint-9"]]
    assert capfd.readouterr().err == ""  # nothing about dates that may not be reliable


def test_muon_and_the_average_go_on_to_the_same_weights(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, ema_decay=0.9, optimizer="muon")
    whole = train(store, Recipe(MODEL, config), tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch_evaluations(patch, die_in=2)
        train(store, Recipe(MODEL, config), tmp_path / "killed")
    assert_same_weights(train(store, Recipe(MODEL, config), tmp_path / "killed"), whole)


def test_tensorboard_is_told_what_metrics_jsonl_is(store: ClipStore, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(store, Recipe(MODEL, replace(CONFIG, epochs=2, tensorboard=True)), tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    history = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    scores = [(entry["step"], entry["eval_score"]) for entry in history if "eval_score" in entry]
    told = [(event.step, event.value) for event in events.Scalars("eval/score")]
    assert np.array(told) == pytest.approx(np.array(scores))
    assert {"train/loss_forward", "train/learning_rate", "train/clips_per_second"} <= set(events.Tags()["scalars"])


def test_missing_tensorboard_is_named(store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "is_tensorboard_available", lambda: False)
    with pytest.raises(ParameterError, match=r"training\.tensorboard: needs the package tensorboard"):
        train(store, Recipe(MODEL, replace(CONFIG, tensorboard=True)), tmp_path)


def test_compiling_needs_a_gpu(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"training\.compile: needs a GPU"):
        train(store, Recipe(MODEL, replace(CONFIG, compile=True)), tmp_path)


def test_the_compiled_blocks_share_a_graph_for_all_lengths() -> None:
    """With the compiler's front end alone: what it hands on is what may depend on the lengths."""
    counting, model = CompileCounter(), make_model(dropout=0.0).train()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend=counting))
        run._compile(model)
    for lengths in ([20, 11, 9], [31, 30, 17], [13, 12, 12, 5]):
        model(*make_batch(lengths), make_labels(*["ab c"] * len(lengths))).loss.backward()
    assert len(model.encoder.blocks) > 1
    assert counting.frame_count == 1


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("training.json", "{", r"training\.json: not readable .* delete"),
        ("training.json", '{"model": {}}', r"training\.json: not readable .* delete"),
        ("model/model.safetensors", "x", r"model: not a readable model .* delete it"),
        ("model/config.json", "{", r"model: not a readable model .* delete it"),
    ],
)
def test_damaged_files_of_a_run_are_named(
    store: ClipStore, run_dir: Path, tmp_path: Path, file: str, content: str, sentence: str
) -> None:
    folder = Path(shutil.copytree(run_dir, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints")))
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=sentence) as error:
        train(store, Recipe(MODEL, CONFIG), folder)
    assert "\n" not in str(error.value)


def test_a_training_on_other_clips_is_refused(own_competition: Path, tmp_path: Path) -> None:
    extract(own_competition, tmp_path / "clips")
    train(ClipStore(tmp_path / "clips"), Recipe(MODEL, replace(CONFIG, epochs=1)), tmp_path / "run")
    copied = Path(shutil.copytree(tmp_path / "clips", tmp_path / "copied"))
    train(ClipStore(copied), Recipe(MODEL, replace(CONFIG, epochs=1)), tmp_path / "run")  # the same clips
    table = pd.read_csv(own_competition / "train.csv")
    table["phrase"] = ["corrected", *table["phrase"][1:]]
    table = table[:-1]  # nothing is said of scores, though there is one per clip
    table.to_csv(own_competition / "train.csv", index=False)
    extract(own_competition, tmp_path / "clips")
    refusal = r"run: holds a training on other clips \(.*\); choose another run_dir, or delete "
    with pytest.raises(DataError, match=refusal):
        train(ClipStore(tmp_path / "clips"), Recipe(MODEL, replace(CONFIG, epochs=1)), tmp_path / "run")
    with pytest.raises(DataError, match=r"on other clips .* and with other parameters \(training\.epochs\)"):
        train(ClipStore(tmp_path / "clips"), Recipe(MODEL, replace(CONFIG, epochs=2)), tmp_path / "run")


def test_what_another_training_has_made_is_not_taken_for_this_ones(
    store: ClipStore, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    own = Path(shutil.copytree(run_dir, tmp_path / "own"))
    other, recipe = tmp_path / "other", Recipe(MODEL, CONFIG)
    train(store, Recipe(MODEL, replace(CONFIG, seed=CONFIG.seed + 1)), other)
    expected = (own / "out_of_fold.parquet").read_bytes()
    shutil.copy(other / "out_of_fold.parquet", own)
    capsys.readouterr()
    train(store, recipe, own)
    assert "of another training; the clips are read anew" in capsys.readouterr().out
    assert (own / "out_of_fold.parquet").read_bytes() == expected
    shutil.rmtree(own / "model")
    shutil.copytree(other / "model", own / "model")
    with pytest.raises(DataError, match=r"model: not a readable model \(it is of another training\); delete it"):
        train(store, recipe, own)


def test_a_training_with_other_scores_is_refused(store: ClipStore, tmp_path: Path) -> None:
    scores, config = tmp_path / "scores.parquet", replace(CONFIG, epochs=1, scores=(str(tmp_path / "scores.parquet"),))
    ids = store.table["sequence_id"]
    pd.DataFrame({"sequence_id": ids, "raw_score": 0.5}).to_parquet(scores)
    train(store, Recipe(MODEL, config), tmp_path / "run")
    pd.DataFrame({"sequence_id": ids, "raw_score": 0.6}).to_parquet(scores)
    with pytest.raises(DataError, match="run: holds a training with other scores of the first round;"):
        train(store, Recipe(MODEL, config), tmp_path / "run")


def test_a_training_gets_more_epochs_while_its_learning_rate_is_not_yet_falling(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, warmup_epochs=0.0, decay_epochs=1)
    rates: list[float] = []
    step = FingerspellingTrainer.get_batch_samples

    def watching(self: FingerspellingTrainer, *arguments: Any) -> tuple[list[dict], Any]:
        rates.append(self.optimizer.param_groups[0]["lr"] / config.learning_rate)
        return step(self, *arguments)

    monkeypatch.setattr(FingerspellingTrainer, "get_batch_samples", watching)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch_evaluations(patch, die_in=2)
        train(store, Recipe(MODEL, replace(config, epochs=2)), tmp_path)
    assert rates == pytest.approx([1, 1, 1, 1, 2 / 3, 1 / 3])
    rates.clear()
    train(store, Recipe(MODEL, replace(config, epochs=3)), tmp_path)  # goes on from the first epoch's checkpoint
    assert rates == pytest.approx([1, 1, 1, 1, 2 / 3, 1 / 3])
    with pytest.raises(DataError, match=r"with other parameters \(training\.epochs\)"):
        train(store, Recipe(MODEL, replace(config, epochs=4)), tmp_path)


def test_a_training_goes_on_from_a_pretrained_model_of_its_sizes(
    store: ClipStore, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    first = FingerspellingModel.from_pretrained(run_dir / "model")
    barely = replace(CONFIG, epochs=1, learning_rate=1e-9, pretrained=run_dir / "model")
    adapted = train(store, Recipe(MODEL, barely), tmp_path / "adapted")
    for (name, trained), weights in zip(adapted.named_parameters(), first.parameters(), strict=True):
        assert torch.allclose(trained, weights, atol=1e-6), name
    assert "starting from the weights of" in capsys.readouterr().out

    shutil.copytree(run_dir / "model", tmp_path / "copy")  # the same weights elsewhere are the same
    train(store, Recipe(MODEL, replace(barely, pretrained=tmp_path / "copy")), tmp_path / "adapted")
    adapted.save_pretrained(tmp_path / "copy")
    other = Recipe(MODEL, replace(barely, pretrained=tmp_path / "copy"))
    train(store, other, tmp_path / "adapted")  # it is finished: what it started from may be overwritten, or gone
    shutil.rmtree(tmp_path / "copy")
    train(store, other, tmp_path / "adapted")
    with pytest.raises(DataError, match=r"from other weights \(those of training.pretrained\)"):
        train(store, Recipe(MODEL, replace(barely, pretrained=None)), tmp_path / "adapted")

    shutil.rmtree(tmp_path / "adapted/model")  # it is not: other weights would be another training
    adapted.save_pretrained(tmp_path / "copy")
    with pytest.raises(DataError, match=r"from other weights \(those of training.pretrained\)"):
        train(store, other, tmp_path / "adapted")
