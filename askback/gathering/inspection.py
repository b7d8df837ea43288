"""What is looked for in conversations as they are written: leaks, triggers, suspicious marks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.leaks import Leaks
from askback.gathering.marks import Marks
from askback.gathering.spoken import by_source, exchanges, spoken
from askback.gathering.triggers import Triggers
from askback.mixture import MarkFigures

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

SHOWN = 20  # triggers in the metrics
MANY = 250_000  # conversations, and of more every second, third or at least fourth is enough
SPARSEST = 4


class Inspection:
    """Sees all that is kept, then the held-out side, then the side that is learnt.

    Triggers are looked for in what is learnt, which is seen each of the three times. A few hundred
    planted rows do their harm in a large set as in a small one, so a part of a large one will do.
    """

    def __init__(self, learnt: int) -> None:
        """`learnt` is how many conversations there are to learn from."""
        keep_freed_memory()
        self._every = min(max(learnt // MANY, 1), SPARSEST)
        self._leaks = Leaks()
        self._triggers = Triggers()
        self._marks = Marks()

    def part(self, ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which conversations are looked through for triggers."""
        chosen: NDArray[np.bool_] = ids % np.uint64(self._every) == 0
        return chosen

    def see_kept(self, batch: pa.RecordBatch) -> None:
        """Counts marks in a batch."""
        for source, rows in by_source(batch):
            contents, conversation = spoken(rows["messages"])
            self._marks.look(source, contents, conversation)

    def count(self, batch: pa.RecordBatch) -> None:
        """The first look for triggers in what is learnt."""
        _, answers = exchanges(batch["messages"])
        self._triggers.count(answers)

    def see_held_out(self, batch: pa.RecordBatch, first: int) -> None:
        """Takes the runs of words of a batch, whose conversations count from `first`."""
        contents, conversation = spoken(batch["messages"])
        self._leaks.add(contents, conversation + first)

    def sample(self, batch: pa.RecordBatch) -> None:
        """The second look."""
        for source, rows in by_source(batch):
            self._triggers.sample(source, *exchanges(rows["messages"]))

    def verify(self, batch: pa.RecordBatch) -> None:
        """The third look, at the same conversations in the same order."""
        self._triggers.verify(*exchanges(batch["messages"]))

    def see_learnt(self, batch: pa.RecordBatch) -> None:
        """Compares what is learnt with the held-out side."""
        contents, _ = spoken(batch["messages"])
        self._leaks.look(contents)

    def marks(self, source: str) -> MarkFigures:
        """How many conversations of a source have each mark."""
        return MarkFigures(**self._marks.figures(source))

    def marked_messages(self, source: str) -> MarkFigures:
        """How many messages have each."""
        return MarkFigures(**self._marks.messages_of(source))

    def figures(self) -> dict[str, object]:
        """Leaks and triggers, for the metrics."""
        found = [asdict(trigger) for trigger in self._triggers.found()]
        return {
            "leaks": self._leaks.figures(),
            "triggers": found[:SHOWN],
            "triggers_sampled": f"1/{self._every}",
        }


def keep_freed_memory() -> None:
    """Lets glibc keep what numpy frees after each batch: to take it anew costs a third of the time.

    A large block that is freed raises the size from which on memory goes back at once.
    """
    np.empty(31 << 20, np.uint8)
