"""Cuts books into answers: reads paragraphs and documents, writes data/passages.jsonl.

python -m stages.segment data/documents.jsonl data/paragraphs.jsonl data/passages.jsonl \
    --metrics metrics/segment.json --dropped data/dropped/segment.jsonl

A passage is the author's paragraphs, whole where they fit: they merge until there is enough for an
answer, and one that is too long is cut at the end of a sentence. None reaches over a chapter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from statistics import quantiles
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from askback import files
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import Document, Dropped, Ids, Kind, Paragraph, Passage, Slice
from askback.stage import In, Out, run

if TYPE_CHECKING:
    from pysbd import Segmenter

TOO_SHORT = 40  # characters; less says too little to be an answer, even where nothing joins it
ASIDE = {"note", "caption", "junk"}  # apart from the running text, which reads on past them
BLANK_LINE = "\n\n"

# What no interviewer could ask for, by the name it is dropped under.
RULES: dict[str, re.Pattern[str]] = {
    "contents": re.compile(r"(?:[.…·] ?){4,}\s*[\divxlc]+$", re.MULTILINE),
    "index": re.compile(r"^[^.!?\n]{2,60}(?:, \d+(?:[-–]\d+)?){3,}", re.MULTILINE),
    "licence": re.compile(
        r"all rights reserved|\bISBN\b|creative commons|no part of this (?:book|publication)|"
        r"©\s*\d{4}|project gutenberg",
        re.IGNORECASE,
    ),
}


class SegmentParams(Section):
    """How long an answer is, and what may be one."""

    min_chars: int = Field(ge=1)
    max_chars: int = Field(ge=1)
    answer_with: list[Kind]

    @model_validator(mode="after")
    def room(self) -> SegmentParams:
        """Passages need room to grow to min_chars."""
        if self.min_chars > self.max_chars:
            raise ValueError(f"min_chars {self.min_chars} is over max_chars {self.max_chars}")
        return self


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph's text[start:end]: part of it, or the whole."""

    paragraph: Paragraph
    start: int
    end: int

    @property
    def text(self) -> str:
        """The author's words."""
        return self.paragraph.text[self.start : self.end]

    @property
    def whole(self) -> bool:
        """Whether it is all that the author wrote in the paragraph."""
        return self.text == self.paragraph.text.strip()


def passages(
    paragraphs: Iterable[Paragraph], languages: Mapping[str, str], params: SegmentParams
) -> Iterator[Passage | Dropped]:
    """The passages of all books in order, and each paragraph that is in none by its reason."""
    for document, of_document in groupby(paragraphs, key=lambda p: p.document):
        language = languages[document]
        ids, number = Ids(), 0
        for _, of_chapter in groupby(of_document, key=lambda p: p.chapter):
            for item in of_one_chapter(list(of_chapter), language, params):
                if isinstance(item, Dropped):
                    yield item
                else:
                    number += 1
                    yield passage(item, ids, number, language)


def of_one_chapter(
    paragraphs: Sequence[Paragraph], language: str, params: SegmentParams
) -> Iterator[list[Piece] | Dropped]:
    """The chapter's passages as the pieces they are made of, and what is left out."""
    unbroken: list[Piece] = []
    for paragraph in paragraphs:
        reason = cannot_answer(paragraph, params.answer_with)
        if reason is None:
            unbroken += pieces(paragraph, language, params.max_chars)
            continue
        if paragraph.kind not in ASIDE:  # it interrupts: what follows does not read on
            yield from merged(unbroken, params)
            unbroken = []
        yield Dropped(paragraph.id, reason, excerpt(paragraph.text))
    yield from merged(unbroken, params)


def cannot_answer(paragraph: Paragraph, answer_with: Sequence[Kind]) -> str | None:
    """Why a paragraph is no answer, or none."""
    if paragraph.kind not in answer_with:
        return paragraph.kind
    for reason, pattern in RULES.items():
        if pattern.search(paragraph.text):
            return reason
    solid = [letter for letter in paragraph.text if not letter.isspace()]
    if not solid:
        return "too_short"
    if sum(map(str.isalpha, solid)) < len(solid) / 2:
        return "mostly_numbers"
    return None


def pieces(paragraph: Paragraph, language: str, max_chars: int) -> Iterator[Piece]:
    """The paragraph whole, or in parts of at most `max_chars` without the spaces between them."""
    text = paragraph.text
    for start, end in pairwise([0, *cut_points(text, language, max_chars), len(text)]):
        part = text[start:end]
        if part.strip():
            first = start + len(part) - len(part.lstrip())
            yield Piece(paragraph, first, first + len(part.strip()))


