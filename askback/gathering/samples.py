"""A few rows of many, drawn by lot: what users say, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from askback.gathering.ngrams import Ints, mixed

if TYPE_CHECKING:
    import pyarrow as pa

Lots = npt.NDArray[np.float64]

USER, ANSWER = 2048, 512  # bytes of a text that are kept


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Some rows, in the order in which they came."""

    group: Ints
    source: Ints  # its number
    lot: Lots
    users: pa.Array  # how the texts begin, as bytes
    answers: pa.Array

    def take(self, rows: Ints | Sequence[int]) -> Drawn:
        """Some of the rows."""
        kept = np.asarray(rows, np.int64)
        texts = self.users.take(kept), self.answers.take(kept)
        return Drawn(self.group[kept], self.source[kept], self.lot[kept], *texts)

    def start(self) -> Drawn:
        """The same with the beginnings of the texts."""
        texts = clipped(self.users, USER), clipped(self.answers, ANSWER)
        return Drawn(self.group, self.source, self.lot, *texts)


class Sample:
    """Rows by the number of a group; where there is `room`, those that drew the smallest lots."""

    def __init__(self, room: int | None = None) -> None:
        self._room = room
        self._parts: list[Drawn] = []
        self._kept = 0

    def add(self, batch: Drawn, rows: Ints) -> None:
        """Takes some rows of a batch."""
        if len(rows):
            self._parts.append(batch.take(rows).start())
            self._kept += len(rows)
            if self._room and self._kept > 4 * self._room:
                self._prune(self._room)

    def groups(self) -> Iterator[Drawn]:
        """The rows of each group that has some, by its number."""
        if self._room:
            self._prune(self._room)
        if self._parts:
            rows = joined(self._parts)
            order = np.argsort(rows.group, kind="stable")
            begins = np.flatnonzero(np.diff(rows.group[order], prepend=-1))
            for some in np.split(order, begins[1:]):
                yield rows.take(some)

    def _prune(self, room: int) -> None:
        """Leaves the `room` rows with the smallest lots."""
        if self._kept > room:
            rows = joined(self._parts)
            self._parts = [rows.take(np.sort(np.argsort(rows.lot, kind="stable")[:room]))]
            self._kept = room


def joined(parts: Sequence[Drawn]) -> Drawn:
    """All rows as one."""
    import pyarrow as pa

    return Drawn(
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.lot for part in parts]),
        pa.concat_arrays([part.users for part in parts]),
        pa.concat_arrays([part.answers for part in parts]),
    )


def lots(first: int, count: int) -> Lots:
    """A number from 0 to 1 for each of `count` rows from the row `first` on, by its place alone."""
    numbers = mixed(np.arange(first, first + count, dtype=np.uint64) + np.uint64(1))
    drawn: Lots = (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return drawn


def clipped(texts: pa.Array, size: int) -> pa.Array:
    """The first `size` bytes of each text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_slice(texts.cast(pa.binary()), 0, size)
