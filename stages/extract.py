"""Extract reads a folder of books (PDF, TXT) and writes their documents and paragraphs.

    python -m stages.extract BOOKS DOCUMENTS PARAGRAPHS

Running heads and page numbers are left out; contents, title pages and footnotes keep to kinds of
their own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from askback import files, furniture, layout, pdf, plaintext
from askback.blocks import Block, blocks
from askback.books import Book, find, sidecar
from askback.chapters import paragraphs
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import Document, Dropped, Paragraph
from askback.spelling import Spelling
from askback.stage import In, Out, run


class Extract(Section):
    """The `extract` section."""

    books: str  # the folder; dvc.yaml puts it on the command line


@dataclass
class Account:
    """What is counted while the books go by."""

    documents: list[Document] = field(default_factory=list)
    chapters: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)  # that are no text, by bucket
    characters: Counter[str] = field(default_factory=Counter)
    pages_without_text: int = 0


def extract(shelf: Iterable[Book | Dropped], account: Account) -> Iterator[Paragraph | Dropped]:
    """The paragraphs of all books, one book after the other; what is no book passes through."""
    for book in shelf:
        if isinstance(book, Dropped):
            yield book
            continue
        document, found = read(book, account)
        account.documents.append(document)
        chapters = set()
        for paragraph in paragraphs(document.document, found):
            account.kinds[paragraph.kind] += 1
            account.characters["unreadable"] += paragraph.text.count("\ufffd")
            chapters.add(paragraph.chapter)
            yield paragraph
        account.chapters += len(chapters - {""})


def read(book: Book, account: Account) -> tuple[Document, list[Block]]:
    """The book's document, and its blocks in order."""
    said = sidecar(book.path)
    title, author = said.title, said.author
    if book.path.suffix.lower() == ".pdf":
        found = pdf.read(book.path)
        account.pages_without_text += sum(not page.lines for page in found.pages)
        account.lines += furniture.remove(found.pages)
        pdf.require_text(book.path, found.pages)
        title, author = title or found.title, author or found.author
        result, controls = pdf_blocks(found.pages), found.controls
    else:
        result, controls = plaintext.read(book.path)
    account.characters["control"] += controls
    document = Document(
        document=book.name,
        path=book.place,
        title=title or Path(book.name).name,
        author=author,
        language=said.language,
        licence=said.licence,
        sha256=files.sha256(book.path),
    )
    return document, result


def pdf_blocks(pages: list[pdf.Page]) -> list[Block]:
    """The blocks on a PDF's pages."""
    spelling = Spelling(line.text for page in pages for line in page.lines)
    rows, setting = layout.rows(pages, spelling)
    return blocks(rows, setting, spelling)


def figures(account: Account) -> dict[str, object]:
    """The account as the ledger's figures."""
    return {
        "documents": len(account.documents),
        "chapters": account.chapters,
        "kinds": dict(account.kinds),
        "lines_left_out": dict(account.lines),
        "characters": dict(account.characters),
        "pages_without_text": account.pages_without_text,
    }


def main(books: In, documents: Out, paragraphs: Out, ledger: Ledger) -> None:
    """Books become paragraphs, whole and in order."""
    load("extract", Extract)
    account = Account()
    files.write(paragraphs, ledger.sort(extract(find(books), account)))
    files.write(documents, account.documents)
    ledger.figures.update(figures(account))


if __name__ == "__main__":
    run(main)
