"""Texts that are nearly the same as an earlier one.

MinHash finds candidates; their shingles, counted, decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self
from zlib import crc32

from askback.asking.wording import FUNCTION_WORDS
from askback.minhash import BANDS, HASHES, ROWS, blank

if TYPE_CHECKING:
    from datasketch import MinHash

Shingles = Callable[[str], frozenset[str]]

QUESTIONS = 0.8  # of all shingles of two questions: what they share at least
PASSAGES = 0.8
LETTERS = 4  # characters of a question's shingle
WORDS = 5  # words of a passage's


@dataclass(frozen=True, slots=True)
class Known:
    """An earlier text."""

    number: int
    text: str  # its shingles take a hundred times the room, and are hardly ever needed again


class Near:
    """The texts so far, by their names."""

    def __init__(self, threshold: float, shingles: Shingles) -> None:
        from datasketch import MinHashLSH

        self._threshold = threshold
        self._shingles = shingles
        self._lsh = MinHashLSH(num_perm=HASHES, params=(BANDS, ROWS))
        self._known: dict[str, Known] = {}
        self._number = 0

    @classmethod
    def questions(cls) -> Self:
        """For texts of a sentence, which are compared by their letters."""
        return cls(QUESTIONS, of_letters)

    @classmethod
    def passages(cls) -> Self:
        """For texts of some paragraphs, which are compared by their words."""
        return cls(PASSAGES, of_words)

    def find(self, text: str) -> str | None:
        """The name of the text that is most like this one, if any is; of equals the earliest."""
        shingles = self._shingles(text)
        if not shingles:
            return None
        near = [
            (-likeness, self._known[name].number, name)
            for name in self._lsh.query(sketch(shingles))
            if (likeness := self._likeness(shingles, name)) >= self._threshold
        ]
        return min(near)[2] if near else None

    def add(self, name: str, text: str) -> None:
        """Keeps a text; one without letters and digits is like no other. Names are new ones."""
        if shingles := self._shingles(text):
            self._lsh.insert(name, sketch(shingles))
            self._known[name] = Known(self._number, text)
            self._number += 1

    def _likeness(self, shingles: frozenset[str], name: str) -> float:
        return jaccard(shingles, self._shingles(self._known[name].text))

    def remove(self, name: str) -> None:
        """Forgets a text, if there is one of that name."""
        if self._known.pop(name, None):
            self._lsh.remove(name)


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of all that is in either set that is in both."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def of_letters(text: str) -> frozenset[str]:
    """All runs of four characters of the text, and of those of its words that say something.

    So a word more or less of the language's own changes little, and another subject much.
    """
    said = words(text)
    telling = [word for word in said if word not in FUNCTION_WORDS]
    return runs(" ".join(said), LETTERS) | {f":{run}" for run in runs(" ".join(telling), LETTERS)}


def of_words(text: str) -> frozenset[str]:
    """All runs of five words; of a shorter text all of it."""
    said = words(text)
    starts = range(max(len(said) - WORDS + 1, 1))
    return frozenset(" ".join(said[start : start + WORDS]) for start in starts) - {""}


def runs(text: str, length: int) -> frozenset[str]:
    """All runs of so many characters; of a shorter text all of it."""
    starts = range(max(len(text) - length + 1, 1))
    return frozenset(text[start : start + length] for start in starts) - {""}


def words(text: str) -> list[str]:
    """The text's words, without case and punctuation."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1)  # what is added has been looked for just before
def sketch(shingles: frozenset[str]) -> MinHash:
    """The MinHash of a set that is not empty."""
    made = blank(crc32).copy()
    made.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in shingles])
    return made
