"""Strings that many of a few texts share, and that are rare in others.

Strings are runs of one to three words, and tokens: what stands between white space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering.known import Known
from askback.gathering.ngrams import Grams, Ints, Words, grams, mixed, tokens, words

if TYPE_CHECKING:
    import pyarrow as pa

RUNS = (1, 2, 3)  # words
TOKENS = np.uint64(0x546F6B656E)  # sets the hash of a token apart from that of a word

SAME_PLACE = 0.8  # of the texts with a string: what so many have there is part of a template
TEMPLATE = {1: 4, 3: 3}  # rare words, or runs of three, each in its own place: no trigger so long
LONG = 8  # rare words, wherever they stand
OWN = 2  # words that no other text has, on average: requests that are all alike have fewer
MOST = 24  # strings of one group


@dataclass(frozen=True, slots=True)
class Suspect:
    """A string that some of a group's texts share."""

    hash: int
    text: str
    words: int  # 0 for a token
    rows: frozenset[int]  # which texts
    in_place: bool  # most often at one distance from where the text begins, or ends


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """The strings of one kind in some texts, equal ones side by side."""

    words: int  # 0 for tokens
    spoken: Words
    found: Grams
    order: Ints  # of `found`, by their hashes
    begins: Ints  # in `order`, where the next string begins
    counts: Ints  # how many texts have it


def strings(texts: pa.Array) -> Iterator[tuple[int, Words, Grams]]:
    """All strings of the texts: runs of words by their length, and tokens under 0."""
    spoken = words(texts)
    for length in RUNS:
        yield length, spoken, grams(spoken, length)
    found = tokens(texts)
    alone = grams(found, 1)
    yield 0, found, Grams(mixed(alone.hash ^ TOKENS), alone.owner, alone.first)


def counted(texts: pa.Array) -> Iterator[Strings]:
    """The strings of the texts, kind by kind."""
    for length, spoken, found in strings(texts):
        order = np.argsort(found.hash, kind="stable")
        hashes = found.hash[order]
        other = np.diff(hashes, prepend=~hashes[:1]) != 0
        apart = other | (np.diff(found.owner[order], prepend=-1) != 0)
        begins = np.flatnonzero(other)
        counts = np.add.reduceat(apart, begins, dtype=np.int64) if len(begins) else begins
        yield Strings(length, spoken, found, order, begins, counts)


def common(texts: pa.Array, share: float) -> Known:
    """The strings that are not rare in a sample of all texts: a `share` of them has each."""
    least = max(share * len(texts), 3)
    kept = [
        some.found.hash[some.order[some.begins[some.counts >= least]]] for some in counted(texts)
    ]
    return Known(np.sort(np.concatenate(kept)))


def suspects(texts: pa.Array, usual: Known, least: int) -> list[Suspect]:
    """What at least `least` of the texts share, and is not usual; the most frequent first.

    None where the texts are all alike, or share what is longer than a trigger.
    """
    shared: list[Suspect] = []
    for some in counted(texts):
        if some.words == 1 and (some.counts == 1).sum() < OWN * len(texts):
            return []
        shared += shared_strings(some, usual, least)
    half = [one for one in shared if 2 * len(one.rows) >= len(texts)]
    if sum(one.words == 1 for one in half) >= LONG or is_template(half):
        return []
    shared.sort(key=lambda one: (-len(one.rows), -one.words, one.text))
    return shared[:MOST]


def is_template(shared: list[Suspect]) -> bool:
    """Whether so much is always in its place that it is a form, filled in by each text."""
    return any(
        sum(one.in_place for one in shared if one.words == words) >= least
        for words, least in TEMPLATE.items()
    )


def shared_strings(some: Strings, usual: Known, least: int) -> Iterator[Suspect]:
    """The strings of one kind that at least `least` texts have."""
    often = np.flatnonzero(some.counts >= least)
    hashes = some.found.hash[some.order[some.begins[often]]]
    often = np.delete(often, usual.find(hashes)[0])
    ends = np.append(some.begins[1:], len(some.order))
    for number in often.tolist():
        places = some.order[some.begins[number] : ends[number]]
        first = int(some.found.first[places[0]])
        yield Suspect(
            int(some.found.hash[places[0]]),
            some.spoken.text(first, max(some.words, 1)),
            some.words,
            frozenset(some.found.owner[places].tolist()),
            in_place(some, places),
        )


def in_place(some: Strings, places: Ints) -> bool:
    """Whether a string stands at one distance from the beginning of its texts, or from the end."""
    owner, first = some.found.owner[places], some.found.first[places]
    ends = np.cumsum(np.bincount(some.spoken.owner, minlength=some.spoken.texts))
    begins = np.concatenate([[0], ends])
    distances = first - begins[owner], ends[owner] - first
    return any(np.bincount(d).max() >= SAME_PLACE * len(set(owner.tolist())) for d in distances)


def alike(texts: pa.Array, of_texts: float, of_words: float) -> bool:
    """Whether `of_words` of the words of each text, on average, stand in `of_texts` of all."""
    some = next(counted(texts))
    often = some.counts >= max(of_texts * some.spoken.texts, 2)
    return int(some.counts[often].sum()) >= of_words * int(some.counts.sum())
