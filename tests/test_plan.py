"""The forecast: from earlier replies where there are some; what is unknown is called so."""

from askback.asking.budget import Price
from askback.asking.plan import plan
from askback.asking.replies import Reply, Request
from askback.records import Message

SAMPLING = {"max_tokens": 100}
WANTED = [Request("m", [Message("user", "x" * 400)], SAMPLING, str(n)) for n in range(10)]


def reply(size: int, tokens_in: int, tokens_out: int) -> Reply:
    """An earlier reply to a prompt of `size` bytes."""
    usage = {"input": tokens_in, "output": tokens_out}
    messages = [Message("user", "x" * size)]
    return Reply("k", "m", messages, SAMPLING, "?", "answer", usage, None, "n")


def test_a_forecast_goes_by_what_replies_of_the_model_have_cost() -> None:
    found = plan(12, WANTED, [reply(100, 50, 20), reply(300, 150, 40)], Price(1, 2), rate=4.0)
    assert (found.known, found.requests, found.input, found.output) == (2, 10, 2000, 300)
    assert found.dollars == 0.0026
    assert found.seconds == 2.5
    assert list(found.lines()) == [
        "12 passages, 2 known, 10 to ask",
        "about 2,000 tokens in, 300 out; about $0.00; about 2 s",
    ]


def test_without_replies_prices_or_a_rate_the_unknown_is_called_unknown() -> None:
    found = plan(10, WANTED, [], None, None)
    assert (found.input, found.output, found.dollars, found.seconds) == (1000, 250, None, None)
    assert "price unknown" in list(found.lines())[1]
    assert "time unknown" in list(found.lines())[1]


def test_where_all_is_known_there_is_one_line() -> None:
    assert list(plan(10, [], [], None, None).lines()) == ["10 passages, 10 known, 0 to ask"]
