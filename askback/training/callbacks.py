"""What is done around Trainer's steps: checkpoints, ends of epochs, progress, others' reports."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import TYPE_CHECKING

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from askback.errors import UserError
from askback.training import processes

if TYPE_CHECKING:
    from askback.training.trainer import ConversationTrainer

SAID_EVERY = 5.0  # seconds between lines of progress


class Keeping(TrainerCallback):
    """Saves a checkpoint every so many minutes and where an epoch ends, and finishes the epoch."""

    def __init__(self, trainer: ConversationTrainer) -> None:
        self.trainer = trainer
        self.seconds = 60 * minutes()
        self.saved = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Finishes the epoch whose steps were over when the run before this one ended."""
        epoch, left = divmod(state.global_step, len(self.trainer.order))
        if epoch and not left and processes.from_first(lambda: self.trainer.saved.lacks(epoch)):
            self.trainer.finish(epoch)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Saves where it is time: when a step ends, its figures are not in the state yet."""
        if time.monotonic() - self.saved > self.seconds:
            self.trainer.keep()
            self.saved = time.monotonic()

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Saves first: what follows takes a while, and may be killed."""
        self.trainer.keep()
        self.saved = time.monotonic()
        self.trainer.finish(state.global_step // len(self.trainer.order))


class Progress(TrainerCallback):
    """Says how far the run is, and how long it will take."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
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
        **_: object,
    ) -> None:
        """Prints the training loss every few seconds."""
        now, logs = time.monotonic(), logs or {}
        if processes.rank() or "grad_norm" not in logs or now - self.said <= SAID_EVERY:
            return
        self.said = now
        rate = (now - self.start) / (state.global_step - self.first)
        left = rate * (state.max_steps - state.global_step)
        print(
            f"step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f}, "
            f"{left // 60:.0f}:{left % 60:02.0f} left",
            file=sys.stderr,
        )


def minutes() -> float:
    """How long the time between two checkpoints is; UserError where the variable is no number."""
    text = os.environ.get("ASKBACK_CHECKPOINT_MINUTES", "15")
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not found >= 0:
        raise UserError(f"ASKBACK_CHECKPOINT_MINUTES={text}: not a number of minutes")
    return found


def reporters() -> list[str]:
    """Where Trainer reports to, as ASKBACK_REPORT_TO names it; UserError where it cannot."""
    names = os.environ.get("ASKBACK_REPORT_TO", "none").replace(",", " ").split()
    asked = [name for name in names if name != "none"]
    try:
        for callback in get_reporting_integration_callbacks(asked):
            callback()
    except (ValueError, RuntimeError, ImportError) as error:
        raise UserError(f"ASKBACK_REPORT_TO={' '.join(asked)}: {error}") from None
    return asked
