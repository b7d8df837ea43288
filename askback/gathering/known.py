"""A set of hashes that is quick to say no: most that it is asked about are not in it."""

from __future__ import annotations

import numpy as np

from askback.gathering.ngrams import Bytes, Flags, Hashes, Ints, power


class Known:
    """A set of hashes, and which of many others are in it."""

    def __init__(self, hashes: Hashes) -> None:
        """`hashes` are sorted, none twice."""
        self.hashes = hashes
        self._bits = max((16 * len(hashes)).bit_length(), 16)
        self._bitmaps = [
            bitmap(np.sort(self._place(hashes, probe)), self._bits) for probe in (0, 1)
        ]

    def find(self, others: Hashes) -> tuple[Ints, Ints]:
        """The places in `others` of those in the set, in order, and their numbers in the set.

        Two bitmaps turn away all but one in 250 of the others; what is left is searched for.
        """
        likely = np.flatnonzero(lookup(self._bitmaps[0], self._place(others, 0)))
        likely = likely[lookup(self._bitmaps[1], self._place(others[likely], 1))]
        if not len(likely) or not len(self.hashes):
            return likely[:0], likely[:0]
        distinct, again = np.unique(others[likely], return_inverse=True)
        number = np.minimum(np.searchsorted(self.hashes, distinct), len(self.hashes) - 1)
        there = (self.hashes[number] == distinct)[again]
        return likely[there], number[again][there]

    def _place(self, hashes: Hashes, probe: int) -> Hashes:
        """The bit of each hash in a bitmap."""
        spread = hashes * power(1) if probe else hashes
        return spread >> np.uint64(64 - self._bits)


def bitmap(places: Hashes, bits: int) -> Bytes:
    """2**bits bits, of which those at `places`, sorted, are set."""
    flags = np.zeros(1 << (bits - 3), np.uint8)
    byte = (places >> np.uint64(3)).view(np.int64)
    first = np.flatnonzero(np.diff(byte, prepend=-1))
    if len(first):
        bit = np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
        flags[byte[first]] = np.bitwise_or.reduceat(bit, first)
    return flags


def lookup(bitmap: Bytes, places: Hashes) -> Flags:
    """Which of the bits at `places` are set."""
    byte = bitmap.take((places >> np.uint64(3)).view(np.int64))
    byte >>= (places & np.uint64(7)).astype(np.uint8)
    return (byte & np.uint8(1)).view(np.bool_)
