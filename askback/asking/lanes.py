"""An endpoint as calls see it: how many at once, how many a minute, left out while it is down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from askback.asking.budget import most_output
from askback.asking.capacity import Capacity
from askback.asking.client import CallError, Client
from askback.asking.replies import Request

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

DOWN = 5  # failures in a row; then the endpoint is left out, and one call at a time tries it
LONGEST_PAUSE = 60.0  # seconds
BYTES_PER_TOKEN = 4  # roughly; only how fast tokens are asked for hangs on it
WINDOW = 10.0  # seconds in which a minute's tokens are shared out


class Lane:
    """An endpoint with its limits."""

    def __init__(self, client: Client, most: int, pace: Pace) -> None:
        self.client = client
        self.capacity = Capacity(most)
        self.pace = pace
        self.failures = 0  # in a row
        self._open_at = 0.0  # monotonic seconds
        self._trying = asyncio.Lock()

    @property
    def host(self) -> str:
        """The endpoint, for people."""
        return self.client.endpoint.host

    @property
    def down(self) -> bool:
        """Whether it is left out until it answers again."""
        return self.failures >= DOWN

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """For the block, one of the endpoint's places; waits until there is one.

        While the endpoint is down there is a single place, and a pause before it.
        """
        async with self.capacity:
            if not self.down:
                yield
                return
            async with self._trying:
                if self.down:
                    await asyncio.sleep(self._open_at - monotonic())
                yield

    async def send(self, request: Request) -> dict[str, Any]:
        """The body of the reply, as `Client.send`; the pace is the caller's to wait for."""
        start, clock = self.capacity.start(), monotonic()
        try:
            body = await self.client.send(request)
        except CallError as error:
            self.capacity.settle(start, monotonic() - clock, error.overloaded)
            self._failed()
            raise
        self.capacity.settle(start, monotonic() - clock, False)
        self.failures = 0
        return body

    def _failed(self) -> None:
        if self.down and monotonic() < self._open_at:
            return  # it was in flight when the endpoint went down, and tells nothing new
        self.failures += 1
        if self.down:
            self._open_at = monotonic() + backoff(self.failures - DOWN)


class Pace:
    """How many requests and tokens a minute an endpoint may be sent; no limit where None."""

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._requests = smooth(requests)
        self._tokens = window(tokens)

    async def wait(self, request: Request) -> None:
        """Returns when the request may go out."""
        if self._requests:
            await self._requests.acquire()
        if self._tokens:
            size = sum(len(message.content) for message in request.messages) / BYTES_PER_TOKEN
            amount = size + most_output(request)
            await self._tokens.acquire(min(amount, self._tokens.max_rate))


def smooth(per_minute: float | None) -> AsyncLimiter | None:
    """One at a time, evenly."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(1, 60 / per_minute) if per_minute else None


def window(per_minute: float | None) -> AsyncLimiter | None:
    """A minute's amount in equal shares; at once, a share at most."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(per_minute * WINDOW / 60, WINDOW) if per_minute else None


def backoff(tries: int) -> float:
    """Seconds before the next try: doubling from half a second, with jitter."""
    return float(min(LONGEST_PAUSE, 0.5 * 2.0 ** min(tries, 10))) * random.uniform(0.5, 1)
