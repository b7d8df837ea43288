"""What calls cost, and the limit that they keep to: ASKBACK_PRICE and ASKBACK_BUDGET."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from askback.asking.replies import Request
from askback.errors import UserError, WorldError

PER_MESSAGE = 16  # tokens that a chat template may put around a message, at most
PER_REQUEST = 64  # and around all of them, a system line of its own included


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float

    def of(self, usage: Mapping[str, int]) -> float:
        """What these tokens cost, in US dollars."""
        return (self.input * usage["input"] + self.output * usage["output"]) / 1e6


class Budget:
    """The dollars that may still be spent, shared by all calls of a run."""

    def __init__(self, limit: float | None, price: Price | None, spent: float) -> None:
        import asyncio

        self.limit = limit
        self.price = price
        self.spent = spent  # in this store so far; calls that left no reply count in full
        self._reserved: dict[str, float] = {}  # by the nonce of an open call
        self._change = asyncio.Event()

    def most(self, request: Request) -> float | None:
        """The most that a call can cost, in US dollars; None where no price is known."""
        return self.price.of(most_tokens(request)) if self.price else None

    async def reserve(
        self, nonce: str, most: float | None, unless: Callable[[], bool] = lambda: False
    ) -> bool:
        """Sets `most` aside for a call; waits for open calls that may cost less than they could.

        False, with nothing set aside, where it had to wait and `unless` says that there is better
        to do. Raises WorldError once the budget allows no further call.
        """
        while self.limit is not None and self._committed() + (most or 0) > self.limit:
            if not self._reserved:
                raise WorldError(
                    f"ASKBACK_BUDGET of ${self.limit:g} allows no further call: "
                    f"${self.spent:.4f} is spent, and the next could cost ${most or 0:.4f}"
                )
            if unless():
                return False
            self._change.clear()
            await self._change.wait()
        self._reserved[nonce] = most or 0
        return True

    def look_again(self) -> None:
        """Lets those who wait see whether they still have to."""
        self._change.set()

    def settle(self, nonce: str, cost: float | None = None) -> None:
        """Counts an open call as spent: what it cost, or all that it could where nobody knows."""
        most = self._reserved.pop(nonce, 0)
        self.spent += most if cost is None else cost
        self._change.set()

    def _committed(self) -> float:
        return self.spent + math.fsum(self._reserved.values())


def most_tokens(request: Request) -> dict[str, int]:
    """The most tokens that a request can have in and out: no token is less than a byte."""
    contents = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    around = PER_REQUEST + PER_MESSAGE * len(request.messages)
    return {"input": contents + around, "output": most_output(request)}


def most_output(request: Request) -> int:
    """The most tokens that the reply can have."""
    sampling = request.sampling
    return int(sampling.get("max_tokens") or sampling.get("max_completion_tokens") or 0)


def price(environment: Mapping[str, str]) -> Price | None:
    """ASKBACK_PRICE=IN,OUT in US dollars per million tokens; None where it is not set."""
    text = environment.get("ASKBACK_PRICE", "").strip()
    if not text:
        return None
    numbers = [dollars("ASKBACK_PRICE", part) for part in text.split(",")]
    if len(numbers) != 2:
        raise UserError(
            f"ASKBACK_PRICE={text}: write dollars per million tokens in and out: 0.15,0.60"
        )
    return Price(*numbers)


def limit(environment: Mapping[str, str]) -> float | None:
    """ASKBACK_BUDGET in US dollars; None where it is not set."""
    text = environment.get("ASKBACK_BUDGET", "").strip()
    if not text:
        return None
    if not environment.get("ASKBACK_PRICE", "").strip():
        raise UserError("ASKBACK_BUDGET needs prices: set ASKBACK_PRICE=0.15,0.60 (in,out) too")
    return dollars("ASKBACK_BUDGET", text)


def dollars(name: str, text: str) -> float:
    """The number in an environment variable."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < math.inf:
        raise UserError(f"{name}={text}: not a number of dollars, such as 0.15")
    return value
