"""How a book is set: its margins, its leading, and how paragraphs begin."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from askback.language import CJK
from askback.reading.pages import Line

NEAR = 1.5  # points; rows whose left ends differ less are aligned
ENDED = re.compile(
    r"[.!?:;…—。！？：；」』][\"'”’»“«」』）)\]*\d\x1f]*$"
)  # a row that a sentence may end with
HANGING = re.compile("[「『（《〈【［〔“‘]")
LATIN = re.compile(r"[\x21-\u024f]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """How the book is set, in points."""

    body: float  # the size of most of its text
    leading: float  # from row to row
    width: float  # of a column
    indent: float | None  # of a paragraph's first row; None where space sets paragraphs apart
    hanging: float | None = None  # of all its rows but the first
    justified: bool = False
    splits: bool = False  # a full row where a sentence ends more often ends a paragraph than not

    @property
    def em(self) -> float:
        """Roughly the type's em: boxes are a quarter higher than the type is large."""
        return 0.8 * self.body


def set_margins(columns: Iterable[list[Line]], body: float) -> None:
    """Gives every row its column's margins.

    Left and right pages have theirs. A page of nothing but dialogue begins all its rows with an
    indent; the other pages of its side tell.
    """
    mains = [(column, [row for row in column if in_body_size(row, body)]) for column in columns]
    sides: dict[tuple[int, int], list[Line]] = {}
    for _, main in mains:
        for row in main:
            sides.setdefault((row.page % 2, row.column), []).append(row)
    usual = {side: margins(rows) for side, rows in sides.items()}
    for column, main in mains:
        found = own_margins(main, usual[main[0].page % 2, main[0].column], body) if main else None
        for row in column:
            row.left, row.right = found or (row.x0, row.x1)


def own_margins(rows: list[Line], usual: tuple[float, float], body: float) -> tuple[float, float]:
    """The margins of one column, whose book and side have the usual ones."""
    left, right = usual
    own_left, own_right = margins(rows)
    if not 2 < own_left - left < 3 * body:
        left = own_left
    if len(rows) > 5 and abs(own_right - right) < 2 * body:
        right = own_right
    return left, right


def in_body_size(row: Line, body: float) -> bool:
    """Whether the row is set as most of the text is."""
    return abs(row.size - body) < 0.08 * body


def margins(rows: Sequence[Line]) -> tuple[float, float]:
    """The leftmost place where a tenth of the rows begin, and where the longest tenth end.

    Opening signs may hang out; they tell no margin where other rows do.
    """
    starts = Counter(round(row.x0) for row in rows if not HANGING.match(row.text))
    starts = starts or Counter(round(row.x0) for row in rows)
    often = min(0.1 * starts.total(), max(starts.values()))
    ends = sorted(row.x1 for row in rows)
    return min(x for x, count in starts.items() if count >= often), ends[-1 - len(ends) // 10]


def setting_of(rows: Sequence[Line], body: float, lead: float) -> Setting:
    """What the rows have in common."""
    widths = Counter(round(row.right - row.left) for row in rows)
    width = max(widths, key=lambda width: (widths[width], width))
    begun, within = Counter[int](), Counter[int]()
    em = 0.8 * body
    for above, row in pairwise(rows):
        if in_body_size(row, body) and row.indent < 5 * em:
            shown = round(row.indent) if row.indent > 0.4 * em else 0
            (begun if ended_early(above, row) else within)[shown] += 1
    hanging = hanging_indent(begun, within, len(rows))
    indent = first_indent(begun, within, len(rows)) if hanging is None else None
    justified = sum(row.x1 > row.right - NEAR for row in rows) > 0.5 * len(rows)
    found = Setting(body, lead, width, indent, hanging, justified)
    return replace(found, splits=splits(rows, found))


def splits(rows: Iterable[Line], setting: Setting) -> bool:
    """Whether most full rows with a sentence's end have space below them: paragraphs end there."""
    apart = together = 0
    for above, row in pairwise(rows):
        same = (above.page, above.column) == (row.page, row.column)
        if same and ENDED.search(above.text[-8:]) and is_complete(above, row, setting):
            step = row.y0 - above.y0
            apart += 1.25 * setting.leading < step < 3 * setting.leading
            together += 0 < step <= 1.25 * setting.leading
    return apart > together


def is_complete(above: Line, row: Line, setting: Setting) -> bool:
    """Whether the row above is as long as a row that another one goes on from.

    Where no indent tells, a justified one reaches the margin.
    """
    if setting.justified and setting.indent is None:
        return above.x1 > above.right - NEAR
    return full(above, row, above.right, setting)


def ended_early(above: Line, row: Line) -> bool:
    """Whether a sentence ended in the row above before the next word had no room."""
    early = above.x1 + row.first < above.right - 0.02 * (above.right - above.left)
    return early or (ENDED.search(above.text[-8:]) is not None and not aligned(above, row))


def first_indent(begun: Counter[int], within: Counter[int], rows: int) -> float | None:
    """How far paragraphs' first rows are set in: most rows set in so follow one that ends early."""
    usual = {x: count for x, count in begun.items() if x and count > 0.5 * within[x]}
    indent = max(usual, key=lambda x: (usual[x], -x), default=0)
    return indent if usual.get(indent, 0) > max(4, 0.01 * rows, 0.4 * begun[0]) else None


def hanging_indent(begun: Counter[int], within: Counter[int], rows: int) -> float | None:
    """How far all rows but the first are set in, where paragraphs hang: plays, dictionaries."""
    if begun[0] < within[0]:
        return None
    indent = max((x for x in within if x), key=lambda x: (within[x], -x), default=0)
    return indent if within[indent] > max(begun[indent], 0.2 * rows) else None


def full(above: Line, row: Line, right: float, setting: Setting) -> bool:
    """Whether the row's first word had no room in the row above, so that this one had to end."""
    needed = first_word(row) + 0.25 * setting.em
    return above.x1 + needed > right - 0.02 * (right - above.left)


def first_word(row: Line) -> float:
    """The width of what could have stood in the row above.

    Chinese breaks anywhere but before a closing and after an opening sign, so between one and
    two of its own.
    """
    if not CJK.search(row.text):
        return row.first
    word = row.text.split(" ", 1)[0]
    latin = LATIN.match(word)
    if latin:
        return row.first * len(latin[0]) / len(word)
    return 2.2 * row.size


def aligned(a: Line, b: Line) -> bool:
    """Whether both begin at the same place."""
    return abs(a.x0 - b.x0) < NEAR


def begins_paragraph(row: Line, setting: Setting) -> bool:
    """Whether the row begins where the first row of a paragraph does."""
    hangs = HANGING.match(row.text) is not None  # by half an em, where Chinese is set with care
    slack = 0.6 * row.size if hangs and CJK.search(row.text) else NEAR
    return setting.indent is not None and abs(row.indent - setting.indent) <= slack
