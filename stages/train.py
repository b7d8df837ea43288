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
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from askback import chat, checkpoints, files, loss, model
from askback.checkpoints import Checkpoints
from askback.ledger import Ledger
from askback.model import Precision, Quantize
from askback.params import Section, load
from askback.stage import In, Out, run
from askback.tokens import MANIFEST, Counts, Rows

MANY_EXPOSURES = 6  # of an answer; beyond, a model tends to recite it

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, TrainingArguments


class LoraParams(Section):
    """The adapter: its rank, its scale alpha / r, and its dropout."""

    r: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)


class TrainParams(Section):
    """How the adapter is trained."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=1)  # conversations that one optimizer step learns from
    learning_rate: float = Field(gt=0)  # constant
    quantize: Quantize
    precision: Precision
    lora: LoraParams
    seed: int


def adapted(base: Path, params: TrainParams) -> PeftModel:
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
    tuned = get_peft_model(network, config)
    tuned.peft_config["default"].base_model_name_or_path = model.Base.of(base).model
    return tuned


def new_rows(network: PreTrainedModel, base: Path) -> dict[str, list[int]]:
    """ChatML's marks by the embedding matrices that get a trainable row for each."""
    vocabulary = chat.Chat.load(base)
    ids = [vocabulary.token_id(mark) for mark in (chat.IM_START, chat.IM_END)]
    tied = network.config.tie_word_embeddings
    return dict.fromkeys(["embed_tokens"] if tied else ["embed_tokens", "lm_head"], ids)


def exposures(counts: Counts, epochs: int) -> float:
    """How often a run shows the model each answer, in the mean: once an epoch for each question."""
    return epochs * counts.rows / counts.answers


def tell_exposures(counts: Counts, epochs: int) -> None:
    """Says how often each answer is seen, and warns where the model will rather recite it."""
    times = exposures(counts, epochs)
    print(f"train: {epochs} epochs show each answer {times:g} times", file=sys.stderr)
    if times > MANY_EXPOSURES:
        print(
            f"train: warning: more than {MANY_EXPOSURES} times teaches to recite; make "
            "train.epochs or questions.per_passage smaller",
            file=sys.stderr,
        )


def as_they_are(rows: list[Any]) -> Any:
    """The batch as it is: rows stay rows, and training_step pads what goes through at once."""
    return rows


def arguments(params: TrainParams, folder: Path) -> TrainingArguments:
    """The settings of Trainer: a constant rate, one checkpoint and one held-out loss an epoch."""
    import torch
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch,
        learning_rate=params.learning_rate,
        lr_scheduler_type="constant",
        optim="paged_adamw_32bit" if torch.cuda.is_available() else "adamw_torch",
        gradient_checkpointing=torch.cuda.is_available(),  # memory is short there
        gradient_checkpointing_kwargs={"use_reentrant": False},
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
    from askback import trainer

    code = hashlib.sha256()
    for module in [__file__, model.__file__, loss.__file__, trainer.__file__]:
        code.update(Path(module).read_bytes())
    return {
        "data": files.sha256(tokens / MANIFEST),
        "base": model.Base.of(base).sha256,
        "code": code.hexdigest(),
        **{f"train.{key}": value for key, value in params.model_dump().items()},
    }


def in_order(path: Path) -> dict[str, Any]:
    """The adapter's config as PEFT reads it, the same bytes on every run: PEFT writes a set."""
    config = model.read_json(path)
    return config | {"target_modules": sorted(config["target_modules"])}


def write_curve(path: Path, history: Iterable[dict[str, float]], key: str) -> list[float]:
    """Writes one loss over the steps as CSV; returns its values."""
    points = [(int(entry["step"]), entry[key]) for entry in history if key in entry]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("step", "loss"), *points])
    return [value for _, value in points]


def main(tokens: In, base: In, adapter: Out, curves: Out, ledger: Ledger) -> None:
    """Trains, or goes on training, and keeps the best epoch's adapter with its loss curves."""
    from transformers import PrinterCallback

    from askback.trainer import ConversationTrainer, Progress, Seal

    params = load("train", TrainParams)
    saved = Checkpoints(ingredients(tokens, base, params))
    resumed = saved.open()
    if resumed:
        print(f"train: going on from step {checkpoints.step(resumed)}", file=sys.stderr)
    rows = Rows(tokens / "train.arrow")
    tell_exposures(rows.counts, params.epochs)
    trainer = ConversationTrainer(
        model=adapted(base, params),
        args=arguments(params, saved.folder),
        train_dataset=rows,
        eval_dataset=Rows(tokens / "validation.arrow"),
        data_collator=as_they_are,
        callbacks=[Seal(), Progress()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    best = saved.folder / f"checkpoint-{trainer.state.best_global_step}"
    with files.whole(adapter) as folder:
        folder.mkdir()
        shutil.copy(best / "adapter_model.safetensors", folder)
        files.write_json(folder / "adapter_config.json", in_order(best / "adapter_config.json"))
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
