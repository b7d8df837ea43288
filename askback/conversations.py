"""Conversations as Parquet: row groups of one size, every page with a checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from askback.errors import UserError
from askback.files import adapter, whole
from askback.records import Conversation

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1024  # in a row group, which is what lies in memory: some megabytes


def write(path: Path, conversations: Iterable[Conversation]) -> None:
    """`conversations` in their order: equal ones give equal bytes."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    options = {"compression": "zstd", "write_page_checksum": True, "store_schema": False}
    with whole(path) as part, ParquetWriter(part, schema(), **options) as writer:
        rows = map(adapter(Conversation).dump_python, conversations)
        while group := list(islice(rows, ROWS)):
            writer.write_table(pa.Table.from_pylist(group, schema()))


def read(path: Path) -> Iterator[Conversation]:
    """The conversations of a file that `write` made.

    Raises UserError where the file is damaged, or holds something else.
    """
    import pyarrow as pa

    try:
        yield from map(adapter(Conversation).validate_python, rows(path))
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValidationError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's; Arrow's own have no number
            raise
        raise UserError(
            f"{path}: damaged, or not a file of conversations; delete it and run `dvc repro`"
        ) from error


def rows(path: Path) -> Iterator[dict[str, object]]:
    """The file's rows, each page checked against its checksum."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path, page_checksum_verification=True) as file:
        if not file.schema_arrow.equals(schema()):
            raise pa.ArrowInvalid("other columns")
        count = 0
        for batch in file.iter_batches(ROWS):
            count += batch.num_rows
            yield from batch.to_pylist()
        if count != file.metadata.num_rows:  # the footer has no checksum
            raise pa.ArrowInvalid("rows are missing")


def schema() -> pa.Schema:
    """Conversation's fields as Arrow types."""
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    return pa.schema(
        [
            ("id", text),
            ("source", text),
            ("document", text),
            ("chapter", text),
            ("passages", items(text)),
            ("messages", items(message)),
            ("text", text),
        ]
    )


def items(kind: pa.DataType) -> pa.ListType:
    """A list, its items named as Parquet names them."""
    import pyarrow as pa

    return pa.list_(pa.field("element", kind))
