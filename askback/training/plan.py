"""How much goes through the card at once: no effect on the result, only on time and memory.

A step's conversations go through in packs. What a pack leaves for the backward pass grows with its
tokens; a layer that is computed again keeps only what comes in, and takes a third more time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel

from askback import attention
from askback.errors import UserError
from askback.head import PART
from askback.packs import Pack
from askback.records import Row
from askback.training.adapter import trained

MIB = 2**20
CPU_TOKENS = 4096  # in a pack where there is no card
MOST_TOKENS = 16384  # beyond, a larger pack is no faster
LAUNCHING = 4096  # tokens: a smaller pack takes no less time, since launching its kernels does
SPARE = 0.06  # of the card, for what is rounded up, torn up or brought in by libraries
PROBE = 512  # tokens of the pack that is measured
GATHERED = 4  # layers of a sharded base that are whole at once, at most


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes through at once."""

    tokens: int  # in a pack, at most; a longer conversation is a pack by itself
    recomputed: int  # layers, from the first

    def told(self, layers: int) -> str:
        """The plan in words."""
        return (
            f"packs of up to {self.tokens} tokens, {self.recomputed} of {layers} layers recomputed"
        )

    def smaller(self, longest: int, layers: int) -> Plan | None:
        """The next plan that takes less memory; none where there is none."""
        if self.tokens > longest:
            return Plan(max(longest, self.tokens // 2), self.recomputed)
        if self.recomputed < layers:
            return Plan(self.tokens, min(layers, self.recomputed + max(1, layers // 4)))
        return None


@dataclass(frozen=True, slots=True)
class Cost:
    """The bytes that a token of a pack takes."""

    layer: float  # in a layer that keeps what its backward pass needs
    input: float  # in one that is computed again
    layers: int
    head: int  # bytes for the logits of a part, whatever the pack

    def of(self, plan: Plan) -> float:
        """The bytes of a pack: what is kept, and once more the layer that is at work."""
        kept = (self.layers - plan.recomputed) * self.layer + plan.recomputed * self.input
        return plan.tokens * (kept + self.layer) + self.head


@dataclass(frozen=True, slots=True)
class Memory:
    """Who has how many bytes of the card before the first step."""

    limit: int
    base: int
    adapters: int
    new_tokens: int

    @property
    def gradients(self) -> int:
        """One fp32 number for each that is trained."""
        return self.adapters + self.new_tokens

    @property
    def optimizer(self) -> int:
        """Two fp32 numbers for each that is trained."""
        return 2 * self.gradients

    @property
    def free(self) -> float:
        """What is left for packs."""
        taken = self.base + self.adapters + self.new_tokens + self.gradients + self.optimizer
        return self.limit * (1 - SPARE) - taken

    @staticmethod
    def of(tuned: PeftModel, shards: int) -> Memory:
        """What the loaded model takes, and will with its gradients and its optimizer.

        Of a base in `shards` each process has one, and a few layers that are at work.
        """
        ours = trained(tuned)
        lora = sum(size(p) for name, p in ours.items() if "lora_" in name)
        new = sum(size(p) for name, p in ours.items() if "lora_" not in name)
        base = sum(size(p) for p in tuned.parameters() if not p.requires_grad)
        if shards > 1:
            network: Any = tuned.get_base_model()
            base = base // shards + GATHERED * base // network.config.num_hidden_layers
        return Memory(limit(), base, lora, new)

    def lines(self, cost: Cost, plan: Plan) -> Iterator[str]:
        """The ledger, for people."""
        parts = {
            "base": self.base,
            "adapters": self.adapters,
            "new tokens": self.new_tokens,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "a pack": cost.of(plan),
        }
        told = ", ".join(f"{name} {count / MIB:,.0f}" for name, count in parts.items())
        where = f"of {self.limit / MIB:,.0f} MiB" if self.limit else "in MiB"
        yield f"memory {where}: {told}"


def size(tensor: torch.Tensor) -> int:
    """How many bytes it has, those of NF4's scales included."""
    scales = getattr(getattr(tensor, "quant_state", None), "absmax", None)
    own = tensor.numel() * tensor.element_size()
    return own + (0 if scales is None else size(scales))


def limit() -> int:
    """The bytes that may be used: the card's, or fewer where ASKBACK_GPU_MEMORY says so in GB.

    0 without a card. Raises UserError where the variable is no number above 0.
    """
    if not torch.cuda.is_available():
        return 0
    card = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    text = os.environ.get("ASKBACK_GPU_MEMORY", "")
    try:
        asked = float(text or math.inf)
    except ValueError:
        asked = 0.0
    if not asked > 0:
        raise UserError(f"ASKBACK_GPU_MEMORY={text}: not a number of gigabytes above 0")
    return int(min(card, asked * 1e9))


def keep_within(memory: int) -> None:
    """Has torch fail where this process would take more than `memory` bytes of the card."""
    if memory:
        card = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(memory / card)


def measure(tuned: PeftModel) -> Cost:
    """What a token takes, seen on a small pack that goes forward through the loaded model."""
    network: Any = tuned.get_base_model()
    config = network.config
    recompute(tuned, 0)
    pack = Pack.of([Row([1] * PROBE, [1] * PROBE)], network.device)
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in tuned.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tuned.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network.base_model(
            input_ids=pack.ids, position_ids=pack.positions, use_cache=False, pack=pack
        )
    half = network.get_input_embeddings().weight.element_size()
    head = network.get_output_embeddings().weight
    return Cost(
        layer=sum(kept.values()) / PROBE / config.num_hidden_layers,
        input=config.hidden_size * half,
        layers=config.num_hidden_layers,
        head=3 * 4 * PART * len(head) + (2 * size(head) if head.requires_grad else 0),
    )


def choose(free: float, cost: Cost, longest: int, step: int) -> Plan:
    """The fastest plan whose packs fit into `free` bytes.

    `longest` is the longest conversation, `step` what one step has in the mean for each process,
    both in tokens. Where nothing fits, the smallest plan there is.
    """
    most = max(longest, min(MOST_TOKENS, round(1.5 * step)))
    sizes = sorted({longest, most, *range(1024, most, 1024)})
    fitting = [
        plan
        for tokens in sizes
        if tokens >= longest
        for plan in [fewest_recomputed(free, cost, tokens)]
        if plan is not None
    ]
    smallest = Plan(longest, cost.layers)
    return min(fitting, key=lambda plan: pace(plan, cost.layers, step), default=smallest)


def fewest_recomputed(free: float, cost: Cost, tokens: int) -> Plan | None:
    """The plan for packs of `tokens` with the fewest layers recomputed; none where none fits."""
    plans = (Plan(tokens, layers) for layers in range(cost.layers + 1))
    return next((plan for plan in plans if cost.of(plan) <= free), None)


def pace(plan: Plan, layers: int, step: int) -> float:
    """How long a step takes, in tokens' worth of time."""
    packs = math.ceil(step / plan.tokens)
    return packs * max(step / packs, LAUNCHING) * (1 + plan.recomputed / layers / 3)


def recompute(tuned: PeftModel, layers: int) -> None:
    """Has the first `layers` layers computed again in the backward pass, and the others not."""
    network: Any = tuned.get_base_model()
    newer = getattr(network, "activation_checkpointing_enable", None)  # from 5.23 on
    (newer or network.gradient_checkpointing_enable)({"use_reentrant": False})
    for number, layer in enumerate(network.base_model.layers):
        layer.gradient_checkpointing = number < layers


def plan_for(tuned: PeftModel, longest: int, step: int, shards: int = 1) -> tuple[Plan, list[str]]:
    """The plan for this machine, and what the user is told of it."""
    memory = Memory.of(tuned, shards)
    keep_within(memory.limit)
    network: Any = tuned.get_base_model()
    with attention.of_packs(network):
        cost = measure(tuned)
    plan = choose(memory.free, cost, longest, step) if memory.limit else Plan(CPU_TOKENS, 0)
    return plan, [*memory.lines(cost, plan), f"plan: {plan.told(cost.layers)}"]
