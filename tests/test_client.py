"""One call against an endpoint that misbehaves: what each misbehaviour is taken for."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from askback.asking.budget import Price, most_tokens
from askback.asking.client import MAX_WAIT, CallError, Client, RequestError, reply
from askback.asking.endpoints import Endpoint as Address
from askback.asking.replies import Reply, Request
from askback.errors import UserError, WorldError
from askback.records import Message
from tests.endpoint import Endpoint

KEY = "sk-marker-0123456789"
REQUEST = Request("test-model", [Message("user", "Ask about salt.")], {"max_tokens": 50}, "p")


def call(endpoint: Endpoint, timeout: float = 5.0) -> Reply:
    """The reply to REQUEST, or what is raised instead."""

    async def run() -> Reply:
        client = Client(Address(endpoint.url, KEY), 4, timeout)
        try:
            return reply(REQUEST, await client.send(REQUEST), Price(1, 2), "n")
        finally:
            await client.close()

    return asyncio.run(run())


def after(tmp_path: Path, kind: str, **behaviour: Any) -> Endpoint:
    """An endpoint whose every answer goes wrong in this way."""
    return Endpoint(tmp_path, since={1: kind}, **behaviour)


def test_a_reply_comes_with_its_verdict_usage_and_price(tmp_path: Path) -> None:
    with Endpoint(tmp_path, script=[["salt", "What is salt?"]]) as endpoint:
        got = call(endpoint)
        [received] = endpoint.received()
    assert (got.text, got.verdict, got.model) == ("What is salt?", "answer", "test-model")
    assert got.price == Price(1, 2).of(got.usage)
    assert got.key == REQUEST.key
    assert received.authorization == f"Bearer {KEY}"
    assert received.sampling == {"max_tokens": 50}


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("length", "cut_off"), ("content_filter", "filtered"), ("refusal", "refusal")],
)
def test_what_the_model_would_not_or_could_not_say_is_a_verdict(
    tmp_path: Path, kind: str, verdict: str
) -> None:
    with after(tmp_path, kind) as endpoint:
        assert call(endpoint).verdict == verdict


def test_an_empty_reply_is_a_reply(tmp_path: Path) -> None:
    with after(tmp_path, "empty") as endpoint:
        assert (call(endpoint).text, call(endpoint).verdict) == ("", "answer")


@pytest.mark.parametrize("kind", ["no_usage", "absurd_usage", "negative_usage"])
def test_a_count_of_tokens_that_cannot_be_is_the_most_that_can(tmp_path: Path, kind: str) -> None:
    with after(tmp_path, kind) as endpoint:
        got = call(endpoint)
    most = most_tokens(REQUEST)
    assert got.usage["output"] <= most["output"]
    assert got.usage["input"] <= most["input"]
    assert "input" not in kind or got.usage == most
    if kind == "no_usage":
        assert got.usage == most


@pytest.mark.parametrize(
    ("kind", "told", "charged", "overloaded"),
    [
        ("429", "429", False, True),
        ("503", "503", False, True),
        ("529", "529", False, True),
        ("500", "500", False, False),
        ("502", "502", False, False),
        ("408", "408", False, False),
        ("409", "409", False, False),
        ("hang", "no reply within 0.5 s", True, True),
        ("slow_body", "no reply within 0.5 s", True, True),
        ("reset", "", True, False),
        ("close", "", True, False),
        ("truncated", "no JSON", True, False),
        ("cut_body", "", True, False),
        ("html", "no JSON", True, False),
        ("json_other", "no chat completion", True, False),
        ("endless", "more than 1048576 bytes", True, False),
        ("gzip_bomb", "compressed", True, False),
    ],
)
def test_what_another_try_may_mend_is_a_call_error(
    tmp_path: Path, kind: str, told: str, charged: bool, overloaded: bool
) -> None:
    start = time.monotonic()
    with after(tmp_path, kind) as endpoint, pytest.raises((CallError, ValueError)) as failed:
        call(endpoint, timeout=0.5 if "0.5 s" in told else 3)
    assert told in str(failed.value)
    assert time.monotonic() - start < 4
    if isinstance(failed.value, CallError):
        assert (failed.value.charged, failed.value.overloaded) == (charged, overloaded)


def test_an_endpoint_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with Endpoint(tmp_path) as endpoint:
        endpoint.stop()
        with pytest.raises(CallError) as failed:
            call(endpoint)
    assert not failed.value.charged
    assert "connect" in str(failed.value).lower()


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("429", None),
        ("429_retry_after", 7.0),
        ("503_retry_after", 7.0),
        ("retry_after_year", MAX_WAIT),
        ("retry_after_nonsense", None),
    ],
)
def test_an_endpoint_says_how_long_to_wait_within_reason(
    tmp_path: Path, kind: str, seconds: float | None
) -> None:
    with after(tmp_path, kind, retry_after=7.0) as endpoint, pytest.raises(CallError) as failed:
        call(endpoint)
    assert failed.value.wait == seconds


def test_a_date_to_wait_for_is_understood(tmp_path: Path) -> None:
    with (
        after(tmp_path, "retry_after_date", retry_after=30.0) as endpoint,
        pytest.raises(CallError) as failed,
    ):
        call(endpoint)
    assert failed.value.wait is not None
    assert 25 < failed.value.wait <= 31


@pytest.mark.parametrize("kind", ["400", "400_context", "400_context_llama", "413", "422"])
def test_what_is_wrong_with_the_request_is_not_sent_again(tmp_path: Path, kind: str) -> None:
    with after(tmp_path, kind) as endpoint, pytest.raises(RequestError, match=kind[:3]):
        call(endpoint)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("401", "check OPENAI_API_KEY"),
        ("403", "check OPENAI_API_KEY"),
        ("404", "check questions.model"),
    ],
)
def test_a_wrong_setting_is_named_without_the_key(tmp_path: Path, kind: str, advice: str) -> None:
    with after(tmp_path, kind) as endpoint, pytest.raises(UserError, match=advice) as failed:
        call(endpoint)
    assert KEY not in str(failed.value)
    assert f"127.0.0.1:{endpoint.port}" in str(failed.value)


@pytest.mark.parametrize("kind", ["402", "429_quota"])
def test_an_account_without_credit_ends_the_run(tmp_path: Path, kind: str) -> None:
    with after(tmp_path, kind) as endpoint, pytest.raises(WorldError, match="out of credit"):
        call(endpoint)


def test_a_redirect_is_not_followed_and_the_other_place_sees_nothing(tmp_path: Path) -> None:
    with (
        Endpoint(tmp_path / "other", transcript=True) as other,
        after(tmp_path / "one", "redirect", redirect=other.url + "/chat/completions") as one,
        pytest.raises(UserError, match="sends callers elsewhere"),
    ):
        call(one)
    assert other.events() == []


def test_another_model_than_the_one_asked_is_refused(tmp_path: Path) -> None:
    with after(tmp_path, "other_model") as endpoint, pytest.raises(UserError, match="answered"):
        call(endpoint)
