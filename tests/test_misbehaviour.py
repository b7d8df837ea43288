"""Each kind of fault does on the wire what its name says."""

import http.client
import json
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any

import pytest

from tests.caller import ask, body, connect, everything, raw, until
from tests.endpoint import Endpoint
from tests.misbehaviour import KINDS


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint on which `[kind]` in the prompt orders the fault."""
    with Endpoint(
        tmp_path_factory.mktemp("faulty"),
        marked={f"[{kind}]": kind for kind in KINDS},
        retry_after=2,
        late=0.2,
        byte_every=0.0002,
        bomb=8,
        redirect="http://127.0.0.1:9/v1/chat/completions",
    ) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("400", 400, None),
        ("400_context", 400, "context_length_exceeded"),
        ("400_context_llama", 400, 400),
        ("401", 401, "invalid_api_key"),
        ("402", 402, 402),
        ("403", 403, "unsupported_country"),
        ("404", 404, "model_not_found"),
        ("408", 408, None),
        ("409", 409, None),
        ("413", 413, None),
        ("422", 422, None),
        ("429", 429, "rate_limit_exceeded"),
        ("429_quota", 429, "insufficient_quota"),
        ("500", 500, None),
        ("502", 502, None),
        ("503", 503, None),
        ("504", 504, None),
        ("529", 529, None),
    ],
)
def test_a_call_is_turned_away(faulty: Endpoint, kind: str, status: int, code: object) -> None:
    got, headers, data = ask(faulty, f"[{kind}]")
    assert (got, headers["retry-after"]) == (status, None)
    assert json.loads(data)["error"]["code"] == code
    last = faulty.events()[-1]
    assert (last.status, last.fault, last.usage, last.whole) == (status, kind, None, False)


def test_a_wrong_key_is_said_aloud_as_some_providers_do(faulty: Endpoint) -> None:
    assert b"sk-aloud" in ask(faulty, "[401]", key="sk-aloud")[2]


@pytest.mark.parametrize(
    ("kind", "status", "value"),
    [
        ("429_retry_after", 429, "2"),
        ("503_retry_after", 503, "2"),
        ("retry_after_year", 429, "31536000"),
        ("retry_after_nonsense", 429, "soon"),
    ],
)
def test_a_call_is_told_how_long_to_wait(
    faulty: Endpoint, kind: str, status: int, value: str
) -> None:
    got, headers, _ = ask(faulty, f"[{kind}]")
    assert (got, headers["retry-after"]) == (status, value)


def test_a_call_is_told_the_date_to_wait_for(faulty: Endpoint) -> None:
    date = parsedate_to_datetime(ask(faulty, "[retry_after_date]")[1]["retry-after"])
    assert 0 < (date - datetime.now(UTC)).total_seconds() <= 2


def test_a_call_is_sent_to_another_address(faulty: Endpoint) -> None:
    status, headers, data = ask(faulty, "[redirect]")
    assert (status, headers["location"], data) == (307, faulty.behaviour.redirect, b"")


def test_a_page_comes_with_status_200(faulty: Endpoint) -> None:
    status, headers, data = ask(faulty, "[html]")
    assert (status, headers["content-type"]) == (200, "text/html")
    assert data.startswith(b"<!doctype html>")


def test_json_comes_that_is_no_completion(faulty: Endpoint) -> None:
    status, _, data = ask(faulty, "[json_other]")
    assert status == 200
    assert "choices" not in json.loads(data)


def test_a_body_does_not_end(faulty: Endpoint) -> None:
    connection = connect(faulty)
    connection.request("POST", "/v1/chat/completions", json.dumps(body("[endless]")))
    response = connection.getresponse()
    assert (response.status, len(response.read(3_000_000))) == (200, 3_000_000)
    connection.close()
    until(lambda: faulty.events()[-1].event == "abandoned")
    assert faulty.events()[-1].fault == "endless"


def test_a_small_body_swells(faulty: Endpoint) -> None:
    _, headers, data = ask(faulty, "[gzip_bomb]")
    assert headers["content-encoding"] == "gzip"
    assert len(data) < 8 * 1200
    assert zlib.decompress(data, 31) == bytes(8 << 20)


def test_a_call_hangs_until_the_caller_leaves(faulty: Endpoint) -> None:
    with raw(faulty, "[hang]") as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert faulty.events()[-1].event == "received"
    until(lambda: faulty.events()[-1].event == "abandoned")
    assert faulty.events()[-1].usage


def test_a_connection_is_reset(faulty: Endpoint) -> None:
    with raw(faulty, "[reset]") as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert faulty.events()[-1].status is None


def test_a_connection_is_closed_without_an_answer(faulty: Endpoint) -> None:
    assert everything(raw(faulty, "[close]")) == b""
    assert not faulty.events()[-1].whole


def test_json_breaks_off_and_the_connection_lives(faulty: Endpoint) -> None:
    connection = connect(faulty)
    for _ in range(2):
        connection.request("POST", "/v1/chat/completions", json.dumps(body("[truncated]")))
        response = connection.getresponse()
        data = response.read()
        assert (response.status, data[:7]) == (200, b'{"id": ')
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(data)
    connection.close()
    assert not faulty.events()[-1].whole


def test_a_body_is_shorter_than_its_length(faulty: Endpoint) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(faulty, "[cut_body]")
    assert not faulty.events()[-1].whole


def test_an_answer_is_late(faulty: Endpoint) -> None:
    start = time.monotonic()
    assert ask(faulty, "[late]")[0] == 200
    assert time.monotonic() - start >= 0.2


def test_a_body_comes_byte_by_byte(faulty: Endpoint) -> None:
    with raw(faulty, "[slow_body]") as client:
        head, _, start = client.recv(1 << 16).partition(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split()[0])
        pieces: list[bytes] = []
        while len(start) + sum(map(len, pieces)) < size:
            pieces.append(client.recv(1 << 16))
    assert json.loads(start + b"".join(pieces))["object"] == "chat.completion"
    assert len(pieces) > size / 10
    until(lambda: faulty.events()[-1].whole)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("empty", {"content": "", "finish": "stop"}),
        ("length", {"finish": "length"}),
        ("content_filter", {"content": "", "finish": "content_filter"}),
        ("refusal", {"content": None, "refusal": "I'm sorry, I can't help with that."}),
        ("other_model", {"model": "another-model", "finish": "stop"}),
        ("no_usage", {"usage": None, "finish": "stop"}),
        ("absurd_usage", {"usage": {"prompt_tokens": 10**12, "completion_tokens": 10**12}}),
        ("negative_usage", {"usage": {"prompt_tokens": -7, "completion_tokens": -7}}),
    ],
)
def test_a_whole_completion_says_something_odd(
    faulty: Endpoint, kind: str, expected: dict[str, Any]
) -> None:
    status, _, data = ask(faulty, f"[{kind}]")
    reply = json.loads(data)
    choice = reply["choices"][0]
    usage = reply.get("usage")
    found = {
        "content": choice["message"]["content"],
        "refusal": choice["message"]["refusal"],
        "finish": choice["finish_reason"],
        "model": reply["model"],
        "usage": usage and {name: usage[name] for name in ("prompt_tokens", "completion_tokens")},
    }
    assert status == 200
    assert found | expected == found
    last = faulty.events()[-1]
    assert last.whole
    assert last.content == found["content"]
    assert last.usage
    assert last.usage["prompt_tokens"] == ceil(len(f"[{kind}]") / 4)
