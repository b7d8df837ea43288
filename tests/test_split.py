"""Which conversations are held out: few chapters by lot, many rows each by its own hash."""

from collections import Counter

import numpy as np
import pytest

from askback.gathering.split import below, drawn, held_out


def headings(count: int) -> list[str]:
    return [f"book\x1fChapter {number}" for number in range(count)]


@pytest.mark.parametrize(
    ("chapters", "share", "number"),
    [
        *[(2, 0.1, 1), (3, 0.1, 1), (5, 0.5, 1), (6, 0.0, 2), (14, 0.5, 4)],
        *[(15, 0.1, 5), (15, 0.0, 5), (60, 0.1, 6), (100, 0.1, 10), (20, 0.5, 10)],
    ],
)
def test_the_share_is_held_out_but_five_of_fifteen_and_a_third_of_fewer(chapters, share, number):
    assert len(drawn(headings(chapters), share, 0)) == number


def test_a_chapter_more_moves_at_most_two_to_the_other_side():
    for count in range(15, 80):
        before, after = drawn(headings(count), 0.1, 0), drawn(headings(count + 1), 0.1, 0)
        assert len(before ^ after) <= 2


def test_every_chapter_is_held_out_under_some_seed():
    often = Counter(chapter for seed in range(300) for chapter in drawn(headings(30), 0.1, seed))
    assert sorted(often) == sorted(headings(30))
    assert max(often.values()) < 2 * 300 * 5 / 30  # drawn by lot, 50 times each on average


def test_the_order_of_the_books_does_not_matter():
    assert drawn(headings(30), 0.2, 7) == drawn(headings(30)[::-1], 0.2, 7)


HASHES = np.random.default_rng(0).integers(0, 2**64, 20_000, np.uint64)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_of_many_groups_about_the_share_is_held_out(share):
    assert below(HASHES, share, 0).mean() == pytest.approx(share, abs=0.01)


def test_each_of_many_groups_is_held_out_by_itself():
    few, all_ = below(HASHES[:100], 0.1, 3), below(HASHES, 0.1, 3)
    assert (few == all_[:100]).all()
    assert below(HASHES, 0.1, 3).sum() != (below(HASHES, 0.1, 3) & below(HASHES, 0.1, 4)).sum()
    more = below(HASHES, 0.2, 3)
    assert (more | all_ == more).all()  # a larger share holds out more of the same


def test_books_share_one_lot_a_sets_own_split_is_whole_and_rows_follow_their_share():
    group = np.array([1, 2, 3, 1, 2, 3, 77, 78, 79], np.uint64)
    part = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3], np.uint16)
    names = {number: f"book\x1fChapter {number}" for number in (1, 2, 3)}
    found = held_out(group, part, [0.1, 0.1, None, 0.0], [[0, 1]], names, 0)
    assert found[:3].tolist() == found[3:6].tolist()
    assert found[:3].sum() == 1
    assert found[6:].tolist() == [True, True, False]
