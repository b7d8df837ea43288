"""The loss that training lowers and evaluation reports: summed over supervised tokens alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from askback.records import IGNORED, Row

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PASS_TOKENS = 4096  # through the model at once, padding included: bounds memory, not the result


def passes(rows: Iterable[Row], tokens: int = PASS_TOKENS) -> Iterator[list[Row]]:
    """The rows, longest first, in groups of at most `tokens` once padded; at least one a group."""
    group: list[Row] = []
    for row in sorted(rows, key=lambda row: -len(row.ids)):
        if group and len(group[0].ids) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def summed_loss(model: PreTrainedModel, rows: Sequence[Row]) -> torch.Tensor:
    """The cross-entropy in nats of `rows`' supervised tokens, summed, in fp32, with gradient."""
    import torch

    longest = max(len(row.ids) for row in rows)
    ids = padded([row.ids for row in rows], longest, 0).to(model.device)
    labels = padded([row.labels for row in rows], longest, IGNORED).to(model.device)
    # No mask: causal attention looks to the left, and what fills a row up stands right of it.
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    wanted = labels[:, 1:] != IGNORED
    return torch.nn.functional.cross_entropy(
        logits[wanted].float(), labels[:, 1:][wanted], reduction="sum"
    )


def padded(lists: Sequence[list[int]], longest: int, filler: int) -> torch.Tensor:
    """[rows, longest] of int64, filled on the right."""
    import torch

    return torch.tensor([values + [filler] * (longest - len(values)) for values in lists])


def held_out_loss(model: PreTrainedModel, rows: Sequence[Row]) -> float:
    """The mean loss in nats per supervised token of `rows`, in evaluation mode."""
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        total = sum(summed_loss(model, group).item() for group in passes(rows))
    model.train(was_training)
    return total / sum(row.supervised for row in rows)
