"""Two revisions' conversations, matched: which are the same, changed, dropped and added.

Conversations of equal id and source are the same. Of the others a pair is one that changed when
its source is equal, and its passages and first question, or its passages, or its first question
where no other of them opens so. Only ids, sources and hashes are held, not the texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from askback.revisions import Revision

    Numbers = NDArray[np.int64]
    Keys = NDArray[np.uint64]
    Pairs = tuple[Numbers, Numbers]  # rows before, and the rows after that they became

NOTHING = 0  # the key of what has none; a hash is that once in 2 ** 64


@dataclass(frozen=True, eq=False)
class Rows:
    """A revision's conversations by number: those to learn from come first."""

    ids: pa.ChunkedArray
    sources: pa.ChunkedArray
    characters: Numbers  # of all messages
    learnt: int

    def held_out(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Which of them are not learned from."""
        return numbers >= self.learnt


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of one source's conversations; before - dropped + added = after."""

    before: int
    dropped: int
    added: int
    after: int
    changed: int
    moved: int  # between train and validation, changed or not
    characters_before: int
    characters_after: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """The conversations of two revisions, each row of either in exactly one of four places."""

    before: Rows
    after: Rows
    same: Pairs
    changed: Pairs
    dropped: Numbers  # rows before
    added: Numbers  # rows after

    @cached_property
    def moved(self) -> Pairs:
        """The pairs that are on another side now."""
        import numpy as np

        old, new = (np.concatenate(parts) for parts in zip(self.same, self.changed, strict=True))
        other = self.before.held_out(old) != self.after.held_out(new)
        return in_order((old[other], new[other]))

    @cached_property
    def counts(self) -> dict[str, Counts]:
        """What became of the conversations, by source."""
        import numpy as np

        names, before, after = numbered(self.before.sources, self.after.sources)
        columns = [
            (before, None),
            (before[self.dropped], None),
            (after[self.added], None),
            (after, None),
            (before[self.changed[0]], None),
            (before[self.moved[0]], None),
            (before, self.before.characters),
            (after, self.after.characters),
        ]
        counted = [np.bincount(c, w, minlength=len(names)).astype(int) for c, w in columns]
        rows = zip(names, np.stack(counted, axis=1).tolist(), strict=True)
        return {name: Counts(*row) for name, row in sorted(rows)}


def compare(before: Revision, after: Revision) -> Comparison:
    """What became of each conversation; UserError where a file is damaged."""
    old, new = rows(before), rows(after)
    names, old_sources, new_sources = numbered(old.sources, new.sources)
    _, old_ids, new_ids = numbered(old.ids, new.ids)
    many = len(names)
    same = pairs(old_ids * many + old_sources, new_ids * many + new_sources)
    left, right = others(same[0], len(old.ids)), others(same[1], len(new.ids))
    found = changes(keys(before, left, len(old.ids)), keys(after, right, len(new.ids)))
    changed = in_order((left[found[0]], right[found[1]]))
    dropped, added = others(found[0], len(left)), others(found[1], len(right))
    return Comparison(old, new, same, changed, left[dropped], right[added])


def rows(revision: Revision) -> Rows:
    """Id, source and length of each conversation."""
    import numpy as np
    import pyarrow as pa

    ids: list[pa.Array] = [pa.array([], pa.string())]
    sources, sizes, counts = [*ids], [np.zeros(0, np.int64)], []
    for side in revision.sides:
        for batch in side.batches("id", "source", "messages"):
            ids.append(batch["id"])
            sources.append(batch["source"])
            sizes.append(characters(batch["messages"]))
        counts.append(sum(map(len, ids)))
    return Rows(pa.chunked_array(ids), pa.chunked_array(sources), np.concatenate(sizes), counts[0])


def characters(messages: pa.ListArray) -> Numbers:
    """How many characters the messages of each conversation have together."""
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.utf8_length(pc.struct_field(messages.flatten(), "content"))
    of = pc.list_parent_indices(messages).to_numpy()
    counts: Numbers = np.bincount(of, lengths.to_numpy(), len(messages)).astype(np.int64)
    return counts


def numbered(before: pa.ChunkedArray, after: pa.ChunkedArray) -> tuple[list[str], Numbers, Numbers]:
    """The different texts of both, and for each text its number among them."""
    import numpy as np
    import pyarrow as pa

    both = pa.chunked_array([*before.chunks, *after.chunks]).combine_chunks().dictionary_encode()
    codes = both.indices.to_numpy().astype(np.int64)
    return both.dictionary.to_pylist(), codes[: len(before)], codes[len(before) :]


def pairs(before: Keys | Numbers, after: Keys | Numbers) -> Pairs:
    """The places of equal values, each used once, the first with the first."""
    import numpy as np

    old, new = np.argsort(before, kind="stable"), np.argsort(after, kind="stable")
    values, others = before[old], after[new]
    occurrence = np.arange(len(values)) - np.searchsorted(values, values)
    partner = np.searchsorted(others, values) + occurrence
    there = partner < np.searchsorted(others, values, side="right")
    return old[there], new[partner[there]]


def in_order(found: Pairs) -> Pairs:
    """The pairs in the order of the rows before."""
    order = found[0].argsort()
    return found[0][order], found[1][order]


def others(taken: Numbers, count: int) -> Numbers:
    """The numbers below `count` that are not taken, ascending."""
    import numpy as np

    free = np.ones(count, bool)
    free[taken] = False
    numbers: Numbers = np.flatnonzero(free)
    return numbers


def changes(before: Sequence[Keys], after: Sequence[Keys]) -> Pairs:
    """The places of those that are one conversation, changed: by the first key that is equal."""
    import numpy as np

    left, right = np.arange(len(before[0])), np.arange(len(after[0]))
    found: list[Pairs] = []
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        alone = number == len(before) - 1
        some_left, some_right = usable(old, left, alone), usable(new, right, alone)
        one, other = pairs(old[some_left], new[some_right])
        found.append((some_left[one], some_right[other]))
        left, right = np.setdiff1d(left, found[-1][0]), np.setdiff1d(right, found[-1][1])
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def usable(keys: Keys, places: Numbers, alone: bool) -> Numbers:
    """The places that have a key; `alone`: one that no other of them has."""
    import numpy as np

    known: Numbers = places[keys[places] != NOTHING]
    if not alone:
        return known
    _, first, counts = np.unique(keys[known], return_index=True, return_counts=True)
    return np.sort(known[first[counts == 1]])


def keys(revision: Revision, rows: Numbers, count: int) -> tuple[Keys, Keys, Keys]:
    """Of `rows` out of `count`: hashes of passages and first question, of either, by source."""
    import numpy as np
    import pyarrow as pa

    found = np.zeros((3, len(rows)), np.uint64)
    wanted, start, at = np.zeros(count, bool), 0, 0
    wanted[rows] = True
    for batch in revision.batches("source", "passages", "messages"):
        chosen = batch.filter(pa.array(wanted[start : start + len(batch)]))
        for number, hashes in enumerate(batch_keys(chosen), at):
            found[:, number] = hashes
        start, at = start + len(batch), at + len(chosen)
    return found[0], found[1], found[2]


def batch_keys(batch: pa.RecordBatch) -> Iterator[tuple[int, int, int]]:
    """The keys of each conversation: a hash, or NOTHING."""
    columns = batch["source"].to_pylist(), batch["passages"].to_pylist()
    questions = first_questions(batch["messages"])
    for source, passages, question in zip(*columns, questions, strict=True):
        from_book = hashed(source, *passages) if passages else NOTHING
        asked = NOTHING if question is None else hashed(source, question)
        yield (hashed(str(from_book), str(asked)) if from_book else NOTHING), from_book, asked


def first_questions(messages: pa.ListArray) -> list[str | None]:
    """What the user says first in each conversation; none where no user speaks."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    said, of = messages.flatten(), pc.list_parent_indices(messages).to_numpy()
    users = pc.equal(pc.struct_field(said, "role"), "user").to_numpy(zero_copy_only=False)
    places = np.flatnonzero(users)
    conversations, first = np.unique(of[places], return_index=True)
    texts = pc.struct_field(said, "content").take(pa.array(places[first])).to_pylist()
    found: list[str | None] = [None] * len(messages)
    for conversation, text in zip(conversations.tolist(), texts, strict=True):
        found[conversation] = text
    return found


def hashed(*texts: str) -> int:
    """64 bits that stand for the texts."""
    joined = "\x1f".join(texts).encode()
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little")
