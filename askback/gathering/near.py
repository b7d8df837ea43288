"""Conversations that are nearly the same as an earlier one.

MinHash tells how many runs of five words two of them share; bands of it find which are worth
comparing. Some 450 bytes a conversation lie in memory while they are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from askback.gathering import ngrams
from askback.gathering.duplicates import NONE
from askback.gathering.spoken import spoken
from askback.minhash import BANDS, HASHES, ROWS, blank

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

WORDS = 5  # in a run
LIKE = 0.8  # of the hashes: what two near duplicates have in common
FIRST = 8  # conversations of a band's bucket that later ones are compared with
UNLIKE = 0  # the group of a conversation that is compared with all others


class Sketches:
    """A sketch of every conversation: 125 numbers, each equal in two as often as they are alike."""

    def __init__(self) -> None:
        self._batches: list[NDArray[np.uint16]] = []

    def look(self, batch: pa.RecordBatch) -> None:
        """Sketches the conversations of a batch, their system messages apart."""
        sketches = np.zeros((batch.num_rows, HASHES), np.uint16)
        for row, runs in runs_of(batch):
            sketches[row] = sketch(runs)
        self._batches.append(sketches)

    def earlier(self, there: NDArray[np.bool_], groups: NDArray[np.uint64]) -> NDArray[np.int64]:
        """[conversations]: of those that are `there` an earlier one that each is like, or NONE.

        Earlier ones that are themselves like others do not count, nor do those of the same group,
        unless that is UNLIKE.
        """
        sketches = np.concatenate([np.zeros((0, HASHES), np.uint16), *self._batches])
        result = np.full(len(sketches), NONE, np.int64)
        known = there & sketches.any(axis=1)
        heads: defaultdict[int, list[int]] = defaultdict(list)  # of the buckets
        for number, buckets in shared(sketches, known):
            near = sorted({head for bucket in buckets for head in heads[bucket]})
            found = alike(sketches, number, near, groups)
            if found == NONE:
                for bucket in buckets:
                    if len(heads[bucket]) < FIRST:
                        heads[bucket].append(number)
            result[number] = found
        return result


def runs_of(batch: pa.RecordBatch) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """The row and the runs of five words of each conversation that has some, as hashes."""
    contents, conversation = spoken(batch["messages"])
    words = ngrams.words(contents)
    through = replace(words, owner=conversation[words.owner].astype(np.int32))
    grams = ngrams.grams(through, WORDS)
    rows, starts = np.unique(grams.owner, return_index=True)
    ends = [*starts[1:], len(grams.hash)][: len(starts)]
    for row, start, end in zip(rows.tolist(), starts, ends, strict=True):
        yield row, grams.hash[start:end]


def sketch(runs: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """[125]: the smallest of each permutation of the runs, folded in half.

    The lower halves alone would not do: they are a function of the runs' own lower halves.
    """
    made = blank(as_it_is).copy()
    made.update_batch((runs >> np.uint64(32)).tolist())
    folded: NDArray[np.uint16] = (made.hashvalues ^ (made.hashvalues >> 16)).astype(np.uint16)
    return folded


def as_it_is(run: int) -> int:
    """A run, which is a hash already."""
    return run


def shared(
    sketches: NDArray[np.uint16], known: NDArray[np.bool_]
) -> Iterator[tuple[int, list[int]]]:
    """Of the known conversations, in their order, those with a bucket that others are in, too."""
    numbers = np.flatnonzero(known)
    rows, buckets, so_far = [], [], 0
    for band in range(BANDS):
        keys = band_keys(sketches[numbers, band * ROWS : (band + 1) * ROWS])
        _, bucket, count = np.unique(keys, return_inverse=True, return_counts=True)
        several = np.flatnonzero(count[bucket] > 1)
        rows.append(numbers[several].astype(np.int32))
        buckets.append((bucket[several] + so_far).astype(np.int32))
        so_far += len(count)
    row, bucket = np.concatenate(rows), np.concatenate(buckets)
    order = np.argsort(row, kind="stable")
    row, bucket = row[order], bucket[order]
    found, starts = np.unique(row, return_index=True)
    ends = [*starts[1:], len(row)][: len(starts)]
    for number, start, end in zip(found.tolist(), starts, ends, strict=True):
        yield number, bucket[start:end].tolist()


def band_keys(columns: NDArray[np.uint16]) -> NDArray[np.uint64]:
    """A hash of each row."""
    result = np.zeros(len(columns), np.uint64)
    for column in columns.T:
        result = ngrams.mixed(result * np.uint64(ngrams.FACTOR) + column)
    return result


def alike(
    sketches: NDArray[np.uint16], number: int, near: list[int], groups: NDArray[np.uint64]
) -> int:
    """The earliest of those `near` that the conversation is like, or NONE."""
    if not near:
        return NONE
    shares = (sketches[near] == sketches[number]).mean(axis=1)
    own = (groups[near] == groups[number]) & (groups[number] != UNLIKE)
    found = np.flatnonzero((shares >= LIKE) & ~own)
    return near[found[0]] if len(found) else NONE
