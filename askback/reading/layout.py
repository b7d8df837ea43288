"""Pages of lines as rows in columns: reading order, columns, drop capitals."""

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise

from askback.reading.account import Account
from askback.reading.furniture import body_size, leading
from askback.reading.insets import mark_insets
from askback.reading.notes import mark_notes
from askback.reading.pages import RAISED, Line, Page
from askback.reading.setting import Setting, set_margins, setting_of
from askback.reading.spelling import Spelling
from askback.reading.words import is_raised

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
        for line in zone:
            if not crosses(line, middle):
                line.column = 2 if line.x0 > middle - line.size / 2 else 1
        second = [line for line in zone if line.column == 2]
        yield from filter(None, ([line for line in zone if line.column < 2], second))


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
    found: list[list[Line]] = []  # the widest of each row comes first
    for line in sorted(lines, key=lambda line: line.y0):
        row = next((row for row in reversed(found[-BACK:]) if beside(row[0], line)), None)
        if row is None:
            found.append([line])
        else:
            row.append(line)
            if width(line) > width(row[0]):
                row[0], row[-1] = row[-1], row[0]
    merged = [one_row(row, spelling) for row in found]
    for above, below in pairwise(merged):
        if above.foot and below.y0 < above.foot - 0.3 * below.size:
            below.foot = above.foot
    return merged


def beside(a: Line, b: Line) -> bool:
    """Whether the two overlap by half of the lower one's height."""
    return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.y1 - a.y0, b.y1 - b.y0)


def width(line: Line) -> float:
    """How wide the line is; a drop capital is narrower than what stands beside it."""
    return line.x1 - line.x0


def one_row(lines: list[Line], spelling: Spelling) -> Line:
    """Lines that stand side by side as one row."""
    first, *others = sorted(lines, key=lambda line: line.x0)
    for line in others:
        first = joined(first, line, spelling)
    return first


def joined(left: Line, right: Line, spelling: Spelling) -> Line:
    """Two lines side by side as one."""
    if left.size > 1.5 * right.size and len(left.text) <= 2:
        right.text = spelling.capital(left.text, right.text)
        right.x0, right.foot = left.x0, left.y1
        return right
    main, mark = (left, right) if width(left) > width(right) else (right, left)
    small_capitals = main.text.isupper() and mark.size > main.size
    raised = is_raised(mark.text, mark.size, mark.y1, main.size, main.y1)
    before, between = (RAISED if raised and mark is part else "" for part in (left, right))
    main.text = f"{before}{left.text}{between or ('' if before else ' ')}{right.text}"
    main.x0, main.x1, main.first = left.x0, max(left.x1, right.x1), left.first
    main.foot = max(left.foot, right.foot)
    if small_capitals:
        main.size = mark.size
    return main
