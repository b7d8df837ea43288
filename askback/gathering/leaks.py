"""How much of what is held out stands on the side that is learnt, too: runs of twelve words.

Two texts that share twelve words in a row have hardly been written apart. Each message is looked
at by itself. Some 25 bytes a held-out run lie in memory, and of runs there are at most `cap`:
beyond, only those whose hash ends in a zero bit are kept and looked for, then in two, and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.known import Known
from askback.gathering.ngrams import Flags, Grams, Hashes, Ints, Owners, Words, grams, words

if TYPE_CHECKING:
    import pyarrow as pa

RUN = 12  # words
CAP = 2_000_000  # runs of the held-out side
SHOWN = 5  # examples
CLIP = 200  # characters of an example


class Leaks:
    """Sees first all that is held out, then all that is learnt."""

    def __init__(self, cap: int = CAP) -> None:
        self._cap = cap
        self._zeros = 0  # bits in which the hash of a run ends that is kept
        self._hashes: list[Hashes] = []
        self._owners: list[Owners] = []
        self._kept = 0
        self._conversations: list[Owners] = []
        self._sides: Sides | None = None

    def add(self, held_out: pa.Array, conversation: Ints) -> None:
        """Takes messages of the held-out side, and the number of the conversation of each.

        Raises ValueError after the first look at what is learnt.
        """
        if self._sides:
            raise ValueError("all that is held out comes before what is learnt")
        owners = conversation.astype(np.int32)
        self._conversations.append(np.unique(owners))
        found = self._sampled(grams(words(held_out), RUN))
        self._hashes.append(found.hash)
        self._owners.append(owners[found.owner])
        self._kept += len(found.hash)
        while self._kept > self._cap:
            self._halve()

    def look(self, learnt: pa.Array) -> None:
        """Takes messages of the side that is learnt."""
        spoken = words(learnt)
        self._compared().look(spoken, self._sampled(grams(spoken, RUN)))

    def figures(self) -> dict[str, object]:
        """How many held-out conversations share a run, or half of theirs; and some of the runs."""
        sides = self._compared()
        number = len(np.unique(np.concatenate([np.zeros(0, np.int32), *self._conversations])))
        shared, mostly = sides.conversations()
        return {
            "conversations": number,
            "sharing": shared,
            "share": round(shared / max(number, 1), 6),
            "sharing_half": mostly,
            "runs": len(sides.shared),
            "shared_runs": int(sides.shared.sum()),
            "sampled": f"1/{1 << self._zeros}",
            "examples": sides.examples,
        }

    def _sampled(self, found: Grams) -> Grams:
        """Those whose hash ends in enough zero bits."""
        if not self._zeros:
            return found
        kept = self._ends_in_zeros(found.hash)
        return Grams(found.hash[kept], found.owner[kept], found.first[kept])

    def _halve(self) -> None:
        """Keeps the runs whose hash ends in one more zero bit."""
        self._zeros += 1
        hashes, owners = np.concatenate(self._hashes), np.concatenate(self._owners)
        kept = self._ends_in_zeros(hashes)
        self._hashes, self._owners = [hashes[kept]], [owners[kept]]
        self._kept = len(self._hashes[0])

    def _ends_in_zeros(self, hashes: Hashes) -> Flags:
        flags: Flags = (hashes & np.uint64((1 << self._zeros) - 1)) == 0
        return flags

    def _compared(self) -> Sides:
        """The held-out side, in order, to compare with."""
        if not self._sides:
            empty = np.zeros(0, np.uint64), np.zeros(0, np.int32)
            hashes = np.concatenate([empty[0], *self._hashes])
            owners = np.concatenate([empty[1], *self._owners])
            self._hashes, self._owners = [], []
            self._sides = Sides(hashes, owners)
        return self._sides


class Sides:
    """The held-out runs, and which of them are learnt."""

    def __init__(self, hashes: Hashes, owners: Owners) -> None:
        order = np.argsort(hashes)  # equal ones in any order
        hashes, self._owners = hashes[order], owners[order]
        first = np.diff(hashes, prepend=~hashes[:1]) != 0
        self._known = Known(hashes[first])
        # Where each run begins among all, which say whose it is; and the end.
        self._begins = np.append(np.flatnonzero(first), len(hashes))
        self.shared = np.zeros(len(self._begins) - 1, np.bool_)
        self.examples: list[str] = []
        self._shown: set[int] = set()

    def look(self, spoken: Words, found: Grams) -> None:
        """Marks the runs that are among those found."""
        places, numbers = self._known.find(found.hash)
        new = np.flatnonzero(~self.shared[numbers])
        if len(self.examples) < SHOWN:
            for place in new:
                self._show(spoken, int(found.first[places[place]]), int(numbers[place]))
        self.shared[numbers] = True

    def _show(self, spoken: Words, first: int, number: int) -> None:
        """One example of a held-out conversation, while there are few."""
        owner = int(self._owners[self._begins[number] : self._begins[number + 1]].min())
        if len(self.examples) < SHOWN and owner not in self._shown:
            self._shown.add(owner)
            self.examples.append(" ".join(spoken.text(first, RUN)[:CLIP].split()))

    def conversations(self) -> tuple[int, int]:
        """How many share a run, and how many half of theirs or more."""
        counts = np.diff(self._begins)
        learnt = np.repeat(self.shared, counts)
        of_all = np.bincount(self._owners)
        of_learnt = np.bincount(self._owners[learnt], minlength=len(of_all))
        return int((of_learnt > 0).sum()), int(((of_learnt > 0) & (2 * of_learnt >= of_all)).sum())
