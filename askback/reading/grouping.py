"""Rows put back together into the blocks that their author wrote."""

import re
from collections.abc import Iterable, Iterator

from askback.reading.account import Account
from askback.reading.blocks import Block
from askback.reading.kinds import (
    BULLET,
    FIGURE,
    NUMBER,
    follows,
    in_capitals,
    is_centred,
    kinds,
    scale,
)
from askback.reading.letters import HYPHENS
from askback.reading.notes import NOTE_LABEL
from askback.reading.pages import Line
from askback.reading.setting import ENDED, NEAR, Setting, begins_paragraph, full, is_complete
from askback.reading.spelling import DASHES, Spelling, without_soft_hyphens
from askback.records import Kind

PLATE = 5  # rows, at most, of a page that holds nothing but a caption
REPEATED = 16  # letters, at least, that no two sentences share by chance
GLUED = re.compile(
    r"^\x1f?([(\[〔]?\d+[)\]〕]?|[*†‡§¶]+|[①-⑳])(?=[^\W\d])"
)  # a footnote's label and its first word
ITEM = re.compile(r"(\(?(\d{1,3}|[a-z])[.)]|[-–•▪◦‣·*])\s")  # what an item of a list begins with


def blocks(rows: list[Line], setting: Setting, spelling: Spelling, account: Account) -> list[Block]:
    """The book's blocks in order; a page's notes follow the blocks that begin on it."""
    captions = plates(rows)
    body = [row for row in rows if not row.note and row.page not in captions]
    found = [
        block(kind, rows, spelling, account)
        for kind, rows in kinds(list(group(body, setting)), setting)
    ]
    mark_openings(found)
    notes = group_notes(row for row in rows if row.note and row.page not in captions)
    found += [block("note", rows, spelling, account) for rows in notes]
    found += [block("junk", rows, spelling, account) for rows in captions.values()]
    return sorted(found, key=lambda block: (block.first_page, block.kind == "note"))


def plates(rows: Iterable[Line]) -> dict[int, list[Line]]:
    """The rows of pages that hold nothing but a caption, whose words the text has, too."""
    pages: dict[int, list[Line]] = {}
    for row in rows:
        pages.setdefault(row.page, []).append(row)
    few = {page: letters(rows) for page, rows in pages.items() if len(rows) <= PLATE}
    said = letters(row for page, rows in pages.items() if page not in few for row in rows)
    return {
        page: pages[page]
        for page, caption in few.items()
        if len(caption) >= REPEATED and caption in said
    }


def letters(rows: Iterable[Line]) -> str:
    """The rows' letters and digits alone, in small letters."""
    return "".join(filter(str.isalnum, "".join(row.text for row in rows))).casefold()


def group(rows: Iterable[Line], setting: Setting) -> Iterator[list[Line]]:
    """The rows of each block."""
    current: list[Line] = []
    for row in rows:
        if current and begins(current, row, setting):
            yield current
            current = []
        current.append(row)
    if current:
        yield current


def begins(block: list[Line], row: Line, setting: Setting) -> bool:
    """Whether `row` begins a new block after the rows of `block`."""
    above = block[-1]
    if scale(above, setting) != scale(row, setting):
        return True
    if scale(row, setting) > 0:
        return not (above.page == row.page and alike(above, row))
    if is_flush_right(above, setting) or is_flush_right(row, setting):
        return True
    if (above.page, above.column) != (row.page, row.column):
        return counts_on(block[0], row) or begins_column(block, row, setting)
    if above.foot and row.y0 < above.foot - 0.3 * row.size:
        return False
    if gap(above, row, setting) or begins_list(above, row):
        return True
    if goes_on(block, row, setting):
        return False
    if not full(above, row, above.right, setting):
        return True
    return counts_on(block[0], row) or (
        not hangs(block, row, setting) and stepped(block, row, setting)
    )


