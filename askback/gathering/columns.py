"""Rows of Arrow's record batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from askback.gathering.bounds import MAX_ROW
from askback.gathering.jsonlines import too_large
from askback.gathering.rows import Row, RowError

if TYPE_CHECKING:
    import pyarrow as pa


def rows(batch: pa.RecordBatch) -> Iterator[Row | RowError]:
    """Each row of a batch whose offsets are sound, or what is wrong with it."""
    batch = plain(batch)
    found = together(batch) if batch.nbytes <= MAX_ROW else None
    if found is None:
        found = [alone(batch.slice(at, 1)) for at in range(batch.num_rows)]
    yield from found


def together(batch: pa.RecordBatch) -> list[Row | RowError] | None:
    """All rows at once, which is fast; nothing where one of them is no UTF-8."""
    try:
        return batch.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return None


def alone(batch: pa.RecordBatch) -> Row | RowError:
    """The one row, or what is wrong with it."""
    if batch.nbytes > MAX_ROW:
        return too_large(batch.nbytes)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.to_pylist()
        except UnicodeDecodeError as error:
            return RowError("not_utf8", f"{name!r:.60}: at byte {error.start + 1}")
    return batch.to_pylist()[0]  # type: ignore[no-any-return]


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without dictionaries, and with dates as text: Python has none before the year 1."""
    import pyarrow as pa

    for at, field in enumerate(batch.schema):
        column = batch.column(at)
        if pa.types.is_dictionary(field.type):
            column = column.dictionary_decode()
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.string())
        if column.type != field.type:
            batch = batch.set_column(at, field.name, column)
    return batch
