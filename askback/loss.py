"""The loss that training lowers and evaluation reports: summed over supervised tokens alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from askback import attention
from askback.packs import Pack, bins
from askback.records import Row

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

HELD_OUT_TOKENS = 4096  # in a pack that is only measured; the same on every machine


class Rows(Protocol):
    """Rows that are read when they are asked for, and whose lengths are known before."""

    @property
    def lengths(self) -> Any:
        """How many tokens each has."""

    def __getitem__(self, number: int) -> Row:
        """The row of a number."""


def summed_loss(network: PreTrainedModel, pack: Pack) -> torch.Tensor:
    """The cross-entropy in nats of the pack's supervised tokens, summed, in fp32, with gradient.

    The network attends as `attention.of_packs` has it.
    """
    from askback.head import head_loss

    hidden = network.base_model(
        input_ids=pack.ids, position_ids=pack.positions, use_cache=False, pack=pack
    ).last_hidden_state
    head: Any = network.get_output_embeddings()
    return head_loss(hidden[0][pack.before], head, pack.wanted)


def held_out_loss(network: PreTrainedModel, rows: Sequence[Row] | Rows) -> float:
    """The mean loss in nats per supervised token of `rows`, in evaluation mode.

    Equal whatever the memory: its packs are always of one size, and summed in one order.
    """
    import torch

    was_training = network.training
    network.eval()
    total, supervised = 0.0, 0
    with torch.no_grad(), attention.of_packs(network):
        for numbers in bins(lengths(rows), HELD_OUT_TOKENS):
            pack = Pack.of([rows[number] for number in numbers], network.device)
            total += summed_loss(network, pack).item()
            supervised += len(pack.wanted)
    network.train(was_training)
    return total / supervised


def lengths(rows: Sequence[Row] | Rows) -> list[int]:
    """How many tokens each row has; nothing is read where the rows know it."""
    if isinstance(rows, Sequence):
        return [len(row.ids) for row in rows]
    return [int(length) for length in rows.lengths]