def begins_column(block: list[Line], row: Line, setting: Setting) -> bool:
    """Whether a page's or a column's first row begins a new block, and does not go on."""
    above = block[-1]
    if setting.hanging is not None:
        return abs(row.indent - setting.hanging) > NEAR
    if above.text[-1] in HYPHENS and row.text[0].islower():
        return False
    if ITEM.match(block[0].text) and row.indent > 0.3 * setting.em and not ITEM.match(row.text):
        return not is_complete(above, row, setting)
    if setting.indent is not None and row.indent > 0.4 * setting.em:
        return True
    ended = ENDED.search(above.text[-8:]) or above.x1 < above.right - 0.3 * setting.width
    return bool(ended) and (setting.splits or not is_complete(above, row, setting))


def begins_list(above: Line, row: Line) -> bool:
    """Whether the row begins the first item of a list, or one with a bullet."""
    first = NUMBER.match(row.text)
    counted = first is not None and first[1] in ("1", "a") and ENDED.search(above.text[-8:])
    return BULLET.match(row.text) is not None or bool(counted)


def goes_on(block: list[Line], row: Line, setting: Setting) -> bool:
    """Whether centred rows make one caption or one title in capitals."""
    rows = (block[-1], row)
    caption = FIGURE.match(block[0].text) is not None
    return (caption or all(map(in_capitals, rows))) and all(is_centred(r, setting) for r in rows)


def alike(above: Line, row: Line) -> bool:
    """Whether two rows of a heading are near each other and equally large."""
    ratio = above.size / row.size
    return row.y0 - above.y0 < 2.2 * row.size and 0.89 < ratio < 1.12


def is_flush_right(row: Line, setting: Setting) -> bool:
    """Whether the row stands at the right margin, as datelines and signatures do."""
    named = row.text[0] in DASHES and not begins_paragraph(row, setting)  # who said what is quoted
    return row.indent > (1.0 if named else 0.4 * setting.width) and row.x1 > row.right - 0.1 * (
        row.right - row.left
    )


def gap(above: Line, row: Line, setting: Setting) -> bool:
    """Whether there is space between the two; a raised mark may push rows of a sentence apart."""
    step = row.y0 - above.y0
    usual = 1.25 if ENDED.search(above.text[-8:]) else 1.6
    return step > usual * setting.leading or step < 0


def hangs(block: list[Line], row: Line, setting: Setting) -> bool:
    """Whether the row goes on with an item whose first row begins further to the left."""
    first = block[0]
    out = row.x0 - first.x0 > 0.3 * setting.em
    if setting.hanging is not None:
        return out and abs(row.indent - setting.hanging) <= NEAR
    return out and ITEM.match(first.text) is not None and not ITEM.match(row.text)


def counts_on(first: Line, row: Line) -> bool:
    """Whether the row begins the next item of a list whose item begins with `first`."""
    one, other = NUMBER.match(first.text), NUMBER.match(row.text)
    return bool(one and other and follows(one[1], other[1]))


def stepped(block: list[Line], row: Line, setting: Setting) -> bool:
    """Whether the row begins where a paragraph's first row would after the rows of `block`."""
    slack = 0.4 * setting.em
    above = block[-1]
    indent, before = max(0.0, row.indent), max(0.0, above.indent)  # punctuation may hang out
    if setting.hanging is not None and indent < slack:
        return True
    first = setting.indent is not None and abs(before - setting.indent) <= NEAR
    if abs(indent - before) > slack and not (above.foot and indent < before):
        return indent > before or not (first or len(block) == 1)
    return first and indent > slack  # two first rows in a row: dialogue


def group_notes(rows: Iterable[Line]) -> Iterator[list[Line]]:
    """The rows of each footnote, which may go on at the foot of the next page."""
    current: list[Line] = []
    for row in rows:
        if current and NOTE_LABEL.match(row.text):
            yield current
            current = []
        current.append(row)
    if current:
        yield current


def block(kind: Kind, rows: list[Line], spelling: Spelling, account: Account) -> Block:
    """The rows' text as one block."""
    lines = [row.text for row in rows]
    text = "\n".join(lines) if kind == "verse" else spelling.join(lines, account)
    text = without_soft_hyphens(text, account)
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
