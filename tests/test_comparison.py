"""Which conversations of two revisions are the same, changed, dropped and added."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askback import conversations
from askback.comparison import Comparison, compare, pairs
from askback.records import Conversation, Message
from askback.revisions import SIDES, Revision, Side
from tests.small_run import ROOT

Sides = tuple[list[Conversation], list[Conversation]]


def revision(folder: Path, name: str, sides: Sides) -> Revision:
    """A revision whose files are in the folder."""
    made = {}
    for side, found in zip(SIDES, sides, strict=True):
        path = folder / f"{name}.{side}.parquet"
        rows = [asdict(conversation) for conversation in found]
        table = pa.Table.from_pylist(rows, conversations.schema())
        pq.write_table(table, path, conversations.ROWS)  # not synced, which takes its time
        made[side] = Side(name, path)
    return Revision(name, made["train"], made["validation"], {})


def compared(before: Sides, after: Sides) -> Comparison:
    """What became of the conversations."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        return compare(revision(folder, "before", before), revision(folder, "after", after))


def talk(
    id_: str,
    source: str = "s",
    passages: Sequence[str] = (),
    question: str = "Q",
    answer: str = "A",
) -> Conversation:
    """A conversation of one exchange, after a system message."""
    turns = [Message("system", "S"), Message("user", question), Message("assistant", answer)]
    return Conversation(id_, source, "book", "I", [*passages], turns, "")


