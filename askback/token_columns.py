"""Token rows side by side, as a record batch of an Arrow file has them, each with its checksum.

Arrow has none of its own. A row's goes on from that of the row before it, so that the last one of a
file stands for all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from askback.records import TokenRow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROWS = 1000  # in a record batch, which is what lies in memory: some megabytes


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Some rows, their tokens end to end."""

    ids: list[str]
    documents: list[str]
    lengths: NDArray[np.int64]  # [rows], in tokens
    input_ids: NDArray[np.int32]  # [tokens]
    labels: NDArray[np.int32]  # [tokens]

    @property
    def edges(self) -> NDArray[np.int64]:
        """[rows + 1]: where each row begins, and where the last one ends."""
        import numpy as np

        return np.concatenate(([0], np.cumsum(self.lengths)))


def columns(rows: list[TokenRow]) -> Columns:
    """The rows as columns; ValueError where a row has not a label for each id."""
    import numpy as np

    lengths = [len(row.input_ids) for row in rows]
    if lengths != [len(row.labels) for row in rows]:
        raise ValueError("a row must have a label for each of its ids")
    return Columns(
        [row.id for row in rows],
        [row.document for row in rows],
        np.array(lengths, np.int64),
        np.array(list(chain.from_iterable(row.input_ids for row in rows)), np.int32),
        np.array(list(chain.from_iterable(row.labels for row in rows)), np.int32),
    )


def schema() -> pa.Schema:
    """The columns of a file of token rows."""
    import pyarrow as pa

    tokens = pa.list_(pa.int32())
    return pa.schema(
        {
            "id": pa.string(),
            "document": pa.string(),
            "input_ids": tokens,
            "labels": tokens,
            "length": pa.int32(),
            "checksum": pa.uint32(),
        }
    )


def checksum(before: int, number: int, name: bytes, document: bytes, ids: Any, labels: Any) -> int:
    """CRC-32 of a row, after that of the row `before` it; `ids` and `labels` are int32 arrays."""
    head = b"%d\n%b\n%b\n" % (number, name, document)
    return zlib.crc32(labels, zlib.crc32(ids, zlib.crc32(head, before)))


def checksums(part: Columns, first: int, before: int) -> list[int]:
    """One for each row; `first` is the number of the first in its file."""
    found = []
    rows = zip(part.ids, part.documents, pairwise(part.edges.tolist()), strict=True)
    for number, (name, document, (start, end)) in enumerate(rows, first):
        ids, labels = part.input_ids[start:end], part.labels[start:end]
        before = checksum(before, number, name.encode(), document.encode(), ids, labels)
        found.append(before)
    return found


def record_batch(part: Columns, checksums: list[int]) -> pa.RecordBatch:
    """The rows as Arrow has them."""
    import pyarrow as pa

    edges = pa.array(part.edges, pa.int32())
    arrays = [
        pa.array(part.ids, pa.string()),
        pa.array(part.documents, pa.string()),
        pa.ListArray.from_arrays(edges, part.input_ids),
        pa.ListArray.from_arrays(edges, part.labels),
        pa.array(part.lengths, pa.int32()),
        pa.array(checksums, pa.uint32()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema())


def even(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, ROWS in each batch and the rest in the last."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(part.num_rows for part in waiting) >= ROWS:
            joined = pa.concat_batches(waiting)
            yield pa.concat_batches([joined.slice(0, ROWS)])  # a copy: slices are written longer
            waiting = [joined.slice(ROWS)]
    if any(part.num_rows for part in waiting):
        yield pa.concat_batches(waiting)


class Cells:
    """A column of texts or lists where it lies in a file; nothing in it is believed."""

    def __init__(self, column: pa.Array, kind: str) -> None:
        """`kind` is numpy's name for what a cell is made of."""
        self._edges = numbers(column, "int32", 1)
        self._items = numbers(column, kind, -1)

    def __getitem__(self, number: int) -> NDArray[Any]:
        """The items of one cell; IndexError where there is none."""
        start, end = self._edges[number : number + 2].tolist()
        return self._items[start:end]


class Batch:
    """A record batch where it lies in a file; a row is believed once its checksum agrees."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        names, documents, ids, labels, lengths, checksums = batch.columns
        self._texts = Cells(names, "uint8"), Cells(documents, "uint8")
        self._tokens = Cells(ids, "int32"), Cells(labels, "int32")
        self.lengths = numbers(lengths, "int32")[: len(batch)]
        self.checksums = numbers(checksums, "uint32")[: len(batch)]

    def row(self, place: int, number: int, before: int) -> TokenRow:
        """The row at a place; ValueError unless its checksum agrees, as `checksum` has it."""
        name, document = (cells[place].tobytes() for cells in self._texts)
        ids, labels = (cells[place] for cells in self._tokens)
        agrees = checksum(before, number, name, document, ids, labels) == self.checksums[place]
        if not agrees or not len(ids) == len(labels) == self.lengths[place]:
            raise ValueError("damaged")
        return TokenRow(name.decode(), document.decode(), ids.tolist(), labels.tolist())


def numbers(column: pa.Array, kind: str, buffer: int = 1) -> NDArray[Any]:
    """One of a column's buffers, not copied; ValueError where it is not made of whole numbers."""
    import numpy as np

    data = column.buffers()[buffer]
    return np.frombuffer(data, kind) if data is not None and data.size else np.empty(0, kind)
