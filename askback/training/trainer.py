"""Hugging Face's Trainer over packs.

A step runs its packs one by one, each with a seed of its own, and divides the sum of their losses
by the supervised tokens of all processes. So neither the packs, nor the processes, nor what was
killed in between decide what is learned.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments

from askback import attention
from askback.chat import Chat
from askback.errors import UserError
from askback.loss import held_out_loss, summed_loss
from askback.model import Base
from askback.packs import Pack, bins
from askback.records import IGNORED, Epoch, Row, Sample, TokenRow
from askback.tokens import Rows
from askback.training import adapter, processes, surroundings
from askback.training.callbacks import Keeping, Progress
from askback.training.checkpoints import Checkpoints, Curve, step
from askback.training.kept import KeptTrainer
from askback.training.order import Order, Steps
from askback.training.plan import Plan, plan_for, recompute
from askback.training.samples import prompts, samples
from askback.training.selftest import check
from askback.training.sharding import shard
from askback.training.stopping import Stop

FILLER = Row([0, 0], [IGNORED, IGNORED])  # a pack without loss, where others still have one


@dataclass(frozen=True, slots=True)
class Voice:
    """The base's name, its tokenizer, and the ids that end an answer."""

    base: str
    chat: Chat
    ends: Sequence[int]

    @staticmethod
    def of(base: Path, network: PreTrainedModel) -> Voice:
        """That of the base described in a folder, loaded as `network`."""
        chat = Chat.load(base)
        own = network.generation_config.eos_token_id
        ends = own if isinstance(own, list) else [own] if own is not None else []
        return Voice(Base.of(base).model, chat, [chat.end_id, *ends])


