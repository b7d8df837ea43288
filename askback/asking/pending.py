"""Calls that have not gone out: in line for a worker, and their intents on the way to the disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count

from askback.asking.replies import Intent, Request
from askback.asking.store import Store


@dataclass
class Call:
    """A request on its way to a reply."""

    request: Request
    tries: int = 0  # that were not put off
    failures: int = 0  # in all
    intent: Intent | None = None  # written, and neither answered nor perhaps paid for in vain


class Waiting:
    """Calls that wait for a worker. Those whose cost is set aside come before all others."""

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[bool, int, Call]] = asyncio.PriorityQueue()
        self._number = count()
        self._ready = 0  # of those that come first

    def put(self, call: Call) -> None:
        """Takes the call in, behind its like."""
        self._ready += call.intent is not None
        self._queue.put_nowait((call.intent is None, next(self._number), call))

    async def get(self) -> Call:
        """The next call, when there is one."""
        _, _, call = await self._queue.get()
        self._ready -= call.intent is not None
        return call

    def again(self) -> bool:
        """Whether one waits whose cost is set aside."""
        return self._ready > 0


class Intents:
    """Writes the intents of calls about to start; those that wait together share a sync."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Intent, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, intent: Intent) -> None:
        """Returns when the intent is on the disk; raises OSError where the store is broken."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((intent, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: OSError | None = None
            try:
                await asyncio.to_thread(self._store.intend, *[intent for intent, _ in group])
            except OSError as error:
                failure = error
            for _, written in group:
                if not written.done():
                    written.set_exception(failure) if failure else written.set_result(None)
