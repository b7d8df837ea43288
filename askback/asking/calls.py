"""The log of calls: one JSON line for each, for people; no text, no key, and no stage reads it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class CallLog:
    """A new file in `folder` for one run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.jsonl"

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, **fields: object) -> None:
        """Adds a call: its time, and what else is said of it."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._file.write(json.dumps({"time": now} | fields, ensure_ascii=False) + "\n")


def rate(folder: Path) -> float | None:
    """Replies a second in the last run that had some; None where there was none."""
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        with path.open(encoding="utf-8") as file:
            times = [call["time"] for call in map(json.loads, file) if call.get("answered")]
        if len(times) > 1:
            first, last = map(datetime.fromisoformat, (times[0], times[-1]))
            return len(times) / max((last - first).total_seconds(), 0.001)
    return None
