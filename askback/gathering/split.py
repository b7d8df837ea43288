"""Which conversations are held out: whole chapters, episodes or groups, never parts of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY = 15  # chapters or episodes, from which on a share of them is held out
LEAST = 5  # held-out ones, where there are many


def drawn(groups: Collection[str], share: float, seed: int) -> set[str]:
    """The groups for validation, where they are few: those of the smallest hashes.

    A group's hash is its own, so one that is added or renamed moves one other at most, or two
    where the number that is held out changes too.
    """
    count = len(groups)
    number = max(round(share * count), LEAST) if count >= MANY else max(count // 3, 1)
    return set(sorted(groups, key=lambda group: rank(group, seed))[:number])


def rank(group: str, seed: int) -> bytes:
    """A hash that draws groups by lot."""
    return blake2b(f"{seed}\x1f{group}".encode()).digest()


def below(numbers: NDArray[np.uint64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which of the hashes are held out, where they are many: about `share` of them.

    Each by itself: what is added moves none of the others.
    """
    return mixed(numbers, seed) < share * 2.0**64


def mixed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Other hashes of the same numbers for each seed."""
    import numpy as np

    from askback.gathering import ngrams

    start = int.from_bytes(blake2b(str(seed).encode(), digest_size=8).digest(), "little")
    return ngrams.mixed(numbers ^ np.uint64(start))


def held_out(
    group: NDArray[np.uint64],
    part: NDArray[np.uint16],
    shares: Sequence[float | None],
    lots: Sequence[Sequence[int]],
    groups: dict[int, str],
    seed: int,
) -> NDArray[np.bool_]:
    """[conversations]: which are for validation.

    `shares` has each part's share to hold out, None for a set's own validation split; `lots` the
    parts, books together, whose groups are drawn by lot; `groups` the names of those.
    """
    import numpy as np

    result = np.zeros(len(group), bool)
    by_lot = {number for parts in lots for number in parts}
    for number, share in enumerate(shares):
        rows = part == number
        if share is None:
            result[rows] = True
        elif number not in by_lot:
            result[rows] = below(group[rows], share, seed)
    for parts in lots:
        rows = np.isin(part, parts)
        known = {groups[int(value)]: value for value in np.unique(group[rows])}
        chosen = [known[name] for name in drawn(known, shares[parts[0]] or 0, seed)]
        result[rows] = np.isin(group[rows], np.array(chosen, np.uint64))
    return result
