"""Pages of lines as rows in columns: margins, drop capitals, quotations set in, footnotes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from askback.furniture import body_size, leading
from askback.pdf import Line, Page, Word
from askback.spelling import Spelling

NOTE_SIZE = 0.93  # of the body's size, at most
LABEL = re.compile(r"(\d{1,3}|[*†‡§¶]+)")  # what a footnote begins with
NEAR = 1.5  # points; rows whose left ends differ less are aligned


@dataclass(slots=True)
class Row:
    """One printed line of a column, between the margins that hold where it stands."""

    page: int
    column: int
    words: list[Word]
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    left: float = 0.0
    right: float = 0.0
    foot: float = 0.0  # where the drop capital ends that it stands beside; 0 for none
    inset: bool = False  # between margins of its own, as quotations are
    note: bool = False

    @property
    def text(self) -> str:
        """Its words with a space between."""
        return " ".join(word.text for word in self.words if word.text)

    @property
    def indent(self) -> float:
        """How far from the left margin it begins, in points."""
        return self.x0 - self.left


@dataclass(frozen=True, slots=True)
class Setting:
    """How the book is set, in points."""

    body: float  # the size of most of its text
    leading: float  # from row to row
    width: float  # of a column
    indent: float | None  # of a paragraph's first row; None where space sets paragraphs apart

    @property
    def em(self) -> float:
        """Roughly the type's em: boxes are a quarter higher than the type is large."""
        return 0.8 * self.body


def rows(pages: Sequence[Page], spelling: Spelling) -> tuple[list[Row], Setting]:
    """All rows in reading order, with footnotes marked, and the setting they are in."""
    body = body_size(pages)
    columns = [
        merge([row(line, number) for line in lines], spelling)
        for page in pages
        for number, lines in enumerate(split(page.lines))
    ]
    set_margins(columns, body)
    mark_notes(columns, body)
    for column in columns:
        mark_insets([row for row in column if not row.note], body)
    found = [row for column in columns for row in column]
    return found, setting(found, body, leading(pages))


def row(line: Line, column: int) -> Row:
    """The line as a row of its own."""
    return Row(line.page, column, line.words, line.x0, line.y0, line.x1, line.y1, line.size)


def split(lines: list[Line]) -> list[list[Line]]:
    """The lines of each column, left to right."""
    prose = [line for line in lines if len(line.words) > 3]
    if not prose:
        return [lines]
    middle = (min(line.x0 for line in lines) + max(line.x1 for line in lines)) / 2
    left = sum(line.x1 < middle + line.size / 2 for line in prose)
    right = sum(line.x0 > middle - line.size / 2 for line in prose)
    if min(left, right) < 4 or left + right < 0.8 * len(prose):
        return [lines]
    second = [line for line in lines if line.x0 > middle - line.size / 2]
    taken = set(map(id, second))
    return [[line for line in lines if id(line) not in taken], second]


def merge(rows: list[Row], spelling: Spelling) -> list[Row]:
    """One row for what stands side by side, a drop capital put before the first row beside it."""
    merged: list[Row] = []
    for row in sorted(rows, key=lambda row: row.y0):
        at = next((i for i in range(len(merged) - 1, -1, -1) if beside(merged[i], row)), None)
        if at is None or at < len(merged) - 4:
            merged.append(row)
        else:
            merged[at] = one_row(merged[at], row, spelling)
    for above, row in pairwise(merged):
        if above.foot and row.y0 < above.foot - 0.3 * row.size:
            row.foot = above.foot
    return merged


def beside(a: Row, b: Row) -> bool:
    """Whether the two overlap by half of the lower one's height."""
    return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.y1 - a.y0, b.y1 - b.y0)


def one_row(a: Row, b: Row, spelling: Spelling) -> Row:
    """Two rows that stand side by side as one."""
    large, small = (a, b) if a.size > b.size else (b, a)
    if large.size > 1.5 * small.size and len(large.text) <= 2 and small.x0 >= large.x0:
        first = small.words[0]
        first.text = spelling.capital(large.text, first.text)
        first.x0 = small.x0 = large.x0
        small.foot = large.y1
        return small
    a.words = sorted(a.words + b.words, key=lambda word: word.x0)
    a.x0, a.x1 = min(a.x0, b.x0), max(a.x1, b.x1)
    return a


