"""Rows of JSON lines, split on newline bytes alone: other line ends may stand in a text."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from askback.gathering.bounds import MAX_ROW
from askback.gathering.jsontext import parse
from askback.gathering.rows import Row, RowError
from askback.gathering.unpacked import BUFFER, opened

SPACE = b" \t\r\n"  # what may stand around a value


def rows(path: Path) -> Iterator[tuple[int, Row | RowError]]:
    """Each line's number and row; empty lines are counted and left out."""
    with opened(path) as stream:
        number = 0
        while line := stream.readline(MAX_ROW + 1):
            number += 1
            if len(line) > MAX_ROW and line[-1:] != b"\n":
                yield number, too_large(len(line) + skip(stream))
            elif line := line.strip(SPACE):
                yield number, parse(line)


def skip(stream: BinaryIO) -> int:
    """How many bytes the rest of the line has."""
    size = 0
    while piece := stream.readline(BUFFER):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def too_large(size: int) -> RowError:
    """That a row is larger than any may be."""
    return RowError("too_large", f"{size / 1e6:.1f} MB, and more than {MAX_ROW >> 20} MiB")
