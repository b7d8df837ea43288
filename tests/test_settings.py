"""What the environment says of calls: whether any is made, how many at once, how many a minute."""

from pathlib import Path

import pytest

from askback.asking.backends import Settings
from askback.errors import UserError
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry

KEY = "sk-marker-0123456789abcdef"


def asking(folder: Path, count: int) -> Inquiry:
    """A folder with so many passages."""
    return Inquiry(folder / "inquiry", count, filters=["several"])


def test_offline_never_calls_out(tmp_path: Path) -> None:
    """And where all is known there is no need to; nor, then, of anybody to call."""
    with Endpoint(tmp_path / "endpoint", latency=0.05) as endpoint:
        inquiry = asking(tmp_path, 20)
        code, told = inquiry.run(endpoint, ASKBACK_OFFLINE="1")
        assert code == 3
        assert told.splitlines()[-1].startswith(
            "questions: 20 replies are not in the store, and ASK"
        )
        assert endpoint.events() == []

        code, told = inquiry.run(endpoint, ASKBACK_CONCURRENCY="3")
        assert code == 0, told
        assert endpoint.most_at_once() == 3

        asked = len(endpoint.events())
        code, told = inquiry.run(ASKBACK_OFFLINE="1", OPENAI_BASE_URL="")
        assert code == 0, told
        assert len(inquiry.exchanges) == 20
        assert len(endpoint.events()) == asked


def test_no_more_requests_go_out_than_a_minute_may_have(tmp_path: Path) -> None:
    """600 a minute: ten a second, evenly."""
    with Endpoint(tmp_path / "endpoint", latency=0.3) as endpoint:
        code, told = asking(tmp_path, 20).run(endpoint, ASKBACK_REQUESTS_PER_MINUTE="600")
        assert code == 0, told
        times = [event.time for event in endpoint.received()]
    spans = [after - before for before, after in zip(times, times[10:], strict=False)]
    assert min(spans) > 0.9
    assert times[-1] - times[0] < 0.1 * len(times) * 1.3, "the pace that is allowed is not used"


def test_no_more_tokens_are_asked_for_than_a_minute_may_have(tmp_path: Path) -> None:
    """24,000 a minute: the share of ten seconds at first, then 400 a second."""
    with Endpoint(tmp_path / "endpoint", latency=0.1) as endpoint:
        code, told = asking(tmp_path, 26).run(endpoint, ASKBACK_TOKENS_PER_MINUTE="24000")
        assert code == 0, told
        used = {event.number: event.usage for event in endpoint.answered()}
        received = endpoint.received()
    sent, start = 0.0, received[0].time
    for event in received:
        usage = used[event.number]
        assert usage
        sent += usage["prompt_tokens"] + 50  # questions.sampling.max_tokens
        assert sent < 4000 + 400 * (event.time - start + 0.3)
    assert sent > 4500, "too few to see"
    assert received[-1].time - start < (sent - 4000) / 400 * 1.3 + 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("ASKBACK_CONCURRENCY", text) for text in ("0", "-1", "many", "0.5", "nan", "inf")),
        *(("ASKBACK_TIMEOUT", text) for text in ("0", "soon")),
        *(("ASKBACK_PATIENCE", text) for text in ("-5", "5 min")),
        *(("ASKBACK_REQUESTS_PER_MINUTE", text) for text in ("0", "1/s")),
        *(("ASKBACK_TOKENS_PER_MINUTE", text) for text in ("-1", "90k")),
        *(("ASKBACK_PRICE", text) for text in ("1", "1,2,3", "a,b", "-1,2", "nan,1")),
        *(("ASKBACK_BUDGET", text) for text in ("-1", "$5", "inf")),
        ("OPENAI_BASE_URL", "localhost:8000/v1"),
        ("OPENAI_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "http://[::1/v1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:99999/v1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:x/v1"),
        ("OPENAI_BASE_URL", KEY),
        ("OPENAI_API_KEY", f"{KEY},{KEY}"),
        ("OPENAI_API_KEY", f"{KEY}\nand"),
        ("OPENAI_API_KEY", f"“{KEY}”"),
        ("OPENAI_API_KEY", f"{KEY} {KEY}"),
    ],
)
def test_what_makes_no_sense_is_named(name: str, text: str) -> None:
    sound = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "ASKBACK_PRICE": "1,1"}
    with pytest.raises(UserError, match=name) as refused:
        Settings.read(sound | {name: text})
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("name", ["ASKBACK_CONCURRENCY", "ASKBACK_BUDGET"])
def test_what_makes_no_sense_ends_in_exit_2_before_any_call(tmp_path: Path, name: str) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        code, told = asking(tmp_path, 5).run(
            endpoint, **{"ASKBACK_PRICE": "1,1", "OPENAI_API_KEY": KEY, name: "nonsense"}
        )
        assert code == 2
        assert told.startswith(f"questions: {name}=nonsense: not a number")
        assert told.count("\n") == 1
        assert endpoint.events() == []


def test_a_budget_without_prices_is_refused_before_any_call(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        code, told = asking(tmp_path, 5).run(endpoint, ASKBACK_BUDGET="5")
        assert code == 2
        assert told.startswith("questions: ASKBACK_BUDGET needs prices: set ASKBACK_PRICE=")
        assert endpoint.events() == []
