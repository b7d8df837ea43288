"""Rows of CSV and TSV, quoted as RFC 4180 has it: line ends may stand within quotes."""

import csv
import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from askback.errors import UserError
from askback.gathering.bounds import MAX_ROW
from askback.gathering.jsonlines import too_large
from askback.gathering.jsontext import alone, not_utf8
from askback.gathering.rows import Row, RowError
from askback.gathering.unpacked import opened

QUOTE = b'"'
MARKS = re.compile(rb'["\n]')


def rows(path: Path, delimiter: str) -> Iterator[tuple[int, Row | RowError]]:
    """Each record's number, the header not counted, and its fields by column, all of them text.

    Raises UserError where the header is missing, damaged, or names no column or one twice.
    """
    csv.field_size_limit(2 * MAX_ROW)  # of the process; Lines ends larger records before that
    with opened(path) as stream:
        found = records(Lines(stream), delimiter)
        header = columns(next(found, []), path)
        for number, fields in enumerate(found, 1):
            if isinstance(fields, RowError):
                yield number, fields
            elif len(fields) == len(header):
                yield number, dict(zip(header, fields, strict=True))
            else:
                detail = f"{len(fields)} fields, and the header has {len(header)}"
                yield number, RowError("wrong_columns", detail)


class Lines:
    """The lines for csv.reader, and how long the record is whose lines they are."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._ends = 0  # of lines
        self.number = 1
        self.start()

    def start(self) -> None:
        """A new record begins."""
        self.fault: RowError | None = None
        self._size = self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line; what is wrong with it becomes the record's fault."""
        line = self._stream.readline(MAX_ROW + 1 - self._size)
        if not line:
            raise StopIteration
        self._count(line)
        if self._size > MAX_ROW:
            raise self._skipped(line)
        if b"\0" in line:
            self.fault = RowError("not_csv", f"line {self.number}: a NUL byte")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.fault = not_utf8(error)
            return line.decode(errors="replace")

    def _count(self, line: bytes) -> None:
        self._size += len(line)
        self._quotes += line.count(QUOTE)
        self.number = self._ends + 1
        self._ends += line.count(b"\n")

    def _skipped(self, line: bytes) -> RowError:
        """Reads on until line and quotes have ended; what to say of the record."""
        while not line.endswith(b"\n") or self._quotes % 2:
            block = self._stream.peek()
            if not block:
                break
            end = end_of(block, quoted=self._quotes % 2 == 1)
            line = self._stream.read1(end or len(block))
            self._count(line)
        return too_large(self._size)


def end_of(block: bytes, quoted: bool) -> int:
    """Where a record ends of which the block is a part; 0 if it goes on."""
    for mark in MARKS.finditer(block):
        if mark.group() == QUOTE:
            quoted = not quoted
        elif not quoted:
            return mark.end()
    return 0


def records(lines: Lines, delimiter: str) -> Iterator[list[str] | RowError]:
    """Each record's fields, or what is wrong with it; empty lines are left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except RowError as error:
            yield alone(error)
        except csv.Error as error:
            yield lines.fault or RowError("not_csv", f"line {lines.number}: {error}")
        else:
            if fields:
                yield lines.fault or fields


def columns(header: list[str] | RowError, path: Path) -> list[str]:
    """The header's names; UserError where they cannot be columns."""
    if isinstance(header, RowError):
        raise UserError(f"{path}: no header: {header}; write it again as CSV in UTF-8")
    if not header:
        raise UserError(f"{path}: empty; its first line must name the columns")
    if not all(name.strip() for name in header):
        raise UserError(f"{path}: a column without a name; name it in the first line")
    if twice := {name for name in header if header.count(name) > 1}:
        raise UserError(f"{path}: two columns are named {min(twice)!r:.60}; rename one")
    return header
