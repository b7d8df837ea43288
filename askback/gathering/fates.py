"""What becomes of every conversation: which side it goes to, or why to none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from askback.gathering import duplicates, mixing, split
from askback.gathering.drafts import Drafts, Part
from askback.gathering.mixing import By, Wish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from askback.gathering.near import Sketches


class Fate(IntEnum):
    """Where a conversation goes; below TRAIN and VALIDATION, why it goes nowhere."""

    TRAIN = 0
    VALIDATION = 1
    DUPLICATE = 2
    NEAR_DUPLICATE = 3
    ALSO_IN_TRAIN = 4
    NOT_DRAWN = 5

    @property
    def reason(self) -> str:
        """Its name in the ledger."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides beside the conversations themselves."""

    parts: Sequence[Part]
    shares: Sequence[float | None]  # of each part to hold out; None: all, its own split
    wishes: Mapping[str, Wish]  # how much of each source is taken
    by: By
    seed: int


@dataclass(frozen=True, slots=True)
class Fates:
    """[conversations]: the fate of each, and the number of the one that it repeats, or NONE."""

    fate: NDArray[np.uint8]
    like: NDArray[np.int64]


def settle(drafts: Drafts, choice: Choice, sketches: Sketches | None) -> Fates:
    """The fate of every draft: repeated, held out, drawn for the mix, or not."""
    import numpy as np

    part, group = drafts.part, drafts.group
    fate = np.full(len(drafts), Fate.TRAIN, np.uint8)
    like = duplicates.earlier(drafts.digests)
    fate[like != duplicates.NONE] = Fate.DUPLICATE
    if sketches:
        books = np.isin(part, [one.number for one in choice.parts if one.book])
        near = sketches.earlier(fate == Fate.TRAIN, np.where(books, group, 0))
        fate[near != duplicates.NONE] = Fate.NEAR_DUPLICATE
        like = np.maximum(like, near)
    rest = np.flatnonzero(fate == Fate.TRAIN)
    lots = lots_of(choice.parts)
    held = split.held_out(group[rest], part[rest], choice.shares, lots, drafts.groups, choice.seed)
    fate[rest[held]] = Fate.VALIDATION
    leave_out_what_is_learnt(fate, like, drafts.answers)
    leave_out_what_is_not_drawn(fate, drafts, choice)
    return Fates(fate, like)


def lots_of(parts: Sequence[Part]) -> list[list[int]]:
    """The parts whose groups are drawn by lot, those of books together."""
    books = [part.number for part in parts if part.book]
    others = [[part.number] for part in parts if part.by_lot and not part.book]
    return [books, *others] if books else others


def leave_out_what_is_learnt(
    fate: NDArray[np.uint8], like: NDArray[np.int64], answers: NDArray[np.uint64]
) -> None:
    """Marks held-out conversations of books with an answer that is also on the other side.

    Such as a motto that stands in two chapters, or a book that is there in two editions.
    """
    import numpy as np

    number, answer = answers[:, 0].astype(np.int64), answers[:, 1]
    train = fate[number] == Fate.TRAIN
    learnt, first = np.unique(answer[train], return_index=True)
    if not len(learnt):
        return
    at = np.minimum(np.searchsorted(learnt, answer), len(learnt) - 1)
    seen = (fate[number] == Fate.VALIDATION) & (learnt[at] == answer)
    like[number[seen]] = number[train][first][at[seen]]
    fate[number[seen]] = Fate.ALSO_IN_TRAIN


def leave_out_what_is_not_drawn(fate: NDArray[np.uint8], drafts: Drafts, choice: Choice) -> None:
    """Marks what the shares and limits leave no room for, on both sides alike."""
    import numpy as np

    part, hashes = drafts.part, drafts.digests[:, 0]
    units = drafts.characters
    ones = np.ones(len(units), np.int64)
    numbers = {
        name: [p.number for p in choice.parts if p.name == name and not p.own]
        for name in choice.wishes
    }
    rows = {name: np.isin(part, numbers[name]) for name in numbers}
    for name, wish in choice.wishes.items():
        if wish.limit is not None:
            train = np.flatnonzero(rows[name] & (fate == Fate.TRAIN))
            draw(fate, rows[name], hashes, ones, wish.limit / max(len(train), 1), choice.seed)
    sizes = ones if choice.by == "conversations" else units
    there = [float(sizes[rows[name] & (fate == Fate.TRAIN)].sum()) for name in choice.wishes]
    wanted = mixing.quotas(there, list(choice.wishes.values()))
    for name, size, quota in zip(choice.wishes, there, wanted, strict=True):
        if quota < size:
            draw(fate, rows[name], hashes, sizes, quota / size, choice.seed)


def draw(
    fate: NDArray[np.uint8],
    rows: NDArray[np.bool_],
    hashes: NDArray[np.uint64],
    sizes: NDArray[np.int64],
    part: float,
    seed: int,
) -> None:
    """Marks all but `part` of each side of a source as not drawn."""
    import numpy as np

    for side in (Fate.TRAIN, Fate.VALIDATION):
        there = np.flatnonzero(rows & (fate == side))
        taken = mixing.draw(hashes[there], sizes[there], part * sizes[there].sum(), seed)
        fate[there[~taken]] = Fate.NOT_DRAWN
