"""PDF files: what poppler's pdftotext finds in them, put back together."""

import codecs
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from askback import sandbox
from askback.errors import UserError
from askback.language import CJK, ENOUGH, getting_ready, language_of
from askback.reading import furniture, grouping, hidden, layout, pages, pictures
from askback.reading.account import Account, count
from askback.reading.blocks import Block, Text
from askback.reading.hidden import Hidden
from askback.reading.pages import Page, Pdf
from askback.reading.parts import parts
from askback.reading.spelling import Spelling

MISSING = (
    "pdftotext is missing; install poppler "
    "(Debian, Ubuntu: apt install poppler-utils; macOS: brew install poppler)"
)
OCR = "add text with `ocrmypdf --force-ocr IN.pdf OUT.pdf`"
SHOWN = 20  # lines of a page tell whether it can be read
READING = sandbox.Limits(seconds=50)
ASIDE = sandbox.Limits(seconds=9, cpu_seconds=9)  # together they keep a book below a minute
LONG = 100  # pages, at least, for each core
FEW = 40  # characters; with less, a page tells nothing about its letters
READABLE = 0.6  # of a page's characters, at least, are letters or digits
VOWELS = 0.2  # of its Latin letters, at least; fonts without a mapping shift the alphabet
SCANNED = 0.1  # of the pages, at most, are plates or blank; with more of them it is a scan
PLATES = 2  # pages, such as covers, that no short book is called a scan for
VOWEL = re.compile("[aeiouyà-æè-ïò-öø-ýāēīōūăąęěőűŏ]", re.IGNORECASE)
LATIN = re.compile("[a-zà-ɏ]", re.IGNORECASE)


def read(path: Path, language: str | None, account: Account) -> Text:
    """The book's blocks of text.

    Raises UserError where there is no text to read: not a PDF, locked, damaged, or only images;
    and where reading takes too much of the machine.
    """
    check(path)
    try:
        return from_pages(path, language, account)
    except FileNotFoundError:
        raise UserError(MISSING) from None
    except sandbox.ReaderError as error:
        raise UserError(f"{path}: {refusal(error)}") from None


def from_pages(path: Path, language: str | None, account: Account) -> Text:
    """The book's blocks of text."""
    ready = None if language else getting_ready()
    found = parsed(path, account)
    if not found.pages:
        raise UserError(f"{path}: the PDF has no pages; get a sound copy")
    empty = sum(not page.lines for page in found.pages)
    bad = bad_pages(path, found.pages)
    leave_out(found.pages, bad, account)
    if not any(page.lines for page in found.pages):
        raise UserError(f"{path}: its pages are images or have no readable text; {OCR}")
    if ready:
        ready.join()
    language = language or language_of(sample(found.pages))
    blocks = list(put_together(list(parts(found.pages)), language, account))
    if not blocks:
        raise UserError(f"{path}: all its text looks like running heads; save it as .txt")
    return Text(blocks, found.title, found.author, language, empty, bad)


