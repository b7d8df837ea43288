"""Those who answer requests: endpoints over HTTP, or a model in this process.

Both are told which requests are still wanted, send them, put every reply into the store, and ask
again which are wanted, until none is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from askback.asking import budget, endpoints
from askback.asking.budget import Budget
from askback.asking.calls import CallLog
from askback.asking.local import Interviewer
from askback.asking.progress import Progress
from askback.asking.replies import Replies, Request
from askback.asking.store import Store
from askback.errors import UserError, WorldError
from askback.home import home

if TYPE_CHECKING:
    from askback.asking.lanes import Lane

Wanted = Callable[[], Sequence[Request]]  # the requests that are without a reply, by now


@dataclass(frozen=True, slots=True)
class Settings:
    """How calls are made: nothing of it can change a reply, so it comes from the environment."""

    endpoints: Sequence[endpoints.Endpoint]
    price: budget.Price | None
    budget: float | None
    concurrency: int  # calls in flight at one endpoint, at most
    timeout: float  # seconds for one call
    patience: float  # seconds without any reply
    requests_per_minute: float | None
    tokens_per_minute: float | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings; raises UserError where one does not make sense."""
        return cls(
            endpoints=endpoints.endpoints(environment),
            price=budget.price(environment),
            budget=budget.limit(environment),
            concurrency=count(environment, "ASKBACK_CONCURRENCY") or 512,
            timeout=positive(environment, "ASKBACK_TIMEOUT") or 120.0,
            patience=positive(environment, "ASKBACK_PATIENCE") or 300.0,
            requests_per_minute=positive(environment, "ASKBACK_REQUESTS_PER_MINUTE"),
            tokens_per_minute=positive(environment, "ASKBACK_TOKENS_PER_MINUTE"),
        )


def positive(environment: Mapping[str, str], name: str) -> float | None:
    """The number in a variable; None where it is not set."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1e-3 <= value <= 1e12:
        raise UserError(f"{name}={text}: not a number above 0")
    return value


def count(environment: Mapping[str, str], name: str) -> int | None:
    """The whole number in a variable; None where it is not set."""
    value = positive(environment, name)
    if value is not None and value != int(value):
        raise UserError(f"{name}={value:g}: not a whole number above 0")
    return None if value is None else int(value)


def refuse_offline(wanted: int) -> None:
    """Raises WorldError where something is wanted and nothing may be sent."""
    if wanted and os.environ.get("ASKBACK_OFFLINE", "").lower() not in ("", "0", "false", "no"):
        raise WorldError(
            f"{wanted} replies are not in the store, and ASKBACK_OFFLINE forbids to ask; "
            "unset it, or bring the store that has them"
        )


def ask_endpoints(wanted: Wanted, replies: Replies, settings: Settings) -> None:
    """Sends what is wanted to the endpoints until nothing is.

    Raises the Halt that ended it before; all replies that came are in the store.
    """
    import asyncio

    for line in endpoints.introduction(settings.endpoints):
        print(line, file=sys.stderr)
    with Store(home("replies")) as store, CallLog(home("calls")) as log:
        asyncio.run(rounds(wanted, replies, settings, store, log))


def ask_local(wanted: Wanted, replies: Replies, interviewer: Interviewer) -> None:
    """Has the model in this process reply to what is wanted until nothing is."""
    with Store(home("replies")) as store:
        while requests := wanted():
            progress = Progress(len(requests))
            for reply in interviewer.replies(requests):
                store.add(reply)
                if store.failure:
                    raise store.failure
                replies.add(reply)
                progress.gain(reply)
            progress.tell(last=True)


async def rounds(
    wanted: Wanted, replies: Replies, settings: Settings, store: Store, log: CallLog
) -> None:
    """Asks, looks what follows from the replies, asks that."""
    import asyncio

    from askback.asking.asker import Asker, complaint

    lanes = [lane(endpoint, settings) for endpoint in settings.endpoints]
    spending = Budget(settings.budget, settings.price, replies.spent)
    asker = Asker(lanes, store, spending, log, replies.add, settings.patience)
    try:
        while requests := [r for r in wanted() if r.key not in asker.unanswerable]:
            await asker.ask(requests)
        if halt := complaint(asker):
            raise halt
    finally:
        await asyncio.gather(*(one.client.close() for one in lanes))


def lane(endpoint: endpoints.Endpoint, settings: Settings) -> Lane:
    """An endpoint with its limits, ready for calls."""
    from askback.asking.client import Client
    from askback.asking.lanes import Lane, Pace

    client = Client(endpoint, settings.concurrency, settings.timeout)
    pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
    return Lane(client, settings.concurrency, pace)
