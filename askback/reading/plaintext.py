"""Plain text files as blocks: wrapped by hand, or a paragraph a line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from askback import gutenberg
from askback.encoding import decoded
from askback.errors import UserError
from askback.language import ENOUGH, language_of
from askback.reading import brackets
from askback.reading.account import Account, count
from askback.reading.blocks import Block, Text
from askback.reading.letters import clean
from askback.reading.spelling import Spelling
from askback.reading.wrapping import (
    BULLET,
    NUMBERED,
    SET_IN,
    Layout,
    Line,
    groups,
    is_full,
    line_of,
    measured,
    without_margin,
)
from askback.records import Kind

TITLE = 80  # characters, at most
TITLE_LINES = 4  # at most
LINES = re.compile("\r\n?|[\v\x85\u2028\u2029]")
CJK_VERSE = 36  # columns, at most
CJK_END = re.compile("[，。、；：！？…][」』”]*$")  # where each line of verse ends, of prose few
ORNAMENT = re.compile(r"[\W_]+")  # no letter or digit: a line of asterisks between scenes


def read(path: Path, language: str | None, account: Account) -> Text:
    """The file's text. Its language is found out where `language` is None.

    Raises UserError for a file that is empty, or in an encoding that cannot be told.
    """
    lines = list(cleaned(decoded(path.read_bytes(), str(path)), account))
    texts = [line.text for line in lines]
    if not any(texts):
        raise UserError(f"{path}: the file is empty; copy the book again")
    start, end = gutenberg.bounds(texts)
    language = language or language_of("\n".join(texts[start:end])[:ENOUGH])
    found = blocks(lines[start:end], language, account)
    title, author = (gutenberg.said(texts[:start], key) for key in ("Title", "Author"))
    return Text([*junk(texts[:start]), *found, *junk(texts[end:])], title, author, language)


def cleaned(source: str, account: Account) -> Iterator[Line]:
    """The lines of `source`, which all is read."""
    account.read += count(source)
    for raw in LINES.sub("\n", source).replace("\f", "\n\n").split("\n"):
        yield line_of(clean(raw, account))


def junk(texts: Iterable[str]) -> Iterator[Block]:
    """What a library wraps around the text."""
    for filled, group in groupby(texts, bool):
        if filled:
            yield Block("junk", " ".join(group))


def blocks(lines: Sequence[Line], language: str, account: Account) -> list[Block]:
    """The paragraphs, headings and stanzas that `lines` spell."""
    if not any(line.text for line in lines):
        return []
    lines = without_margin(lines)
    layout = measured(lines)
    spelling = Spelling((line.text for line in lines if layout.width), language)
    result = [
        Block(kind, found)
        for space, group in groups(lines, layout)
        for kind, part in parts(group, space, layout)
        if (found := text(kind, part, spelling, account))
    ]
    if layout.width:
        take_italics(result, account)
    return brackets.marked(result, account)


def take_italics(blocks: Iterable[Block], account: Account) -> None:
    """Takes the underscores that stand for italics out of the blocks."""
    for block in blocks:
        if "_" in block.text:
            block.text, pairs = gutenberg.ITALICS.subn(r"\1", block.text)
            account.leave_out("markup", "__" * pairs)


def parts(group: list[Line], space: int, layout: Layout) -> Iterator[tuple[Kind, list[Line]]]:
    """The group as a block or, where a chapter's number stands above its title, as two."""
    if is_table(group):
        yield "junk", group
    elif is_title(group, space, layout):
        numbered = NUMBERED.fullmatch(group[0].text) and group[1:]
        yield from (("heading", part) for part in ([group[:1], group[1:]] if numbered else [group]))
    elif is_verse(group, layout.width):
        yield "verse", group
    elif BULLET.match(group[0].text):
        yield "list", group
    else:
        lone = len(group) == 1 and group[0].indent == layout.indent
        inset = not lone and all(line.indent >= SET_IN for line in group)
        quote = inset and not ORNAMENT.fullmatch(group[0].text)
        yield ("quote" if quote else "para"), group


def is_table(group: Sequence[Line]) -> bool:
    """Whether the group is a table of figures, or the entries or the head of one of contents."""
    if sum(line.gap for line in group) < 0.5 * len(group) or ORNAMENT.fullmatch(group[0].text):
        return False
    return any(line.text.isupper() or any(map(str.isdigit, line.text)) for line in group)


def is_title(group: Sequence[Line], space: int, layout: Layout) -> bool:
    """Whether the group is a heading: numbered, in capitals, centred or with space above."""
    if len(group) > TITLE_LINES or any(len(line.text) > TITLE for line in group):
        return False
    first, *rest = group
    if ORNAMENT.fullmatch(first.text):
        return False
    centred = is_centred(first, layout)
    if all(line.text.isupper() for line in group) and (centred or not first.indent):
        return first.text[0] not in '"“«'
    if any(line.text[-1] in ".,;:!?…—”’\"'" for line in rest):
        return False
    if NUMBERED.fullmatch(first.text):
        return True
    return not rest and (centred or space > 1) and first.text[-1] not in ".,;:!?…—”’\"'"


def is_centred(line: Line, layout: Layout) -> bool:
    """Whether the line stands in the middle of the width, set in from both sides."""
    middle = line.indent + line.end - (layout.width or 0)
    return abs(middle) <= 4 and line.indent > 2 * SET_IN


def is_verse(group: Sequence[Line], width: int | None) -> bool:
    """Whether its lines end though the next one's first word had room.

    Those of a quotation do, too, if it is narrower: they are full among themselves.
    """
    pairs = list(pairwise(group))
    if width is None or is_chinese_verse(group):
        return bool(pairs)
    if not pairs or fullness(pairs, width) > 0.25:
        return False
    going_on = sum(line.text[0].islower() for _, line in pairs)
    own = max(line.end for line in group)
    return going_on < 0.5 * len(pairs) or fullness(pairs, own) < 0.7


def fullness(pairs: Sequence[tuple[Line, Line]], width: int) -> float:
    """Which part of the lines is full."""
    return sum(is_full(above, line, width) for above, line in pairs) / len(pairs)


def is_chinese_verse(group: Sequence[Line]) -> bool:
    """Whether the lines are short, and each ends as a verse or a sentence of Chinese does."""
    if len(group) < 3 or max(line.end for line in group) > CJK_VERSE:
        return False
    return all(CJK_END.search(line.text) for line in group)


def text(kind: Kind, lines: Sequence[Line], spelling: Spelling, account: Account) -> str:
    """The text of the lines, which are one block of `kind`."""
    texts = [line.text for line in lines]
    if kind == "verse":
        return "\n".join(spelling.join([text], account) for text in texts)
    return spelling.join(texts, account).strip()  # a soft hyphen at its edge has left a space
