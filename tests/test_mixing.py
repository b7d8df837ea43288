"""The mix: shares of what there is, and draws that stay when a source grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.errors import UserError
from askback.gathering.mixing import Wish, check, draw, quotas

WHOLE = Wish()


@pytest.mark.parametrize(
    ("sizes", "wishes", "taken"),
    [
        ([100], [WHOLE], [100]),
        ([100, 900], [WHOLE, WHOLE], [100, 900]),
        ([100, 900], [WHOLE, Wish(0.5)], [100, 100]),
        ([100, 900], [WHOLE, Wish(0.8)], [100, 400]),
        ([100, 900, 900], [WHOLE, Wish(0.25), Wish(0.25)], [100, 50, 50]),
        ([100, 50], [WHOLE, Wish(0.5)], [100, 50]),  # there is no more
        ([100, 50, 900], [WHOLE, Wish(0.5), Wish(0.25)], [100, 50, 50]),  # a quarter of 200
        ([11, 1, 5], [WHOLE, Wish(0.25), Wish(0.25)], [11, 1, 4]),  # nor more than a quarter of 16
        ([100, 900], [Wish(0.5), Wish(0.5)], [100, 100]),
        ([100, 900], [Wish(0.1), Wish(0.9)], [100, 900]),
        ([100, 90], [Wish(0.1), Wish(0.9)], [10, 90]),
    ],
)
def test_a_share_is_a_share_of_the_whole_mix(sizes, wishes, taken):
    assert quotas(sizes, wishes) == pytest.approx(taken)


shares = st.lists(st.floats(0.01, 0.3), min_size=1, max_size=3)


@given(whole=st.integers(1, 1000), shares=shares, sizes=st.lists(st.integers(1, 5000), min_size=3))
def test_no_source_gives_more_than_it_has_and_none_that_has_enough_less_than_its_share(
    whole, shares, sizes
):
    there = [whole, *sizes[: len(shares)]]
    taken = quotas(there, [WHOLE, *map(Wish, shares)])
    total = sum(taken)
    assert taken[0] == whole
    for size, share, took in zip(there[1:], shares, taken[1:], strict=True):
        assert took <= size * (1 + 1e-5)
        assert took == pytest.approx(min(share * total, size), rel=1e-5)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"a": Wish(0.5), "b": Wish(0.4)}, r"must add up to 1 and not 0.9 \(a, b\)"),
        ({"a": WHOLE, "b": Wish(0.6), "c": Wish(0.4)}, "shares of b, c add up to 1, which leaves"),
    ],
)
def test_shares_that_make_no_mix_are_named(wishes, told):
    with pytest.raises(UserError, match=told):
        check(wishes)


def test_shares_that_make_a_mix_pass():
    check({"a": Wish(0.7), "b": Wish(0.3)})
    check({"a": WHOLE, "b": Wish(0.99)})
    check({"a": WHOLE, "b": Wish(limit=3)})


RANDOM = np.random.default_rng(0)
HASHES = RANDOM.integers(0, 2**64, 5000, np.uint64)
SIZES = RANDOM.integers(1, 2000, 5000)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_what_is_drawn_comes_up_to_the_quota(share):
    quota = share * SIZES.sum()
    taken = SIZES[draw(HASHES, SIZES, quota, 0)].sum()
    assert quota - 2000 < taken <= quota


def test_a_larger_quota_takes_more_to_the_same_ones():
    few, many = draw(HASHES, SIZES, 10_000, 0), draw(HASHES, SIZES, 90_000, 0)
    assert (few & many == few).all()
    assert few.sum() < many.sum()


def test_rows_that_come_to_a_source_push_out_others_but_reshuffle_none():
    before = draw(HASHES[:4000], SIZES[:4000], 50_000, 0)
    after = draw(HASHES, SIZES, 50_000, 0)[:4000]
    assert (after & before == after).all()  # no old row comes in that was out before


def test_another_seed_draws_others():
    one, other = (draw(HASHES, SIZES, 50_000, seed) for seed in (0, 1))
    assert (one & other).sum() < 0.1 * one.sum()
