"""What is said in a batch of conversations, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


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
