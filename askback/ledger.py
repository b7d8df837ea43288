"""The account of what a stage kept and what it dropped, by named reasons."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from askback import files
from askback.records import Dropped

T = TypeVar("T")


class Ledger:
    """Counts every record a stage decides on; nothing vanishes without a reason."""

    def __init__(self) -> None:
        self.kept = 0
        self.dropped: list[Dropped] = []
        self.figures: dict[str, object] = {}

    def sort(self, items: Iterable[T | Dropped]) -> Iterator[T]:
        """The items that were not dropped, in order; the others are entered by their reason."""
        for item in items:
            if isinstance(item, Dropped):
                self.drop(item)
            else:
                self.kept += 1
                yield item

    def drop(self, dropped: Dropped) -> None:
        """Enters one record that is left out."""
        self.dropped.append(dropped)

    def reasons(self) -> dict[str, int]:
        """How many were dropped for each reason."""
        return dict(sorted(Counter(item.reason for item in self.dropped).items()))

    def save(self, metrics: Path | None, dropped: Path | None) -> None:
        """Writes counts and figures as JSON and the dropped as JSON lines, and prints the sum."""
        reasons = self.reasons()
        if metrics:
            counts = {"kept": self.kept, "dropped": reasons} if self.kept or reasons else {}
            files.write_json(metrics, counts | self.figures)
        if dropped:
            files.write(dropped, self.dropped)
        if self.kept or reasons:
            left_out = ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "nothing"
            print(f"kept {self.kept}, dropped {left_out}", file=sys.stderr)
