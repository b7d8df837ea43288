"""Packs: conversations end to end in one pass through the model, without padding."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from askback.records import IGNORED, Row

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Conversations end to end, and what is to be predicted in them."""

    ids: torch.Tensor  # [1, tokens] of int64
    positions: torch.Tensor  # [1, tokens]: each token's place in its own conversation
    edges: torch.Tensor  # [conversations + 1] of int32: where each begins, and the last one ends
    lengths: Sequence[int]  # of the conversations: the same for the host, which then need not wait
    before: torch.Tensor  # [supervised]: places of the tokens whose next token is predicted
    wanted: torch.Tensor  # [supervised]: those next tokens

    @staticmethod
    def of(rows: Sequence[Row], device: torch.device | str) -> Pack:
        """The rows in their order."""
        import torch

        lengths = [len(row.ids) for row in rows]
        following = torch.tensor(
            list(chain.from_iterable([*row.labels[1:], IGNORED] for row in rows))
        )
        before = (following != IGNORED).nonzero()[:, 0]
        return Pack(
            ids=torch.tensor([list(chain.from_iterable(row.ids for row in rows))]).to(device),
            positions=torch.cat([torch.arange(length) for length in lengths])[None].to(device),
            edges=torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(device),
            lengths=lengths,
            before=before.to(device),
            wanted=following[before].to(device),
        )


def bins(lengths: Iterable[int], tokens: int) -> list[list[int]]:
    """The numbers of `lengths` in groups whose sum is at most `tokens`, the largest group first.

    A length beyond `tokens` has a group of its own. The longest go first, each where it fits best
    (best-fit decreasing); equal lengths give equal groups.
    """
    groups: list[list[int]] = []
    sums: list[int] = []
    room: list[tuple[int, int]] = []  # what is left in each group, and its number; sorted
    for length, number in sorted(((n, -i) for i, n in enumerate(lengths)), reverse=True):
        place = bisect_left(room, (length, 0))
        left, group = room.pop(place) if place < len(room) else (tokens, len(groups))
        if group == len(groups):
            groups.append([])
            sums.append(0)
        groups[group].append(-number)
        sums[group] += length
        if left > length:
            insort(room, (left - length, group))
    order = sorted(range(len(groups)), key=lambda group: (-sums[group], group))
    return [groups[group] for group in order]
