"""What is looked for in conversations as they are written: leaks, triggers, suspicious marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.leaks import Leaks
from askback.gathering.marks import Marks
from askback.gathering.triggers import Triggers

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

    def marks(self, source: str) -> dict[str, int]:
        """How many conversations of a source have each mark."""
        return self._marks.figures(source)

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


def by_source(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each source."""
    import pyarrow.compute as pc

    sources = batch["source"].unique().to_pylist()
    for source in sources:
        yield (
            source,
            batch if len(sources) == 1 else batch.filter(pc.equal(batch["source"], source)),
        )


def chosen(batch: pa.RecordBatch, rows: NDArray[np.bool_]) -> pa.RecordBatch:
    """Some rows of a batch."""
    import pyarrow as pa

    return batch if rows.all() else batch.filter(pa.array(rows))


def spoken(messages: pa.ListArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The contents of all messages but those of the system, and the row that each is of."""
    import pyarrow.compute as pc

    said, rows = messages.flatten(), messages.value_parent_indices()
    others = pc.not_equal(said.field("role"), "system")
    conversation: NDArray[np.int64] = rows.filter(others).to_numpy()
    return said.field("content").filter(others), conversation


def exchanges(messages: pa.ListArray) -> tuple[pa.Array, pa.Array]:
    """What users say and what is answered, exchange by exchange."""
    import pyarrow.compute as pc

    said = messages.flatten()
    roles, contents = said.field("role"), said.field("content")
    users, answers = pc.equal(roles, "user"), pc.equal(roles, "assistant")
    return contents.filter(users), contents.filter(answers)
