"""Where answers begin and end: enough to see that many rows are given the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.ngrams import Flags, Ints, Words, mixed, power, words

if TYPE_CHECKING:
    import pyarrow as pa

EDGE = 128  # bytes of an answer, at each end
WORDS = 8  # of them, at each end
SLOTS = 1 << 22  # of a table of answers
TABLE = 1 << 20  # slots of a table of words
POWERS = np.array([power(place + 1) for place in range(WORDS)])
FREQUENT = 1 / 2000  # of all words: some 300 words are, and half of what is written in English
LEAST = 3  # times that a frequent word stands there
FEW = 8  # words: of fewer nobody can tell whether they are unlike others
UNLIKE = 1 / 10  # of the words of an answer that is unlike others, which are frequent


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Of each answer a number for its first words, one for its last, and its first words."""

    opening: Ints  # [rows], below SLOTS; equal for equal words
    ending: Ints  # [rows]; that of the opening where it has no more words
    first: Words


def edges(answers: pa.Array) -> Edges:
    """The edges of answers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = answers.cast(pa.binary())
    first = words(pc.binary_slice(raw, 0, EDGE))
    final = words(pc.binary_slice(raw, -EDGE))
    return Edges(slots(first, last=False), slots(final, last=True), first)


def slots(spoken: Words, last: bool) -> Ints:
    """A number below SLOTS for the first eight words of each text, or for the last eight."""
    ends = np.cumsum(np.bincount(spoken.owner, minlength=spoken.texts))
    begins = ends - np.diff(ends, prepend=0)
    from_there = np.maximum(begins, ends - WORDS) if last else begins
    place = np.arange(len(spoken.hash)) - from_there[spoken.owner]
    kept = (place >= 0) & (place < WORDS)
    sums = np.zeros(len(spoken.hash) + 1, np.uint64)
    digits = spoken.hash * POWERS[np.where(kept, place, 0)]
    np.cumsum(np.where(kept, digits, np.uint64(0)), out=sums[1:])
    found: Ints = (mixed(sums[ends] - sums[begins]) % np.uint64(SLOTS)).view(np.int64)
    return found


class Vocabulary:
    """How often each word begins an answer, or stands near its beginning."""

    def __init__(self) -> None:
        self._counts = np.zeros(TABLE, np.uint32)
        self._total = 0

    def add(self, first: Words) -> None:
        """Counts the first words of answers."""
        np.add.at(self._counts, self._slots(first), np.uint32(1))
        self._total += len(first.hash)

    def unlike(self, first: Words) -> Flags:
        """[rows]: which answers have hardly a word that is frequent in the others."""
        frequent = self._counts.take(self._slots(first)) >= max(FREQUENT * self._total, LEAST)
        of_all = np.bincount(first.owner, minlength=first.texts)
        of_frequent = np.bincount(first.owner[frequent], minlength=first.texts)
        return (of_all >= FEW) & (of_frequent <= UNLIKE * of_all)

    @staticmethod
    def _slots(first: Words) -> Ints:
        return (first.hash % np.uint64(TABLE)).view(np.int64)
