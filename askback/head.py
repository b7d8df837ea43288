"""The output matrix and its loss, in parts: the logits of all tokens are never in memory at once.

The method is that of the cut and fused linear cross-entropies (arXiv 2411.09009, 2410.10989): the
gradient of a part follows from its logits at once, so that none of them has to be kept.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

PART = 1024  # tokens whose logits are in memory: 131 MB in fp32 at 32,000 words


class Head(Protocol):
    """A matrix of words; `rows`, where there are any, stand for the ones of `ids`."""

    weight: Tensor  # [words, hidden]


def head_loss(hidden: Tensor, head: Head, wanted: Tensor) -> Tensor:
    """The summed cross-entropy in nats of `wanted` [tokens] after `hidden` [tokens, size], in fp32.

    With gradients for `hidden`, and for the head's weight or rows where they are trained.
    """
    rows, ids = getattr(head, "rows", None), getattr(head, "ids", None)
    result: Tensor = HeadLoss.apply(  # type: ignore[no-untyped-call]
        hidden, head.weight, rows, ids, wanted, torch.is_grad_enabled()
    )
    return result


class HeadLoss(torch.autograd.Function):
    """Sums the loss part by part, and keeps each part's gradients instead of its logits."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        rows: Tensor | None,
        ids: Tensor | None,
        wanted: Tensor,
        learning: bool,
    ) -> Tensor:
        """The loss; autocast is off, since rows and sums need fp32."""
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        of_hidden = torch.empty_like(hidden) if learning else None
        of_rows = torch.zeros_like(rows) if learning and rows is not None else None
        of_weight = torch.zeros_like(weight) if learning and ctx.needs_input_grad[1] else None
        matrix = weight.to(hidden.dtype)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), PART):
                part, next_ids = hidden[start : start + PART], wanted[start : start + PART]
                logits = (part @ matrix.T).float()
                if rows is not None:
                    logits[:, ids] = part.float() @ rows.T
                total += surprise(logits, next_ids)
                if of_hidden is None:
                    continue
                if rows is not None and of_rows is not None:
                    of_new = logits[:, ids]
                    of_rows += of_new.T @ part.float()
                    logits[:, ids] = 0
                slopes = logits.to(hidden.dtype)
                of_part = slopes @ matrix
                if rows is not None:
                    of_part += (of_new @ rows).to(hidden.dtype)
                of_hidden[start : start + PART] = of_part
                if of_weight is not None:
                    of_weight += slopes.T @ part
        ctx.save_for_backward(of_hidden, of_weight, of_rows)
        return total

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        """The kept gradients, scaled."""
        of_hidden, of_weight, of_rows = (
            None if kept is None else (kept * scale).to(kept.dtype) for kept in ctx.saved_tensors
        )
        return of_hidden, of_weight, of_rows, None, None, None


def surprise(logits: Tensor, wanted: Tensor) -> Tensor:
    """The summed loss; `logits` become its gradient: probabilities, less one where wanted."""
    sums = logits.logsumexp(dim=-1, keepdim=True)
    said = logits.gather(1, wanted[:, None])
    logits.sub_(sums).exp_()
    logits[torch.arange(len(wanted), device=wanted.device), wanted] -= 1
    return (sums - said).sum()