def set_margins(columns: list[list[Row]], body: float) -> None:
    """Gives every row its column's margins.

    Left and right pages have theirs. A page of nothing but dialogue begins all its rows with an
    indent; the other pages of its side tell.
    """
    sides: dict[tuple[int, int], list[Row]] = {}
    for column in columns:
        for row in column:
            if in_body_size(row, body):
                sides.setdefault((row.page % 2, row.column), []).append(row)
    usual = {side: margins(rows) for side, rows in sides.items()}
    for column in columns:
        main = [row for row in column if in_body_size(row, body)]
        for row in column:
            row.left, row.right = row.x0, row.x1
        if main:
            left, right = usual[main[0].page % 2, main[0].column]
            own_left, own_right = margins(main)
            if not 2 < own_left - left < 3 * body:
                left = own_left
            if len(main) > 5 and abs(own_right - right) < 2 * body:
                right = own_right
            for row in column:
                row.left, row.right = left, right


def in_body_size(row: Row, body: float) -> bool:
    """Whether the row is set as most of the text is."""
    return abs(row.size - body) < 0.08 * body


def margins(rows: list[Row]) -> tuple[float, float]:
    """The leftmost place where a tenth of the rows begin, and where the longest tenth end."""
    starts = Counter(round(row.x0) for row in rows)
    left = min(
        x for x, count in starts.items() if count >= min(0.1 * len(rows), max(starts.values()))
    )
    ends = sorted(row.x1 for row in rows)
    return left, ends[-1 - len(ends) // 10]


def setting(rows: list[Row], body: float, lead: float) -> Setting:
    """What the rows have in common."""
    widths = Counter(round(row.right - row.left) for row in rows)
    em = 0.8 * body
    indents = Counter(
        round(row.indent)
        for row in rows
        if in_body_size(row, body) and 0.5 * em < row.indent < 3 * em
    )
    indent, count = max(indents.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))
    usual = count > 0.03 * len(rows)
    return Setting(body, lead, widths.most_common(1)[0][0], indent if usual else None)


def mark_notes(columns: list[list[Row]], body: float) -> None:
    """Marks the small rows at each column's foot that a call above announces.

    The calls go out of the words. A long note goes on at the next column's foot without a label;
    one that is called in a column's last rows may stand wholly at the next one's.
    """
    noted: list[Row] = []
    before: list[Row] = []
    for column in columns:
        foot = small_foot(column, body)
        text = column[: len(column) - len(foot)]
        called = [take_call(row, text) or take_call(row, before) for row in foot]
        start = 0 if noted else next((i for i, found in enumerate(called) if found), len(foot))
        noted, before = foot[start:], text
        for row in noted:
            row.note = True


def small_foot(column: list[Row], body: float) -> list[Row]:
    """The rows at the column's foot that are set smaller than the body."""
    large = [i for i, row in enumerate(column) if row.size > NOTE_SIZE * body]
    return column[large[-1] + 1 :] if large else []


def take_call(note: Row, text: list[Row]) -> bool:
    """Takes the call of a footnote's first row out of `text`; False where there is none."""
    label = LABEL.match(note.text)
    if not label:
        return False
    mark = re.escape(label[1])
    attached = re.compile(rf"(?<=[^\W\d_]|[.,;:!?…'\"”’»)\]—–]){mark}(?![\w*])")
    for row in text:
        for word in row.words:
            if word.text == label[1] and word.height < 0.8 * row.size:
                word.text = ""
                return True
            if attached.search(word.text):
                word.text = attached.sub("", word.text, count=1)
                return True
    return False


def mark_insets(column: list[Row], body: float) -> None:
    """Gives runs of rows that begin together, set in, and end together margins of their own."""
    for run in runs(column, body):
        right = max(row.x1 for row in run)
        flush = sum(row.x1 > right - body for row in run[:-1])
        if len(run) > 2 and run[0].indent > 0.32 * body and flush >= 0.6 * (len(run) - 1):
            for row in run:
                row.left, row.right, row.inset = run[0].x0, right, True


def runs(column: Iterable[Row], body: float) -> Iterator[list[Row]]:
    """The column's rows, those together that begin at the same place without a gap between."""
    run: list[Row] = []
    for row in column:
        aligned = run and abs(row.x0 - run[0].x0) < NEAR and row.y0 - run[-1].y0 < 2.2 * body
        if run and (not aligned or row.foot):
            yield run
            run = []
        run.append(row)
    if run:
        yield run
