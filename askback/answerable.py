"""What an author could have said in an answer, and what is only print: contents, index, licence."""

import re
from collections.abc import Callable, Collection

from askback.records import Kind, Paragraph

LEADERS = re.compile(r"(?:(?:[.·_] ?){5,}|…{2,})\s*(?:\d{1,4}|[ivxlc]+)\s*$")
PAGES = r",\s*[1-9]\d{0,2}(?:[-–]\d{1,3})?"  # of three digits at most: 1912 is a year
ENTRIES = re.compile(rf"(?:[^\d.!?]{{2,80}}(?:{PAGES})+[;\s]*)+")
INDEX = re.compile(
    r"index( (of|des) .+)?|([ií]ndice|indice) (al|an|on|de).+|.+register", re.IGNORECASE
)
LICENCE = re.compile(
    r"©\s?\d{4}|\(c\) \d{4}|copyright (\d{4}|by\b|©)|\bISBN\b|creative commons|project gutenberg"
    r"|licensed under|no part of this (book|publication)|all rights reserved|derechos reservados"
    r"|tous droits réservés|alle rechte vorbehalten|diritti riservati",
    re.IGNORECASE,
)
IMPRINT = re.compile(r"copyright( page)?|licen[cs]e|imprint|impressum|colophon", re.IGNORECASE)


def fault(paragraph: Paragraph, answer_with: Collection[Kind]) -> str | None:
    """Why the paragraph can be in no answer: the name of the first rule that it breaks, if any."""
    if paragraph.kind not in answer_with:
        return paragraph.kind
    return next((reason for reason, breaks in RULES.items() if breaks(paragraph)), None)


def in_contents(paragraph: Paragraph) -> bool:
    """Whether dots lead from it to a page's number."""
    return LEADERS.search(paragraph.text) is not None


def in_index(paragraph: Paragraph) -> bool:
    """Whether it is words with the pages they are on."""
    placed = INDEX.fullmatch(paragraph.chapter) is not None
    return placed or ENTRIES.fullmatch(paragraph.text) is not None


def in_licence(paragraph: Paragraph) -> bool:
    """Whether it says who may copy the book."""
    placed = IMPRINT.fullmatch(paragraph.chapter) or LICENCE.search(paragraph.chapter)
    return bool(placed or LICENCE.search(paragraph.text))


def is_mostly_numbers(paragraph: Paragraph) -> bool:
    """Whether it has more digits than letters, as tables have."""
    letters = sum(map(str.isalpha, paragraph.text))
    return sum(map(str.isdigit, paragraph.text)) > letters


def is_blank(paragraph: Paragraph) -> bool:
    """Whether it says nothing at all."""
    return not paragraph.text.strip()


RULES: dict[str, Callable[[Paragraph], bool]] = {
    "contents": in_contents,
    "index": in_index,
    "licence": in_licence,
    "mostly_numbers": is_mostly_numbers,
    "too_short": is_blank,
}
