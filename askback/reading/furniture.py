"""What a printer puts on every page: running heads, page numbers, marks. None of it is text."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from askback.reading.account import Account, Bucket
from askback.reading.pages import Line, Page

Band = list[Line]

OFTEN = 3  # pages that show the same line in the same place before it counts as furniture
DEEP = 3  # rows of furniture at either end of a page, at most
GRID = 4.0  # points; lines whose tops are this near stand at the same height
SET_OFF = 1.3  # leadings from one row's top to the next when there is space between
WIDE = 8  # of a line's size: a line of text, and nothing beside it
SMALL = 0.93  # of the body's size, at most
LARGE = 1.15  # of the body's size: titles are set as large, running heads never
FIRST = re.compile(r"[-–—\s\[]*(\d{1,4})\b")
LAST = re.compile(r"\b(\d{1,4})[-–—\s\]]*$")
ROMAN = re.compile(r"[-–—\s\[]*[ivxlc]+[-–—\s\]]*")
CAPITALS = re.compile(r"[-–—\s\[]*[IVXLC]+[-–—\s\]]*")
COUNT = re.compile(r"[0-9]{1,4}")
FOLIO = re.compile(r"[-–—\s\[]*(\d{1,4}(\s*/\s*\d{1,4})?|[ivxlc]+)[-–—\s\]]*")  # 7, - vii -, 7/44


def remove(pages: list[Page], account: Account) -> None:
    """Takes the furniture out of `pages` and enters it in `account`."""
    take(pages, dict.fromkeys(off_page(pages), "off_page"), account)
    if not any(page.lines for page in pages):
        return
    take(pages, edges(pages), account)
    take(pages, dict.fromkeys(margin_marks(pages), "margin_mark"), account)


def take(pages: list[Page], gone: Mapping[int, Bucket], account: Account) -> None:
    """Takes the lines whose `id` is in `gone` out of `pages`."""
    for page in pages:
        for line in page.lines:
            if id(line) in gone:
                account.leave_out(gone[id(line)], line.text)
        page.lines = [line for line in page.lines if id(line) not in gone]


def edges(pages: list[Page]) -> dict[int, Bucket]:
    """The `id` of each line at a page's head or foot that recurs or counts the pages."""
    body, lead = body_size(pages), leading(pages)
    rows = [(page, row) for page in pages for row in edge_rows(page, body, lead)]
    seen = Counter(place for _, row in rows for place in places(row))
    slots = Counter(slot(row) for _, row in rows if recurs(row, seen))
    folios = Counter(offset for page, row in rows for offset in offsets(row, page))
    romans = Counter(slot(row) for page, row in rows if is_roman_foot(page, row))
    return {
        id(line): bucket(line)
        for page, row in rows
        if recurs(row, seen)
        or (is_roman_foot(page, row) and in_slot(row, romans))
        or in_slot(row, slots)
        or all(ROMAN.fullmatch(line.text) for line in row)
        or any(folios[offset] >= OFTEN for offset in offsets(row, page))
        for line in row
    }


def off_page(pages: Iterable[Page]) -> set[int]:
    """The lines outside their page: never printed."""
    return {
        id(line)
        for page in pages
        for line in page.lines
        if line.x1 <= 0 or line.y1 <= 0 or line.x0 >= page.width or line.y0 >= page.height
    }


def margin_marks(pages: list[Page]) -> set[int]:
    """The words beside the text that many pages have in one place, or that count the lines."""
    rows = [row for page in pages for row in by_row(page.lines) if len(row) > 1]
    lone = [line for row in rows for line in row if " " not in line.text]
    spots = Counter(spot(line) for line in lone)
    often = max(5.0, 0.2 * len(pages))
    found = {id(line) for line in lone if spots[spot(line)] >= often}
    counted = [line for page in pages for line in beside_text(page)]
    if len(counted) >= often:
        found |= set(map(id, counted))
    return found


def beside_text(page: Page) -> list[Line]:
    """The lone numbers left and right of all longer lines on the page, if they count its lines."""
    prose = [line for line in page.lines if line.x1 - line.x0 > WIDE * line.size]
    left = min((line.x0 for line in prose), default=0.0)
    right = max((line.x1 for line in prose), default=0.0)
    found = sorted(
        (line for line in page.lines if COUNT.fullmatch(line.text) and not left < line.x1 < right),
        key=lambda line: line.y0,
    )
    numbers = [int(line.text) for line in found]
    steps = {b - a for a, b in pairwise(numbers)}
    even = steps <= {1} or steps <= {5} or steps <= {10}
    return found if even and (len(found) > 1 or all(n % 5 == 0 for n in numbers)) else []


