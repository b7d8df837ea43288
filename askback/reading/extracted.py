"""Books as they were read before: what a book gave is kept under what it was read from.

`.askback/extracted/` outlives the stage, so that a changed book is read again and no other.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from askback import files
from askback.home import home
from askback.lock import locked
from askback.reading.account import Account
from askback.reading.blocks import Text
from askback.records import Document, Paragraph

OURS = ("__main__", "askback", "stages")
VERSIONS = 4  # of a book that are kept: the branches and experiments of one place


@dataclass(frozen=True, slots=True)
class Extracted:
    """One book's record and what was counted in it; its paragraphs follow in the same file."""

    document: Document
    chapters: int
    kinds: dict[str, int]  # of paragraphs
    read: int  # characters
    kept: dict[str, int]  # characters by kind of paragraph
    left_out: dict[str, int]  # characters by bucket
    hyphens: dict[str, int]  # at line ends, by what became of them
    pages_without_text: int
    bad_pages: dict[int, str]  # why their text cannot be read

    @classmethod
    def of(
        cls, document: Document, text: Text, account: Account, found: Sequence[Paragraph]
    ) -> "Extracted":
        """The head of a book that has just been read."""
        return cls(
            document,
            len({paragraph.chapter for paragraph in found} - {""}),
            dict(Counter(paragraph.kind for paragraph in found)),
            account.read,
            {kind: count for kind, count in account.kept.items() if count},
            {bucket: count for bucket, count in account.left_out.items() if count},
            dict(account.decided),
            text.pages_without_text,
            text.bad_pages,
        )


def place(name: str, *ingredients: object) -> Path:
    """Where the book `name` lies that was made of `ingredients`: its hash, what reads it."""
    key = hashlib.blake2b(json.dumps(ingredients).encode(), digest_size=16).hexdigest()
    book = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return home("extracted", f"{book}-{key}.jsonl")


def code() -> str:
    """A hash of what reads books: this package, and the project's modules that are loaded."""
    loaded = (m for name, m in sys.modules.items() if name.partition(".")[0] in OURS)
    paths = {Path(file) for module in loaded if (file := getattr(module, "__file__", None))}
    paths |= set(Path(__file__).parent.glob("*.py"))
    return hashlib.blake2b(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()


def save(path: Path, head: Extracted, paragraphs: Iterable[Paragraph]) -> None:
    """Writes the book to `path`, and forgets its oldest versions."""
    lines = [files.adapter(Paragraph).dump_json(paragraph) + b"\n" for paragraph in paragraphs]
    digest = hashlib.blake2b(b"".join(lines), digest_size=16).hexdigest()
    fields = files.adapter(Extracted).dump_json(head)
    own = hashlib.blake2b(fields, digest_size=16).hexdigest()
    book = path.name.partition("-")[0]
    with locked(path.with_name(book)):
        with files.whole(path) as part, part.open("wb") as file:
            file.write(f"{digest} {own} ".encode() + fields + b"\n")
            file.writelines(lines)
        versions = sorted(path.parent.glob(f"{book}-*.jsonl"), key=lambda p: p.stat().st_mtime)
        for old in versions[:-VERSIONS]:
            old.unlink()


def load(path: Path) -> Extracted | None:
    """The book's head; None where there is no file, or not all that was written."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.readline()
        digest = hashlib.blake2b(digest_size=16)
        while piece := file.read(1 << 20):
            digest.update(piece)
    rest, own, fields = (*head.rstrip(b"\n").split(b" ", 2), b"", b"")[:3]
    sums = (digest.hexdigest(), hashlib.blake2b(fields, digest_size=16).hexdigest())
    if sums != (rest.decode("ascii", "replace"), own.decode("ascii", "replace")):
        return None
    path.touch()  # it is of use, so it is not the next to be forgotten
    return files.adapter(Extracted).validate_json(fields)


def lines(path: Path) -> Iterator[bytes]:
    """The book's paragraphs as they lie in the file, one a line."""
    with path.open("rb") as file:
        file.readline()
        yield from file
