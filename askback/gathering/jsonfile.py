"""Rows of a JSON file: a list of them, one object, an object around a list, or JSON lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from askback.errors import UserError
from askback.gathering import jsonlines
from askback.gathering.bounds import MAX_ROW
from askback.gathering.jsonwindow import Window
from askback.gathering.rows import Row, RowError
from askback.gathering.unpacked import BUFFER, opened

LIST = r'\s*"(?:conversations|data|examples|rows|train)"\s*:\s*(?=\[\s*\{)'
TURNS = (
    r'\s*"conversations"\s*:\s*\[\s*\{\s*"(?:content|from|role|speaker|text|value)"'  # of one row
)
PLAIN = r'\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[-+.\w]+)\s*,'  # a member that is text or a number
LIST_OF_ROWS = re.compile(f"(?!{TURNS}){LIST}")
AROUND_ROWS = re.compile(rf"\{{(?:{PLAIN})*(?!{TURNS}){LIST}")


def rows(path: Path) -> Iterator[tuple[int, Row | RowError]]:
    """Each row's number and the row; of JSON lines the line.

    Raises UserError where the file is neither of the four, and RowError where no row follows that
    could be told apart.
    """
    if is_lines(path):
        yield from jsonlines.rows(path)
        return
    with opened(path) as stream:
        window = Window(stream)
        if window.peek() == "[":
            found = items(window)
        elif window.peek() == "{":
            found = members(window)
        else:
            raise UserError(f"{path}: neither a list nor an object of rows; write it as JSON lines")
        yield from enumerate(found, 1)
        if window.peek():
            raise window.fail("it goes on after its end", at_end=False)


def is_lines(path: Path) -> bool:
    """Whether the first line is an object, and not the only line."""
    try:
        with opened(path) as stream:
            if not stream.peek().lstrip().startswith(b"{"):
                return False
            first = b""
            while not first:
                first = stream.readline(MAX_ROW + 1).strip()
            return first.endswith(b"}") and bool(stream.read1(MAX_ROW).strip())
    except RowError:  # cut off before that could be known
        return False


def items(window: Window) -> Iterator[Row | RowError]:
    """The rows of a list."""
    window.take("[")
    if window.take("]"):
        return
    while True:
        window.peek()
        yield window.value()
        if window.take("]"):
            return
        if not window.take(","):
            why = "neither a comma nor the list's end after the row before"
            raise window.fail(why, at_end=not window.peek())


def members(window: Window) -> Iterator[Row | RowError]:
    """The rows of an object: those of its lists of rows, or it is itself the only one."""
    window.fill(BUFFER)
    around = AROUND_ROWS.match(window.text)
    if not around:
        yield window.value()
        return
    window.at = around.end()
    yield from items(window)
    while window.take(","):
        window.fill(BUFFER)
        if again := LIST_OF_ROWS.match(window.text):
            window.at = again.end()
            yield from items(window)
        else:
            window.skip()
    if not window.take("}"):
        raise window.fail("an object without an end", at_end=not window.peek())
