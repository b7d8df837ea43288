"""How Project Gutenberg and those like it type a book: what is wrapped around it, its italics."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

HEADER = 1000  # lines that may stand before the text
START = re.compile(
    r"\*\*\* ?START OF (THE|THIS) PROJECT GUTENBERG|\*END\*? ?THE SMALL PRINT", re.IGNORECASE
)
END = re.compile(
    r"\*\*\* ?(END OF (THE|THIS) PROJECT GUTENBERG|START: FULL LICENSE)"
    r"|End of (the )?Project Gutenberg",
    re.IGNORECASE,
)
NAMED = re.compile(
    r"(The )?Project Gutenberg(['’]s)? (e-?(book|text) of )?|\s*\|\s*Project Gutenberg",
    re.IGNORECASE,
)
CREDITS = re.compile(r"(Produced|Transcribed|E-text prepared) (by|from) ", re.IGNORECASE)
GOES_ON = 3  # lines that a marker may have
ITALICS = re.compile(r"(?<!\w)_(?=\S)([^_]+)(?<=\S)_(?!\w)")


def bounds(lines: Sequence[str]) -> tuple[int, int]:
    """The lines from and before which the book stands in what the library wraps around it."""
    starts = [number for number, line in enumerate(lines[:HEADER]) if START.match(line)]
    start = wrapper_end(lines, starts[-1]) if starts else 0
    ends = (number for number in range(start, len(lines)) if END.match(lines[number]))
    return start, next(ends, len(lines))


def wrapper_end(lines: Sequence[str], start: int) -> int:
    """The line after the marker at `start`, and after the credits that may follow it."""
    marker = lines[start : start + GOES_ON]
    start += next((n for n, line in enumerate(marker, 1) if line.endswith("*")), 1)
    first = next((n for n in range(start, len(lines)) if lines[n]), start)
    if first == len(lines) or not CREDITS.match(lines[first]):
        return start
    return first + len(list(takewhile(bool, lines[first:])))


def said(header: Iterable[str], key: str) -> str | None:
    """What a line such as `Title: Walden` says."""
    found = (line.removeprefix(f"{key}: ") for line in header if line.startswith(f"{key}: "))
    return next(found, None)


def bare(title: str | None) -> str | None:
    """A file's title without the library's name around it."""
    return NAMED.sub("", title) or None if title else None
