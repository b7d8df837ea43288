"""Which words of a PDF are hidden: pdftotext's words, held against what is found."""

import html
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from askback.reading.hidden import Hidden, find
from askback.reading.words import Word
from tests.pdfs import Page, book, text

STATES = (
    "/ExtGState << /Clear << /ca 0 >> /Half << /ca .5 >> /Multiply << /BM /Multiply >> >>"
    "/Properties << /Layer 4 0 R >>"
)
LAYER = "<< /Type /OCG /Name (layer) >>"  # object 4
PLAIN = text(60, 550, "plain")
WORD = re.compile(r'<word xMin="(.*)" yMin="(.*)" xMax="(.*)" yMax="(.*)">(.*)</word>')


def pages(path: Path) -> Iterator[list[Word]]:
    """Each page's words, by pdftotext."""
    command = ["pdftotext", "-bbox-layout", str(path), "-"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    for page in printed.split("</page>")[:-1]:
        yield [word(*match.groups()) for match in WORD.finditer(page)]


def word(x0: str, y0: str, x1: str, y1: str, said: str) -> Word:
    """The word of such an element."""
    return Word(float(x0), float(y0), float(x1), float(y1), html.unescape(said))


def judged(content: bytes, folder: Path) -> list[dict[str, str | None]]:
    """For each page of the PDF, why each word on it is hidden; None for one that is not."""
    path = folder / "book.pdf"
    path.write_bytes(content)
    hidden = find(path)
    return [
        {word.text: why(word, hidden.get(number, [])) for word in words}
        for number, words in enumerate(pages(path), 1)
    ]


def why(word: Word, hidden: list[Hidden]) -> str | None:
    """Why the word is hidden; None if it is not."""
    return next((found.why for found in hidden if found.hides(word)), None)


def on_page(content: str, folder: Path, **forms: bytes) -> dict[str, str | None]:
    """The same for a page of that content, on which the word `plain` has to be seen.

    Its forms are the objects from 5.
    """
    page = Page(PLAIN + content, forms=forms, resources=STATES)
    (found,) = judged(book(page, more=[LAYER]), folder)
    assert found.pop("plain") is None
    return found
