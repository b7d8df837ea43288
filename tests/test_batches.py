"""Batch files: each call counts before it can be made, and each result lands under its own key."""

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from askback import batches
from askback.asking.budget import Price, most_tokens
from askback.asking.replies import Reply, Request, read
from askback.asking.store import Store
from askback.batches import Call, Failure, affordable, calls, export, groups, line, results
from askback.errors import UserError
from askback.records import Message

PRICE = Price(0.075, 0.3)
SAMPLING = {"max_tokens": 40, "seed": 3, "temperature": 0.7}


def request(number: int, model: str = "gpt-4o-mini", **sampling: Any) -> Request:
    """A prompt with something of every kind that JSON escapes."""
    content = f'Number {number}: "salt"\n\u2028 Ωραία \x00\x1e'
    return Request(model, [Message("user", content)], SAMPLING | sampling, f"p{number}")


def requests(count: int) -> list[Request]:
    """Different prompts."""
    return [request(number) for number in range(count)]


def completion(asked: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The body of a reply to the body of a request."""
    message = {"role": "assistant", "content": f"Why {asked['messages'][0]['content'][:9]}?"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": asked["model"] + "-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
    } | changes


def answer(data: bytes, **changes: Any) -> bytes:
    """The provider's result line for a request line."""
    asked = json.loads(data)
    assert (asked["method"], asked["url"]) == ("POST", "/v1/chat/completions")
    response = {"status_code": 200, "request_id": "r", "body": completion(asked["body"])}
    fields = {"id": "b", "custom_id": asked["custom_id"], "response": response, "error": None}
    return json.dumps(fields | changes).encode() + b"\n"


def refusal(data: bytes, status: int = 429) -> bytes:
    """The provider's line for a request that it turned down."""
    body = {"error": {"message": "no", "type": "t", "code": "c"}}
    return answer(data, response={"status_code": status, "request_id": "r", "body": body})


def expiry(data: bytes) -> bytes:
    """The provider's line for a request that it had no time for."""
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return answer(data, response=None, error=error)


def placed(data: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Lines with their places."""
    return [(f"out.jsonl:{number}", one) for number, one in enumerate(data, 1)]


def by_name(made: Iterable[Call]) -> dict[str, Call]:
    """Calls by the names of their lines."""
    return {call.name: call for call in made}


def test_a_request_line_is_what_the_batch_format_wants() -> None:
    asked = request(1)
    [call] = calls([asked], PRICE)
    data = line(call)
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert json.loads(data) == {
        "custom_id": f"{asked.key}-{call.nonce}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": asked.messages[0].content}],
            "max_tokens": 40,
            "seed": 3,
            "temperature": 0.7,
        },
    }


def test_what_comes_back_is_the_reply_to_its_request_whatever_the_order() -> None:
    made = calls(requests(50), PRICE)
    lines = [answer(line(call)) for call in made]
    random.Random(0).shuffle(lines)
    found = {
        one.key: one for one in results(placed(lines), by_name(made)) if isinstance(one, Reply)
    }
    for call in made:
        reply = found[call.request.key]
        assert (reply.messages, reply.nonce) == (call.request.messages, call.nonce)
        assert reply.text == f"Why {call.request.messages[0].content[:9]}?"
        assert reply.usage == {"input": 20, "output": 5}
        assert reply.price == pytest.approx((20 * 0.075 + 5 * 0.3) / 1e6)
    assert len(found) == 50


def test_each_failure_is_named_with_its_code_and_its_passage() -> None:
    made = calls(requests(4), None)
    lines = [refusal(line(made[0])), expiry(line(made[1])), refusal(line(made[2]), 400)]
    assert list(results(placed(lines), by_name(made))) == [
        Failure(made[0].name, "p0", "429"),
        Failure(made[1].name, "p1", "batch_expired"),
        Failure(made[2].name, "p2", "400"),
    ]


BROKEN = [
    (lambda data: answer(data)[:-40], "damaged"),
    (lambda data: b"[" * 100_000, "damaged"),
    (lambda data: b"\xff\xfe", "damaged"),
    (lambda data: b"[]", "no line of a batch"),
    (lambda data: data, "neither a result nor an error"),
    (lambda data: answer(data, response="done"), "neither a result nor an error"),
    (lambda data: answer(data, custom_id=None), "no line of a batch"),
    (lambda data: answer(data, custom_id=["k"]), "no line of a batch"),
    (lambda data: answer(data, custom_id="0" * 32 + "-n"), "no export here has the custom_id 000"),
    (lambda data: answer(data, response={"status_code": 200}), "without a body"),
    (lambda data: answer(data, response={"status_code": 200, "body": {}}), "no chat completion"),
    (
        lambda data: answer(
            data,
            response={
                "status_code": 200,
                "body": completion(json.loads(data)["body"], model="gpt-3.5-turbo"),
            },
        ),
        "asked gpt-4o-mini, and 'gpt-3.5-turbo' answered",
    ),
]


@pytest.mark.parametrize(("broken", "told"), BROKEN, ids=range(len(BROKEN)))
def test_a_line_of_no_use_is_named_by_its_place_and_costs_itself_alone(broken, told) -> None:
    made = calls(requests(3), None)
    lines = [answer(line(made[0])), broken(line(made[1])), answer(line(made[2]))]
    one, fault, other = results(placed(lines), by_name(made))
    assert isinstance(one, Reply)
    assert isinstance(other, Reply)
    assert (one.key, other.key) == (made[0].request.key, made[2].request.key)
    assert isinstance(fault, str)
    assert fault.startswith("out.jsonl:2: ")
    assert told in fault


def test_requests_that_are_the_same_are_one_call() -> None:
    same = Request("gpt-4o-mini", request(1).messages, request(1).sampling, "another passage")
    assert len(calls([request(1), same, request(2)], None)) == 2


def test_files_hold_one_model_each_and_never_more_than_a_provider_takes() -> None:
    asked = [request(n, "one" if n % 3 else "other") for n in range(20)]
    made = calls(asked, None)
    size = len(line(made[5])) * 4 + 20
    found = list(groups(made, requests=6, size=size))
    assert sorted(call.name for group in found for call in group) == sorted(by_name(made))
    for group in found:
        assert len({call.request.model for call in group}) == 1
        assert len(group) <= 6
        assert sum(len(line(call)) for call in group) <= size
    assert [len(group) for group in found] == [4, 3, 4, 4, 4, 1]
    assert [len(group) for group in groups(made, requests=6)] == [6, 1, 6, 6, 1]


def test_a_request_too_large_for_any_file_goes_alone() -> None:
    made = calls(requests(3), None)
    assert [len(group) for group in groups(made, size=1)] == [1, 1, 1]


def test_50_001_requests_are_two_files(tmp_path: Path) -> None:
    small = [Request("m", [Message("user", str(n))], {}, "p") for n in range(50_001)]
    with Store(tmp_path / "replies") as store:
        paths = export(calls(small, None), tmp_path / "ask.jsonl", store, tmp_path / "batches")
    assert [path.name for path in paths] == ["ask.jsonl", "ask-2.jsonl"]
    assert [path.read_bytes().count(b"\n") for path in paths] == [50_000, 1]


def most(asked: Request) -> float:
    """What a call can cost at most, in US dollars."""
    return PRICE.of(most_tokens(asked))


def test_no_more_is_exported_than_the_budget_pays_for() -> None:
    made = calls(requests(10), PRICE)
    assert list(affordable(made, None)) == made
    assert list(affordable(made, sum(most(call.request) for call in made[:7]) + 1e-12)) == made[:7]
    assert list(affordable(made, sum(most(call.request) for call in made[:7]) - 1e-12)) == made[:6]
    assert list(affordable(made, 0.0)) == list(affordable(made, -1.0)) == []


def test_a_budget_without_prices_exports_nothing() -> None:
    with pytest.raises(UserError, match="ASKBACK_PRICE"):
        list(affordable(calls(requests(1), None), 5.0))


def test_what_is_exported_counts_as_spent_and_is_out_until_it_is_answered(tmp_path: Path) -> None:
    home, kept = tmp_path / "replies", tmp_path / "batches"
    made = calls(requests(5), PRICE)
    with Store(home) as store:
        [path] = export(made, tmp_path / "new" / "ask.jsonl", store, kept)
    replies = read([home])
    assert {(i.key, i.nonce) for i in replies.unanswered} == {
        (call.request.key, call.nonce) for call in made
    }
    assert replies.spent == pytest.approx(sum(most(call.request) for call in made))
    assert batches.out(kept, replies) == {call.request.key for call in made}
    assert list(batches.exported(kept)) == made
    assert path.read_bytes() == b"".join(map(line, made))

    batches.keep_failures([Failure(made[0].name, "p0", "429")], kept)
    with Store(home) as store:
        for one in results(placed([answer(line(made[1]))]), by_name(made)):
            assert isinstance(one, Reply)
            store.add(one)
    replies = read([home])
    assert batches.out(kept, replies) == {call.request.key for call in made[2:]}
    assert len(replies.unanswered) == 4


def test_a_failure_is_kept_once(tmp_path: Path) -> None:
    failures = [Failure("a", "p", "429"), Failure("b", "p", "500")]
    batches.keep_failures(failures[:1], tmp_path)
    batches.keep_failures(failures, tmp_path)
    batches.keep_failures(failures, tmp_path)
    assert sorted(one.name for one in batches.failures(tmp_path)) == ["a", "b"]


def test_a_file_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "ask-2.jsonl").write_text("sent")
    asked = [request(0), request(1, "other")]
    with Store(tmp_path / "replies") as store, pytest.raises(UserError, match=r"ask-2\.jsonl"):
        export(calls(asked, PRICE), tmp_path / "ask.jsonl", store, tmp_path / "batches")
    assert (tmp_path / "ask-2.jsonl").read_text() == "sent"
    assert not (tmp_path / "ask.jsonl").exists()
    assert read([tmp_path / "replies"]).unanswered == []


def test_without_an_intent_on_the_disk_no_file_appears(tmp_path: Path) -> None:
    with Store(tmp_path / "replies") as store:
        store.failure = OSError(
            28, "No space left on device"
        )  # as the first failed write leaves it
        with pytest.raises(OSError, match="No space"):
            export(calls(requests(3), PRICE), tmp_path / "ask.jsonl", store, tmp_path / "batches")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batches", "replies"]
    assert batches.out(tmp_path / "batches", read([tmp_path / "replies"])) == set()


def test_nothing_wanted_writes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "replies") as store:
        assert export([], tmp_path / "ask.jsonl", store, tmp_path / "batches") == []
    assert [path.name for path in tmp_path.iterdir()] == ["replies"]
