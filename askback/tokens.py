"""Token rows in Arrow *file* format, whose footer makes a cut file an error; with a manifest beside.

tokens.json holds each file's counts and SHA-256, since Arrow itself has no checksums.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askback import files
from askback.errors import UserError
from askback.records import TokenRow

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "tokens.json"
BATCH_ROWS = 1000  # in a record batch, so that memory stays flat while writing


def write(path: Path, rows: Iterable[TokenRow]) -> None:
    """Writes the rows, and their counts into tokens.json beside them."""
    import pyarrow as pa

    counts = {"rows": 0, "tokens": 0, "supervised": 0}
    with files.whole(path) as part, pa.OSFile(str(part), "wb") as sink:
        with pa.ipc.new_file(sink, schema()) as writer:
            for batch in batches(rows):
                writer.write_batch(record_batch(batch))
                counts["rows"] += len(batch)
                counts["tokens"] += sum(len(row.input_ids) for row in batch)
                counts["supervised"] += sum(row.row.supervised for row in batch)
    described = manifest(path.parent) | {path.name: counts | {"sha256": files.sha256(path)}}
    files.write_json(path.parent / MANIFEST, described)


def read(path: Path) -> pa.Table:
    """The rows, memory-mapped: id, document, input_ids, labels, length.

    Raises UserError where they are not the ones that tokens.json describes.
    """
    import pyarrow as pa

    expected = manifest(path.parent).get(path.name)
    if expected is None or files.sha256(path) != expected["sha256"]:
        raise UserError(f"{path} is not what stage `tokenize` wrote; `dvc repro -f tokenize`")
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def rows(path: Path) -> Iterator[TokenRow]:
    """The rows as records."""
    table = read(path)
    names = ["id", "document", "input_ids", "labels"]
    columns = [table.column(name).to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield TokenRow(*values)


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """What tokens.json says of each file; empty before the first is written."""
    path = folder / MANIFEST
    described: dict[str, dict[str, Any]] = {}
    if path.is_file():
        described = json.loads(path.read_text("utf-8"))
    return described


def schema() -> pa.Schema:
    """The columns of a token file."""
    import pyarrow as pa

    numbers = pa.list_(pa.int32())
    names = ["id", "document", "input_ids", "labels", "length"]
    types = [pa.string(), pa.string(), numbers, numbers, pa.int32()]
    return pa.schema(list(zip(names, types, strict=True)))


def record_batch(rows: list[TokenRow]) -> pa.RecordBatch:
    """One batch of the file."""
    import pyarrow as pa

    columns = [
        [row.id for row in rows],
        [row.document for row in rows],
        [row.input_ids for row in rows],
        [row.labels for row in rows],
        [len(row.input_ids) for row in rows],
    ]
    arrays = [pa.array(c, type=t) for c, t in zip(columns, schema().types, strict=True)]
    return pa.record_batch(arrays, schema=schema())


def batches(rows: Iterable[TokenRow]) -> Iterator[list[TokenRow]]:
    """The rows in lists of BATCH_ROWS, the last one shorter."""
    batch: list[TokenRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
