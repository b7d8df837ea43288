"""Tunes the base with QLoRA: reads data/tokens/ and models/base/, writes models/adapter/.

python -m stages.train data/tokens models/base models/adapter metrics/curves \
    --metrics metrics/train.json

Hugging Face's Trainer and PEFT do the work. Each epoch ends with the held-out loss and a
checkpoint; a killed run goes on from the last valid one; the adapter of the best epoch is kept.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from askback import chat, checkpoints, files, loss, model
from askback import tokens as token_files
from askback.checkpoints import Checkpoints
from askback.ledger import Ledger
from askback.model import Precision, Quantize
from askback.params import Section, load
from askback.stage import In, Out, run

SAID_EVERY = 5.0  # seconds between lines of progress


class LoraParams(Section):
    """The adapter: its rank, its scale alpha / r, and its dropout."""

    r: int
    alpha: int
    dropout: float


class TrainParams(Section):
    """How the adapter is trained."""

    epochs: int
    batch: int  # conversations that one optimizer step learns from
    learning_rate: float  # constant
    quantize: Quantize
    precision: Precision
    lora: LoraParams
    seed: int


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
        metrics = {"eval_loss": loss.held_out_loss(self.model, self.eval_dataset)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Saves the adapter and the new rows; not the whole embeddings, and no pickles."""
        self.model.save_pretrained(output_dir, save_embedding_layers=False)


class Seal(TrainerCallback):
    """Makes each checkpoint valid once it is whole."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Seals the checkpoint that Trainer has just written."""
        checkpoints.seal(Path(args.output_dir, f"checkpoint-{state.global_step}"))


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


def adapted(base: Path, params: TrainParams) -> PreTrainedModel:
    """The base with LoRA on its seven projections and trainable rows for ChatML's marks."""
    import torch
    from peft import LoraConfig, get_peft_model

    network = model.load(base, params.quantize, params.precision)
    torch.manual_seed(params.seed)  # of the adapter's first weights
    config = LoraConfig(
        r=params.lora.r,
        lora_alpha=params.lora.alpha,
        lora_dropout=params.lora.dropout,
        target_modules=model.PROJECTIONS,
        trainable_token_indices=new_rows(network, base),
        task_type="CAUSAL_LM",
    )
    tuned: PreTrainedModel = get_peft_model(network, config)
    tuned.peft_config["default"].base_model_name_or_path = model.Base.of(base).model
    return tuned


def new_rows(network: PreTrainedModel, base: Path) -> dict[str, list[int]]:
    """ChatML's marks by the embedding matrices that get a trainable row for each."""
    vocabulary = chat.Chat.load(base)
    ids = [vocabulary.token_id(mark) for mark in (chat.IM_START, chat.IM_END)]
    tied = network.config.tie_word_embeddings
    return dict.fromkeys(["embed_tokens"] if tied else ["embed_tokens", "lm_head"], ids)


def arguments(params: TrainParams, folder: Path) -> TrainingArguments:
    """The settings of Trainer: a constant rate, one checkpoint and one held-out loss an epoch."""
    import torch

    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch,
        learning_rate=params.learning_rate,
        lr_scheduler_type="constant",
        optim="paged_adamw_32bit" if torch.cuda.is_available() else "adamw_torch",
        max_grad_norm=0.3,  # as QLoRA's authors clip
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,  # the best and the last; the older one goes after the newer is there
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is not a number must be seen
        remove_unused_columns=False,
        disable_tqdm=True,  # Progress speaks
        report_to="none",
        seed=params.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,  # rows are lists until they are padded
    )


def ingredients(tokens: Path, base: Path, params: TrainParams) -> dict[str, object]:
    """Everything that shapes a run, by name: its data, its base, its params and its code."""
    code = hashlib.sha256()
    for module in [__file__, model.__file__, loss.__file__]:
        code.update(Path(module).read_bytes())
    return {
        "data": files.sha256(tokens / token_files.MANIFEST),
        "base": model.Base.of(base).sha256,
        "code": code.hexdigest(),
        **{f"train.{key}": value for key, value in params.model_dump().items()},
    }


def write_curve(path: Path, history: Iterable[dict[str, float]], key: str) -> list[float]:
    """Writes one loss over the steps as CSV; returns its values."""
    points = [(int(entry["step"]), entry[key]) for entry in history if key in entry]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("step", "loss"), *points])
    return [value for _, value in points]


def main(tokens: In, base: In, adapter: Out, curves: Out, ledger: Ledger) -> None:
    """Trains, or goes on training, and keeps the best epoch's adapter with its loss curves."""
    params = load("train", TrainParams)
    saved = Checkpoints(ingredients(tokens, base, params))
    resumed = saved.open()
    if resumed:
        print(f"train: going on from step {checkpoints.step(resumed)}", file=sys.stderr)
    trainer = ConversationTrainer(
        model=adapted(base, params),
        args=arguments(params, saved.folder),
        train_dataset=[r.row for r in token_files.rows(tokens / "train.arrow")],
        eval_dataset=[r.row for r in token_files.rows(tokens / "validation.arrow")],
        data_collator=list,  # rows stay rows; training_step pads what goes through at once
        callbacks=[Seal(), Progress()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    best = saved.folder / f"checkpoint-{trainer.state.best_global_step}"
    with files.whole(adapter) as folder:
        folder.mkdir()
        for name in ["adapter_config.json", "adapter_model.safetensors"]:
            shutil.copy(best / name, folder)
    with files.whole(curves) as folder:
        folder.mkdir()
        write_curve(folder / "train.csv", trainer.state.log_history, "loss")
        held_out = write_curve(folder / "held_out.csv", trainer.state.log_history, "eval_loss")
    ledger.figures |= {
        "steps": trainer.state.global_step,
        "best_epoch": 1 + held_out.index(min(held_out)),
        "held_out_loss": min(held_out),
    }


if __name__ == "__main__":
    run(main)
