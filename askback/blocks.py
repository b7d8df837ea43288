"""Rows put back together into the blocks their author wrote: paragraphs, headings, verse, notes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from askback.layout import LABEL, NEAR, Row, Setting
from askback.records import Kind
from askback.spelling import Spelling

LARGE, SMALL = 1.12, 0.88  # of the body's size: beyond them it is another kind of text
ENDED = re.compile(r"[.!?:;…—][\"'”’»“«)\]*\d]*$")  # a row that a sentence may end with
NUMBERED = re.compile(
    r"(chapter|part|book|chapitre|partie|livre|kapitel|teil|buch|cap[ií]tulo|parte|capitolo"
    r"|hoofdstuk|letter)\b.{0,60}|[ivxlc]+\.?|\d{1,2}\.?",
    re.IGNORECASE,
)
GLUED = re.compile(r"^(\d+|[*†‡§¶]+)(?=[^\W\d])")  # a footnote's label and its first word
BULLET = re.compile("[•▪◦‣·]")
ORNAMENT = re.compile(r"[\W_]+")  # no letter or digit: a line of asterisks between scenes


@dataclass(slots=True)
class Block:
    """What will be one paragraph."""

    kind: Kind
    text: str
    first_page: int = 0
    last_page: int = 0
    size: float = 0.0  # in points; 0 where a format has none
    opens: bool = False  # whether it stands first on its page


def blocks(rows: list[Row], setting: Setting, spelling: Spelling) -> list[Block]:
    """The book's blocks in order; a page's notes follow the blocks that begin on it."""
    body = [row for row in rows if not row.note and row.text]
    notes = [row for row in rows if row.note and row.text]
    groups = verses(list(group(body, setting)), setting)
    found = [block(kind, rows, spelling) for kind, rows in groups]
    mark_openings(found)
    found += [block("note", rows, spelling) for rows in group_notes(notes)]
    return sorted(found, key=lambda block: (block.first_page, block.kind == "note"))


def group(rows: Iterable[Row], setting: Setting) -> Iterator[list[Row]]:
    """The rows of each block."""
    current: list[Row] = []
    for row in rows:
        if current and begins(current[-1], row, setting):
            yield current
            current = []
        current.append(row)
    if current:
        yield current


def begins(above: Row, row: Row, setting: Setting) -> bool:
    """Whether `row` begins a new block after the row `above`."""
    together = (above.page, above.column) == (row.page, row.column)
    if scale(above, setting) != scale(row, setting):
        return True
    if scale(row, setting) > 0:
        return not (above.page == row.page and alike(above, row))
    if together and above.foot and row.y0 < above.foot - 0.3 * row.size:
        return False
    if together:
        return (
            gap(above, row, setting)
            or stepped(above, row, setting)
            or not full(above, row, setting)
        )
    if setting.indent and row.indent > 0.4 * setting.em:
        return True
    ended = ENDED.search(above.words[-1].text) or above.x1 < above.right - 0.3 * setting.width
    return bool(ended) and not full(above, row, setting)


def scale(row: Row, setting: Setting) -> int:
    """1 for rows set larger than the body, -1 for smaller, 0 for its own size."""
    ratio = row.size / setting.body
    return (ratio > LARGE) - (ratio < SMALL)


def alike(above: Row, row: Row) -> bool:
    """Whether two rows of a heading are near each other and equally large."""
    ratio = above.size / row.size
    return row.y0 - above.y0 < 2.2 * row.size and 1 / LARGE < ratio < LARGE


def gap(above: Row, row: Row, setting: Setting) -> bool:
    """Whether there is space between the two."""
    step = row.y0 - above.y0
    return step > 1.25 * setting.leading or step < 0


def stepped(above: Row, row: Row, setting: Setting) -> bool:
    """Whether the second begins where a paragraph's first row would after the one above."""
    slack = 0.4 * setting.em
    first = setting.indent is not None and abs(above.indent - setting.indent) <= NEAR
    step = row.x0 - above.x0
    if abs(row.indent - above.indent) > slack and not above.foot:
        return step > 0 or not first
    return first and row.indent > slack  # two first rows in a row: dialogue


def full(above: Row, row: Row, setting: Setting) -> bool:
    """Whether the next row's first word had no room in the row above, so that it had to end."""
    word = row.words[0]
    needed = word.x1 - word.x0 + 0.25 * setting.em
    return above.x1 + needed > above.right - 0.02 * setting.width


def group_notes(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of each footnote, which may go on at the foot of the next page."""
    current: list[Row] = []
    for row in rows:
        if current and LABEL.match(row.text):
            yield current
            current = []
        current.append(row)
    if current:
        yield current


def verses(groups: list[list[Row]], setting: Setting) -> Iterator[tuple[Kind, list[Row]]]:
    """Each block's kind and rows; neighbouring short rows that are set in become verse."""
    for is_line, run in groupby(groups, key=lambda rows: is_verse_line(rows, setting)):
        members = list(run)
        if is_line and len(members) > 1:
            for stanza in stanzas(members, setting):
                yield ("verse" if len(stanza) > 1 else "para"), stanza
        else:
            yield from ((kind(rows, setting), rows) for rows in members)


def is_verse_line(rows: list[Row], setting: Setting) -> bool:
    """Whether the block is one short row, set in otherwise than a paragraph's first row is."""
    row = rows[0]
    if len(rows) > 1 or scale(row, setting) > 0:
        return False
    width = row.right - row.left
    short = row.x1 < row.right - 0.1 * width and row.indent < 0.5 * width
    indented = setting.indent is not None and abs(row.indent - setting.indent) <= NEAR
    return short and row.indent > 0.8 * setting.em and not indented


def stanzas(lines: list[list[Row]], setting: Setting) -> Iterator[list[Row]]:
    """The lines between which there is no space."""
    current: list[Row] = []
    for (row,) in lines:
        if current and current[-1].page == row.page and gap(current[-1], row, setting):
            yield current
            current = []
        current.append(row)
    yield current


def kind(rows: list[Row], setting: Setting) -> Kind:
    """What the block is, by the look of its rows."""
    size = scale(rows[0], setting)
    if size > 0 or is_title(rows, setting):
        return "heading"
    if BULLET.match(rows[0].text):
        return "list"
    if sum(row.inset for row in rows) > 0.5 * len(rows):
        return "quote"
    if size < 0:
        return "quote" if len(rows) > 2 else "caption"
    return "para"


def is_title(rows: list[Row], setting: Setting) -> bool:
    """Whether it is a heading in the body's size: one centred row, in capitals or numbered."""
    (row, *others) = rows
    text = row.text
    middle = (row.x0 + row.x1) / 2 - (row.left + row.right) / 2
    centred = abs(middle) < 0.5 * setting.em and row.indent > 2 * setting.em
    named = text.isupper() or NUMBERED.fullmatch(text) is not None
    return not others and centred and named


def block(kind: Kind, rows: list[Row], spelling: Spelling) -> Block:
    """The rows' text as one block."""
    lines = [row.text for row in rows]
    text = "\n".join(lines) if kind == "verse" else spelling.join(lines)
    if kind == "note":
        text = GLUED.sub(r"\1 ", text)
    size = max(row.size for row in rows)
    return Block(kind, text, rows[0].page, rows[-1].page, size)


def mark_openings(blocks: list[Block]) -> None:
    """Marks the blocks that stand first on their page."""
    page = 0
    for block in blocks:
        block.opens = block.first_page > page
        page = max(page, block.last_page)
