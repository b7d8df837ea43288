"""A JSON text too large for memory, through a window that moves along it."""

import re
from codecs import getincrementaldecoder
from io import BufferedReader
from json import JSONDecodeError

from askback.gathering.bounds import MAX_ROW
from askback.gathering.jsonlines import too_large
from askback.gathering.jsontext import alone, checked, not_json, not_utf8, scan
from askback.gathering.rows import Row, RowError
from askback.gathering.unpacked import BUFFER

SPACE = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)  # the rest of one, without the last quote
OTHER = re.compile(r'[^"{}\[\],]*+')  # what stands between the marks that matter
OPENING, CLOSING = re.compile(r"[\[{]+"), re.compile(r"[\]}]+")
NEAR = 16  # characters before the window's end, where what is wrong may be that it ends there
LOST = "the rest of the file is lost"


class Window:
    """Part of a JSON text, read through `text[at:]`; RowError ends it for good.

    A byte that is no UTF-8 becomes half a surrogate pair, so that it spoils its own row alone.
    """

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._fault: RowError | None = None  # what ended the stream too early
        self.ended = False
        self.text = ""
        self.at = 0

    def fill(self, size: int) -> None:
        """Moves on to `at`, and takes in `size` characters or all that there are."""
        parts, length = [self.text[self.at :]], len(self.text) - self.at
        while length < size and not self.ended:
            parts.append(self._decoder.decode(self._read(), self.ended))
            length += len(parts[-1])
        self.text, self.at = "".join(parts), 0

    def _read(self) -> bytes:
        try:
            data = self._stream.read1(BUFFER)
        except RowError as error:
            data, self._fault = b"", error
        self.ended = not data
        return data

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self.at = pass_over(SPACE, self.text, self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.fill(BUFFER)

    def take(self, mark: str) -> bool:
        """Whether `mark` comes next; then it is passed."""
        found = self.peek() == mark
        self.at += found
        return found

    def fail(self, why: str, at_end: bool) -> RowError:
        """Why nothing after this can be read: at the end the stream's own reason, if it has one."""
        if self._fault and at_end:
            return self._fault
        return RowError("not_json", f"{why}; {LOST}")

    def value(self) -> Row | RowError:
        """The next value if it can be a row, else what is wrong with it; it is passed."""
        while True:
            start = self.at
            try:
                found, end = scan(self.text, start)
            except RowError as error:
                self.skip()
                return alone(error)
            except JSONDecodeError as error:
                near = self._near_end(error)
                if self.ended or not near:
                    raise self.fail(not_json(error, start).detail, near) from None
            else:
                if end < len(self.text) or self.ended:
                    self.at = end
                    return within(found, self.text[start:end])
            if len(self.text) - start > MAX_ROW:
                return too_large(self.skip())
            self.fill(max(BUFFER, 2 * (len(self.text) - start)))

    def _near_end(self, error: JSONDecodeError) -> bool:
        """Whether it may be an error only since the window ends."""
        return error.pos > len(self.text) - NEAR or error.msg.startswith("Unterminated string")

    def skip(self) -> int:
        """Passes a value that is not wanted, its end told by brackets; its length in characters."""
        depth, quoted, length = 0, False, 0
        while True:
            end = pass_over(STRING if quoted else OTHER, self.text, self.at)
            mark, length, self.at = self.text[end : end + 1], length + end - self.at, end
            if mark in ("", "\\"):  # the window's end, or what is escaped is beyond it
                if self.ended and (depth or quoted):
                    raise self.fail("a value without an end", at_end=True)
                if self.ended:
                    return length
                self.fill(BUFFER)
                continue
            count = 1
            if mark == '"':
                quoted = not quoted
            elif not depth and mark in ",]}":
                return length
            elif mark in "[{":
                count = pass_over(OPENING, self.text, end) - end
                depth += count
            elif mark in "]}":
                count = min(depth, pass_over(CLOSING, self.text, end) - end)
                depth -= count
            self.at, length = end + count, length + count


def pass_over(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what matches `pattern` at `text[at]` ends; it may be nothing."""
    found = pattern.match(text, at)
    return found.end() if found else at


def within(value: object, text: str) -> Row | RowError:
    """`value` if it can be a row, else what is wrong with it; `text` is its JSON."""
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        return not_utf8(error)
    return checked(value, text) if size <= MAX_ROW else too_large(size)
