"""Texts cut where their sentences end, without a character changed."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pysbd import Segmenter

Span = tuple[int, int]  # text[start:end]

WINDOW = 5000  # characters that pysbd gets at a time: its time grows with their square
ZWJ = "\u200d"  # makes one character of the two around it
WORDS = re.compile(r".*\S(?=\s)", re.DOTALL)  # up to the last space


def split(text: str, most: int, language: str) -> list[Span]:
    """The text in as few parts of at most `most` characters as its sentences allow, and as even.

    The space around a part is in none. Only a sentence that is longer by itself is cut inside.
    """
    start, end = trimmed(text, 0, len(text))
    if end - start <= most:
        return [(start, end)]
    units = [u for s, e in sentences(text, language) for u in chunks(text, s, e, most)]
    return balanced(units, most)


def sentences(text: str, language: str) -> Iterator[Span]:
    """The sentences, without the space between them."""
    for start, end in pairwise([0, *sentence_ends(text, language), len(text)]):
        sentence = trimmed(text, start, end)
        if sentence[0] < sentence[1]:
            yield sentence


def trimmed(text: str, start: int, end: int) -> Span:
    """text[start:end] without the space around it."""
    part = text[start:end]
    return end - len(part.lstrip()), start + len(part.rstrip())


def sentence_ends(text: str, language: str) -> Iterator[int]:
    """Where a sentence ends and another begins, in order.

    pysbd finds them in a window that moves on to the last sentence it has found, which may go on.
    """
    start = 0
    while start < len(text):
        window = text[start : start + WINDOW]
        # pysbd alters some sentences and then finds them elsewhere or not at all, so that its spans
        # overlap or leave gaps: each edge is looked at by itself.
        spans = segmenter(language).segment(window)
        edges = {start + edge for span in spans for edge in (span.start, span.end)}
        inside = range(start + 1, start + len(window))
        ends = [edge for edge in sorted(edges) if edge in inside and is_end(text, edge)]
        yield from ends
        more = start + len(window) < len(text)
        start = ends[-1] if ends and more else start + len(window)


@cache
def segmenter(language: str) -> Segmenter:
    """pysbd's rules for the language; English ones where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its source has escapes that Python calls invalid
        import pysbd
        from pysbd.languages import LANGUAGE_CODES

    known = language if language in LANGUAGE_CODES else "en"
    return pysbd.Segmenter(language=known, clean=False, char_span=True)


def is_end(text: str, at: int) -> bool:
    """Whether a sentence may end before text[at]: after a space, or as in Chinese after a stop."""
    stop = unicodedata.category(text[at - 1])[0] == "P" and text[at].isalpha()
    return is_edge(text, at) and (text[at - 1].isspace() or stop)


def is_edge(text: str, at: int) -> bool:
    """Whether text[at] is no accent or the like on the character before it."""
    return unicodedata.category(text[at])[0] != "M" and ZWJ not in text[at - 1 : at + 1]


def chunks(text: str, start: int, end: int, most: int) -> Iterator[Span]:
    """The sentence text[start:end] in even parts of at most `most` characters."""
    while end - start > most:
        count = -(-(end - start) // most)
        cut = last_edge(text, start, start + -(-(end - start) // count))
        yield start, cut
        start, _ = trimmed(text, cut, end)
    yield start, end


def last_edge(text: str, start: int, at: int) -> int:
    """The last word's end up to `at`; in a word without end, a character's."""
    if words := WORDS.match(text, start, at + 1):
        return words.end()
    return next((cut for cut in range(at, start, -1) if is_edge(text, cut)), at)


def balanced(units: Sequence[Span], most: int) -> list[Span]:
    """Neighbouring units joined into the fewest spans of at most `most`, of these the most even."""
    best = [(0, 0, 0)]  # for the units before each: spans, sum of their squares, the last's first
    for last, (_, end) in enumerate(units):
        options = []
        for first in range(last, -1, -1):
            length = end - units[first][0]
            if length > most:
                break
            spans, squares, _ = best[first]
            options.append((spans + 1, squares + length**2, first))
        best.append(min(options))
    return list(reversed(list(traced(units, best))))


def traced(units: Sequence[Span], best: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """The spans of the best way to the end, from the last to the first."""
    after = len(units)
    while after:
        first = best[after][2]
        yield units[first][0], units[after - 1][1]
        after = first
