from pathlib import Path

import pytest

from askback.errors import UserError
from askback.reading.books import Book, Sidecar, find, sidecar

SUFFIXES = (".pdf", ".txt")


def shelve(folder: Path, *names: str) -> None:
    """Files of those names in `folder`."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def test_books_come_in_order_of_their_paths(tmp_path: Path) -> None:
    shelve(tmp_path, "b.TXT", "a/c.pdf", "a/b.txt", ".hidden/x.pdf", ".gitkeep")
    found = [book.name for book in find(tmp_path, SUFFIXES) if isinstance(book, Book)]
    assert found == ["a/b", "a/c", "b"]


def test_a_sidecar_without_a_book_is_no_book(tmp_path: Path) -> None:
    shelve(tmp_path, "a.txt", "a.yaml", "b.yaml", "notes.odt")
    others = [item.id for item in find(tmp_path, SUFFIXES) if not isinstance(item, Book)]
    assert others == ["b.yaml", "notes.odt"]


def write(folder: Path, text: str) -> Path:
    """A book in `folder` with `text` as its sidecar."""
    (folder / "book.yaml").write_text(text)
    return folder / "book.pdf"


def test_norwegian_is_a_language(tmp_path: Path) -> None:
    assert sidecar(write(tmp_path, "language: no")) == Sidecar(language="no")


def test_all_of_a_sidecar_is_optional(tmp_path: Path) -> None:
    assert sidecar(write(tmp_path, "# nothing yet\n")) == Sidecar()
    assert sidecar(tmp_path / "without.pdf") == Sidecar()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel: Walden", "titel: unknown key; did you mean title?"),
        ("title: 1984", "title: write it as text, in quotes"),
        ("language: English", "language: two letters"),
        ("- Walden", "write lines such as `title: Walden`"),
        ("title: [", "not YAML"),
        ("title: a\ntitle: b", "not YAML"),
        ("title: " + "x" * 70000, "too large"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused_by_key(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"book\.yaml: ") as refused:
        sidecar(write(tmp_path, text))
    assert message in str(refused.value)
