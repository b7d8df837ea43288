"""What the heads of a store's lines say: what was paid and intended, and where replies are."""

from __future__ import annotations

import re
import sys
from bisect import bisect
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from askback.asking import lines
from askback.errors import WorldError

BUFFER = 1 << 20  # bytes read at once


class Heads:
    """All heads of the lines of some files, each checked; those that are damaged are named.

    A reply whose head is damaged was not paid for as far as anyone can see: its intent stays, and
    counts in full. A reply that is damaged further on has cost what its head says. The tail of a
    file that a crash tore is left out without a word.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paid: dict[bytes, float | None] = {}  # US dollars, by call
        self.intended: dict[bytes, float | None] = {}  # US dollars at most, by call not paid
        self.places: dict[bytes, tuple[int, ...]] = {}  # of a key's replies and their copies
        self._paths: list[Path] = []
        self._starts: list[int] = []  # of the files, in bytes, as if they lay end to end
        end = 0
        for path in paths:
            self._paths.append(path)
            self._starts.append(end)
            try:
                end = self._open(path, end)
            except FileNotFoundError:
                raise gone(path) from None
        for call in self.intended.keys() & self.paid.keys():
            del self.intended[call]

    def pay(self, call: bytes, price: float | None) -> None:
        """Counts a call as paid."""
        self.paid[call] = dearer(self.paid[call], price) if call in self.paid else price
        self.intended.pop(call, None)

    def file(self, place: int) -> tuple[Path, int]:
        """The file of a place, and where in it, in bytes, the place is."""
        number = bisect(self._starts, place) - 1
        return self._paths[number], place - self._starts[number]

    def _open(self, path: Path, start: int) -> int:
        """Takes in a file that begins at place `start`; returns the place where it ends."""
        place = start
        with path.open("rb", buffering=BUFFER) as file:
            for number, line in enumerate(file, 1):
                try:
                    self._take(line, place)
                except ValueError as fault:
                    self._take_apart(line, place)
                    if line.endswith(b"\n"):  # or it is a torn tail
                        print(f"{path}:{number}: skipped: {fault}", file=sys.stderr)
                place += len(line)
        return place

    def _take(self, line: bytes, place: int) -> None:
        """Counts a line; raises ValueError, saying why, where nobody can believe it."""
        paid, call, key, dollars = lines.head(line)
        if paid:
            self.places[key] = (*self.places.get(key, ()), place)
            self.pay(call, dollars)
        elif call in self.intended:
            self.intended[call] = dearer(self.intended[call], dollars)
        else:
            self.intended[call] = dollars

    def _take_apart(self, line: bytes, place: int) -> None:
        """Counts the lines that a damaged line break has made one."""
        starts = [found.start() for found in re.finditer(re.escape(lines.START), line)]
        if len(starts) > 1:
            for start, end in pairwise([*starts, len(line)]):
                with suppress(ValueError):
                    self._take(line[start : end - 1] + b"\n", place + start)


def gone(path: Path) -> WorldError:
    """For whoever reads a store while its files are packed into one."""
    return WorldError(f"{path} has gone since the store was opened; run again")


def dearer(one: float | None, other: float | None) -> float | None:
    """The higher of two prices, of which any is higher than none."""
    return max((price for price in (one, other) if price is not None), default=None)
