"""Conversations as Parquet: row groups of one size, every page with a checksum."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from askback import chat
from askback.errors import UserError
from askback.files import whole
from askback.records import Conversation, Message, Role

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

ROWS = 1024  # in a row group, which is what lies in memory: some megabytes
FEW_VALUES = ["source", "document", "chapter", "messages.list.element.role"]  # told by number


def write(path: Path, conversations: Iterable[Conversation]) -> None:
    """`conversations` in their order: equal ones give equal bytes."""
    write_batches(path, batches(conversations))


def batches(conversations: Iterable[Conversation]) -> Iterator[pa.RecordBatch]:
    """The conversations as columns, `ROWS` at a time."""
    waiting = iter(conversations)
    while group := list(islice(waiting, ROWS)):
        yield record_batch(group)


def write_batches(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """The batches' rows in their order, however they are cut."""
    from pyarrow.parquet import ParquetWriter

    options = {
        "compression": "zstd",
        "write_page_checksum": True,
        "store_schema": False,
        "use_dictionary": FEW_VALUES,
    }
    with whole(path) as part, ParquetWriter(part, schema(), **options) as writer:
        for table in groups(batches):
            writer.write_table(table)


def groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows as tables of `ROWS`, the last one shorter."""
    import pyarrow as pa

    waiting = pa.Table.from_batches([], schema())
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while waiting.num_rows >= ROWS:
            yield waiting.slice(0, ROWS)
            waiting = waiting.slice(ROWS)
    if waiting.num_rows:
        yield waiting


def read(path: Path) -> Iterator[Conversation]:
    """The conversations of a file that `write` made.

    Raises UserError where the file is damaged, or holds something else.
    """
    for batch in read_batches(path):
        yield from records(batch)


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The file's row groups; UserError as `read`."""
    import pyarrow as pa

    with opened(path) as file:
        count = 0
        for number in range(file.num_row_groups):  # iter_batches would keep what it has read
            for batch in file.read_row_group(number).combine_chunks().to_batches():
                batch.validate(full=True)
                if not whole_rows(batch):
                    raise pa.ArrowInvalid("rows that are none")
                count += batch.num_rows
                yield batch
        if count != file.metadata.num_rows:  # the footer has no checksum
            raise pa.ArrowInvalid("rows are missing")


@contextmanager
def opened(
    path: Path, columns: Collection[str] = (), complaint: str | None = None
) -> Iterator[ParquetFile]:
    """A file of conversations, each page that is read checked against its checksum.

    It has all columns or, where `columns` are given, those at least. Raises UserError, which says
    `complaint` if there is one, where the file is damaged or holds something else, also for what
    the block that reads it raises of Arrow's errors.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, page_checksum_verification=True) as file:
            known = file.schema_arrow
            if not ({*columns} <= {*known.names} if columns else known.equals(schema())):
                raise pa.ArrowInvalid("other columns")
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's; Arrow's own have no number
            raise
        raise UserError(
            complaint
            or f"{path}: damaged, or not a file of conversations; delete it and run `dvc repro`"
        ) from error


def whole_rows(batch: pa.RecordBatch) -> bool:
    """Whether every value is there, and every role is one."""
    passages, messages = batch["passages"].flatten(), batch["messages"].flatten()
    parts = [*batch.columns, passages, messages, *messages.flatten()]
    roles = messages.field("role").unique().to_pylist()
    return not any(part.null_count for part in parts) and {*roles} <= {*get_args(Role)}


def records(batch: pa.RecordBatch) -> Iterator[Conversation]:
    """The rows of a batch, one by one."""
    messages = batch["messages"].flatten()
    roles, contents = messages.field("role").to_pylist(), messages.field("content").to_pylist()
    said = list(map(Message, roles, contents))
    known = batch["passages"].flatten().to_pylist()
    columns = [batch[name].to_pylist() for name in ("id", "source", "document", "chapter", "text")]
    parts = zip(spans(batch["passages"]), spans(batch["messages"]), *columns, strict=True)
    for of_passages, of_messages, id_, source, document, chapter, text in parts:
        passages, messages = known[of_passages], said[of_messages]
        yield Conversation(id_, source, document, chapter, passages, messages, text)


def rendered(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with their text, which they lack."""
    import pyarrow as pa

    columns = [batch[name] for name in schema().names[:-1]]
    texts = chat.render_batch(batch["messages"])
    return pa.RecordBatch.from_arrays([*columns, texts], schema=schema())


def spans(lists: pa.ListArray) -> Iterator[slice]:
    """Where each list's items stand among all items."""
    offsets = lists.offsets.to_pylist()
    return (slice(start - offsets[0], end - offsets[0]) for start, end in pairwise(offsets))


def record_batch(conversations: Sequence[Conversation]) -> pa.RecordBatch:
    """The conversations as columns."""
    import pyarrow as pa

    said = [message for conversation in conversations for message in conversation.messages]
    roles = pa.array([message.role for message in said], pa.string())
    contents = pa.array([message.content for message in said], pa.string())
    messages = pa.StructArray.from_arrays([roles, contents], fields=list(message_type()))
    passages = pa.array([p for c in conversations for p in c.passages], pa.string())
    columns = {
        "id": [c.id for c in conversations],
        "source": [c.source for c in conversations],
        "document": [c.document for c in conversations],
        "chapter": [c.chapter for c in conversations],
        "passages": listed(passages, [len(c.passages) for c in conversations]),
        "messages": listed(messages, [len(c.messages) for c in conversations]),
        "text": [c.text for c in conversations],
    }
    return pa.RecordBatch.from_pydict(columns, schema=schema())


def listed(items: pa.Array, lengths: Iterable[int]) -> pa.ListArray:
    """The items in lists of these lengths."""
    import pyarrow as pa

    offsets = pa.array(accumulate(lengths, initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, items, type=list_of(items.type))


def schema() -> pa.Schema:
    """Conversation's fields as Arrow types."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("id", text),
            ("source", text),
            ("document", text),
            ("chapter", text),
            ("passages", list_of(text)),
            ("messages", list_of(message_type())),
            ("text", text),
        ]
    )


def message_type() -> pa.StructType:
    """A Message as an Arrow type."""
    import pyarrow as pa

    return pa.struct([("role", pa.string()), ("content", pa.string())])


def list_of(kind: pa.DataType) -> pa.ListType:
    """A list, its items named as Parquet names them."""
    import pyarrow as pa

    return pa.list_(pa.field("element", kind))
