"""Token rows in Arrow's *file* format, each file's counts and SHA-256 in tokens.json beside it.

A cut file of Arrow's *stream* format reads as a shorter table without an error.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from askback import files
from askback.errors import UserError
from askback.records import IGNORED, Row, TokenRow
from askback.token_columns import (
    ROWS,
    Batch,
    Columns,
    checksums,
    columns,
    even,
    record_batch,
    schema,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MANIFEST = "tokens.json"


@dataclass(frozen=True, slots=True)
class Counts:
    """What tokens.json says of a file."""

    rows: int
    tokens: int
    supervised: int
    answers: int  # different ones; what is supervised in a row is one
    size: int  # bytes
    checksum: int  # of the last row
    sha256: str


ENTRIES = TypeAdapter(dict[str, Counts])


def write(path: Path, rows: Iterable[TokenRow]) -> Counts:
    """Writes `rows` in their order and enters them in tokens.json; equal rows give equal bytes."""
    waiting = iter(rows)
    return write_columns(path, map(columns, iter(lambda: list(islice(waiting, ROWS)), [])))


def write_columns(path: Path, parts: Iterable[Columns]) -> Counts:
    """The same of rows in columns, however many are in each part."""
    import pyarrow as pa

    tally = Tally()
    with files.whole(path) as part, pa.ipc.new_file(str(part), schema()) as writer:
        for batch in even(map(tally.batch, parts)):
            writer.write_batch(batch)
    counts = tally.counts(path)
    entries = manifest(path.parent) | {path.name: counts}
    files.write_json(path.parent / MANIFEST, ENTRIES.dump_python(entries))
    return counts


class Tally:
    """Counts the rows of a new file as they go by."""

    def __init__(self) -> None:
        self._rows = self._tokens = self._supervised = self._checksum = 0
        self._answers = array("Q")  # 8-byte hashes, one a row

    def batch(self, part: Columns) -> pa.RecordBatch:
        """The next rows, with their checksums."""
        found = checksums(part, self._rows, self._checksum)
        self._checksum = found[-1] if found else self._checksum
        self._rows += len(found)
        self._tokens += len(part.labels)
        self._add_answers(part)
        return record_batch(part, found)

    def _add_answers(self, part: Columns) -> None:
        import numpy as np

        learned = part.labels != IGNORED
        answers = part.labels[learned]
        edges = np.concatenate(([0], np.cumsum(learned)))[part.edges].tolist()
        for start, end in pairwise(edges):
            digest = hashlib.blake2b(answers[start:end], digest_size=8).digest()
            self._answers.frombytes(digest)
        self._supervised += len(answers)

    def counts(self, path: Path) -> Counts:
        """What tokens.json says of the file, now that it is there."""
        import numpy as np

        return Counts(
            self._rows,
            self._tokens,
            self._supervised,
            len(np.unique(np.array(self._answers))),
            path.stat().st_size,
            self._checksum,
            files.sha256(path),
        )


def manifest(folder: Path) -> dict[str, Counts]:
    """The entries of the folder's tokens.json; none where there is no such file."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        return ENTRIES.validate_json(path.read_bytes())
    except ValidationError:
        raise UserError(f"{path}: damaged; delete it and run `dvc repro`") from None


def counts(path: Path) -> Counts:
    """What tokens.json says of a file; UserError where it says nothing, or of another size."""
    found = manifest(path.parent).get(path.name)
    if found is None:
        raise UserError(f"{path.parent / MANIFEST} has no {path.name}; `dvc repro` makes both")
    if not path.is_file() or path.stat().st_size != found.size:
        raise damaged(path)
    return found


def damaged(path: Path, what: str = "missing or damaged") -> UserError:
    """What the user is told of a file that is not as it was written."""
    return UserError(f"{path}: {what}; delete it and run `dvc repro`")


@contextmanager
def checking(path: Path, what: str = "missing or damaged") -> Iterator[None]:
    """Raises UserError where the block meets what is no file of Arrow's, or a damaged one."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's; Arrow's own have no number
            raise
        raise damaged(path, what) from None


def read(path: Path) -> pa.Table:
    """The rows of a file that `write` made, memory-mapped: id, document, input_ids, labels, length.

    Reads all of it once. Raises UserError where its bytes are not what tokens.json says.
    """
    import pyarrow as pa

    expected = counts(path)
    if files.sha256(path) != expected.sha256:
        raise damaged(path)
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    if table.num_rows != expected.rows:
        raise damaged(path, f"{table.num_rows} rows, but {expected.rows} in {MANIFEST}")
    return table.drop_columns("checksum")


def rows(path: Path) -> Iterator[TokenRow]:
    """The same rows as records, each checked when it is read; UserError as `Rows`."""
    found = Rows(path)
    return map(found.record, range(len(found)))


class Rows:
    """The rows of a file, read where they lie when they are asked for.

    Opening takes no longer for a longer file. Raises UserError where it is cut or another than
    tokens.json says, and later where a row is damaged.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self.counts = counts(path)
        self._path = path
        self._batches: dict[int, Batch] = {}
        with checking(path):
            self._file = pa.ipc.open_file(pa.memory_map(str(path)))
            found = self._count()
        if found != self.counts.rows:
            raise damaged(path, f"{found} rows, but {self.counts.rows} in {MANIFEST}")
        with checking(path, f"other rows than {MANIFEST} says"):
            if found and self._checksum(found - 1) != self.counts.checksum:
                raise ValueError("another checksum")

    def _count(self) -> int:
        """How many rows the file has by its own account; ValueError where it has other columns."""
        if not self._file.schema.equals(schema()):
            raise ValueError("other columns")
        last = self._file.num_record_batches - 1
        return last * ROWS + int(self._file.get_batch(last).num_rows) if last >= 0 else 0

    def __len__(self) -> int:
        """How many rows there are."""
        return self.counts.rows

    def __getitem__(self, number: int) -> Row:
        """What the model sees of the row of a number, from 0; IndexError where there is none."""
        return self.record(number).row

    def record(self, number: int) -> TokenRow:
        """The row of a number, from 0; IndexError where there is none, UserError if damaged."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        with checking(self._path, f"row {number + 1} is damaged"):
            before = self._checksum(number - 1) if number else 0
            return self._batch(number // ROWS).row(number % ROWS, number, before)

    @property
    def lengths(self) -> NDArray[np.int32]:
        """[rows]: how many tokens each has; no row is read. UserError where the sum is wrong."""
        import numpy as np

        with checking(self._path, "its lengths are damaged"):
            parts = [self._batch(number).lengths for number in range(self._file.num_record_batches)]
            lengths = np.concatenate([np.empty(0, np.int32), *parts])
            if (len(lengths), lengths.sum()) != (len(self), self.counts.tokens):
                raise ValueError("another sum")
        return lengths

    def find(self, record_id: str) -> int | None:
        """The number of the row of that id, of which alone the ids are read; none without one."""
        for number in range(self._file.num_record_batches):
            with checking(self._path):
                names = self._file.get_batch(number).column("id")
                names.validate(full=True)
                place = int(names.index(record_id).as_py())
            if place >= 0:
                return number * ROWS + place
        return None

    def _checksum(self, number: int) -> int:
        return int(self._batch(number // ROWS).checksums[number % ROWS])

    def _batch(self, number: int) -> Batch:
        if number not in self._batches:
            self._batches[number] = Batch(self._file.get_batch(number))
        return self._batches[number]
