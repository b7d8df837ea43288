"""The processes that train together, as `accelerate launch` starts them; one where nobody did."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


def rank() -> int:
    """Which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def add_up(tensors: Iterable[Tensor]) -> None:
    """Puts the sum over all processes into each tensor: one message for those of one precision."""
    if count() == 1:
        return
    kinds: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor)
    for group in kinds.values():
        flat = torch.cat([tensor.flatten() for tensor in group])
        distributed.all_reduce(flat)
        for tensor, part in zip(group, flat.split([t.numel() for t in group]), strict=True):
            tensor.copy_(part.view_as(tensor))


def same_as_first(tensors: Iterable[Tensor]) -> None:
    """Gives every process the first one's values."""
    if count() > 1:
        for tensor in tensors:
            distributed.broadcast(tensor.detach(), 0)  # autograd would warn of it in each backward


def wait() -> None:
    """Returns once all processes have come here."""
    if count() > 1:
        distributed.barrier()


def from_first(answer: Callable[[], T]) -> T:
    """What the first process answers, for all: only it looks at the disk."""
    found = [answer()] if rank() == 0 else [None]
    if count() > 1:
        distributed.broadcast_object_list(found, 0)
    return found[0]  # type: ignore[return-value]  # by now it is the first one's
