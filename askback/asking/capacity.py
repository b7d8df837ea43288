"""How many calls an endpoint takes at once, found out while it works.

The rate of an endpoint is the calls in flight over their mean duration (Little's law). While a
larger limit brings a higher rate, the endpoint has room; where it only makes calls wait longer, the
limit goes back. Calls that are turned away as too much bring it down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Self

FIRST = 16  # calls in flight: few enough for a model on a laptop, whose queue they fill
GROWTH, GAIN = 4.0, 2.0  # at first: the limit's factor, and that of the rate which proves it right
LATER_GROWTH, LATER_GAIN = 1.5, 1.2  # once a limit is found: endpoints get more room, too
SPARE = 1.25  # of a limit that was found: some calls wait there, so that no place ever does
ROUNDS = 10  # between trials of a larger limit, once one is found
TURNED_AWAY = 0.05  # the share of calls that is no accident
BY_CHANCE = 0.5  # a share up to this, and half as many calls are not turned away for lack of room
ENOUGH = 0.75  # of the limit, in calls that have ended: the first to end waited least
SAMPLE = 20  # calls at least, and three times the limit, before that share is believed: what is
# turned away comes back before what is served
LEAST_FACTOR = 0.5  # of one step down: what is turned away comes back at once and counts too often


@dataclass
class Round:
    """The calls that began since the limit was last set, and have ended."""

    settled: int = 0
    turned_away: int = 0
    in_flight: float = 0.0  # sums over those that were not turned away: of calls beside each,
    seconds: float = 0.0  # and of what it took
    full: bool = False  # as many calls as the limit allows were in flight


@dataclass(frozen=True, slots=True)
class Start:
    """When a call began: in which round, beside how many others."""

    round: Round
    in_flight: int


class Capacity:
    """A limit on calls in flight, from one to `most`.

    `async with capacity` waits for a place; `settle` tells what became of the call.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = min(FIRST, most)
        self.in_flight = 0
        self.round = Round()
        self._growing = True
        self._before: tuple[int, float] | None = None  # limit and rate to go back to
        self._rounds = 0  # since the last trial
        self._shrunk_from: tuple[int, float] | None = None  # limit and share turned away there
        self._ignored = 0  # rounds in which nobody cares what is turned away
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> Self:
        while self.in_flight >= self.limit:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.in_flight += 1
        self.round.full |= self.in_flight >= self.limit
        return self

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        self._admit()

    def start(self) -> Start:
        """What `settle` must know of a call that goes out now."""
        first = self._growing and self._before is None  # the others go out with it
        return Start(self.round, self.limit if first else self.in_flight)

    def settle(self, start: Start, seconds: float, turned_away: bool) -> None:
        """Counts a call that took `seconds`."""
        ended = start.round
        if ended is not self.round:
            return
        ended.settled += 1
        if turned_away:
            ended.turned_away += 1
        else:
            ended.in_flight += (start.in_flight + self.in_flight) / 2
            ended.seconds += seconds
        enough = max(SAMPLE, self.limit * 3) if ended.turned_away else self.limit * ENOUGH
        if ended.settled >= enough and ended.settled > ended.turned_away:
            self._close(ended)

    def _close(self, ended: Round) -> None:
        """Sets the limit by what the round has shown."""
        share = ended.turned_away / ended.settled
        rate = ended.in_flight / max(ended.seconds, 1e-9)
        self._ignored -= self._ignored > 0
        if share > TURNED_AWAY and not self._ignored:
            self._growing, self._before = False, None
            self._shrink(share)
            return
        if not ended.full:
            self._set(self.limit)
        elif self._before:
            self._judge(*self._before, rate)
        else:
            self._rounds += 1
            due = self._growing or self._rounds >= ROUNDS
            self._try_more(rate) if due else self._set(self.limit)

    def _shrink(self, share: float) -> None:
        """Makes the limit smaller; or as it was, where half of it has not helped."""
        limit, before = self._shrunk_from = self._shrunk_from or (self.limit, share)
        if before <= BY_CHANCE and self.limit * 2 <= limit:
            self._shrunk_from, self._ignored = None, ROUNDS
            self._set(limit)
        else:
            self._set(self.limit * max(1 - share, LEAST_FACTOR))

    def _judge(self, limit: int, rate_before: float, rate: float) -> None:
        """Keeps the larger limit that is on trial, or goes back to `limit`."""
        self._before = None
        gained = rate >= rate_before * (GAIN if self._growing else LATER_GAIN)
        if gained and self._growing:
            self._try_more(rate)
        else:
            self._set(self.limit if gained else limit * (SPARE if self._growing else 1))
            self._growing = False

    def _try_more(self, rate: float) -> None:
        """Puts a larger limit on trial, if there may be one."""
        self._rounds = 0
        if self.limit < self.most:
            self._before = self.limit, rate
        self._set(self.limit * (GROWTH if self._growing else LATER_GROWTH))

    def _set(self, limit: float) -> None:
        self.limit = max(1, min(round(limit), self.most))
        self.round = Round()
        self._admit()

    def _admit(self) -> None:
        room = self.limit - self.in_flight
        while room > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1
