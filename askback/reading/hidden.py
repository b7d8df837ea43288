"""Text of a PDF that nobody sees, though pdftotext prints it like any other.

PDFium reads the pages, in a process of its own that is not trusted (`sandbox`).
"""

import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from askback import sandbox
from askback.reading.boxes import Box, Matrix, moved_box, union
from askback.reading.hints import may_hide

if TYPE_CHECKING:
    from askback.reading.drawing import Page
    from askback.reading.unseen import Unseen

__all__ = ["Hidden", "find", "may_hide"]

Why = Literal["invisible", "transparent", "same_colour", "covered", "cropped"]

FAR = 1000.0  # points that the margin around a crop box goes out
SMALL = 0.1  # points; no margin
ROW = 0.5  # of the lower of two boxes, that they share if they stand in one row
GAP = 0.5  # of it, that may be between two parts of a word


class Word(Protocol):
    """A word of pdftotext's, in points from the page's upper left corner."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """Where on a page there is text that nobody sees, in the coordinates of pdftotext's words."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str  # what is hidden there; all that stands there if empty
    why: Why

    def hides(self, word: Word) -> bool:
        """Whether the word is of that text: its middle is there, and its letters are."""
        x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
        if not (self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1):
            return False
        if not self.text:
            return True
        letters, hidden = bare(word.text), bare(self.text)
        return letters in hidden or letters[::-1] in hidden  # either may turn Hebrew round


def bare(text: str) -> str:
    """The text's letters and digits, without ligatures and other forms, as readers differ there."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def find(path: Path, limits: sandbox.Limits | None = None) -> dict[int, list[Hidden]]:
    """The text that nobody sees, by page (from 1); nothing where PDFium cannot read the file.

    Raises sandbox.ReaderError where reading it takes too much, or breaks PDFium.
    """
    command = [sys.executable, "-m", "askback.reading.hidden", str(path.absolute())]
    printed = b"".join(sandbox.output(command, limits, folder=Path(__file__).parents[2]))
    pages = map(json.loads, printed.splitlines())
    return {page: [Hidden(*fields) for fields in found] for page, found in pages}


def main() -> None:
    """Prints a JSON line for each page with text that nobody sees: its number, and the text."""
    from askback.reading.drawing import pages

    for page in pages(Path(sys.argv[1])):
        if found := [astuple(hidden) for hidden in (*cropped(page), *concealed(page))]:
            print(json.dumps((page.number, found)), flush=True)


def cropped(page: "Page") -> Iterator[Hidden]:
    """The page's margins that its crop box leaves out."""
    (x0, y0, x1, y1), crop = page.media, page.crop
    outer = Box(x0 - FAR, y0 - FAR, x1 + FAR, y1 + FAR)
    if crop.x0 - x0 > SMALL:
        yield placed(outer._replace(x1=crop.x0), page, "", "cropped")
    if x1 - crop.x1 > SMALL:
        yield placed(outer._replace(x0=crop.x1), page, "", "cropped")
    if crop.y0 - y0 > SMALL:
        yield placed(outer._replace(y1=crop.y0), page, "", "cropped")
    if y1 - crop.y1 > SMALL:
        yield placed(outer._replace(y0=crop.y1), page, "", "cropped")


def concealed(page: "Page") -> Iterator[Hidden]:
    """The page's texts that nobody sees; those side by side as one, for they may share words."""
    from askback.reading.unseen import unseen

    row: list[Unseen] = []
    for part in unseen(page):
        if row and not continues(row[-1], part):
            yield joined(row, page)
            row = []
        row.append(part)
    if row:
        yield joined(row, page)


def continues(last: "Unseen", part: "Unseen") -> bool:
    """Whether the part stands close beside the last one in its row."""
    one, other = last.box, part.box
    if last.runs_up:  # x for y
        one, other = (
            Box(one.y0, one.x0, one.y1, one.x1),
            Box(other.y0, other.x0, other.y1, other.x1),
        )
    height = min(one.height, other.height)
    overlap = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    alike = (last.why, last.runs_up) == (part.why, part.runs_up)
    return alike and overlap >= ROW * height and gap <= GAP * height


def joined(row: "Sequence[Unseen]", page: "Page") -> Hidden:
    """The parts of one row as one."""
    box = reduce(union, (part.box for part in row))
    return placed(box, page, "".join(part.said for part in row), row[0].why)


def placed(box: Box, page: "Page", text: str, why: Why) -> Hidden:
    """The text where pdftotext puts it: seen from the upper left corner of the page as turned."""
    x0, y0, x1, y1 = page.media
    views: list[Matrix] = [
        (1, 0, 0, -1, -x0, y1),
        (0, 1, 1, 0, -y0, -x0),
        (-1, 0, 0, 1, x1, -y0),
        (0, -1, -1, 0, y1, x1),
    ]
    left, top, right, foot = (round(side, 3) for side in moved_box(box, views[page.turns]))
    return Hidden(left, top, right, foot, text, why)


if __name__ == "__main__":
    main()