def parsed(path: Path, account: Account) -> Pdf:
    """The book's pages; a long book's are read in as many stretches as there are cores."""
    concealed = unseen(path)
    total = page_count(path)
    workers = min(os.cpu_count() or 1, total // LONG)
    if workers < 2:
        return pages.parse(printed(path), account, concealed)
    size = -(-total // workers)
    workers = -(-total // size)  # fewer, where rounding leaves none for the last
    accounts = [Account() for _ in range(workers)]

    def stretch(number: int) -> Pdf:
        first = 1 + number * size
        last = first + size - 1 if number < workers - 1 else None
        return pages.parse(printed(path, first, last), accounts[number], concealed, first)

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(stretch, range(workers)))
    for other in accounts:
        account.add(other)
    return Pdf(found[0].title, found[0].author, [page for part in found for page in part.pages])


def page_count(path: Path) -> int:
    """How many pages the PDF says it has; 0 where pdfinfo cannot tell."""
    try:
        told = b"".join(sandbox.output(["pdfinfo", str(path.absolute())], ASIDE)).decode(
            "utf-8", "replace"
        )
    except (FileNotFoundError, sandbox.ReaderError):
        return 0
    number = re.search(r"^Pages:\s*(\d+)", told, re.MULTILINE)
    return int(number[1]) if number else 0


def put_together(found: Sequence[list[Page]], language: str, account: Account) -> Iterator[Block]:
    """The blocks of all parts, spelt as the whole book spells."""
    for part in found:
        furniture.remove(part, account)
    spelling = Spelling((line.text for part in found for p in part for line in p.lines), language)
    for part in found:
        if any(page.lines for page in part):
            rows, setting = layout.rows(part, spelling, account)
            yield from grouping.blocks(rows, setting, spelling, account)


def check(path: Path) -> None:
    """Raises UserError for a file that does not begin as PDFs do."""
    with path.open("rb") as file:
        head = file.read(1024)  # readers allow the mark anywhere in it
    if not head:
        raise UserError(f"{path}: the file is empty; copy the book again")
    if b"%PDF-" not in head:
        raise UserError(f"{path}: not a PDF; convert it or take it out of the folder")


def printed(path: Path, first: int = 1, last: int | None = None) -> Iterator[str]:
    """What pdftotext prints of the pages, as it prints it."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    stretch = ["-f", str(first), *(["-l", str(last)] if last else [])]
    command = ["pdftotext", "-enc", "UTF-8", "-bbox-layout", *stretch, str(path.absolute()), "-"]
    yield from map(decode, sandbox.output(command, READING))


def refusal(error: sandbox.ReaderError) -> str:
    """Why it cannot be read, and the remedy."""
    if "password" in error.complaints or "not allowed" in error.complaints:
        return "the PDF is encrypted; unlock it with `qpdf --decrypt --password=... IN.pdf OUT.pdf`"
    if isinstance(error, sandbox.ExitError):
        return f"pdftotext {error}; get a sound copy"
    return f"pdftotext {error}; print it to a new PDF or take it out of the folder"


def unseen(path: Path) -> Mapping[int, Sequence[Hidden]]:
    """The text on each page that nobody sees."""
    if not hidden.may_hide(path):
        return {}
    with searching(path, "hidden text"):
        return hidden.find(path, ASIDE)


@contextmanager
def searching(path: Path, what: str) -> Iterator[None]:
    """Raises UserError where the search for `what` takes too much, or PDFium crashes."""
    try:
        yield
    except sandbox.ReaderError as error:
        remedy = "print it to a new PDF or take it out of the folder"
        raise UserError(f"{path}: the search for {what} {error}; {remedy}") from None


def version() -> str:
    """What pdftotext calls itself; empty where it is missing."""
    try:
        told = subprocess.run(["pdftotext", "-v"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return told.stderr.partition("\n")[0]


def bad_pages(path: Path, found: Sequence[Page]) -> dict[int, str]:
    """The pages without a text that can be read, and why: scans, fonts without a mapping.

    Some pictures are plates and covers, and blank pages are no fault.
    """
    empty = [page.number for page in found if not page.lines]
    few = max(PLATES, SCANNED * len(found))
    scans = set[int]()
    if len(empty) > few:
        with searching(path, "scans"):
            scans = pictures.find(path, empty, ASIDE)
    bad = dict.fromkeys(sorted(scans) if len(scans) > few else [], "picture")
    for page in found:
        if is_garbled("".join(line.text for line in page.lines[:SHOWN])):
            bad[page.number] = "font_without_letters"
    return bad


def is_garbled(text: str) -> bool:
    """Whether hardly any character is a letter, or hardly any letter a vowel."""
    if count(text) < FEW:
        return False
    letters = sum(map(str.isalnum, text)) + text.count(".")  # tables of contents are fine
    latin = LATIN.findall(text)
    shifted = len(latin) > 5 * FEW and len(VOWEL.findall(text)) < VOWELS * len(latin)
    return letters < READABLE * count(text) or (shifted and not CJK.search(text))


def leave_out(found: Iterable[Page], bad: Mapping[int, str], account: Account) -> None:
    """Empties the pages that cannot be read."""
    for page in found:
        if page.number in bad:
            account.leave_out("unreadable", "".join(line.text for line in page.lines))
            page.lines = []


def complaint(path: Path, bad: Mapping[int, str]) -> str:
    """What the user must know of the pages, in one line."""
    remedy = f"{OCR}, or set extract.on_bad_pages: drop"
    return f"{path}: no text can be read on {ranges(sorted(bad))}; {remedy}"


def ranges(numbers: Sequence[int]) -> str:
    """Such as `page 7` or `pages 1, 3-9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"page{'s' if len(numbers) > 1 else ''} {told}"


def sample(found: Sequence[Page]) -> str:
    """Enough of the text, from a third of it on, to tell the language."""
    text: list[str] = []
    for page in found[len(found) // 3 :]:
        text += [line.text for line in page.lines]
        if sum(map(len, text)) > ENOUGH:
            break
    return "\n".join(text)
