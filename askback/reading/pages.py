"""A PDF's lines where they stand on its pages, by poppler's `pdftotext -bbox-layout`."""

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from askback.reading.account import Account, count
from askback.reading.hidden import Hidden
from askback.reading.letters import HYPHENS, clean
from askback.reading.words import (
    LOW,
    Word,
    apart,
    attached,
    is_raised,
    is_turned,
    runs_up,
    type_size,
)

END = "</page>"
PAGE = re.compile(r'<page width="([^"]*)" height="([^"]*)">')
WORD = re.compile(
    r'<word xMin="([^"]*)" yMin="([^"]*)" xMax="([^"]*)" yMax="([^"]*)">([^<]*)</word>'
)
RAISED = "\x1f"  # stands in no text that was read, and counts as space
SEPARATORS = re.compile("[\x1c-\x1f]")
NOWHERE = re.compile('="-?(?:nan|inf)"')  # a place that no page has
BAND = 50.0  # points
TINY = 2.0  # points; nobody reads smaller type
AUTHOR = '<meta name="Author" content="'


Bands = Mapping[int, Sequence[Hidden]]


@dataclass(slots=True)
class Line:
    """Words side by side, and where they stand, in points from the page's upper left corner."""

    page: int  # from 1
    text: str  # what is small and raised, and may call a note, comes after RAISED
    x0: float
    y0: float  # of its tall words, as y1
    x1: float
    y1: float
    size: float  # the median height of its words' boxes
    first: float  # the width of its first word
    # What layout finds out.
    column: int = 0
    left: float = 0.0  # the margins that hold where it stands
    right: float = 0.0
    foot: float = 0.0  # where the drop capital ends that it stands beside; 0 for none
    inset: bool = False  # between margins of its own, as quotations are
    note: bool = False

    @property
    def indent(self) -> float:
        """How far from the left margin it begins, in points."""
        return self.x0 - self.left


@dataclass(slots=True)
class Page:
    """One page's lines, in poppler's reading order."""

    number: int  # from 1
    width: float
    height: float
    lines: list[Line]


@dataclass(slots=True)
class Pdf:
    """A whole book, with what its metadata say of it."""

    title: str | None
    author: str | None
    pages: list[Page]


def parse(
    chunks: Iterable[str],
    account: Account,
    hidden: Mapping[int, Sequence[Hidden]] = MappingProxyType({}),
    first: int = 1,
) -> Pdf:
    """The book in pdftotext's XHTML, which comes in chunks while pdftotext still reads.

    Its pages are counted from `first`. Words that nobody sees, after `hidden`, and those too small
    to be read are left out.
    """
    found: list[Page] = []
    head = ""
    for text in cut(chunks):
        head = head or text.partition("<doc>")[0]
        if "<page" in text:
            number = first + len(found)
            found.append(page(number, text, account, banded(hidden.get(number, []))))
    rows = html.unescape(head).split("\n")
    return Pdf(between(rows, "<title>", "</title>"), between(rows, AUTHOR, '"/>'), found)


def cut(chunks: Iterable[str]) -> Iterator[str]:
    """The text up to the end of each page, and the rest."""
    begun: list[str] = []
    last = ""  # what came last, which may hold the beginning of an end
    for chunk in chunks:
        if END not in last[-len(END) :] + chunk:
            begun.append(chunk)
        else:
            *whole, rest = ("".join(begun) + chunk).split(END)
            yield from whole
            begun = [rest]
        last = (last + chunk)[-len(END) :]
    yield "".join(begun)


def between(rows: list[str], before: str, after: str) -> str | None:
    """What the first row that starts with `before` has up to `after`; None for nothing."""
    found = (row for row in rows if row.startswith(before) and row.endswith(after))
    text = next(found, "").removeprefix(before).removesuffix(after)
    return text.strip() or None


def page(number: int, text: str, account: Account, unseen: Bands) -> Page:
    """The page that `text` spells."""
    width, height = map(float, PAGE.findall(text)[0])
    text = NOWHERE.sub('="-9999"', text)
    found: list[Line] = []
    for row in text.split("</line>"):
        if words := WORD.findall(row):
            found += lines(number, words, account, unseen)
    found = [line for line in found if line.text.strip()]
    beyond = sum(line.x1 > width for line in found)
    if 2 * beyond > len(found) and all(line.y1 <= width for line in found):
        width, height = height, width  # poppler turns a page's words, but not its box
    return Page(number, width, height, found)


def lines(page: int, found: list[tuple[str, ...]], account: Account, unseen: Bands) -> list[Line]:
    """What pdftotext calls a line: one for words of one height, else as many as it takes."""
    x0, y0, x1, y1, texts = zip(*found, strict=True)
    text = printable(" ".join(texts))
    account.read += count(text)
    if len(set(y0)) == len(set(y1)) == 1 and texts[-1] not in HYPHENS and not unseen:
        top, foot = float(y0[0]), float(y1[0])
        left, right, first = float(x0[0]), float(x1[-1]), float(x1[0])
        if foot - top >= TINY and not (len(texts) == 1 and runs_up(right - left, foot - top, text)):
            text = clean(text, account)
            return [Line(page, text, left, top, right, foot, foot - top, first - left)]
    words = [
        Word(float(left), float(top), float(right), float(foot), clean(printable(word), account))
        for left, top, right, foot, word in found
    ]
    if 2 * sum(len(word.text) for word in words if is_turned(word)) > count(text):
        account.leave_out("turned", "".join(word.text for word in words))
        return []
    return [line(page, run) for run in apart(list(seen(words, account, unseen)))]


def printable(text: str) -> str:
    """The text with its entities as characters, and no RAISED in it."""
    text = html.unescape(text) if "&" in text else text
    return text if text.isprintable() else SEPARATORS.sub(" ", text)


def banded(unseen: Sequence[Hidden]) -> Bands:
    """The boxes by the bands of the page that words in them begin in."""
    found: defaultdict[int, list[Hidden]] = defaultdict(list)
    for box in unseen:
        for number in range(band(box.y0) - 1, band(box.y1) + 1):
            found[number].append(box)
    return found


def band(y: float) -> int:
    """Which band of the page has the height, from above."""
    return int(y // BAND)


def seen(words: Iterable[Word], account: Account, unseen: Bands) -> Iterator[Word]:
    """The words that a reader of the page sees and reads from left to right."""
    for word in words:
        if word.height < TINY:
            account.leave_out("tiny", word.text)
        elif is_turned(word):
            account.leave_out("turned", word.text)
        elif hider := next((box for box in unseen.get(band(word.y0), ()) if box.hides(word)), None):
            account.leave_out("off_page" if hider.why == "cropped" else "hidden", word.text)
        elif word.text:
            yield word


def line(page: int, words: list[Word]) -> Line:
    """The words, of different heights, as one line."""
    size = type_size(words)
    tall = [word for word in words if word.height > LOW * size] or words
    top, foot = min(word.y0 for word in tall), max(word.y1 for word in tall)
    text = words[0].text
    for last, word in pairwise(words):
        if is_raised(word.text, word.height, word.y1, size, foot):
            text += RAISED + word.text
        else:
            text += word.text if attached(last, word) else f" {word.text}"
    first = words[0].x1 - words[0].x0
    return Line(page, text, words[0].x0, top, words[-1].x1, foot, size, first)
