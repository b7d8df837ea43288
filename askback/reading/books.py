"""The books in a folder, and what their sidecars say of them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from askback import files
from askback.errors import UserError
from askback.params import Section, did_you_mean
from askback.records import Dropped

SMALL = 65536  # bytes; a longer file is no sidecar


class Sidecar(Section):
    """NAME.yaml beside a book: what is known of it. What it leaves out, the book's metadata say."""

    title: str | None = None
    author: str | None = None
    language: str | None = Field(default=None, pattern="^[a-z]{2}$")  # ISO 639-1
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """A book's file and its place below the books' folder."""

    path: Path
    name: str  # the place without the suffix
    place: str
    sha256: str


def find(folder: Path, suffixes: Collection[str]) -> Iterator[Book | Dropped]:
    """The folder's books in the order of their names, and every other file as dropped.

    Hidden files are passed over. Raises UserError where there is no book, or two of one name.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: not a folder; put .pdf, .epub or .txt files in one and name that"
        )
    present = sorted(
        path for path in folder.rglob("*") if path.is_file() and not hidden(path, folder)
    )
    books: dict[str, Book] = {}
    for path in present:
        if path.suffix.lower() in suffixes:
            book = Book(path, *names(path, folder), files.sha256(path))
            if book.name in books:
                raise UserError(f"{books[book.name].path} and {path} have one name; rename one")
            books[book.name] = book
    if not books:
        raise UserError(f"no books in {folder}: put .pdf, .epub or .txt files there")
    yield from books.values()
    taken = {path for book in books.values() for path in (book.path, sidecar_path(book.path))}
    for path in present:
        if path not in taken:
            yield Dropped(names(path, folder)[1], "not_a_book", "neither a book nor a sidecar")


def hidden(path: Path, folder: Path) -> bool:
    """Whether the file or a folder it lies in has a name that begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def names(path: Path, folder: Path) -> tuple[str, str]:
    """The file's place below the folder, without its suffix and with it."""
    place = path.relative_to(folder)
    return place.with_suffix("").as_posix(), place.as_posix()


def sidecar_path(book: Path) -> Path:
    """Where the book's sidecar lies, if it has one."""
    return book.with_suffix(".yaml")


def sidecar(book: Path) -> Sidecar:
    """What is written beside the book; an empty sidecar where there is no file.

    Raises UserError, naming file and key, for what does not fit.
    """
    path = sidecar_path(book)
    if not path.is_file():
        return Sidecar()
    try:
        return Sidecar.model_validate(values(path))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        key = str(fault["loc"][0]) if fault["loc"] else "the file"
        if fault["type"] == "extra_forbidden":
            remedy = f"unknown key{did_you_mean(key, Sidecar.model_fields)}"
        elif key == "language":
            remedy = "two letters of ISO 639-1, as en or fr"
        else:
            remedy = "write it as text, in quotes where it is a number or a date"
        raise UserError(f"{path}: {key}: {remedy}") from None


def values(path: Path) -> dict[str, object]:
    """The sidecar's keys and values, read as YAML 1.2, where `no` is Norwegian."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if path.stat().st_size > SMALL:
        raise UserError(f"{path}: too large for a sidecar; keep title, author, language, licence")
    try:
        found = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError):
        raise UserError(f"{path}: not YAML; write lines such as `title: Walden`") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UserError(f"{path}: write lines such as `title: Walden`")
    return {str(key): value for key, value in found.items()}