def spot(line: Line) -> tuple[str, int, int]:
    """A line's words and its place on any page."""
    return line.text, round(line.x0 / GRID), round(line.y0 / GRID)


def body_size(pages: Iterable[Page]) -> float:
    """The size that most characters are set in, in points."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            sizes[round(line.size, 1)] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], size), default=0.0)


def leading(pages: Iterable[Page]) -> float:
    """The usual distance from one line's top to the next, in points."""
    steps = Counter(
        round(below.y0 - above.y0, 1)
        for page in pages
        for above, below in pairwise(page.lines)
        if 0.5 * above.size < below.y0 - above.y0 < 3 * above.size
    )
    return max(steps, key=lambda step: (steps[step], -step), default=1.2 * body_size(pages))


def edge_rows(page: Page, body: float, lead: float) -> list[Band]:
    """The rows at the page's top and bottom that space or small type sets off, none large."""
    rows = by_row(page.lines)
    heads = list(set_off(rows, body, lead))
    feet = set_off(rows[len(heads) :][::-1], body, lead)
    return [row for row in [*heads, *feet] if max(line.size for line in row) < LARGE * body]


def by_row(lines: Iterable[Line]) -> list[Band]:
    """The lines that stand side by side together, from top to bottom."""
    rows: list[Band] = []
    for line in sorted(lines, key=lambda line: line.y0):
        if rows and line.y0 + line.y1 < 2 * rows[-1][0].y1:  # its middle is above that one's foot
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def set_off(rows: list[Band], body: float, lead: float) -> Iterator[Band]:
    """The first rows, as long as there is space after each or it is small."""
    for row, following in zip(rows[:DEEP], [*rows[1:], None], strict=False):
        near = following and abs(following[0].y0 - row[0].y0) < SET_OFF * lead
        if near and max(line.size for line in row) > SMALL * body:
            return
        yield row


def is_roman_foot(page: Page, row: Band) -> bool:
    """Whether the row is a number in roman capitals at the page's foot; above, one is a title."""
    return row[0].y0 > page.height / 2 and all(CAPITALS.fullmatch(line.text) for line in row)


def places(row: Band) -> set[tuple[str, int]]:
    """Each line of the row with its height, spelt in every way that may recur.

    A number beside other words may be the label of a note.
    """
    lines = [line for line in row if len(row) == 1 or not COUNT.fullmatch(line.text)]
    return {(words, round(line.y0 / GRID)) for line in lines for words in spellings(line)}


def spellings(line: Line) -> list[str]:
    """The line as it is, and with each number in turn counted from the page's.

    A page number keeps its distance from the page, a chapter's number does not.
    """
    text = line.text
    numbers = list(re.finditer(r"\d{1,4}", text))[:4]
    return [
        text,
        *(f"{text[: n.start()]}#{int(n[0]) - line.page}{text[n.end() :]}" for n in numbers),
    ]


def recurs(row: Band, seen: Counter[tuple[str, int]]) -> bool:
    """Whether other pages show a line of this row at the same height."""
    return any(
        sum(seen[words, height + d] for d in (-1, 0, 1)) >= OFTEN for words, height in places(row)
    )


def slot(row: Band) -> tuple[int, int]:
    """Where on the page, and how large, the row is."""
    return round(row[0].y0 / GRID), round(max(line.size for line in row))


def in_slot(row: Band, slots: Counter[tuple[int, int]]) -> bool:
    """Whether other pages have furniture in this place."""
    height, size = slot(row)
    return sum(slots[height + d, size] for d in (-1, 0, 1)) >= OFTEN


def offsets(row: Band, page: Page) -> list[int]:
    """How far the numbers that the row's lines begin or end with are from the page's place.

    At the page's foot only a number by itself counts: footnotes begin with theirs.
    """
    foot = row[0].y0 > page.height / 2
    lines = [line for line in row if not foot or (len(row) == 1 and FOLIO.fullmatch(line.text))]
    found = [FIRST.match(line.text) or LAST.search(line.text) for line in lines]
    return [int(number[1]) - page.number for number in found if number]


def bucket(line: Line) -> Bucket:
    """Which furniture it is."""
    number = FOLIO.fullmatch(line.text) or CAPITALS.fullmatch(line.text)
    return "page_number" if number else "running_head"
