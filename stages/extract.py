"""Extract reads a folder of books and writes their documents and paragraphs.

    python -m stages.extract BOOKS DOCUMENTS PARAGRAPHS

Running heads, page numbers and hidden text are left out; contents, title pages and notes keep to
kinds of their own. A book that was read before, as it is, is not read again.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from askback import files
from askback.errors import UserError, WorldError
from askback.ledger import Ledger
from askback.params import Section, load
from askback.reading import epub, extracted, html, markdown, pdf, plaintext
from askback.reading.account import Account
from askback.reading.books import Book, find, sidecar, sidecar_path
from askback.reading.chapters import paragraphs as in_chapters
from askback.reading.extracted import Extracted
from askback.records import Document, Dropped
from askback.stage import In, Out, end_with_parent, run
from askback.terminal import visible

READERS = {
    ".pdf": pdf.read,
    ".epub": epub.read,
    ".html": html.read,
    ".htm": html.read,
    ".xhtml": html.read,
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".txt": plaintext.read,
}
LIBRARIES = ("ftfy", "lxml", "markdown-it-py", "py3langid", "pypdfium2", "pyspellchecker")


class ExtractParams(Section):
    """Which books, and what becomes of those that cannot be read."""

    books: str  # the folder; dvc.yaml puts it on the command line
    on_bad_pages: Literal["fail", "drop"]


def read_book(book: Book, path: Path) -> str | None:
    """Reads the book and keeps what it gave at `path`; what the user must know, if it cannot."""
    try:
        said, account = sidecar(book.path), Account()
        text = READERS[book.path.suffix.lower()](book.path, said.language, account)
    except UserError as error:
        return visible(str(error))
    document = Document(
        document=book.name,
        path=book.place,
        title=said.title or text.title or Path(book.name).name,
        author=said.author or text.author,
        language=said.language or text.language,
        licence=said.licence,
        sha256=book.sha256,
    )
    found = list(in_chapters(book.name, text.blocks, account))
    if account.missing:
        raise AssertionError(f"{book.path}: {account.missing} characters are in no bucket")
    extracted.save(path, Extracted.of(document, text, account, found), found)
    return None


def places(shelf: Sequence[Book]) -> dict[Book, Path]:
    """Where each book is kept, as it is now and as our code and others' would read it."""
    from importlib.metadata import version

    poppler = pdf.version() if any(book.path.suffix.lower() == ".pdf" for book in shelf) else ""
    readers = [extracted.code(), poppler, *map(version, LIBRARIES)]
    return {
        book: extracted.place(book.name, book.place, book.sha256, said_of(book), *readers)
        for book in shelf
    }


def said_of(book: Book) -> str:
    """What stands in the book's sidecar, as it stands there."""
    path = sidecar_path(book.path)
    return path.read_bytes().hex() if path.is_file() else ""


def read_missing(todo: Sequence[tuple[Book, Path]]) -> Iterator[tuple[Book, str]]:
    """Reads the books, over the cores where there are several; which cannot be read, and why."""
    told = over_cores(todo) if len(todo) > 1 else (read_book(*item) for item in todo)
    for (book, _), error in zip(todo, told, strict=True):
        if error:
            yield book, error
        else:
            print(f"read {visible(str(book.path))}", file=sys.stderr)


def over_cores(todo: Sequence[tuple[Book, Path]]) -> Iterator[str | None]:
    """What `read_book` says of each book, in order. Nothing goes on after an interruption."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    workers = min(len(todo), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent) as pool:
        try:
            yield from pool.map(read_book, *zip(*todo, strict=True))
        except BrokenProcessPool:
            raise WorldError("a reader was killed; make memory free and run again") from None
        finally:
            for child in active_children():
                child.terminate()


def judge(failed: Mapping[Book, str], heads: Mapping[Book, Extracted], drop: bool) -> list[Dropped]:
    """What cannot be read, as dropped records.

    Raises UserError with a line for each book unless `drop` is set, or where no book is left.
    """
    bad = {book: head.bad_pages for book, head in heads.items() if head.bad_pages}
    lines = [*failed.values(), *(pdf.complaint(book.path, pages) for book, pages in bad.items())]
    if lines and not (drop and heads):
        raise UserError("\n".join(lines))
    return [
        *(Dropped(book.place, "unreadable_book", error) for book, error in failed.items()),
        *(
            Dropped(f"{book.name} page {page}", reason, "a page without readable text")
            for book, pages in bad.items()
            for page, reason in sorted(pages.items())
        ),
    ]


def copies(shelf: Iterable[Book]) -> Iterator[tuple[Book, Dropped]]:
    """The books that are the same file as an earlier one."""
    first: dict[str, Book] = {}
    for book in shelf:
        original = first.setdefault(book.sha256, book)
        if original is not book:
            yield book, Dropped(book.place, "same_book", f"the same file as {original.place}")


def figures(heads: Sequence[Extracted]) -> dict[str, object]:
    """The counts of all books together, and where each book's characters went."""
    return {
        "documents": len(heads),
        "chapters": sum(head.chapters for head in heads),
        "kinds": total(head.kinds for head in heads),
        "characters": {
            "read": sum(head.read for head in heads),
            "kept": total(head.kept for head in heads),
            "left_out": total(head.left_out for head in heads),
        },
        "hyphens": total(head.hyphens for head in heads),
        "pages_without_text": sum(head.pages_without_text for head in heads),
        "by_document": {
            head.document.document: {
                "read": head.read, "kept": head.kept, "left_out": head.left_out
            }
            for head in heads
        },
    }  # fmt: skip


def total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of equal keys."""
    result: Counter[str] = Counter()
    for count in counts:
        result.update(count)  # a sum of counters would forget those below 0
    return dict(result)


def main(books: In, documents: Out, paragraphs: Out, ledger: Ledger) -> None:
    """Books become paragraphs, whole and in order."""
    params = load("extract", ExtractParams)
    found = list(find(books, READERS))
    shelf = [item for item in found if isinstance(item, Book)]
    twice = dict(copies(shelf))
    stored = places([book for book in shelf if book not in twice])
    known = {book: head for book, path in stored.items() if (head := extracted.load(path))}
    failed = dict(read_missing([item for item in stored.items() if item[0] not in known]))
    heads = {
        book: head
        for book, path in stored.items()
        if (head := known.get(book) or extracted.load(path))
    }
    if lost := stored.keys() - heads.keys() - failed.keys():
        raise WorldError(f"{min(book.path for book in lost)}: what was read is gone; run again")
    unread = judge(failed, heads, params.on_bad_pages == "drop")
    for dropped in (*(d for d in found if isinstance(d, Dropped)), *twice.values(), *unread):
        ledger.drop(dropped)
    with files.whole(paragraphs) as part, part.open("wb") as out:
        for book in heads:
            for line in extracted.lines(stored[book]):
                out.write(line)
                ledger.kept += 1
    files.write(documents, (head.document for head in heads.values()))
    ledger.figures.update(figures(list(heads.values())))


if __name__ == "__main__":
    run(main)
