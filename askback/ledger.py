"""The account of what a stage kept and what it dropped, by named reasons."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from askback import files
from askback.records import Dropped

T = TypeVar("T")


class Ledger:
    """Counts every record a stage decides on; nothing vanishes without a reason."""

    def __init__(self) -> None:
        self.kept = 0
        self.figures: dict[str, object] = {}
        self._reasons: Counter[str] = Counter()
        self._packed = BytesIO()  # a million rows can be bad, and lie in memory until the end
        self._lines = GzipFile(fileobj=self._packed, mode="wb", compresslevel=1)

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
        self._reasons[dropped.reason] += 1
        self._lines.write(files.line(dropped))

    def reasons(self) -> dict[str, int]:
        """How many were dropped for each reason."""
        return dict(sorted(self._reasons.items()))

    def save(self, metrics: Path | None, dropped: Path | None) -> None:
        """Writes counts and figures as JSON and the dropped as JSON lines, and prints the sum."""
        reasons = self.reasons()
        if metrics:
            counts = {"kept": self.kept, "dropped": reasons} if self.kept or reasons else {}
            files.write_json(metrics, counts | self.figures)
        if dropped:
            self._lines.close()
            self._packed.seek(0)
            with files.whole(dropped) as part, part.open("wb") as file:
                shutil.copyfileobj(GzipFile(fileobj=self._packed), file)
        if self.kept or reasons:
            left_out = ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "nothing"
            print(f"kept {self.kept}, dropped {left_out}", file=sys.stderr)
