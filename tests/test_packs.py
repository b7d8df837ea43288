"""Packs: every conversation once, none cut, little room left, and the fields that follow."""

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askback.packs import Pack, bins
from askback.records import IGNORED, Row

LENGTHS = st.lists(st.integers(1, 300), max_size=60)
TOKENS = st.integers(1, 400)


def sums(lengths: Sequence[int], groups: list[list[int]]) -> list[int]:
    """How many tokens each group has."""
    return [sum(lengths[number] for number in group) for group in groups]


@given(LENGTHS, TOKENS)
def test_every_number_is_in_one_group_once(lengths: list[int], tokens: int) -> None:
    groups = bins(lengths, tokens)
    assert sorted(number for group in groups for number in group) == list(range(len(lengths)))
    assert all(groups)


@given(LENGTHS, TOKENS)
def test_a_group_has_no_more_tokens_than_allowed_unless_it_is_one_longer_conversation(
    lengths: list[int], tokens: int
) -> None:
    groups = bins(lengths, tokens)
    for group, total in zip(groups, sums(lengths, groups), strict=True):
        assert total <= tokens or len(group) == 1


@given(LENGTHS, TOKENS)
def test_the_largest_group_comes_first(lengths: list[int], tokens: int) -> None:
    """So that a plan too large for the memory fails in the first pack."""
    found = sums(lengths, bins(lengths, tokens))
    assert found == sorted(found, reverse=True)


@given(LENGTHS, TOKENS)
def test_equal_lengths_give_equal_groups(lengths: list[int], tokens: int) -> None:
    assert bins(lengths, tokens) == bins(iter(lengths), tokens)


@given(LENGTHS, TOKENS)
def test_no_two_groups_would_fit_into_one(lengths: list[int], tokens: int) -> None:
    """Any two together are too large, or the smaller's conversations would have gone first."""
    found = sums(lengths, bins(lengths, tokens))
    assert all(one + other > tokens for one, other in pairwise(found))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=80), st.integers(400, 2000))
def test_there_are_at_most_half_again_as_many_groups_as_there_must_be(
    lengths: list[int], tokens: int
) -> None:
    least = math.ceil(sum(lengths) / tokens)
    assert least <= len(bins(lengths, tokens)) <= 1.5 * least + 1


def test_groups_of_real_lengths_leave_hardly_any_room() -> None:
    """A thousand conversations around 300 tokens in packs of 4,096: at most 1 % is left."""
    draw = random.Random(0)
    lengths = [max(20, round(draw.gauss(300, 120))) for _ in range(1000)]
    least = math.ceil(sum(lengths) / 4096)
    assert least <= len(bins(lengths, 4096)) <= 1.01 * least + 1


def test_each_goes_where_it_fits_best() -> None:
    """7 opens the first, 6 the second; 4 fills the second, 3 the first, and 2 needs a third."""
    assert bins([3, 7, 2, 6, 4], 10) == [[1, 0], [3, 4], [2]]


def test_equal_lengths_keep_their_order() -> None:
    assert bins([5] * 5, 10) == [[0, 1], [2, 3], [4]]


def test_a_conversation_longer_than_a_pack_goes_alone() -> None:
    assert bins([3, 12, 10, 7], 10) == [[1], [2], [3, 0]]


def test_no_conversations_make_no_group() -> None:
    assert bins([], 10) == []


def test_a_pack_has_the_rows_end_to_end() -> None:
    pack = Pack.of(
        [
            Row([5, 6, 7, 8], [IGNORED, IGNORED, 7, 8]),
            Row([9], [9]),  # nothing comes before it
            Row([1, 2, 3], [1, 2, IGNORED]),
        ],
        "cpu",
    )
    assert pack.ids.tolist() == [[5, 6, 7, 8, 9, 1, 2, 3]]
    assert pack.positions.tolist() == [[0, 1, 2, 3, 0, 0, 1, 2]]
    assert pack.edges.tolist() == [0, 4, 5, 8]
    assert list(pack.lengths) == [4, 1, 3]
    assert pack.before.tolist() == [1, 2, 5]
    assert pack.wanted.tolist() == [7, 8, 2]
    kinds = {name: getattr(pack, name).dtype for name in ("ids", "positions", "edges", "wanted")}
    assert kinds == {
        "ids": torch.int64,
        "positions": torch.int64,
        "edges": torch.int32,  # as the kernel wants it
        "wanted": torch.int64,
    }


def test_a_pack_without_supervised_tokens_wants_nothing() -> None:
    pack = Pack.of([Row([1, 2], [IGNORED] * 2)], "cpu")
    assert pack.before.shape == pack.wanted.shape == (0,)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=9),
        min_size=1,
        max_size=9,
    )
)
def test_a_pack_wants_each_rows_own_labels_and_none_across_an_edge(
    drawn: list[list[tuple[int, bool]]],
) -> None:
    rows = [Row([i for i, _ in one], [i if s else IGNORED for i, s in one]) for one in drawn]
    pack = Pack.of(rows, "cpu")
    starts = [int(edge) for edge in pack.edges[:-1]]
    expected = [
        (start + place, label)
        for start, row in zip(starts, rows, strict=True)
        for place, label in enumerate(row.labels[1:])
        if label != IGNORED
    ]
    assert list(zip(pack.before.tolist(), pack.wanted.tolist(), strict=True)) == expected
    assert len(expected) == sum(row.supervised for row in rows)


@pytest.mark.parametrize("tokens", [1, 30, 60, 100, 1000])
def test_the_lengths_of_a_pack_are_those_between_its_edges(tokens: int) -> None:
    lengths = [3, 17, 5, 30, 2, 17, 8, 24, 11]
    for group in bins(lengths, tokens):
        pack = Pack.of([Row([1] * lengths[n], [1] * lengths[n]) for n in group], "cpu")
        assert pack.edges.diff().tolist() == list(pack.lengths) == [lengths[n] for n in group]
