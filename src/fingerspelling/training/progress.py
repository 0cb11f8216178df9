"""Progress of a training: a line of text every few seconds, and its history as a file."""

import json
import time
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from fingerspelling.files import write_whole

PROGRESS_SECONDS = 10.0


class TextProgress(TrainerCallback):
    """A line of text every few seconds, and the history as metrics.jsonl, a JSON object per line."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.began = self.printed = time.monotonic()
        self.first_step = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        now = time.monotonic()
        if now - self.printed < PROGRESS_SECONDS and state.global_step < state.max_steps:
            return
        self.printed = now
        pace = (state.global_step - self.first_step) / (now - self.began)  # evaluations included
        left = int((state.max_steps - state.global_step) / pace)
        parts = [
            f"step {state.global_step}/{state.max_steps}",
            f"epoch {state.epoch:.1f}/{state.num_train_epochs}",
            *_last(state),
            f"{left // 60}:{left % 60:02} left",
        ]
        print(", ".join(parts), flush=True)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if not state.is_world_process_zero:
            return
        # Written anew each time: after a resumption the history holds just what led to this state.
        write_whole(
            Path(str(args.output_dir)).parent / "metrics.jsonl",
            "".join(json.dumps(entry) + "\n" for entry in state.log_history),
        )


def _last(state: TrainerState) -> list[str]:
    """Say what was logged last: the losses, the learning rate, the pace, and the score of the last evaluation."""
    parts = []
    last = next((entry for entry in reversed(state.log_history) if "loss" in entry), None)
    if last:
        parts = [f"{name.removeprefix('loss_')} {value:.3f}" for name, value in last.items() if name.startswith("loss")]
        parts += [f"learning rate {last['learning_rate']:.1e}", f"{last['clips_per_second']:.0f} clips/s"]
    scores = [entry["eval_score"] for entry in state.log_history if "eval_score" in entry]
    return parts + [f"score {score:.3f}" for score in scores[-1:]]
