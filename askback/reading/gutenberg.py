"""How Project Gutenberg and those like it type a book: its wrapper, italics, notes and pictures."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from askback.reading.account import Account
from askback.reading.blocks import Block
from askback.records import Kind

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
BRACKETED: dict[Kind, re.Pattern[str]] = {
    "note": re.compile(r"\[(?:footnote|fu(?:ß|ss)note|note|nota|voetnoot)\b", re.IGNORECASE),
    "caption": re.compile(r"\[(?:illustration|abbildung)\b", re.IGNORECASE),
    "junk": re.compile(r"\[transcriber[’']?s?[’']? note", re.IGNORECASE),
}
MOST_BLOCKS = 20  # in a bracket; one that has more has lost its end
LABEL = r"\d{1,4}|[A-Z]|[*†‡§]+"
NOTE = re.compile(rf"\[(?:[^\W\d]+ )?({LABEL})[\]:]")  # [Footnote 1: text], [1] text
CALL = re.compile(rf"(?<=\S) ?\[({LABEL})\]")


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


def unwrapped(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, with what the library wraps around the book as junk."""
    lines = [line for block in blocks for line in (block.text, "")]
    start, end = ((line + 1) // 2 for line in bounds(lines))
    around = [replace(block, kind="junk") for block in [*blocks[:start], *blocks[end:]]]
    return [*around[:start], *blocks[start:end], *around[start:]]


def bare(title: str | None) -> str | None:
    """A file's title without the library's name around it."""
    return NAMED.sub("", title) or None if title else None


def take_italics(blocks: Iterable[Block], account: Account) -> None:
    """Takes the underscores that stand for italics out of the blocks."""
    for block in blocks:
        if "_" in block.text:
            block.text, pairs = ITALICS.subn(r"\1", block.text)
            account.leave_out("markup", "__" * pairs)


def marked(blocks: Iterable[Block], account: Account) -> list[Block]:
    """The blocks, with the kinds that brackets give them; calls of notes go out of the text."""
    found = list(bracketed(blocks))
    calls = {call for block in found for call in CALL.findall(block.text)}
    labels = set()
    for block in found:
        if (label := NOTE.match(block.text)) and (block.kind == "note" or label[1] in calls):
            block.kind = "note"
            labels.add(label[1])
    return [without_calls(block, labels, account) for block in found]


def bracketed(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, with the kind that a bracket names up to where it closes or a heading stands."""
    kind, depth, first = None, 0, 0
    for number, block in enumerate(blocks):
        if depth <= 0 or block.kind == "heading" or number - first > MOST_BLOCKS:
            kinds = (kind for kind, bracket in BRACKETED.items() if bracket.match(block.text))
            kind, depth, first = next(kinds, None), 0, number
        depth += block.text.count("[") - block.text.count("]")
        yield block if kind is None else replace(block, kind=kind)


def without_calls(block: Block, labels: set[str], account: Account) -> Block:
    """The block without the marks that call notes of these `labels`."""
    if block.kind == "note" or "[" not in block.text:
        return block

    def take(call: re.Match[str]) -> str:
        if call[1] not in labels:
            return call[0]
        account.leave_out("call_mark", call[0])
        return ""

    return replace(block, text=CALL.sub(take, block.text))
