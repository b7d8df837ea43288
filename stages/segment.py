"""Makes passages, which can stand as answers: reads the books' paragraphs, writes passages.

python -m stages.segment data/documents.jsonl data/paragraphs.jsonl data/passages.jsonl

Neighbouring paragraphs of a chapter merge until a passage is long enough; one that is too long is
cut where its sentences end. A passage says slices of paragraphs and nothing else.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pydantic import Field, ValidationInfo, field_validator

from askback import answerable, files
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import Document, Dropped, Ids, Kind, Paragraph, Passage, Slice
from askback.sentences import split
from askback.stage import In, Out, run

BLANK_LINE = "\n\n"
TOO_SHORT = 40  # characters; less is a dateline or a signature, which answers no question
BESIDE = {"caption", "junk", "note"}  # they stand on the page, but the text reads on past them
EXCERPT = 60  # characters that show which paragraph was left out
QUANTILES = {"min": 0, "p10": 10, "p50": 50, "p90": 90, "max": 100}  # of the passages' lengths


class SegmentParams(Section):
    """How long a passage is, and what it is made of."""

    min_chars: int = Field(gt=0)  # paragraphs merge until a passage has as many
    max_chars: int = Field(gt=0)  # and none has more
    answer_with: list[Kind] = Field(min_length=1)

    @field_validator("max_chars")
    @classmethod
    def is_not_below_min_chars(cls, value: int, info: ValidationInfo) -> int:
        """The value, if a passage can keep to both."""
        if value < info.data.get("min_chars", 0):
            raise ValueError("must be min_chars or more")
        return value


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, or a part of one that is too long, without the space around it."""

    paragraph: Paragraph
    start: int
    end: int

    @property
    def text(self) -> str:
        """Its words."""
        return self.paragraph.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many characters a passage has."""

    least: int
    most: int


def segment(
    paragraphs: Iterable[Paragraph],
    languages: Mapping[str, str],
    answer_with: Collection[Kind],
    bounds: Bounds,
) -> Iterator[Passage | Dropped]:
    """The passages of all books in order, and the paragraphs that are in none.

    `languages` has the language of each book.
    """
    ids, numbers = Ids(), Counter[str]()
    for (book, _), chapter in groupby(paragraphs, lambda p: (p.document, p.chapter)):
        if book not in languages:
            raise UserError(f"no document is called {book}, but paragraphs are of it; run extract")
        for item in in_chapter(stretches(chapter, answer_with), languages[book], bounds):
            if isinstance(item, Dropped):
                yield item
            else:
                numbers[book] += 1
                yield passage(item, ids, numbers[book], languages[book])


def stretches(
    chapter: Iterable[Paragraph], answer_with: Collection[Kind]
) -> Iterator[list[Paragraph] | Dropped]:
    """The paragraphs that read on from one to the next, and what is left out around them."""
    stretch: list[Paragraph] = []
    for paragraph in chapter:
        reason = answerable.fault(paragraph, answer_with)
        if reason is None:
            stretch.append(paragraph)
            continue
        yield dropped(paragraph, reason)
        if stretch and reason not in BESIDE:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def in_chapter(
    found: Iterable[list[Paragraph] | Dropped], language: str, bounds: Bounds
) -> Iterator[list[Piece] | Dropped]:
    """The pieces of each passage of a chapter, and what is left out of it."""
    made: list[list[Piece]] = []
    for item in found:
        if isinstance(item, Dropped):
            yield item
            continue
        pieces = [piece for paragraph in item for piece in cut(paragraph, language, bounds.most)]
        if size(pieces) >= min(TOO_SHORT, bounds.least):
            made += merged(pieces, bounds)
        elif made and size(made[-1] + pieces) <= bounds.most:
            made[-1] += pieces  # such as a chapter's last words, after a verse
        else:
            yield from (dropped(paragraph, "too_short") for paragraph in item)
    yield from made


def cut(paragraph: Paragraph, language: str, most: int) -> Iterator[Piece]:
    """The paragraph, in more than one piece if it is longer than `most`."""
    for start, end in split(paragraph.text, most, language):
        yield Piece(paragraph, start, end)


def merged(pieces: Sequence[Piece], bounds: Bounds) -> list[list[Piece]]:
    """The pieces of each passage: all of `pieces`, in order.

    A passage grows until it has `least` characters. One that cannot joins the one before it if
    there is room, else it stays short.
    """
    made: list[list[Piece]] = []
    current: list[Piece] = []
    for piece in pieces:
        if size(current) >= bounds.least or size([*current, piece]) > bounds.most:
            close(made, current, bounds)
            current = []
        current.append(piece)
    close(made, current, bounds)
    return made


def close(made: list[list[Piece]], pieces: list[Piece], bounds: Bounds) -> None:
    """Adds the pieces to what is made: as a passage, or to the last one if they are too few."""
    few = size(pieces) < bounds.least
    if few and made and size(made[-1] + pieces) <= bounds.most:
        made[-1] += pieces
    else:
        made.append(pieces)


def size(pieces: Sequence[Piece]) -> int:
    """How many characters a passage of these pieces has."""
    between = len(BLANK_LINE) * (len(pieces) - 1)
    return sum(piece.end - piece.start for piece in pieces) + max(between, 0)


def passage(pieces: Sequence[Piece], ids: Ids, number: int, language: str) -> Passage:
    """The passage of these pieces."""
    paragraphs = [piece.paragraph for piece in pieces]
    document = paragraphs[0].document
    text = BLANK_LINE.join(piece.text for piece in pieces)
    return Passage(
        id=ids(document, text),
        document=document,
        number=number,
        chapter=paragraphs[0].chapter,
        first_page=min(paragraph.first_page for paragraph in paragraphs),
        last_page=max(paragraph.last_page for paragraph in paragraphs),
        language=language,
        text=text,
        paragraphs=[Slice(piece.paragraph.id, piece.start, piece.end) for piece in pieces],
    )


def dropped(paragraph: Paragraph, reason: str) -> Dropped:
    """The paragraph as left out, with how it begins."""
    return Dropped(paragraph.id, reason, " ".join(paragraph.text.split())[:EXCERPT])


@dataclass
class Account:
    """What is counted while paragraphs and passages go by."""

    read: int = 0
    used: set[str] = field(default_factory=set)  # paragraphs in passages
    lengths: list[int] = field(default_factory=list)  # of the passages, in characters

    def reading(self, paragraphs: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """The same paragraphs, counted."""
        for paragraph in paragraphs:
            self.read += 1
            yield paragraph

    def writing(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """The same passages, counted."""
        for passage in passages:
            self.used.update(part.id for part in passage.paragraphs)
            self.lengths.append(len(passage.text))
            yield passage

    def figures(self) -> dict[str, object]:
        """The account as the ledger's figures."""
        lengths = sorted(self.lengths)
        quantiles = {name: lengths[(len(lengths) - 1) * n // 100] for name, n in QUANTILES.items()}
        return {
            "paragraphs": {"read": self.read, "in_passages": len(self.used)},
            "characters": {"in_passages": sum(lengths), "passage": quantiles},
        }


def required(passages: Iterable[Passage], ledger: Ledger) -> Iterator[Passage]:
    """The same passages; UserError where there are none."""
    yield from passages
    if not ledger.kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in ledger.reasons().items())
        raise UserError(
            f"no paragraph can be in an answer ({reasons or 'there are none'}); "
            "change segment.answer_with, or add books"
        )


def main(documents: In, paragraphs: In, passages: Out, ledger: Ledger) -> None:
    """Paragraphs become passages, each able to stand as an answer."""
    params = load("segment", SegmentParams)
    languages = {book.document: book.language for book in files.read(documents, Document)}
    account = Account()
    found = segment(
        account.reading(files.read(paragraphs, Paragraph)),
        languages,
        params.answer_with,
        Bounds(params.min_chars, params.max_chars),
    )
    files.write(passages, account.writing(required(ledger.sort(found), ledger)))
    ledger.figures.update(account.figures())


if __name__ == "__main__":
    run(main)
