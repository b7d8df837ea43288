"""A PDF's words: their boxes, and what these tell of type and of marks."""

import re
import statistics
from collections import defaultdict
from dataclasses import dataclass

from askback.language import CJK
from askback.reading.letters import HYPHENS

SIGN = r"\d{1,3}|[*†‡§¶]+|[①-⑳]"
MARK = re.compile(rf"[(\[〔]?({SIGN})[)\]〕]?")  # what calls a note
LOW = 0.8  # of the line's size: call marks and small capitals are lower than that
DROPPED = 1.5  # of the line's size: a capital that reaches over two rows is higher than that
NEAR_ROWS = 8  # in one of which a word of what pdftotext calls a line stands
CLOSE = 0.12  # of a word's height: half a space


@dataclass(slots=True)
class Word:
    """One word and its box, in points from the page's upper left corner."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str

    @property
    def height(self) -> float:
        """The height of its box, which grows with the size of its type."""
        return self.y1 - self.y0


def runs_up(width: float, height: float, text: str) -> bool:
    """Whether a word with such a box runs up or down the page."""
    return len(text) > 2 and height > 2 * width


def is_turned(word: Word) -> bool:
    """Whether the word runs up or down the page."""
    return runs_up(word.x1 - word.x0, word.height, word.text)


def apart(words: list[Word]) -> list[list[Word]]:
    """The words of each row, for pdftotext takes a drop capital and two rows beside it for one."""
    if not words:
        return []
    usual = statistics.median(word.height for word in words)
    capitals: list[list[Word]] = []
    rows: list[list[Word]] = []
    for word in words:
        middle = (word.y0 + word.y1) / 2
        beside = (row for row in rows[-NEAR_ROWS:] if row[0].y0 < middle < row[0].y1)
        if len(word.text) <= 2 and word.height > DROPPED * usual:
            capitals.append([word])
        elif row := next(beside, None):
            row.append(word)
        else:
            rows.append([word])
    return [*capitals, *rows]


def is_raised(text: str, height: float, y1: float, size: float, foot: float) -> bool:
    """Whether it is a small mark above the foot of a line of `size`, as calls of notes are."""
    return height < LOW * size and y1 < foot - 0.2 * size and MARK.fullmatch(text) is not None


def type_size(words: list[Word]) -> float:
    """The height that most of the row is set in.

    Of small capitals, that of the capitals in it; of Chinese, that of the signs, since the Latin
    words and figures among them come from another font.
    """
    largest = max(words, key=lambda word: word.height)
    small = [word for word in words if word.height < 0.95 * largest.height]
    on_line = all(abs(word.y1 - largest.y1) < CLOSE * largest.height for word in small)
    if on_line and all(word.text.isupper() for word in small):
        return largest.height
    signs = [w.height for w in words if CJK.search(w.text) and not MARK.fullmatch(w.text)]
    if signs:
        return min(signs)
    widths: defaultdict[float, float] = defaultdict(float)
    for word in words:
        widths[word.height] += word.x1 - word.x0
    return max(widths, key=lambda height: (widths[height], height))


def attached(word: Word, following: Word) -> bool:
    """Whether no space parts the two: pdftotext parts words where the type's size changes.

    Some software also sets a line's last hyphen apart.
    """
    resized = abs(following.height - word.height) > 0.05 * word.height
    near = following.x0 - word.x1 < CLOSE * max(word.height, following.height)
    return near and (resized or following.text in HYPHENS)
