"""What each group of rows is: a paragraph, a heading, verse, a list, a quotation, a caption."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from askback.language import CJK
from askback.reading.headings import NUMBERED_TITLE, is_named
from askback.reading.pages import Line
from askback.reading.setting import ENDED, Setting, begins_paragraph
from askback.records import Kind

LARGE, SMALL = 1.12, 0.88  # of the body's size: beyond them it is another kind of text
OTHER = re.compile("[!-\u024f\u2010-\u2026]")
LARGE_CJK = 1.25  # a Latin quotation mark or figure makes a box of Chinese higher
TITLE = 80  # characters, at most
FLOATS = 4  # captions and the like, at most, that part a paragraph
BULLET = re.compile("[•▪◦‣·]")
NUMBER = re.compile(r"\(?(\d{1,3}|[a-z])[.)]\s")
FIGURE = re.compile(
    r"(fig(ure|ura)?|abb(ildung)?|ill(ustration)?|plate|table|tab(elle|leau)?|photo|图|図|圖)"
    r"[\s.]*\d+\s*[.:—–-]",
    re.IGNORECASE,
)
Group = tuple[Kind, list[Line]]


def kinds(groups: Sequence[list[Line]], setting: Setting) -> list[Group]:
    """Each group with its kind; a paragraph that a figure parts is whole again before it."""
    return rejoined(list(lists(list(told_apart(groups, setting)))), setting)


def told_apart(groups: Sequence[list[Line]], setting: Setting) -> Iterator[Group]:
    """Each group with its kind; neighbouring lines of verse become stanzas."""
    spaced = [
        i == 0 or is_apart(groups[i - 1][-1], rows[0], setting) for i, rows in enumerate(groups)
    ]
    told = zip(groups, spaced, strict=True)
    for is_line, run in groupby(told, key=lambda item: is_verse_line(item[0], setting)):
        members = list(run)
        if is_line and len(members) > 1:
            for stanza in stanzas([rows for rows, _ in members], setting):
                yield ("verse" if len(stanza) > 1 else "para"), stanza
        else:
            yield from ((kind(rows, setting, space), rows) for rows, space in members)


def scale(row: Line, setting: Setting) -> int:
    """1 for rows set larger than the body, -1 for smaller, 0 for its own size."""
    ratio = row.size / setting.body
    mixed = CJK.search(row.text) and OTHER.search(row.text)
    large = LARGE_CJK if mixed else LARGE
    return (ratio > large) - (ratio < SMALL)


def is_apart(above: Line, row: Line, setting: Setting) -> bool:
    """Whether there is space between the two, or a page or column begins."""
    together = (above.page, above.column) == (row.page, row.column)
    return not together or row.y0 - above.y0 > 1.25 * setting.leading


def is_verse_line(rows: list[Line], setting: Setting) -> bool:
    """Whether the group is one short row, set in otherwise than a paragraph's first row is."""
    row = rows[0]
    if len(rows) > 1 or scale(row, setting) > 0 or in_capitals(row):
        return False
    width = row.right - row.left
    short = row.x1 < row.right - 0.1 * width and row.indent < 0.5 * width
    return short and row.indent > 0.8 * setting.em and not begins_paragraph(row, setting)


def in_capitals(row: Line) -> bool:
    """Whether it is set in capitals, which Chinese has none of."""
    return row.text.isupper() and not CJK.search(row.text)


def stanzas(lines: list[list[Line]], setting: Setting) -> Iterator[list[Line]]:
    """The lines between which there is no space."""
    current: list[Line] = []
    for (row,) in lines:
        if current and current[-1].page == row.page and is_apart(current[-1], row, setting):
            yield current
            current = []
        current.append(row)
    yield current


def kind(rows: list[Line], setting: Setting, spaced: bool) -> Kind:
    """What the group is, by the look of its rows and the space above it."""
    size = scale(rows[0], setting)
    if size > 0 or is_title(rows, setting) or (spaced and is_subtitle(rows, setting)):
        return "heading"
    if BULLET.match(rows[0].text):
        return "list"
    if FIGURE.match(rows[0].text):
        return "caption"
    if sum(row.inset for row in rows) > 0.5 * len(rows):
        return "quote"
    if size < 0:
        return "quote" if len(rows) > 2 else "caption"
    return "para"


def is_title(rows: list[Line], setting: Setting) -> bool:
    """Whether it is a heading in the body's size: centred, in capitals or numbered."""
    text = " ".join(row.text for row in rows)
    named = all(map(in_capitals, rows)) or NUMBERED_TITLE.fullmatch(text) is not None
    return named and len(rows) < 4 and all(is_centred(row, setting) for row in rows)


def is_centred(row: Line, setting: Setting) -> bool:
    """Whether the row keeps equally far from both margins."""
    middle = (row.x0 + row.x1) / 2 - (row.left + row.right) / 2
    return abs(middle) < 0.5 * setting.em and row.indent > 2 * setting.em


def is_subtitle(rows: list[Line], setting: Setting) -> bool:
    """Whether it is a short row with space above it that no sentence ends, where indents part
    paragraphs and space does not."""
    (row, *others) = rows
    by_indent = setting.indent is not None or setting.hanging is not None
    flush = row.indent < 0.4 * setting.em or is_centred(row, setting)
    short = len(row.text) <= TITLE and row.x1 < row.right - setting.em
    named = row.text[:1].isupper() or row.text[:1].isdigit() or CJK.match(row.text) is not None
    if not others and is_named(row.text):
        return True
    return by_indent and not others and flush and short and named and row.text[-1].isalpha()


def lists(groups: Sequence[Group]) -> Iterator[Group]:
    """The groups, with paragraphs that count on from their neighbours as items of a list."""
    numbers = [
        NUMBER.match(rows[0].text) if kind in ("para", "quote") else None for kind, rows in groups
    ]
    counts = [bool(a and b and follows(a[1], b[1])) for a, b in pairwise([*numbers, None])]
    for i, (kind, rows) in enumerate(groups):
        yield ("list" if counts[i] or (i and counts[i - 1]) else kind), rows


def follows(a: str, b: str) -> bool:
    """Whether the second number or letter comes right after the first."""
    if a.isdigit() and b.isdigit():
        return int(b) == int(a) + 1
    return not a.isdigit() and not b.isdigit() and ord(b) == ord(a) + 1


def rejoined(groups: list[Group], setting: Setting) -> list[Group]:
    """The groups, with the parts of a paragraph together that figures and captions part."""
    found: list[Group] = []
    for kind, rows in groups:
        at = parted(found, kind, rows, setting)
        if at is None:
            found.append((kind, rows))
        else:
            found[at][1].extend(rows)
    return found


def parted(found: list[Group], kind: Kind, rows: list[Line], setting: Setting) -> int | None:
    """Where in `found` the sentence begins that `rows` go on with."""
    if kind != "para" or not rows[0].text[0].islower() or rows[0].indent > 0.4 * setting.em:
        return None
    for at in range(len(found) - 1, max(-1, len(found) - 2 - FLOATS), -1):
        above, before = found[at]
        if above in ("para", "quote") and at < len(found) - 1:
            last = before[-1]
            goes_on = not ENDED.search(last.text[-8:]) and last.x1 > last.right - 2 * setting.em
            return at if goes_on else None
        if above not in ("caption", "heading") or scale(before[0], setting) > 0:
            return None
    return None
