"""Plain text files as blocks: wrapped, with blank lines between, or a paragraph a line."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from askback.blocks import BULLET, NUMBERED, Block
from askback.errors import UserError
from askback.letters import clean
from askback.records import Kind
from askback.spelling import Spelling

WRAPPED = 100  # characters; who wraps lines by hand wraps them sooner
TITLE = 80  # characters, at most
BREAKS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
SPACES = re.compile("[ \t]+")


def read(path: Path) -> tuple[list[Block], int]:
    """The file's blocks, and how many control characters were left out.

    Raises UserError for a file that is empty or not UTF-8.
    """
    try:
        text, controls = clean(BREAKS.sub("\n", path.read_bytes().decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8; save the book as UTF-8 text") from None
    if not text.strip():
        raise UserError(f"{path}: the file is empty; copy the book again")
    return list(blocks(text.split("\n"))), controls


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """The paragraphs, headings and stanzas that `lines` spell."""
    lines = [SPACES.sub(" ", line).strip() for line in lines]
    width = wrapped_at([line for line in lines if line])
    spelling = Spelling(lines)
    for space, group in groups(lines):
        if width is None or "" not in lines:
            yield from (Block(kind([line], space), line) for line in group)
        elif len(group) > 1 and breaks_early(group, width):
            yield Block("verse", "\n".join(group))
        else:
            yield Block(kind(group, space), spelling.join(group))


def wrapped_at(lines: Sequence[str]) -> int | None:
    """The width that lines are wrapped at; None where a line is a whole paragraph."""
    longest = sorted(map(len, lines))[-1 - len(lines) // 20]  # but for an address or a table
    return longest if longest <= WRAPPED else None


def groups(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines between blank ones, each group with the number of blank lines above it."""
    space, group = 2, list[str]()  # a file begins as after a chapter
    for line in [*lines, ""]:
        if line:
            group.append(line)
        else:
            if group:
                yield space, group
                space, group = 0, []
            space += 1


def breaks_early(group: Sequence[str], width: int) -> bool:
    """Whether every line ends though the next one's first word had room: lines of verse."""
    return all(
        len(line) + 1 + len(following.split(" ", 1)[0]) <= width
        for line, following in pairwise(group)
    )


def kind(group: Sequence[str], space: int) -> Kind:
    """What the group is, by its first line and the blank lines above it."""
    line = group[0]
    if BULLET.match(line):
        return "list"
    alone = len(group) == 1 and len(line) <= TITLE
    named = line.isupper() or NUMBERED.fullmatch(line) is not None
    spaced = space > 1 and line[-1] not in ".,;:!?…—”’\"'"
    return "heading" if alone and (named or spaced) else "para"