class Replica(torch.nn.Module):
    """The model as it is: the step adds up all processes' gradients, so no DDP is around it.

    DDP would begin to add them up within the last pack, before all are known to have had the
    memory for theirs.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model


class ConversationTrainer(KeptTrainer):
    """Trainer whose steps are packs, and whose epochs end with a look at what was learned."""

    def __init__(
        self,
        tuned: PeftModel,
        rows: Rows,
        held_out: Rows,
        order: Order,
        saved: Checkpoints,
        voice: Voice,
        half: torch.dtype | None,  # what autocast computes in; none: fp32
        max_new_tokens: int,  # of an answer at an epoch's end
        args: TrainingArguments,
    ) -> None:
        super().__init__(model=tuned, args=args, train_dataset=rows)
        self.remove_callback(PrinterCallback)
        self.tuned, self.rows, self.held_out, self.order = tuned, rows, held_out, order
        self.saved, self.voice, self.half = saved, voice, half
        self.max_new_tokens = max_new_tokens
        self.plan = Plan(0, 0)  # until `run` makes one
        self.stop = Stop()
        asked = os.environ.get("ASKBACK_SHARD", "") not in ("", "0")
        self.sharded = asked and processes.count() > 1
        self.supervised = 0  # tokens of the last step
        self.asked = prompts(held_out, voice.chat)

    def run(self, resumed: Path | None) -> None:
        """Plans, tests and trains, from a checkpoint on where there is one.

        Raises KeyboardInterrupt, with what was gained saved, where it is asked to stop.
        """
        processes.same_as_first(self.learned())
        shards = processes.count() if self.sharded else 1
        with self.autocast():
            plan = plan_for(self.tuned, self.longest, self.tokens, shards)
        self.plan, lines = processes.from_first(lambda: plan)  # who waits for whom hangs on it
        for line in lines:
            self.say(line)
        if self.sharded:
            shard(self.network)
        self.add_callback(Keeping(self))
        self.add_callback(Progress())
        with attention.of_packs(self.network), self.stop.heard():
            with self.autocast():
                check(self.network, self.rows[0], self.rows[len(self.rows) - 1])
            recompute(self.tuned, self.plan.recomputed)
            if resumed:
                self.tell_resumption(resumed)
            with self.stop.later():
                self.train(resume_from_checkpoint=str(resumed) if resumed else None)

    @property
    def longest(self) -> int:
        """Tokens of the longest conversation."""
        return int(self.rows.lengths.max())

    @property
    def tokens(self) -> int:
        """Tokens that a step has for each process, in the mean."""
        counts = self.rows.counts
        return round(counts.tokens / counts.rows * self.order.batch / processes.count())

    def tell_resumption(self, checkpoint: Path) -> None:
        """Says where it goes on, and what is not as it was."""
        self.say(f"going on from step {step(checkpoint)}")
        for line in surroundings.differences(checkpoint, self.plan):
            self.say(f"no longer equal to the bit: {line}")

    @property
    def network(self) -> PreTrainedModel:
        """The causal LM with the adapter in its layers."""
        network: Any = self.tuned.get_base_model()
        assert isinstance(network, PreTrainedModel)
        return network

    def get_train_dataloader(self) -> DataLoader[int]:
        """The numbers of each step's rows, the same for every process."""
        return Steps(self.order)

    def _wrap_model(self, model: Any, training: bool = True, dataloader: Any = None) -> Any:
        return Replica(model) if model is self.tuned else model

    def autocast(self) -> AbstractContextManager[None]:
        """Computes in the half precision that the params ask for, if they do."""
        kind = self.args.device.type
        return torch.autocast(kind, self.half, enabled=self.half is not None)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Back-propagates the rows of one step; returns their mean loss per supervised token."""
        self.tuned.train()
        records = [self.rows.record(number) for number in inputs]
        self.supervised = sum(record.row.supervised for record in records)
        if not self.supervised:
            raise self.refusal("nothing in it is supervised")
        while True:
            if (loss := self.attempt(records)) is not None:
                return loss
            self.plan_smaller()

    def attempt(self, records: Sequence[TokenRow]) -> Tensor | None:
        """The step under the plan: its loss with its gradients, or none where memory ran out.

        Raises KeyboardInterrupt where a process was asked to stop, the steps before this one saved.
        """
        outcome = torch.zeros(3, dtype=torch.float64, device=self.args.device)
        try:
            for loss in self.packs(records):
                outcome[0] += loss
        except torch.OutOfMemoryError:
            if self.sharded:
                self.plan_smaller()  # raises: the others wait for this one's layers, not for this
            outcome[1] = 1
        outcome[2] = self.stop.asked
        processes.add_up([outcome])
        loss, failed, asked = outcome.tolist()
        if asked:
            self.forget_gradients()
            self.keep()
            raise KeyboardInterrupt
        if failed:
            self.forget_gradients()
            return None
        if not torch.isfinite(outcome[0]):
            raise self.refusal(f"the loss is {loss}")
        processes.add_up(p.grad for p in self.learned() if p.grad is not None)
        return outcome[0].float()

    def packs(self, records: Sequence[TokenRow]) -> Iterator[Tensor]:
        """Back-propagates this process's packs of the step; yields each one's share of the loss."""
        groups = bins([len(record.input_ids) for record in records], self.plan.tokens)
        rounds = -(-len(groups) // processes.count())
        for number in range(processes.rank(), rounds * processes.count(), processes.count()):
            if self.stop.asked and not self.sharded:  # sharded, the others would wait for this one
                return
            rows = [records[n].row for n in groups[number]] if number < len(groups) else [FILLER]
            self.seed(number)
            with self.autocast():
                loss = summed_loss(self.network, Pack.of(rows, self.args.device)) / self.supervised
            self.accelerator.backward(loss)
            yield loss.detach()

    def seed(self, pack: int) -> None:
        """Dropout's seed, a function of the run's, the step and the pack alone."""
        place = f"{self.args.seed} {self.state.global_step} {pack}"
        digest = blake2b(place.encode(), digest_size=8).digest()
        torch.manual_seed(int.from_bytes(digest, "big", signed=True))

    def learned(self) -> list[Tensor]:
        """The parameters that are trained."""
        return list(adapter.trained(self.tuned).values())

    def forget_gradients(self) -> None:
        """Drops what the step has computed."""
        for parameter in self.learned():
            parameter.grad = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def plan_smaller(self) -> None:
        """Goes on with a plan that takes less memory; UserError where there is none."""
        if self.sharded:
            raise UserError(
                "out of memory, and the processes wait for one another's layers: set "
                "ASKBACK_GPU_MEMORY lower, and run again"
            )
        layers = self.network.config.num_hidden_layers
        smaller = self.plan.smaller(self.longest, layers)
        if smaller is None:
            raise UserError(
                "the longest conversation does not fit into memory; lower tokenize.max_length, "
                "train.lora.r, or take a smaller base"
            )
        self.plan = smaller
        recompute(self.tuned, smaller.recomputed)
        self.say(f"out of memory in step {self.state.global_step + 1}; now {smaller.told(layers)}")

    def _clip_grad_norm(self, model: Any) -> Tensor:
        """Clips the gradients where Trainer does, once; refuses such as teach nothing."""
        norm: Tensor = self.accelerator.clip_grad_norm_(self.learned(), self.args.max_grad_norm)
        scaler = self.accelerator.scaler
        if scaler is not None and not torch.isfinite(norm) and scaler.get_scale() > 1:
            return norm  # fp16: the step is left out, and the scale lowered, until it fits
        if not torch.isfinite(norm) or norm == 0:
            raise self.refusal(f"the gradient's norm is {norm.item()}")
        return norm

    def refusal(self, what: str) -> UserError:
        """What the user is told of a step that cannot be learned from."""
        numbers = self.order.step(self.state.global_step)
        rows = ", ".join(self.rows.record(number).id for number in numbers)
        return UserError(
            f"step {self.state.global_step + 1}: {what}; its rows are {rows}: look at them with "
            "`askback show`, or lower train.learning_rate"
        )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Logs a step's figures with the number of its supervised tokens."""
        if "grad_norm" in logs:
            logs["supervised"] = self.supervised
        super().log(logs, start_time)

    def finish(self, epoch: int) -> None:
        """Measures an epoch that is over, lets the model speak, and keeps its adapter."""
        with self.stop.now(), self.autocast():
            loss = held_out_loss(self.network, self.held_out)
            if not math.isfinite(loss):
                raise UserError(
                    f"epoch {epoch}: the held-out loss is {loss}; lower train.learning_rate"
                )
            said = list(self.samples())
        self.log({"held_out_loss": loss})
        self.say(f"epoch {epoch}: held-out loss {loss:.4f}")
        record = Epoch(epoch, self.state.global_step, loss, kept=False, samples=said)
        if processes.rank() == 0:
            write = partial(adapter.save, self.tuned, base=self.voice.base)
            self.saved.keep_epoch(record, self.curve(epoch), write)
        with self.stop.now():
            processes.wait()

    def samples(self) -> Iterator[Sample]:
        """What the model says by now to the held-out questions."""
        chat, ends = self.voice.chat, self.voice.ends
        return samples(self.network, chat, self.asked, self.max_new_tokens, ends)

    def curve(self, epoch: int) -> Curve:
        """The figures of each of the epoch's steps."""
        steps = range((epoch - 1) * len(self.order) + 1, epoch * len(self.order) + 1)
        return [
            entry
            for entry in self.state.log_history
            if "grad_norm" in entry and entry["step"] in steps
        ]

    def say(self, text: str) -> None:
        """Tells the user, once for all processes."""
        if processes.rank() == 0:
            print(f"train: {text}", file=sys.stderr)
