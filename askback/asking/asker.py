"""Sends the requests that are still without a reply, and keeps each reply the moment it lands.

A worker waits for a place at its endpoint, then takes a call. The intent to call is on the disk
before the call, the reply is in the store before anything else happens to it. A call that failed
goes back to the others after a pause; what no pause can mend ends the run, and all gained is kept.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Any

from askback.asking.budget import Budget
from askback.asking.calls import CallLog
from askback.asking.client import CallError, RequestError, reply
from askback.asking.lanes import Lane, backoff
from askback.asking.pending import Call, Intents, Waiting
from askback.asking.progress import Progress
from askback.asking.replies import Intent, Reply, Request, nonce
from askback.asking.store import Store
from askback.errors import Halt, UserError, WorldError

TRIES = 10  # of one request, before it is set aside
REFUSED = 8  # requests refused before any reply: it is not the passages, but a setting
STOPPING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP  # the last: a terminal that is gone
GRACE = 20.0  # seconds for calls in flight when the run is told to stop


@dataclass
class Asker:
    """What all calls of a run share."""

    lanes: Sequence[Lane]
    store: Store
    budget: Budget
    log: CallLog
    keep: Callable[[Reply], None]  # told of every reply, once it is in the store
    patience: float  # seconds without any reply before the endpoints count as down
    hopeless: list[tuple[Request, str]] = field(default_factory=list)  # never to be answered
    set_aside: list[tuple[Request, str]] = field(default_factory=list)  # failed TRIES times

    @property
    def unanswerable(self) -> set[str]:
        """The keys of requests that this run sends no more."""
        return {request.key for request, _ in (*self.hopeless, *self.set_aside)}

    async def ask(self, requests: Sequence[Request]) -> None:
        """Returns when each request has a reply, or is hopeless or set aside.

        Raises the Halt that ended the run before; calls in flight then have GRACE seconds.
        """
        self._calls = Waiting()
        self._left, self._open = len(requests), 0
        self._done = asyncio.Event()
        self._halt: Halt | None = None
        self._intents = Intents(self.store)
        self._progress = Progress(len(requests))
        self._gained_at = monotonic()
        for request in requests:
            self._calls.put(Call(request))
        with stopped_by_signals(self.stop):
            await self._work()
        self._progress.tell(last=True)
        if self._halt:
            raise self._halt

    def stop(self, halt: Halt) -> None:
        """Ends the run: no further call goes out."""
        self._halt = self._halt or halt
        self._done.set()

    async def _work(self) -> None:
        workers = [
            asyncio.create_task(self._serve(lane))
            for lane in self.lanes
            for _ in range(min(lane.capacity.most, self._left))
        ]
        for worker in workers:
            worker.add_done_callback(self._ended)
        if self._left:
            await self._done.wait()
        until = monotonic() + GRACE
        while self._open and monotonic() < until:
            await asyncio.sleep(0.05)
        for worker in workers:
            worker.cancel()
        ends = await asyncio.gather(*workers, return_exceptions=True)
        for end in ends:  # a bug keeps its traceback
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    def _ended(self, worker: asyncio.Task[None]) -> None:
        """A worker that met a bug ends the run."""
        if not worker.cancelled() and worker.exception():
            self._done.set()

    async def _serve(self, lane: Lane) -> None:
        """One worker of a lane: a call at a time, until the run ends."""
        while not self._done.is_set():
            async with lane.place():
                call = await self._calls.get()
                if self._done.is_set():
                    return
                try:
                    await self._attempt(lane, call)
                except Halt as halt:
                    self.stop(halt)
                except OSError as error:
                    self.stop(broken(error))

    async def _attempt(self, lane: Lane, call: Call) -> None:
        """One try of a call, and what follows from it."""
        intent = call.intent = await self._intend(lane, call)
        if intent is None or self._done.is_set():
            return
        if self.store.failure:  # since the intent was written, perhaps long ago
            raise self.store.failure
        self._open += 1
        start = monotonic()
        try:
            body = await lane.send(call.request)
            self._gain(call, body, intent)
            self._logged(lane, call, start, answered=True)
        except RequestError as error:
            self._logged(lane, call, start, error=str(error))
            self._give_up(self.hopeless, call, str(error))
            if not self._progress.gained and len(self.hopeless) >= REFUSED:
                self.stop(refused(self.hopeless))
        except CallError as error:
            self._logged(lane, call, start, error=str(error))
            self._failed(lane, call, error)
        finally:
            self._open -= 1

    async def _intend(self, lane: Lane, call: Call) -> Intent | None:
        """The intent to send the call, on the disk, its cost set aside, when the pace allows it.

        None, and the call waits again, where there is no money and others have theirs already.
        """
        request = call.request
        intent = call.intent or Intent(request.key, self.budget.most(request), nonce())
        if call.intent is None and not await self.budget.reserve(
            intent.nonce, intent.most, unless=self._calls.again
        ):
            self._calls.put(call)
            return None
        await lane.pace.wait(request)
        if call.intent is None and not self._done.is_set():
            await self._intents.write(intent)
        return intent

    def _gain(self, call: Call, body: dict[str, Any], intent: Intent) -> None:
        try:
            gained = reply(call.request, body, self.budget.price, intent.nonce)
        except ValueError as error:
            raise CallError(str(error)) from None
        self.store.add(gained)
        self.keep(gained)
        self.budget.settle(intent.nonce, gained.price)
        self._progress.gain(gained)
        self._gained_at = monotonic()
        self._settle()

    def _failed(self, lane: Lane, call: Call, error: CallError) -> None:
        """Sends the call again after a pause, unless it or the endpoints have had enough tries."""
        self._progress.fail()
        call.failures += 1
        call.tries += error.charged or not error.overloaded  # others say: not now
        assert call.intent
        if error.charged:  # perhaps paid for: the next try is another call
            self.budget.settle(call.intent.nonce)
            call.intent = None
        silent = monotonic() - self._gained_at
        if silent > self.patience:
            self.stop(WorldError(f"{lane.host}: no reply for {silent:.0f} s: {error}; run again"))
        elif call.tries >= TRIES:
            self._give_up(self.set_aside, call, f"{lane.host}: {error}")
        else:
            pause = backoff(call.failures - 1) if error.wait is None else error.wait
            asyncio.get_running_loop().call_later(pause, self._again, call)

    def _again(self, call: Call) -> None:
        self._calls.put(call)
        self.budget.look_again()

    def _give_up(self, where: list[tuple[Request, str]], call: Call, told: str) -> None:
        where.append((call.request, told))
        if call.intent:
            self.budget.settle(call.intent.nonce)
        self._settle()

    def _settle(self) -> None:
        self._left -= 1
        if not self._left:
            self._done.set()

    def _logged(self, lane: Lane, call: Call, start: float, **fields: object) -> None:
        self.log.write(
            passage=call.request.passage,
            key=call.request.key,
            endpoint=lane.host,
            limit=lane.capacity.limit,
            seconds=round(monotonic() - start, 3),
            **fields,
        )


@contextmanager
def stopped_by_signals(stop: Callable[[Halt], None]) -> Iterator[None]:
    """For the block, a signal to stop ends the asking in order; a second one as it did before."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOPPING}
    before = {n: handler for n, handler in before.items() if handler is not signal.SIG_IGN}

    def told(number: int, frame: FrameType | None) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        loop.call_soon_threadsafe(stop, WorldError("stopped; what was gained is kept, run again"))
        with suppress(OSError):  # whoever read the messages may have gone first
            print("stopping: calls in flight are waited for", file=sys.stderr)

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def broken(error: OSError) -> WorldError:
    """What to tell of a disk that takes no more."""
    return WorldError(
        f"the store of replies: {error}; no further call was made: make room, or mend the disk, "
        "and run again"
    )


def complaint(asker: Asker) -> Halt | None:
    """What to tell of requests that have no reply, if some have none."""
    if asker.hopeless:
        return refused(asker.hopeless)
    if not asker.set_aside:
        return None
    request, told = asker.set_aside[0]
    return WorldError(
        f"passage {request.passage}: no reply in {TRIES} tries: {told}{others(asker.set_aside)}; "
        f"all else is kept: run again, or `askback replies give-up {request.passage}`"
    )


def refused(hopeless: Sequence[tuple[Request, str]]) -> UserError:
    """What to tell of requests that the endpoint will never answer."""
    request, told = hopeless[0]
    return UserError(
        f"passage {request.passage}: the endpoint refuses its prompt: {told}{others(hopeless)}; "
        "change questions.sampling or segment.max_chars, or "
        f"`askback replies give-up {request.passage}`"
    )


def others(failed: Sequence[object]) -> str:
    """How many more there are, if any."""
    return f" (and {len(failed) - 1} more so)" if len(failed) > 1 else ""
