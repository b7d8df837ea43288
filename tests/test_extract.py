import json
import subprocess
import sys
from pathlib import Path

import pytest
import typst

from askback import files
from askback.records import Document, Dropped, Paragraph
from tests.typeset import BOOK, NOTES, PROSE, encrypted

PARAMS = "extract:\n  books: books\n"


def extract(folder: Path) -> subprocess.CompletedProcess[str]:
    """The stage, run on `folder`/books."""
    (folder / "params.yaml").write_text(PARAMS)
    command = [sys.executable, "-m", "stages.extract", "books", "documents.jsonl"]
    options = ["paragraphs.jsonl", "--metrics", "metrics.json", "--dropped", "dropped.jsonl"]
    env = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": str(Path("/usr/bin"))}
    return subprocess.run(
        [*command, *options], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stage has read a typeset book, a text and a file that is no book."""
    result = tmp_path_factory.mktemp("extract")
    books = result / "books"
    (books / "more").mkdir(parents=True)
    (books / "ferry.pdf").write_bytes(typst.compile(BOOK.encode()))
    (books / "ferry.yaml").write_text("title: The Ferry\nauthor: A. Ferryman\nlicence: CC0-1.0\n")
    (books / "more" / "mill.txt").write_text("CHAPTER I\n\nA mill\nstood here.\n", "utf-8")
    (books / "more" / "cover.jpg").write_bytes(b"\xff\xd8")
    (books / ".gitkeep").touch()
    done = extract(result)
    assert done.returncode == 0, done.stderr
    return result


@pytest.fixture(scope="session")
def paragraphs(folder: Path) -> list[Paragraph]:
    """The typeset book's paragraphs."""
    found = files.read(folder / "paragraphs.jsonl", Paragraph)
    return [paragraph for paragraph in found if paragraph.document == "ferry"]


def test_every_paragraph_is_whole_and_in_order(paragraphs: list[Paragraph]) -> None:
    """Across lines, hyphens and pages; the set book has some of each."""
    assert [p.text for p in paragraphs if p.kind == "para"] == PROSE
    assert any(p.first_page < p.last_page for p in paragraphs if p.kind == "para")


def test_each_paragraph_stands_in_its_chapter(paragraphs: list[Paragraph]) -> None:
    chapters = list(dict.fromkeys(p.chapter for p in paragraphs))
    assert chapters == ["", "Chapter One. The River", "Chapter Two. The Other Bank"]


def test_contents_and_title_page_are_junk_outside_all_chapters(
    paragraphs: list[Paragraph],
) -> None:
    front = [p for p in paragraphs if p.first_page < 4]
    assert {p.kind for p in front} <= {"junk", "heading"}
    assert {p.chapter for p in front} == {""}


def test_footnotes_are_notes_and_their_calls_leave_the_text(paragraphs: list[Paragraph]) -> None:
    assert [p.text for p in paragraphs if p.kind == "note"] == NOTES


def test_running_heads_and_page_numbers_are_no_text(
    paragraphs: list[Paragraph], folder: Path
) -> None:
    texts = [p.text for p in paragraphs]
    assert texts.count("The Ferry") == 1  # the title page's
    assert texts.count("The River") == 1  # the chapter's
    assert not any(text.isdigit() for text in texts)
    figures = json.loads((folder / "metrics.json").read_text())
    pages = max(p.last_page for p in paragraphs)
    assert figures["lines_left_out"]["page_number"] == pages - 3
    assert figures["lines_left_out"]["running_head"] == pages - 3 - 2  # none where chapters open


def test_verse_keeps_its_lines(paragraphs: list[Paragraph]) -> None:
    verse = [p.text for p in paragraphs if p.kind == "verse"]
    assert verse == ["The water goes,\nThe boat must stay,\nAnd no one knows"]


def test_a_letter_set_in_is_a_quotation(paragraphs: list[Paragraph]) -> None:
    (quote,) = [p.text for p in paragraphs if p.kind == "quote"]
    assert quote.startswith("Dear brother,")
    assert quote.endswith("until the ice.")


def test_a_sidecar_says_whose_book_it_is(folder: Path) -> None:
    ferry, mill = files.read(folder / "documents.jsonl", Document)
    assert (ferry.document, ferry.path, ferry.title) == ("ferry", "ferry.pdf", "The Ferry")
    assert (ferry.author, ferry.language, ferry.licence) == ("A. Ferryman", "en", "CC0-1.0")
    assert ferry.sha256 == files.sha256(folder / "books" / "ferry.pdf")
    assert (mill.document, mill.path) == ("more/mill", "more/mill.txt")
    assert (mill.title, mill.author) == ("mill", None)


def test_what_is_no_book_is_in_the_ledger(folder: Path) -> None:
    """Hidden files and sidecars aside."""
    (dropped,) = files.read(folder / "dropped.jsonl", Dropped)
    assert (dropped.id, dropped.reason) == ("more/cover.jpg", "not_a_book")


def test_the_same_books_give_the_same_bytes(folder: Path) -> None:
    names = ["documents.jsonl", "paragraphs.jsonl", "metrics.json", "dropped.jsonl"]
    before = [(folder / name).read_bytes() for name in names]
    assert extract(folder).returncode == 0
    assert [(folder / name).read_bytes() for name in names] == before


IMAGE = typst.compile(b"#rect(width: 5cm, height: 5cm, fill: red)")
BAD = {
    "none at all": ({}, "no books in books: put .pdf or .txt files there"),
    "not a PDF": ({"a.pdf": b"hello"}, "books/a.pdf: not a PDF"),
    "empty": ({"a.pdf": b""}, "books/a.pdf: the file is empty"),
    "damaged": ({"a.pdf": b"%PDF-1.4\n"}, "books/a.pdf: pdftotext cannot read it"),
    "encrypted": ({"a.pdf": encrypted()}, "books/a.pdf: the PDF is encrypted"),
    "images": ({"a.pdf": IMAGE}, "ocrmypdf"),
    "not UTF-8": ({"a.txt": b"one\ncaf\xe9"}, "books/a.txt:2: not UTF-8"),
    "blank": ({"a.txt": b" \n"}, "books/a.txt: the file is empty"),
    "one name": ({"a.txt": b"x", "a.pdf": IMAGE}, "books/a.pdf and books/a.txt have one name"),
    "sidecar": ({"a.txt": b"x", "a.yaml": b"titel: x"}, "a.yaml: titel: unknown key; did you"),
}


@pytest.mark.parametrize(("books", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_book_is_one_line_and_nothing_written(
    books: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / ".gitkeep").touch()
    for name, content in books.items():
        (tmp_path / "books" / name).write_bytes(content)
    done = extract(tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    made = {path.name for path in tmp_path.iterdir()} - {"books", "params.yaml", ".askback"}
    assert made == set()


def test_a_missing_pdftotext_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from askback import pdf
    from askback.errors import UserError

    book = tmp_path / "a.pdf"
    book.write_bytes(IMAGE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt install poppler-utils"):
        pdf.read(book)


def test_a_pdftotext_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from askback import pdf
    from askback.errors import UserError

    book, hang = tmp_path / "a.pdf", tmp_path / "pdftotext"
    book.write_bytes(IMAGE)
    hang.write_text(f"#!/bin/sh\n/bin/sleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    hang.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "PATIENCE", 0.5)
    with pytest.raises(UserError, match="took over"):
        pdf.read(book)
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
