"""What must hold of the loaded model before its first step, and is measured on it."""

from __future__ import annotations

import math

import torch
from transformers import PreTrainedModel

from askback import attention
from askback.errors import UserError
from askback.loss import summed_loss
from askback.packs import Pack
from askback.records import IGNORED, Row

LOOKED_AT = 1024  # tokens of a conversation, at most
SAME = 1e-5  # relative, where shapes are the same and only a neighbour's words differ
CLOSE = {torch.float32: 1e-4, torch.bfloat16: 5e-3, torch.float16: 2e-3}  # relative, to rounding


def check(network: PreTrainedModel, one: Row, other: Row) -> None:
    """Raises UserError where a pack's loss is not that of its conversations by themselves.

    Three ways: a neighbour with other words must not move a conversation's loss; together the two
    must lose what they lose apart; and one alone must lose what the model's own forward pass says,
    whose attention and head are not ours. In evaluation mode; the network attends as packs need it.
    """
    first, second = begun(one), begun(other)
    quiet = Row(first.ids, [IGNORED] * len(first.ids))
    strange = Row(first.ids[::-1], quiet.labels)
    close = max(CLOSE.get(parameter.dtype, 0.0) for parameter in network.parameters())
    network.eval()
    with torch.no_grad():
        beside, moved = loss(network, quiet, second), loss(network, strange, second)
        refuse_unequal(beside, moved, SAME, "moves when its neighbour in the pack changes")
        alone = loss(network, second)
        together = loss(network, first, second)
        refuse_unequal(loss(network, first) + alone, together, close, "is another in a pack")
        refuse_unequal(plain_loss(network, second), alone, close, "is not the model's own")


def begun(row: Row) -> Row:
    """The row's first tokens, up to and with some that are supervised if there are any."""
    places = (place for place, label in enumerate(row.labels) if label != IGNORED and place)
    learned = next(places, 0)
    size = max(LOOKED_AT, learned + 1)
    return Row(row.ids[:size], row.labels[:size])


def loss(network: PreTrainedModel, *rows: Row) -> float:
    """The summed loss of the rows in one pack."""
    return summed_loss(network, Pack.of(rows, network.device)).item()


def plain_loss(network: PreTrainedModel, row: Row) -> float:
    """The same of one row as transformers computes it: its own attention, all logits."""
    labels = torch.tensor(row.labels[1:], device=network.device)
    with attention.switched(network, "sdpa"):
        ids = torch.tensor([row.ids], device=network.device)
        logits = network(input_ids=ids, use_cache=False).logits[0, :-1].float()
    return torch.nn.functional.cross_entropy(
        logits, labels, ignore_index=IGNORED, reduction="sum"
    ).item()


def refuse_unequal(one: float, other: float, tolerance: float, what: str) -> None:
    """Raises UserError where two losses differ by more than `tolerance` of the larger."""
    apart = abs(one - other)
    if not (math.isfinite(apart) and apart <= tolerance * max(abs(one), abs(other))):
        raise UserError(
            f"self-test: a conversation's loss {what}: {one:.6g} and {other:.6g}; this model "
            "cannot be tuned with this version of torch and transformers: use those of "
            "requirements.lock, or another base"
        )
