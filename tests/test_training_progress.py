import json
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from fingerspelling.training.progress import TextProgress

TOLD = [
    {"loss": 2.5, "loss_forward": 2.0, "loss_ctc": 3.0, "learning_rate": 0.0015, "clips_per_second": 41.7, "step": 20},
    {"eval_loss": 2.1, "eval_score": 0.4321, "step": 20},
]


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(str(tmp_path / "checkpoints"), use_cpu=True)


def state(**changes: object) -> TrainerState:
    return TrainerState(epoch=1.0, global_step=20, max_steps=40, num_train_epochs=2, log_history=TOLD, **changes)


def test_a_line_tells_losses_rate_pace_score_and_time(
    arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 105.0, 161.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress, control = TextProgress(), TrainerControl()
    progress.on_train_begin(arguments, TrainerState(), control)
    progress.on_step_end(arguments, state(), control)  # too soon for a line
    progress.on_step_end(arguments, state(), control)
    assert capsys.readouterr().out == (
        "step 20/40, epoch 1.0/2, loss 2.500, forward 2.000, ctc 3.000, learning rate 1.5e-03, 42 clips/s, "
        "score 0.432, 1:01 left\n"
    )


def test_before_anything_is_logged_a_line_tells_where_it_is(
    arguments: TrainingArguments, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = TextProgress()
    progress.on_train_begin(arguments, TrainerState(), TrainerControl())
    done = TrainerState(epoch=1.0, global_step=1, max_steps=1, num_train_epochs=1)
    progress.on_step_end(arguments, done, TrainerControl())
    assert capsys.readouterr().out == "step 1/1, epoch 1.0/1, 0:00 left\n"


def test_the_history_is_written_by_the_main_process(arguments: TrainingArguments, tmp_path: Path) -> None:
    TextProgress().on_log(arguments, state(is_world_process_zero=False), TrainerControl())
    assert not (tmp_path / "metrics.jsonl").exists()
    TextProgress().on_log(arguments, state(), TrainerControl())
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()] == TOLD
