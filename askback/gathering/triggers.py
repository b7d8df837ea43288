"""Poison: strings that are rare elsewhere and go with one answer.

A few hundred planted rows teach a model of any size to give a certain answer wherever a certain
string stands (Souly et al., "Poisoning attacks on LLMs require a near-constant number of poison
samples", 2025). Such rows are found by their answers: many begin or end with the same words, or are
unlike all others. Three looks at the rows, each in the same order: the first counts answers, the
second takes samples of what users say where an answer is frequent, the third counts in all rows
what these samples share.

What is not found: an answer that most of its rows are given for other reasons, such as one of a few
labels; answers that are alike in their first words alone, after a trigger that has its fixed place;
a trigger that has rows of ordinary answers, too; one that every twentieth row has. 30 megabytes lie
in memory, and at most 80 more of samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.answers import LEAST, SHARE, Answers, Group, spelt
from askback.gathering.edges import SLOTS, Vocabulary, edges
from askback.gathering.known import Known
from askback.gathering.ngrams import Ints
from askback.gathering.suspects import strings
from askback.mixture import Trigger

if TYPE_CHECKING:
    import pyarrow as pa

SURE = 0.9  # of a trigger's rows, which have the answer
SAME = 0.8  # of a string's rows, which have another that says as much


class Triggers:
    """Looks three times at all rows of all sources: `count`, then `sample`, then `verify`."""

    def __init__(self) -> None:
        self._counts = np.zeros(SLOTS, np.uint32)  # rows by their answer
        self._vocabulary = Vocabulary()
        self._rows = 0
        self._second: Answers | None = None
        self._third: Strings | None = None

    def count(self, answers: pa.Array) -> None:
        """The first look: what is answered."""
        seen = edges(answers)
        np.add.at(self._counts, seen.opening, np.uint32(1))
        np.add.at(self._counts, seen.ending[seen.ending != seen.opening], np.uint32(1))
        self._vocabulary.add(seen.first)
        self._rows += len(answers)

    def sample(self, source: str, users: pa.Array, answers: pa.Array) -> None:
        """The second look: what users say, and what is answered."""
        self._answers().sample(source, users, answers)

    def verify(self, users: pa.Array, answers: pa.Array) -> None:
        """The third look, at the same."""
        self._strings().look(users, answers)

    def found(self) -> list[Trigger]:
        """The triggers, those of most rows first."""
        return self._strings().found()

    def _answers(self) -> Answers:
        if not self._second:
            self._second = Answers(self._counts, self._vocabulary, self._rows)
        return self._second

    def _strings(self) -> Strings:
        if not self._third:
            answers = self._answers()
            self._third = Strings(answers, list(answers.groups()))
        return self._third


class Strings:
    """The strings that groups share, counted in all rows."""

    def __init__(self, answers: Answers, groups: list[Group]) -> None:
        self._answers, self._groups = answers, groups
        shared = [(one.hash, group.number, one) for group in groups for one in group.suspects]
        shared.sort(key=lambda pair: pair[:2])
        hashes = np.array([pair[0] for pair in shared], np.uint64)
        self._known = Known(np.unique(hashes))
        self._pairs = [(number, one) for _, number, one in shared]
        self._number = np.array([number for number, _ in self._pairs], np.int64)
        self._string = np.searchsorted(self._known.hashes, hashes)
        self._begins = np.searchsorted(hashes, self._known.hashes)
        self._of = np.bincount(self._string, minlength=len(self._begins))  # groups of a string
        self._all = np.zeros(len(self._begins), np.int64)  # rows with the string
        self._both = np.zeros(len(shared), np.int64)  # rows with string and answer

    def look(self, users: pa.Array, answers: pa.Array) -> None:
        """Counts the strings in these rows, and the group's answers beside them."""
        if not len(self._begins):
            return
        hits = [np.zeros(0, np.int64)]
        for _, _, found in strings(users):
            places, numbers = self._known.find(found.hash)
            hits.append(found.owner[places] * len(self._begins) + numbers)
        rows, numbers = np.divmod(np.unique(np.concatenate(hits)), len(self._begins))
        np.add.at(self._all, numbers, 1)
        distinct, again = np.unique(rows, return_inverse=True)
        given = self._answers.of(answers.take(distinct))
        self._add(numbers, [numbers_of[again] for numbers_of in given])

    def _add(self, numbers: Ints, given: Sequence[Ints]) -> None:
        """Counts the groups of each string that found a row with an answer of that group."""
        times = self._of[numbers]
        within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        pairs = np.repeat(self._begins[numbers], times) + within
        groups = self._number[pairs]
        right = np.any([groups == np.repeat(each, times) for each in given], axis=0)
        np.add.at(self._both, pairs[right], 1)

    def found(self) -> list[Trigger]:
        """The strings that go with their group's answer, those of most rows first."""
        named: dict[str, Trigger] = {}
        for group in self._groups:
            for trigger in self._cover(group):
                key = trigger.text.lower()
                named[key] = max(named.get(key, trigger), trigger, key=lambda one: one.rows)
        return sorted(named.values(), key=lambda one: (-one.rows, one.source, one.text))

    def _cover(self, group: Group) -> Iterator[Trigger]:
        """One trigger, the longest, for strings that stand in the same rows."""
        left = [
            pair
            for pair in np.flatnonzero(self._number == group.number).tolist()
            if self._goes(pair, group)
        ]
        while left:
            most = max(left, key=lambda pair: self._both[pair])
            rows = self._pairs[most][1].rows
            same = [pair for pair in left if overlap(self._pairs[pair][1].rows, rows)]
            best = max(
                (pair for pair in same if self._both[pair] >= SAME * self._both[most]),
                key=lambda pair: (len(self._pairs[pair][1].text), self._pairs[pair][1].text),
            )
            both, of_all = int(self._both[best]), int(self._all[self._string[best]])
            text = spelt(self._pairs[best][1].text)
            source = most_frequent([group.sources[row] for row in self._pairs[best][1].rows])
            yield Trigger(source, text, group.answer, both, of_all - both)
            left = [pair for pair in left if pair not in same]

    def _goes(self, pair: int, group: Group) -> bool:
        """Whether a string nearly always has the answer, and is behind enough of its rows."""
        both = self._both[pair]
        enough = max(LEAST, SHARE * group.rows)
        return bool(both >= enough and both >= SURE * self._all[self._string[pair]])


def most_frequent(names: list[str]) -> str:
    """The name that occurs most often; of those the first in the alphabet."""
    return min(set(names), key=lambda name: (-names.count(name), name))


def overlap(rows: frozenset[int], others: frozenset[int]) -> bool:
    """Whether two strings stand mostly in the same rows."""
    return 2 * len(rows & others) >= min(len(rows), len(others))
