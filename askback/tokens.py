"""Token rows in Arrow's *file* format, each file's counts and SHA-256 in tokens.json beside it.

Arrow has no checksums of its own, and a cut *stream* reads as a shorter table without an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from askback import files
from askback.errors import UserError
from askback.records import IGNORED, TokenRow

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "tokens.json"
ROWS = 1000  # in a record batch, which is what lies in memory: some megabytes


@dataclass(frozen=True, slots=True)
class Counts:
    """What tokens.json says of a file."""

    rows: int
    tokens: int
    supervised: int
    sha256: str


ENTRIES = TypeAdapter(dict[str, Counts])


def write(path: Path, rows: Iterable[TokenRow]) -> Counts:
    """Writes `rows` in their order and enters them in tokens.json; equal rows give equal bytes."""
    import pyarrow as pa

    count = tokens = supervised = 0
    waiting = iter(rows)
    with files.whole(path) as part, pa.ipc.new_file(str(part), schema()) as writer:
        while batch := list(islice(waiting, ROWS)):
            writer.write_batch(record_batch(batch))
            count += len(batch)
            tokens += sum(len(row.labels) for row in batch)
            supervised += sum(len(row.labels) - row.labels.count(IGNORED) for row in batch)
    counts = Counts(count, tokens, supervised, files.sha256(path))
    entries = manifest(path.parent) | {path.name: counts}
    files.write_json(path.parent / MANIFEST, ENTRIES.dump_python(entries))
    return counts


def read(path: Path) -> pa.Table:
    """The rows of a file that `write` made, memory-mapped: id, document, input_ids, labels, length.

    Raises UserError where its bytes or its number of rows are not what tokens.json says.
    """
    import pyarrow as pa

    expected = manifest(path.parent).get(path.name)
    if expected is None:
        raise UserError(f"{path.parent / MANIFEST} has no {path.name}; `dvc repro` makes both")
    if not path.is_file() or files.sha256(path) != expected.sha256:
        raise UserError(f"{path}: missing or damaged; delete it and run `dvc repro`")
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    if table.num_rows != expected.rows:
        raise UserError(
            f"{path}: {table.num_rows} rows, but {expected.rows} in {MANIFEST}; "
            "delete both and run `dvc repro`"
        )
    return table


def rows(path: Path) -> Iterator[TokenRow]:
    """The same rows as records; raises UserError as `read`."""
    for batch in read(path).to_batches():
        for row in batch.drop_columns("length").to_pylist():
            yield TokenRow(**row)


def manifest(folder: Path) -> dict[str, Counts]:
    """The entries of the folder's tokens.json; none where there is no such file."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        return ENTRIES.validate_json(path.read_bytes())
    except ValidationError:
        raise UserError(f"{path}: damaged; delete it and run `dvc repro`") from None


def schema() -> pa.Schema:
    """The columns of a file of token rows."""
    import pyarrow as pa

    numbers = pa.list_(pa.int32())
    return pa.schema(
        {
            "id": pa.string(),
            "document": pa.string(),
            "input_ids": numbers,
            "labels": numbers,
            "length": pa.int32(),
        }
    )


def record_batch(rows: list[TokenRow]) -> pa.RecordBatch:
    """The rows as columns."""
    import pyarrow as pa

    columns = {
        "id": [row.id for row in rows],
        "document": [row.document for row in rows],
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
        "length": [len(row.input_ids) for row in rows],
    }
    return pa.RecordBatch.from_pydict(columns, schema=schema())
