"""Rows of a Parquet file: pages checked against their checksums, some rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from askback.errors import UserError
from askback.gathering import columns
from askback.gathering.bounds import MAX_ROW
from askback.gathering.rows import Row, RowError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

BATCH = 32  # rows at once; more are hardly faster, and may each be large
BUFFER = 1 << 20  # bytes of each column read ahead
LARGE = 256 << 20  # bytes: what is not read where a row group's rows are long, too
LONG = 256 << 10  # bytes a row, in the mean; a page may hold all of them and is read as a whole


def rows(path: Path) -> Iterator[tuple[int, Row | RowError]]:
    """Each row's number and the row; for rows that cannot be read one RowError a row group.

    Raises UserError where the file is no Parquet.
    """
    with opened(path) as file:
        number = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            at = number
            for row in group_rows(file, group):
                at += 1
                yield at, row
            number += count


def opened(path: Path) -> ParquetFile:
    """The file, its footer read."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    options = {"pre_buffer": False, "buffer_size": BUFFER, "page_checksum_verification": True}
    try:
        file = ParquetFile(path, **options)
        names = file.schema_arrow.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's; Arrow's own have no number
            raise
        why = str(error).partition(". ")[0].partition("\n")[0]
        raise UserError(f"{path}: damaged, or no Parquet file: {why:.100}; get it again") from None
    if len(set(names)) < len(names):
        raise UserError(f"{path}: two columns of one name; rename one")
    return file


def group_rows(file: ParquetFile, group: int) -> Iterator[Row | RowError]:
    """The rows of one row group; where they end too early, how many are lost, as a RowError."""
    import pyarrow as pa

    found = file.metadata.row_group(group)
    count, size = found.num_rows, found.total_byte_size
    mean = size // max(count, 1)
    if size > LARGE and mean > LONG:
        yield RowError("too_large", f"row group {group} of {count} rows, {mean / 1e6:.1f} MB each")
        return
    batch_size, read = min(max(MAX_ROW // max(mean, 1), 1), BATCH), 0
    try:
        for batch in file.iter_batches(batch_size, row_groups=[group], use_threads=False):
            yield from columns.rows(batch)
            read += batch.num_rows
        why = "it has fewer than it says"
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        why = str(error).partition("\n")[0]
    if read < count:
        yield RowError("damaged", f"{count - read} rows of row group {group} are lost: {why:.100}")