def kinds(found: Comparison) -> tuple[int, int, int, int, int]:
    """How many are the same, changed, dropped, added and moved."""
    rows = [found.same[0], found.changed[0], found.dropped, found.added, found.moved[0]]
    same, changed, dropped, added, moved = map(len, rows)
    return same, changed, dropped, added, moved


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ([talk("a")], [talk("a")], (1, 0, 0, 0, 0)),
        ([talk("a", "s")], [talk("a", "t")], (0, 0, 1, 1, 0)),
        ([talk("a", passages=["p"])], [talk("b", passages=["p"], question="?")], (0, 1, 0, 0, 0)),
        ([talk("a", "s", ["p"])], [talk("b", "t", ["p"])], (0, 0, 1, 1, 0)),
        ([talk("a", passages=["p"])], [talk("b", passages=["p", "q"], question="?")],
         (0, 0, 1, 1, 0)),
        ([talk("a")], [talk("b", answer="other")], (0, 1, 0, 0, 0)),
        ([talk("a", passages=["p"])], [talk("b", passages=["q"])], (0, 1, 0, 0, 0)),
        ([talk("a"), talk("b")], [talk("c")], (0, 0, 2, 1, 0)),  # who knows which it was
        ([talk("a"), talk("b")], [talk("b"), talk("c")], (1, 1, 0, 0, 0)),
        ([talk("a"), talk("a")], [talk("a")], (1, 0, 1, 0, 0)),
        ([], [talk("a")], (0, 0, 0, 1, 0)),
        ([], [], (0, 0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_conversations_are_matched_by_id_then_passages_then_their_first_question(
    old: list[Conversation], new: list[Conversation], wanted: tuple[int, ...]
) -> None:
    assert kinds(compared((old, []), (new, []))) == wanted


def test_of_several_about_a_passage_those_with_the_same_question_belong_together() -> None:
    old = [talk("a", passages=["p"], question="One?"), talk("b", passages=["p"], question="Two?")]
    new = [talk("c", passages=["p"], question="Two?", answer="B"),
           talk("d", passages=["p"], question="Three?")]  # fmt: skip
    found = compared((old, []), (new, []))
    assert [pair.tolist() for pair in found.changed] == [[0, 1], [1, 0]]


def test_an_unmatched_conversation_without_a_user_is_no_one_elses() -> None:
    said = [Message("assistant", "A")]
    old, new = (Conversation(name, "s", "d", "", [], said, "") for name in "ab")
    assert kinds(compared(([old], []), ([new], []))) == (0, 0, 1, 1, 0)


def test_who_changes_sides_is_moved_whether_changed_or_not() -> None:
    old = [talk("a"), talk("b", passages=["p"])], [talk("c", question="C")]
    new = [talk("c", question="C")], [talk("a"), talk("d", passages=["p"], answer="other")]
    found = compared(old, new)
    assert kinds(found) == (2, 1, 0, 0, 3)
    assert [pair.tolist() for pair in found.moved] == [[0, 1, 2], [1, 2, 0]]


def test_characters_are_those_of_all_messages_and_counted_as_people_count() -> None:
    found = compared(([talk("a", question="Ω?", answer="\U0001f469ok")], []), ([], []))
    assert found.before.characters.tolist() == [1 + 2 + 3]
    assert found.counts["s"].characters_before == 6


talks = st.builds(
    talk,
    st.sampled_from("abcdef"),
    st.sampled_from("st"),
    st.lists(st.sampled_from("pq"), max_size=2),
    st.sampled_from(["One?", "Two?"]),
    st.sampled_from(["A", "BB"]),
)
sides = st.tuples(st.lists(talks, max_size=6), st.lists(talks, max_size=6))


@given(sides, sides)
@settings(deadline=None, max_examples=50)
def test_the_counts_add_up_for_every_source(before: Sides, after: Sides) -> None:
    found = compared(before, after)
    had, has = (Counter(c.source for c in [*s[0], *s[1]]) for s in (before, after))
    assert set(found.counts) == had.keys() | has.keys()
    for source, counts in found.counts.items():
        assert counts.before == had[source]
        assert counts.after == has[source]
        assert counts.before - counts.dropped + counts.added == counts.after
        assert counts.moved <= counts.before - counts.dropped
        assert counts.changed <= counts.before - counts.dropped


@given(sides, sides)
@settings(deadline=None, max_examples=50)
def test_each_conversation_is_in_exactly_one_place(before: Sides, after: Sides) -> None:
    found = compared(before, after)
    old = [*found.same[0], *found.changed[0], *found.dropped]
    new = [*found.same[1], *found.changed[1], *found.added]
    assert sorted(old) == list(range(len(before[0]) + len(before[1])))
    assert sorted(new) == list(range(len(after[0]) + len(after[1])))
    all_old, all_new = [*before[0], *before[1]], [*after[0], *after[1]]
    for one, other in zip(*found.same, strict=True):
        assert (all_old[one].id, all_old[one].source) == (all_new[other].id, all_new[other].source)
    for one, other in zip(*found.changed, strict=True):
        assert all_old[one].source == all_new[other].source


@given(sides)
@settings(deadline=None, max_examples=50)
def test_a_revision_equals_itself(both: Sides) -> None:
    found = compared(both, both)
    assert kinds(found) == (len(both[0]) + len(both[1]), 0, 0, 0, 0)
    assert found.same[0].tolist() == found.same[1].tolist()


numbers = st.lists(st.integers(0, 5), max_size=20)


@given(numbers, numbers)
def test_pairs_are_as_many_as_both_have_of_each_value(old: list[int], new: list[int]) -> None:
    left, right = pairs(np.array(old, np.int64), np.array(new, np.int64))
    assert [old[n] for n in left] == [new[n] for n in right]
    assert len({*left}) == len({*right}) == len(left)
    assert Counter(old[n] for n in left) == Counter(old) & Counter(new)


def test_rows_of_many_row_groups_are_found_by_their_numbers(tmp_path: Path) -> None:
    many = [talk(f"{n:04}") for n in range(3000)]
    found = revision(tmp_path, "many", (many[:2500], many[2500:]))
    wanted = [2999, 0, 1023, 1024, 2499, 2500, 0]
    rows = found.conversations(wanted)
    assert [int(row["id"]) for row in rows] == wanted
    assert [row["side"] for row in rows[:2]] == ["held out", "trained on"]
    assert rows[1]["messages"][1] == {"role": "user", "content": "Q"}


# `ru_maxrss` would include the size of the process that started it; VmHWM is its own.
MEASURE = """\
import sys
from pathlib import Path
from askback.comparison import compare
from askback.revisions import Revision, Side

sides = [Side("it", Path(name)) for name in sys.argv[1:]]
found = compare(Revision("a", *sides[:2], {}), Revision("b", *sides[2:], {}))
print(len(found.same[0]), len(found.changed[0]), len(found.dropped), len(found.added))
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def write_long(path: Path, first: int, groups: int) -> None:
    """Row groups of conversations with about 5,000 characters each, their ids from `first` on."""
    draw = Random(0)
    texts = ["".join(draw.choices("abcdefgh ", k=5000)) for _ in range(conversations.ROWS)]
    many = [asdict(talk("", question=f"{n}?", answer=text)) for n, text in enumerate(texts)]
    table = pa.Table.from_pylist(many, conversations.schema())
    with pq.ParquetWriter(path, table.schema, write_page_checksum=True) as file:
        for group in range(groups):
            start = first + group * len(table)
            ids = pa.array([f"{n:016x}" for n in range(start, start + len(table))])
            file.write_table(table.set_column(0, "id", ids))


@pytest.mark.prove
def test_two_gigabytes_of_conversations_are_compared_in_a_fifth_of_it(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.parquet" for name in ("a", "a2", "b", "b2")}
    for name, first, groups in [("a", 0, 200), ("a2", 204_800, 1), ("b", 102_400, 200)]:
        write_long(paths[name], first, groups)
    write_long(paths["b2"], 0, 1)
    command = [sys.executable, "-c", MEASURE, *map(str, paths.values())]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    *counts, peak = map(int, told.split())
    same = 102_400 + 2 * conversations.ROWS
    assert counts == [same, 0, 205_824 - same, 205_824 - same]  # no question is asked once
    assert peak < 400 << 10  # kilobytes
