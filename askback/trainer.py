"""Hugging Face's Trainer with a loss that is summed over supervised tokens, and its callbacks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from askback import checkpoints, loss

SAID_EVERY = 5.0  # seconds between lines of progress


class ConversationTrainer(Trainer):
    """Trainer whose loss is a sum over the step's supervised tokens, divided by their number.

    So the result does not depend on how many conversations go through the model at once.
    """

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Back-propagates one batch of rows, pass by pass; returns its mean loss per token."""
        model.train()
        supervised = sum(row.supervised for row in inputs)
        total = 0.0
        for rows in loss.passes(inputs):
            part = loss.summed_loss(model, rows) / supervised
            self.accelerator.backward(part)
            total = total + part.detach()
        return total

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The held-out loss per supervised token, as Trainer's callbacks expect it."""
        model: Any = self.model
        rows: Any = self.eval_dataset
        metrics = {"eval_loss": loss.held_out_loss(model, rows)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Saves the adapter and the new rows; not the whole embeddings, and no pickles."""
        model: Any = self.model
        model.save_pretrained(output_dir, save_embedding_layers=False)


class Seal(TrainerCallback):
    """Makes each checkpoint valid once it is whole."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Seals the checkpoint that Trainer has just written."""
        checkpoints.seal(Path(str(args.output_dir), f"checkpoint-{state.global_step}"))


class Progress(TrainerCallback):
    """Says how far the run is, and how long it will take."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Starts the clock; a resumed run has steps behind it that took no time now."""
        self.start = self.said = time.monotonic()
        self.first = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Prints every held-out loss, and the training loss every few seconds."""
        now, logs = time.monotonic(), logs or {}
        if "eval_loss" in logs:
            print(
                f"epoch {state.epoch:.0f}: held-out loss {logs['eval_loss']:.4f}", file=sys.stderr
            )
        elif "loss" in logs and now - self.said > SAID_EVERY:
            self.said = now
            rate = (now - self.start) / (state.global_step - self.first)
            left = rate * (state.max_steps - state.global_step)
            print(
                f"step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f}, "
                f"{left // 60:.0f}:{left % 60:02.0f} left",
                file=sys.stderr,
            )
