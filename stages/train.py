"""Tunes the base with QLoRA: reads data/tokens/ and models/base/, writes models/adapter/.

python -m stages.train data/tokens models/base models/adapter data/epochs.jsonl metrics/curves \
    --metrics metrics/train.json

Hugging Face's Trainer and PEFT do the work, on packs. Each epoch ends with a checkpoint, the
held-out loss and answers to fixed questions. A killed run goes on from its last valid checkpoint,
to the same bits; `accelerate launch -m stages.train …` runs it in many processes.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from askback import files, model
from askback.errors import UserError
from askback.ledger import Ledger
from askback.lock import locked
from askback.model import Precision, Quantize
from askback.params import Section, load
from askback.stage import In, Out, run
from askback.tokens import MANIFEST, Rows
from askback.training.advice import tell_exposures, warn_of_rate
from askback.training.lora import LoraParams

if TYPE_CHECKING:
    import torch
    from transformers import TrainingArguments

    from askback.training.checkpoints import Checkpoints
    from askback.training.trainer import ConversationTrainer

SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


class TrainParams(Section):
    """How the adapter is trained, and which epoch's is kept."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=1)  # conversations that one optimizer step learns from
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "linear", "cosine"]
    warmup: int = Field(ge=0)  # steps
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    quantize: Quantize
    precision: Precision
    new_tokens: Literal["rows", "full"]
    lora: LoraParams
    max_new_tokens: int = Field(ge=1)  # of an answer at an epoch's end
    keep: Literal["best", "last", "all"] | Annotated[int, Field(ge=1)]  # or an epoch's number
    seed: int


def refuse(params: TrainParams, held_out: Rows) -> None:
    """Raises UserError for what would only fail once everything is trained."""
    if isinstance(params.keep, int) and params.keep > params.epochs:
        raise UserError(
            f"params.yaml: train.keep: there is no epoch {params.keep}, "
            f"train.epochs is {params.epochs}"
        )
    if not held_out.counts.supervised:
        raise UserError("nothing held out is supervised; raise chatml.held_out or add documents")


def ingredients(tokens: Path, base: Path, params: TrainParams) -> dict[str, object]:
    """Everything that shapes a run, by name: its data, its base, its params and its code.

    Not which epoch is kept; nor, under a constant rate, how many there are: so a run can go on.
    """
    from askback import attention, generation, head, loss, packs, training

    shared = [model, attention, generation, head, loss, packs]
    own = sorted(Path(str(training.__file__)).parent.glob("*.py"))
    code = hashlib.sha256()
    for module in [__file__, *(str(m.__file__) for m in shared), *map(str, own)]:
        code.update(Path(module).read_bytes())
    without = {"keep", "epochs"} if params.schedule == "constant" else {"keep"}
    return {
        "data": files.sha256(tokens / MANIFEST),
        "base": model.Base.of(base).sha256,
        "code": code.hexdigest(),
        **{f"train.{key}": value for key, value in params.model_dump(exclude=without).items()},
    }


def arguments(params: TrainParams, folder: Path) -> TrainingArguments:
    """The settings of Trainer. It logs each step; evaluating and saving is done around it."""
    import torch
    from transformers import TrainingArguments

    from askback.training.callbacks import reporters

    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch,
        learning_rate=params.learning_rate,
        lr_scheduler_type=SCHEDULES[params.schedule],
        warmup_steps=params.warmup,
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        optim="paged_adamw_32bit" if cuda else "adamw_torch",
        fp16=params.precision == "fp16",
        save_strategy="no",
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is not a number must be seen
        remove_unused_columns=False,
        disable_tqdm=True,  # Progress speaks
        report_to=reporters(),
        seed=params.seed,
        use_cpu=not cuda,
        dataloader_pin_memory=False,  # what is loaded are numbers of rows
    )


def main(tokens: In, base: In, adapter: Out, epochs: Out, curves: Out, ledger: Ledger) -> None:
    """Trains, or goes on training, and hands on the epoch that is to be kept."""
    params = load("train", TrainParams)
    warn_of_rate(params.lora, params.learning_rate)
    prepare()
    from askback.training import processes
    from askback.training.checkpoints import Checkpoints

    held_out = Rows(tokens / "validation.arrow")
    refuse(params, held_out)
    saved = Checkpoints(ingredients(tokens, base, params))
    with ExitStack() as stack:
        if processes.rank() == 0:
            stack.enter_context(locked(saved.folder))
        train(Rows(tokens / "train.arrow"), held_out, base, params, saved)
        if processes.rank() == 0:
            hand_on(saved, params, adapter, epochs, curves, ledger)


