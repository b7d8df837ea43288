"""How many calls at once: up while it pays, back where calls only wait, down when turned away.

Time is simulated: an endpoint with `slots` serves each call in a second, and others wait in line.
"""

import asyncio
import heapq
import random

import pytest

from askback.asking.capacity import FIRST, Capacity, Start


def simulate(capacity: Capacity, calls: int, slots: int, turns_away: int | None = None) -> float:
    """Seconds that `calls` take, when as many as the limit allows are always in flight."""
    now, free = 0.0, [0.0] * slots  # when each slot is free
    ends: list[tuple[float, int, float, Start, bool]] = []

    async def place() -> None:
        await capacity.__aenter__()

    async def run() -> float:
        nonlocal now
        begun = 0
        while begun < calls or ends:
            while begun < calls and capacity.in_flight < capacity.limit:
                await place()
                away = turns_away is not None and len(ends) >= turns_away
                if away:
                    end = now + 0.05
                else:
                    end = max(now, heapq.heappop(free)) + 1.0
                    heapq.heappush(free, end)
                heapq.heappush(ends, (end, begun, now, capacity.start(), away))
                begun += 1
            now, _, start, began, away = heapq.heappop(ends)
            await capacity.__aexit__()
            capacity.settle(began, now - start, away)
        return now

    return asyncio.run(run())


@pytest.mark.parametrize("slots", [1, 4, 16])
def test_an_endpoint_with_few_slots_keeps_a_small_limit(slots: int) -> None:
    capacity = Capacity(256)
    simulate(capacity, 400, slots)
    assert FIRST <= capacity.limit <= 2 * FIRST


@pytest.mark.parametrize("slots", [64, 256, 1000])
def test_an_endpoint_with_many_slots_is_filled(slots: int) -> None:
    capacity = Capacity(2048)
    simulate(capacity, 20 * slots, slots)
    assert slots <= capacity.limit <= 4 * slots


def test_filling_256_slots_costs_two_seconds_beside_the_calls() -> None:
    assert simulate(Capacity(256), 10_000, 256) < 10_000 / 256 + 2.6


def test_there_are_never_more_than_allowed() -> None:
    capacity = Capacity(40)
    simulate(capacity, 2000, 256)
    assert capacity.limit == 40


def test_what_an_endpoint_turns_away_brings_the_limit_to_what_it_takes() -> None:
    capacity = Capacity(256)
    simulate(capacity, 4000, 256, turns_away=30)
    assert 15 <= capacity.limit <= 45


def test_a_few_that_are_turned_away_by_accident_leave_a_limit_of_some() -> None:
    capacity, draw = Capacity(64), random.Random(0)
    for _ in range(5000):
        capacity.round.full = True
        capacity.settle(capacity.start(), 1.0, draw.random() < 0.02)
    assert capacity.limit >= 8


def test_where_calls_fail_whatever_the_limit_the_limit_stays() -> None:
    """One in seven fails, of many or of few: that is the endpoint's way, and no lack of room."""
    capacity, draw = Capacity(256), random.Random(0)
    limits = []
    for _ in range(20_000):
        capacity.round.full = True
        capacity.in_flight = capacity.limit
        capacity.settle(capacity.start(), 1.0, draw.random() < 0.15)
        limits.append(capacity.limit)
    assert sum(limits) / len(limits) >= FIRST / 2


def test_a_place_is_given_on_when_one_is_free() -> None:
    async def run() -> list[int]:
        capacity, order = Capacity(1), []

        async def call(number: int) -> None:
            async with capacity:
                order.append(capacity.in_flight)
                await asyncio.sleep(0)

        await asyncio.gather(*map(call, range(5)))
        return order

    assert asyncio.run(run()) == [1, 1, 1, 1, 1]
