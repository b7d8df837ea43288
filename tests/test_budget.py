"""What calls cost: bounded before, counted after, never more than the budget."""

import asyncio

import pytest

from askback.asking.budget import Budget, Price, limit, most_tokens, price
from askback.asking.replies import Request
from askback.errors import UserError, WorldError
from askback.records import Message

REQUEST = Request("m", [Message("user", "Straße")], {"max_tokens": 100}, "p")


def test_the_most_that_a_call_can_have_is_its_bytes_and_its_limit() -> None:
    """7 bytes; 16 around the message and 64 around all for a chat template."""
    assert most_tokens(REQUEST) == {"input": 87, "output": 100}
    other = Request("m", [], {"max_completion_tokens": 7}, "p")
    assert most_tokens(other) == {"input": 64, "output": 7}


def test_a_price_is_dollars_for_a_million_tokens() -> None:
    assert price({"ASKBACK_PRICE": "0.15, 0.60"}) == Price(0.15, 0.6)
    assert Price(2.0, 10.0).of({"input": 1000, "output": 100}) == 0.003


def test_what_is_not_set_is_unknown_and_not_nothing() -> None:
    assert (price({}), limit({})) == (None, None)
    assert Budget(None, None, 0).most(REQUEST) is None


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="ASKBACK_PRICE"):
        price({"ASKBACK_PRICE": text})


def test_a_budget_without_prices_is_refused() -> None:
    with pytest.raises(UserError, match="ASKBACK_BUDGET needs prices"):
        limit({"ASKBACK_BUDGET": "5"})
    assert limit({"ASKBACK_BUDGET": "5", "ASKBACK_PRICE": "1,1"}) == 5.0


def test_no_call_is_let_through_that_could_pass_the_budget() -> None:
    async def run() -> float:
        budget = Budget(1.0, Price(1, 1), spent=0.5)
        await budget.reserve("a", 0.5)
        budget.settle("a", 0.25)
        await budget.reserve("b", 0.25)
        budget.settle("b")  # nobody knows: it counts in full
        with pytest.raises(WorldError, match="ASKBACK_BUDGET of \\$1 allows no further call"):
            await budget.reserve("c", 0.01)
        return budget.spent

    assert asyncio.run(run()) == 1.0


def test_a_call_waits_while_others_may_turn_out_cheaper() -> None:
    async def run() -> list[str]:
        order = []
        budget = Budget(1.0, Price(1, 1), spent=0.0)
        await budget.reserve("a", 0.8)

        async def second() -> None:
            await budget.reserve("b", 0.8)
            order.append("b")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.01)
        order.append("a is settled")
        budget.settle("a", 0.1)
        await waiting
        return order

    assert asyncio.run(run()) == ["a is settled", "b"]