def prepare() -> None:
    """Settings that have to be there before CUDA starts."""
    if os.environ.get("ASKBACK_DETERMINISTIC", "") in ("", "0"):
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.use_deterministic_algorithms(True)


def train(rows: Rows, held_out: Rows, base: Path, params: TrainParams, saved: Checkpoints) -> None:
    """Brings the run's epochs up to `params.epochs`; nothing is loaded where they are there."""
    from askback.training import processes
    from askback.training.order import Order

    args = arguments(params, saved.folder)  # introduces the processes to each other
    order = Order(len(rows), params.batch, params.seed, longest=int(rows.lengths.argmax()))
    there = processes.from_first(lambda: len(list(saved.epochs(params.epochs))))
    if there == params.epochs:
        if processes.rank() == 0:
            last = len(order) * params.epochs
            print(f"train: going on from step {last}: nothing is left to train", file=sys.stderr)
        return
    if processes.rank() == 0:
        tell_exposures(rows.counts, params.epochs)
    resumed = processes.from_first(lambda: saved.open(len(order) * params.epochs, len(order)))
    trainer = trainer_of(rows, held_out, base, params, saved=saved, order=order, args=args)
    trainer.run(resumed)


def trainer_of(
    rows: Rows, held_out: Rows, base: Path, params: TrainParams, **more: Any
) -> ConversationTrainer:
    """The loaded model with all that its training takes."""
    from askback.training import adapter
    from askback.training.trainer import ConversationTrainer, Voice

    network = model.load(base, params.quantize, params.precision)
    tuned = adapter.adapted(
        network, adapter.new_ids(base), params.lora, params.new_tokens, params.seed
    )
    return ConversationTrainer(
        tuned=tuned,
        rows=rows,
        held_out=held_out,
        voice=Voice.of(base, network),
        half=half(params.precision),
        max_new_tokens=params.max_new_tokens,
        **more,
    )


def half(precision: Precision) -> torch.dtype | None:
    """What is computed in where it is not fp32; UserError where this machine cannot."""
    import torch

    if precision == "fp16" and not torch.cuda.is_available():
        raise UserError("params.yaml: train.precision: fp16 needs a GPU; bf16 and fp32 do not")
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision]


def hand_on(
    saved: Checkpoints,
    params: TrainParams,
    adapter: Path,
    epochs: Path,
    curves: Path,
    ledger: Ledger,
) -> None:
    """Writes the kept epoch's adapter, the record of all epochs, and the curves."""
    from askback.training import checkpoints

    folders = list(saved.epochs(params.epochs))
    records = [checkpoints.record(folder) for folder in folders]
    kept = checkpoints.chosen(records, params.keep)
    with files.whole(adapter) as folder:
        copy_adapter(saved.epoch(kept.epoch), folder)
        if params.keep == "all":
            for one in folders:
                copy_adapter(one, folder / one.name)
    files.write(epochs, [replace(one, kept=one is kept) for one in records])
    with files.whole(curves) as folder:
        folder.mkdir()
        steps = [entry for one in folders for entry in checkpoints.curve(one)]
        write_curve(folder / "train.csv", steps, COLUMNS)
        ends = [{"step": one.step, "loss": one.held_out_loss} for one in records]
        write_curve(folder / "held_out.csv", ends, COLUMNS[:2])
    ledger.figures |= {
        "steps": records[-1].step,
        "best_epoch": checkpoints.chosen(records, "best").epoch,
        "kept_epoch": kept.epoch,
        "held_out_loss": kept.held_out_loss,
    }


def copy_adapter(epoch: Path, folder: Path) -> None:
    """An epoch's adapter, as PEFT reads it, in a new folder."""
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(epoch / name, folder / name)


COLUMNS = ("step", "loss", "grad_norm", "supervised", "learning_rate")


def write_curve(path: Path, entries: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Writes figures over the steps as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([entry[column] for column in columns] for entry in entries)


if __name__ == "__main__":
    run(main, first=os.environ.get("RANK", "0") == "0")