def cut_points(text: str, language: str, max_chars: int) -> list[int]:
    """Where `text` is cut so that no part is too long and the parts are of like length.

    At the ends of sentences; inside one only where it alone is too long.
    """
    if len(text) <= max_chars:
        return []
    ends = sentence_ends(text, language)
    cuts: list[int] = []
    start = 0
    while len(text) - start > max_chars:
        rest = len(text) - start
        aim = start + rest / -(-rest // max_chars)
        fitting = [end for end in ends if start < end <= start + max_chars]
        if fitting:
            start = min(fitting, key=lambda end: abs(end - aim))
        else:
            start = inside_sentence(text, start, max_chars)
        cuts.append(start)
    return cuts


def inside_sentence(text: str, start: int, max_chars: int) -> int:
    """The last space that fits, else the last place that splits no letter from its accent."""
    limit = start + max_chars
    for position in range(limit, start + 1, -1):
        if text[position].isspace():
            return position
    while limit > start + 1 and unicodedata.combining(text[limit]):
        limit -= 1
    return limit


def sentence_ends(text: str, language: str) -> list[int]:
    """The ends of the sentences of `text`, in order, as pysbd sees them.

    Its own character spans go wrong where a sentence is repeated, so they are found here.
    """
    ends, position = [], 0
    for sentence in segmenter(language).segment(text):
        found = text.find(sentence.strip(), position)
        if found >= 0:
            position = found + len(sentence.strip())
            ends.append(position)
    return ends


@cache
def segmenter(language: str) -> Segmenter:
    """The splitter for a language; English's for one that pysbd does not know."""
    import pysbd
    from pysbd.languages import LANGUAGE_CODES

    return pysbd.Segmenter(language if language in LANGUAGE_CODES else "en", clean=False)


def merged(unbroken: Sequence[Piece], params: SegmentParams) -> Iterator[list[Piece] | Dropped]:
    """The pieces in groups of min_chars or more, as far as max_chars allows."""
    groups: list[list[Piece]] = []
    for piece in unbroken:
        grown = [*groups[-1], piece] if groups else [piece]
        if groups and length(groups[-1]) < params.min_chars and length(grown) <= params.max_chars:
            groups[-1] = grown
        else:
            groups.append([piece])
    if len(groups) > 1 and length(groups[-1]) < params.min_chars:
        joined = groups[-2] + groups[-1]
        if length(joined) <= params.max_chars:
            groups[-2:] = [joined]
    for group in groups:
        if length(group) < TOO_SHORT and all(piece.whole for piece in group):
            yield from (Dropped(p.paragraph.id, "too_short", excerpt(p.text)) for p in group)
        else:
            yield group


def length(group: Sequence[Piece]) -> int:
    """The characters of the passage that `group` makes."""
    return len(joined_text(group))


def joined_text(group: Sequence[Piece]) -> str:
    """The passage's text: its slices with a blank line between."""
    return BLANK_LINE.join(p.text[s.start : s.end] for p, s in slices(group))


def slices(group: Sequence[Piece]) -> list[tuple[Paragraph, Slice]]:
    """One slice for each paragraph: parts of one are whole again where they meet."""
    result = []
    for _, parts in groupby(group, key=lambda piece: piece.paragraph.id):
        first, *rest = parts
        last = rest[-1] if rest else first
        result.append((first.paragraph, Slice(first.paragraph.id, first.start, last.end)))
    return result


def passage(group: Sequence[Piece], ids: Ids, number: int, language: str) -> Passage:
    """The record of one passage."""
    first, last = group[0].paragraph, group[-1].paragraph
    text = joined_text(group)
    return Passage(
        id=ids(first.document, text),
        document=first.document,
        number=number,
        chapter=first.chapter,
        first_page=first.first_page,
        last_page=last.last_page,
        language=language,
        text=text,
        paragraphs=[cut for _, cut in slices(group)],
    )


def excerpt(text: str) -> str:
    """The beginning of a text, for people to recognise it."""
    return text if len(text) <= 80 else text[:79] + "…"


def main(documents: In, paragraphs: In, passages_out: Out, ledger: Ledger) -> None:
    """Writes the passages of all books."""
    params = load("segment", SegmentParams)
    languages = {d.document: d.language for d in files.read(documents, Document)}
    lengths: list[int] = []
    used: set[str] = set()

    def measured(kept: Iterable[Passage]) -> Iterator[Passage]:
        for item in kept:
            lengths.append(len(item.text))
            used.update(part.id for part in item.paragraphs)
            yield item

    found = passages(files.read(paragraphs, Paragraph), languages, params)
    files.write(passages_out, measured(ledger.sort(found)))
    ledger.figures |= {
        "paragraphs_used": len(used),
        "characters": sum(lengths),
        "deciles": [round(cut) for cut in quantiles(lengths, n=10)]
        if len(lengths) > 1
        else lengths,
    }


if __name__ == "__main__":
    run(main)
