"""Rows of Arrow's IPC files and streams, memory-mapped, their offsets checked before use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from askback.errors import UserError
from askback.gathering import columns
from askback.gathering.rows import Row, RowError

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"ARROW1"  # around the file format, which is the stream format within
START = 8  # bytes, MAGIC with its padding
ENDS = (MAGIC, b"\xff\xff\xff\xff\0\0\0\0")  # of a file; of a stream
BATCH = 256  # rows at once


def rows(path: Path) -> Iterator[tuple[int, Row | RowError]]:
    """Each row's number and the row.

    Raises UserError where the file is no Arrow, and RowError where it ends too early.
    """
    import pyarrow as pa

    check(path)
    number = 0
    with pa.memory_map(str(path)) as file:
        for batch in batches(reader(file, path), is_whole(path)):
            for row in sound(batch):
                number += 1
                yield number, row


def check(path: Path) -> None:
    """Raises UserError where the file is empty, which cannot be mapped."""
    if not path.stat().st_size:
        raise UserError(f"{path}: empty; get it again")


def is_whole(path: Path) -> bool:
    """Whether the file ends as writers end it: to Arrow a cut stream is just a shorter one."""
    with path.open("rb") as file:
        file.seek(-min(len(ENDS[1]), path.stat().st_size), 2)
        return file.read().endswith(ENDS)


def reader(file: pa.MemoryMappedFile, path: Path) -> pa.RecordBatchReader:
    """The stream of batches: that of a file begins after its magic, and needs no footer."""
    import pyarrow as pa

    if file.read(len(MAGIC)) != MAGIC:
        file.seek(0)
    else:
        file.seek(START)
    try:
        found = pa.ipc.open_stream(file)
        names = found.schema.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: damaged, or no Arrow file: {first_line(error)}; get it again"
        ) from None
    if len(set(names)) < len(names):
        raise UserError(f"{path}: two columns of one name; rename one")
    return found


def batches(found: pa.RecordBatchReader, whole: bool) -> Iterator[pa.RecordBatch]:
    """The batches; RowError where one cannot be read, or the file is not whole."""
    import pyarrow as pa

    while True:
        try:
            batch = found.read_next_batch()
        except StopIteration:
            break
        except (pa.ArrowException, OSError) as error:
            reason = "damaged" if whole else "cut_off"
            raise RowError(reason, f"{first_line(error)}; the rest of the file is lost") from None
        yield batch
    if not whole:
        raise RowError("cut_off", "its end is missing; the rest of the file is lost")


def sound(batch: pa.RecordBatch) -> Iterator[Row | RowError]:
    """The batch's rows, if its offsets and indices stay within it; else one RowError for all."""
    import pyarrow as pa

    try:
        check_offsets(batch)
    except pa.ArrowException as error:
        yield RowError("damaged", f"{batch.num_rows} rows are lost: {first_line(error)}")
        return
    for at in range(0, batch.num_rows, BATCH):
        yield from columns.rows(batch.slice(at, BATCH))


def check_offsets(batch: pa.RecordBatch) -> None:
    """Raises ArrowInvalid where anything points out of the batch; bad UTF-8 is its row's own."""
    import pyarrow as pa

    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        for column in batch.columns:
            column.view(as_bytes(column.type)).validate(full=True)


def as_bytes(kind: pa.DataType) -> pa.DataType:
    """The same layout with bytes for text, which may then be anything."""
    import pyarrow as pa

    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(as_bytes(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(as_bytes(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(as_bytes(field.type)) for field in kind])
    return kind


def first_line(error: Exception) -> str:
    """What an error of Arrow says; what follows is where in Arrow."""
    return f"{str(error).partition(chr(10))[0]:.100}"
