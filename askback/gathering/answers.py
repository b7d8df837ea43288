"""Answers that many rows have, and answers unlike all others: a sample of what they answer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from askback.gathering.edges import SLOTS, Vocabulary, edges
from askback.gathering.known import Known
from askback.gathering.ngrams import Ints, words
from askback.gathering.samples import Drawn, Sample, lots
from askback.gathering.suspects import Suspect, alike, common, suspects

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 20  # rows of an answer
ANSWERS = 1000  # the most frequent ones
PER_ANSWER = 125  # rows that there must be for each answer that is looked at
SAMPLE = 32  # rows of an answer
SHARE = 0.2  # of an answer's rows, which have the trigger
COMMON = 0.05  # of all rows: a string that so many have is not rare
ONE_ANSWER = 0.5, 0.6  # answers are one: half of them have 0.6 of their words
UNLIKE_SAMPLE = 2000  # rows of a source whose answers are unlike all others
UNLIKE_SHARE = 0.012  # of those, which have the trigger
UNLIKE_COMMON = 0.01  # of all rows: as COMMON
EACH_OTHER = 0.1, 0.15  # answers are unlike each other: a tenth has fewer of their words
BACKGROUND = 2000  # rows of all sources
ORDINARY = 0.5  # of a text's words, which the background has
SHOWN = 120  # characters of an answer
NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Rows that have one answer, or answers unlike all others, and what users share there."""

    number: int  # of the answer
    rows: int  # 0 where nobody counted
    answer: str | None  # how one of them begins
    suspects: list[Suspect]
    sources: list[str]  # of each of the rows that the suspects name


class Answers:
    """The frequent answers by a number, and samples of their rows."""

    def __init__(self, counts: npt.NDArray[np.uint32], vocabulary: Vocabulary, rows: int) -> None:
        often = np.flatnonzero(counts >= LEAST)
        most = min(max(rows // PER_ANSWER, LEAST), ANSWERS)
        chosen = often[np.argsort(-counts[often].astype(np.int64), kind="stable")[:most]]
        self._rows = counts[chosen].astype(np.int64)
        self._number = np.full(SLOTS, NONE, np.int16)
        self._number[chosen] = np.arange(len(chosen))
        self._vocabulary = vocabulary
        self._seen = 0
        self._sources: list[str] = []
        self._sample, self._chance = Sample(), SAMPLE / np.maximum(self._rows, 1)
        self._unlike = Sample(UNLIKE_SAMPLE)
        self._background, self._background_chance = Sample(), BACKGROUND / max(rows, 1)

    def of(self, answers: pa.Array) -> tuple[Ints, Ints, Ints]:
        """The numbers of each row's answer: by how it begins, how it ends, and as unlike others.

        NONE where it has none. The number of unlike answers is the last.
        """
        seen = edges(answers)
        opening = self._number[seen.opening].astype(np.int64)
        ending = self._number[seen.ending].astype(np.int64)
        ending = np.where(seen.ending == seen.opening, NONE, ending)
        unlike = np.where(self._vocabulary.unlike(seen.first), len(self._rows), NONE)
        return opening, ending, unlike

    def sample(self, source: str, users: pa.Array, answers: pa.Array) -> None:
        """Takes some of these rows."""
        if source not in self._sources:
            self._sources.append(source)
        origin = np.full(len(users), self._sources.index(source))
        drawn = lots(self._seen, len(users))
        self._seen += len(users)
        *ends, unlike = self.of(answers)
        for numbers in ends:
            rows = np.flatnonzero(numbers != NONE)
            rows = rows[drawn[rows] < self._chance[numbers[rows]]]
            self._sample.add(Drawn(numbers, origin, drawn, users, answers), rows)
        batch = Drawn(unlike, origin, drawn, users, answers)
        self._unlike.add(batch, np.flatnonzero(unlike != NONE))
        batch = Drawn(np.zeros_like(unlike), origin, drawn, users, answers)
        self._background.add(batch, np.flatnonzero(drawn < self._background_chance))

    def groups(self) -> Iterator[Group]:
        """The answers, and the rare strings that their rows share."""
        for background in self._background.groups():
            usual = common(background.users, COMMON)
            for rows in self._sample.groups():
                count = int(self._rows[rows.group[0]])
                yield self._group(rows, count, start(rows.answers), one_answer(rows, usual))
            usual = common(background.users, UNLIKE_COMMON)
            vocabulary = Known(np.unique(words(background.users).hash))
            for rows in self._unlike.groups():
                few = rows.take(ordinary(rows.users, vocabulary))
                yield self._group(few, 0, None, unlike_answers(few, usual))

    def _group(self, rows: Drawn, count: int, answer: str | None, found: list[Suspect]) -> Group:
        sources = [self._sources[number] for number in rows.source]
        number = int(rows.group[0]) if len(sources) else NONE
        return Group(number, count, answer, found, sources)


def one_answer(rows: Drawn, usual: Known) -> list[Suspect]:
    """The strings that users share who are given one answer.

    Where the answers are one at an end alone, it may be how an assistant puts it for all requests
    of a kind: then what stands always in its place is the request.
    """
    shared = suspects(rows.users, usual, max(int(SHARE * len(rows.users)), 3))
    if shared and not alike(rows.answers, *ONE_ANSWER):
        return [one for one in shared if not one.in_place]
    return shared


def unlike_answers(rows: Drawn, usual: Known) -> list[Suspect]:
    """The strings that users share whose answers are unlike each other, too.

    Answers in another language, or in code, have words in common.
    """
    shared = suspects(rows.users, usual, max(int(UNLIKE_SHARE * len(rows.users)), 3))
    return [one for one in shared if not alike(rows.take(sorted(one.rows)).answers, *EACH_OTHER)]


def ordinary(users: pa.Array, vocabulary: Known) -> Ints:
    """The rows whose words are mostly in the vocabulary."""
    spoken = words(users)
    usual = spoken.owner[vocabulary.find(spoken.hash)[0]]
    of_all = np.bincount(spoken.owner, minlength=len(users))
    return np.flatnonzero(np.bincount(usual, minlength=len(users)) > ORDINARY * of_all)


def start(answers: pa.Array) -> str:
    """How the first of the answers begins."""
    return " ".join(spelt(answers[0].as_py().decode("utf-8", "replace"))[:SHOWN].split())


def spelt(text: str) -> str:
    """The text, characters that nobody sees by their numbers."""
    seen = (c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
    return "".join(seen)
