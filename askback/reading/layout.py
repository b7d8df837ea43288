"""Pages of lines as rows in columns: reading order, columns, drop capitals."""

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise

from askback.reading.account import Account
from askback.reading.furniture import body_size, leading
from askback.reading.insets import mark_insets
from askback.reading.notes import mark_notes
from askback.reading.pages import RAISED, Line, Page, is_raised
from askback.reading.setting import Setting, set_margins, setting_of
from askback.reading.spelling import Spelling

BACK = 4  # rows above that a line may stand beside
COLUMN = 8  # of a line's size: narrower lines may stand anywhere, so they tell no column


def rows(pages: Sequence[Page], spelling: Spelling, account: Account) -> tuple[list[Line], Setting]:
    """All rows in reading order, between the margins that hold for each, and their setting."""
    body = body_size(pages)
    middles = gutters(pages)
    columns = [
        merge(column, spelling)
        for page, middle in zip(pages, middles, strict=True)
        for column in in_columns(page.lines, middle)
    ]
    set_margins(columns, body)
    found = [row for column in columns for row in column]
    common = setting_of(found, body, leading(pages))
    mark_notes(columns, body, common.leading, account)
    mark_insets(columns, common)
    return found, common


def in_columns(lines: list[Line], middle: float | None) -> Iterator[list[Line]]:
    """The lines of each column in reading order.

    A line across both columns ends them: what stands below it is read after what stands above.
    """
    if middle is None:
        yield lines
        return
    for zone in zones(lines, middle):
        second = [line for line in zone if line.x0 > middle - line.size / 2]
        for line in second:
            line.column = 1
        yield from filter(None, ([line for line in zone if not line.column], second))


def gutters(pages: Sequence[Page]) -> list[float | None]:
    """Where each page's columns part; on a short page of a book in columns, where others do."""
    found = [gutter(page.lines) for page in pages]
    parted = [middle for middle in found if middle is not None]
    if len(parted) < 0.3 * len(pages):
        return found
    usual = statistics.median(parted)
    return [
        usual if middle is None and not any(crosses(line, usual) for line in page.lines) else middle
        for page, middle in zip(pages, found, strict=True)
    ]


def crosses(line: Line, middle: float) -> bool:
    """Whether the line stands on both sides of the middle."""
    return line.x0 < middle - line.size and line.x1 > middle + line.size


def gutter(lines: list[Line]) -> float | None:
    """The page's middle, if nearly all its longer lines keep to one side of it."""
    prose = [line for line in lines if line.x1 - line.x0 > COLUMN * line.size]
    if not prose:
        return None
    middle = (min(line.x0 for line in lines) + max(line.x1 for line in lines)) / 2
    left = sum(line.x1 < middle + line.size / 2 for line in prose)
    right = sum(line.x0 > middle - line.size / 2 for line in prose)
    return middle if min(left, right) >= 4 and left + right >= 0.8 * len(prose) else None


def zones(lines: list[Line], middle: float) -> Iterator[list[Line]]:
    """The lines between those that cross the middle, and each group of these."""
    zone: list[Line] = []
    crossed = False
    for line in sorted(lines, key=lambda line: line.y0):
        if zone and crosses(line, middle) != crossed:
            yield zone
            zone = []
        zone.append(line)
        crossed = crosses(line, middle)
    if zone:
        yield zone


def merge(lines: list[Line], spelling: Spelling) -> list[Line]:
    """One row for what stands side by side, a drop capital put before the first row beside it."""
    merged: list[Line] = []
    for line in sorted(lines, key=lambda line: line.y0):
        near = range(len(merged) - 1, max(-1, len(merged) - 1 - BACK), -1)
        at = next((i for i in near if beside(merged[i], line)), None)
        if at is None:
            merged.append(line)
        else:
            merged[at] = one_row(merged[at], line, spelling)
    for above, row in pairwise(merged):
        if above.foot and row.y0 < above.foot - 0.3 * row.size:
            row.foot = above.foot
    return merged


def beside(a: Line, b: Line) -> bool:
    """Whether the two overlap by half of the lower one's height."""
    return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.y1 - a.y0, b.y1 - b.y0)


def one_row(a: Line, b: Line, spelling: Spelling) -> Line:
    """Two lines that stand side by side as one row."""
    large, small = (a, b) if a.size > b.size else (b, a)
    if large.size > 1.5 * small.size and len(large.text) <= 2 and small.x0 >= large.x0:
        small.text = spelling.capital(large.text, small.text)
        small.x0, small.foot = large.x0, large.y1
        return small
    left, right = (a, b) if a.x0 <= b.x0 else (b, a)
    main = max(a, b, key=lambda line: line.x1 - line.x0)
    mark = right if main is left else left
    raised = is_raised(mark.text, mark.size, mark.y1, main.size, main.y1)
    before, between = (RAISED if raised and mark is part else "" for part in (left, right))
    main.text = f"{before}{left.text}{between or ('' if before else ' ')}{right.text}"
    main.x0, main.x1, main.first = left.x0, max(a.x1, b.x1), left.first
    return main
