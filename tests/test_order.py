"""The order of the data: every row once an epoch, from seed and epoch alone, from any step on."""

import random
from itertools import pairwise
from typing import Any

import pytest
from accelerate import skip_first_batches
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from askback.training.order import Order, Steps

LONGEST = 7


def order(rows: int = 23, batch: int = 4, seed: int = 0) -> Order:
    """Steps of 4 of 23 rows, of which the eighth is the longest."""
    return Order(rows, batch, seed, min(LONGEST, rows - 1))


def steps(one: Order, epoch: int) -> list[list[int]]:
    """What an epoch's iteration gives."""
    one.set_epoch(epoch)
    return list(one)


@given(st.integers(1, 50), st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_an_epoch_has_every_row_once_in_steps_of_a_batch(
    rows: int, batch: int, seed: int, epoch: int
) -> None:
    one = order(rows, batch, seed)
    found = steps(one, epoch)
    assert sorted(number for step in found for number in step) == list(range(rows))
    assert len(found) == len(one)
    assert [len(step) for step in found[:-1]] == [batch] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= batch


def test_the_order_follows_from_seed_and_epoch_whoever_reads_it_and_when() -> None:
    expected = [steps(order(), epoch) for epoch in range(4)]
    one = order()
    for epoch in [3, 0, 0, 2, 1]:
        random.seed(epoch)
        assert steps(one, epoch) == expected[epoch]
    assert steps(order(seed=1), 0) != expected[0]
    assert all(one != other for one, other in pairwise(expected))


def test_the_order_is_the_same_with_every_version() -> None:
    """RandomState([5, 1]), whose stream NumPy keeps for good."""
    assert steps(Order(10, 4, 5, longest=2), 1) == [[0, 7, 9, 4], [1, 6, 8, 2], [5, 3]]


def test_a_batch_of_another_size_changes_no_order() -> None:
    whole = [number for step in steps(order(batch=4), 2) for number in step]
    assert [number for step in steps(order(batch=7), 2) for number in step] == whole


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_row_is_the_first_of_all(seed: int) -> None:
    """What does not fit into memory then shows at once."""
    assert steps(order(seed=seed), 0)[0][0] == LONGEST
    later = [steps(order(seed=seed), epoch)[0][0] for epoch in range(1, 9)]
    assert set(later) != {LONGEST}


def test_any_step_can_be_asked_for_by_its_number_in_the_run() -> None:
    one = order()
    for epoch in range(3):
        for place, expected in enumerate(steps(one, epoch)):
            assert one.step(epoch * len(one) + place) == expected


def resumed_epoch(loader: DataLoader[int], epoch: int, done: int) -> DataLoader[int]:
    """The loader as Trainer has it: it skips first, and names the epoch after, wherever it can."""
    skipping: DataLoader[int] = skip_first_batches(loader, done) if done else loader
    places: list[Any] = [skipping, getattr(skipping.batch_sampler, "batch_sampler", None)]
    for one in places:
        if hasattr(one, "set_epoch"):
            one.set_epoch(epoch)
    return skipping


@pytest.mark.parametrize("done", [0, 1, 3, 5])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_resumed_epoch_goes_on_with_exactly_the_steps_that_are_left(
    epoch: int, done: int
) -> None:
    resumed = resumed_epoch(Steps(order()), epoch, done)
    assert list(resumed) == steps(order(), epoch)[done:]


def test_the_steps_are_numbers_of_rows_and_no_row_is_read() -> None:
    found = Steps(order())
    found.set_epoch(2)
    assert list(found) == steps(order(), 2)
    assert len(found) == 6
