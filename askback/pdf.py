"""A PDF's words where they stand on its pages, by poppler's `pdftotext -bbox-layout`."""

import html
import os
import signal
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from askback.errors import UserError
from askback.letters import clean

PATIENCE = 60.0  # seconds for one book; poppler reads some hundred pages in one
MISSING = (
    "pdftotext is missing; install poppler "
    "(Debian, Ubuntu: apt install poppler-utils; macOS: brew install poppler)"
)
HYPHENS = ("-", "‐", "\u00ad")


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


@dataclass(slots=True)
class Line:
    """Words side by side; the box and `size` leave out what is raised or set smaller."""

    page: int  # from 1
    words: list[Word]
    x0: float
    y0: float
    x1: float
    y1: float
    size: float  # the median height of its words' boxes, in points

    @property
    def text(self) -> str:
        """Its words with a space between."""
        return " ".join(word.text for word in self.words if word.text)


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
    controls: int  # control characters left out


def read(path: Path) -> Pdf:
    """The PDF's pages of words.

    Raises UserError where there is no text to read: not a PDF, locked, damaged, or only images.
    """
    check(path)
    text, controls = clean(pdftotext(path))
    rows = text.split("\n")
    pages = list(parse(rows))
    require_text(path, pages)
    start = rows.index("<body>")
    return Pdf(title(rows[:start]), author(rows[:start]), pages, controls)


def require_text(path: Path, pages: Iterable[Page]) -> None:
    """Raises UserError where no page has a line."""
    if not any(page.lines for page in pages):
        raise UserError(f"{path}: its pages are images; add text with `ocrmypdf IN.pdf OUT.pdf`")


def check(path: Path) -> None:
    """Raises UserError for a file that does not begin as PDFs do."""
    with path.open("rb") as file:
        head = file.read(1024)  # readers allow the mark anywhere in it
    if not head:
        raise UserError(f"{path}: the file is empty; copy the book again")
    if b"%PDF-" not in head:
        raise UserError(f"{path}: not a PDF; convert it or take it out of the folder")


def pdftotext(path: Path) -> str:
    """What pdftotext prints. It is killed, with all it started, when it takes too long."""
    command = ["pdftotext", "-enc", "UTF-8", "-bbox-layout", str(path.absolute()), "-"]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise UserError(MISSING) from None
    with process:
        try:
            out, complaints = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{path}: pdftotext took over {PATIENCE:.0f} s; "
                "print it to a new PDF or take it out of the folder"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise UserError(f"{path}: {refusal(complaints.decode('utf-8', 'replace'))}")
    return out.decode("utf-8", "replace")


def refusal(complaints: str) -> str:
    """Why pdftotext gave up, and the remedy."""
    if "password" in complaints or "not allowed" in complaints:
        return "the PDF is encrypted; unlock it with `qpdf --decrypt --password=... IN.pdf OUT.pdf`"
    first = next(iter(complaints.splitlines()), "no reason given")
    return f"pdftotext cannot read it ({first}); get a sound copy"


def title(head: list[str]) -> str | None:
    """The metadata's title, if it says any."""
    return between(head, "<title>", "</title>")


def author(head: list[str]) -> str | None:
    """The metadata's author, if it says any."""
    return between(head, '<meta name="Author" content="', '"/>')


def between(rows: list[str], before: str, after: str) -> str | None:
    """What the first row that starts with `before` has up to `after`; None for nothing."""
    found = (row for row in rows if row.startswith(before) and row.endswith(after))
    text = next(found, "").removeprefix(before).removesuffix(after)
    return html.unescape(text).strip() or None


def parse(rows: list[str]) -> Iterator[Page]:
    """The pages in pdftotext's XHTML, which puts each element on a row of its own."""
    page = Page(0, 0.0, 0.0, [])
    words: list[Word] = []
    for row in map(str.strip, rows):
        if row.startswith("<word"):
            words.append(word(row))
        elif row == "</line>" and words:
            page.lines.append(line(page.number, words))
            words = []
        elif row.startswith("<page"):
            _, width, _, height, _ = row.split('"')
            page = Page(page.number + 1, float(width), float(height), [])
        elif row == "</page>":
            yield page


def word(row: str) -> Word:
    """The word of `<word xMin="1" yMin="2" xMax="3" yMax="4">text</word>`."""
    _, x0, _, y0, _, x1, _, y1, rest = row.split('"', 8)
    text = rest[1:-7]
    if "&" in text:
        text = html.unescape(text)
    return Word(float(x0), float(y0), float(x1), float(y1), text)


def line(page: int, words: list[Word]) -> Line:
    """`words` as one line, its height that of its tall words."""
    if len(words) > 1 and words[-1].text in HYPHENS:
        words = [*words[:-2], *hyphened(*words[-2:])]
    heights = [word.height for word in words]
    tall = 0.8 * max(heights)  # superscripts have about 0.6 of it
    main = [word for word in words if word.height > tall] or words
    return Line(
        page,
        words,
        words[0].x0,
        min(word.y0 for word in main),
        words[-1].x1,
        max(word.y1 for word in main),
        statistics.median(heights),
    )


def hyphened(last: Word, hyphen: Word) -> list[Word]:
    """The line's last word with the hyphen that breaks it, which some software sets apart."""
    if hyphen.x0 - last.x1 > 0.12 * hyphen.height:  # half a space
        return [last, hyphen]
    return [Word(last.x0, last.y0, hyphen.x1, last.y1, last.text + hyphen.text)]
