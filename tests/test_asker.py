"""Asking an endpoint that misbehaves: every passage settled, nothing paid twice, nothing lost."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from askback import files
from askback.asking.filters import Filter
from askback.records import Passage
from tests.call_log import request_hash
from tests.endpoint import Endpoint
from tests.hostile_passages import ORDERS, reply_to
from tests.inquiries import Inquiry, passages
from tests.speed import SLACK

# As issue 4 counts them: 10 % 429, half with Retry-After, 5 % 500, 5 % hangs, 3 % resets,
# 2 % truncated JSON, 2 % empty and 2 % `length`.
FAULTS = {
    "429": 0.05,
    "429_retry_after": 0.05,
    "500": 0.05,
    "hang": 0.05,
    "reset": 0.03,
    "truncated": 0.02,
    "empty": 0.02,
    "length": 0.02,
}
REFUSED = ("missing", "cut_off", "near_duplicate", "several")


def settled(inquiry: Inquiry, count: int) -> Counter[str]:
    """How many passages have a question, and how many are dropped by which verdict: all of them."""
    asked = {exchange.passage for exchange in inquiry.exchanges}
    dropped = {item.id: item.reason for item in inquiry.dropped}
    assert len(asked) + len(dropped) == count
    assert not asked & set(dropped)
    return Counter(dropped.values()) + Counter(asked=len(asked))


def check_that_every_passage_is_settled(folder: Path, count: int, seed: int) -> None:
    with Endpoint(
        folder / "endpoint", latency=0.02, seed=seed, faults=FAULTS, retry_after=0.2
    ) as endpoint:
        inquiry = Inquiry(folder / "inquiry", count)
        code, told = inquiry.run(endpoint, ASKBACK_TIMEOUT="0.5")
        assert code == 0, told
        fates = settled(inquiry, count)
        assert set(fates) <= {"asked", *REFUSED}
        assert fates["asked"] > 0.97 * count
        whole = Counter(event.request for event in endpoint.answered())
        assert set(whole.values()) == {1}, "a reply that came whole was asked for again"
        asked = len(endpoint.received())
        assert inquiry.run(endpoint)[0] == 0
        assert len(endpoint.received()) == asked, "a second run asked again"


@pytest.mark.parametrize("seed", range(3))
def test_every_passage_is_settled_whatever_the_endpoint_does(tmp_path: Path, seed: int) -> None:
    check_that_every_passage_is_settled(tmp_path, 150, seed)


@pytest.mark.prove
def test_two_thousand_passages_are_settled_whatever_the_endpoint_does(tmp_path: Path) -> None:
    check_that_every_passage_is_settled(tmp_path, 2000, 0)


def test_an_endpoint_that_stays_down_ends_in_exit_3_and_the_next_run_asks_the_rest(
    tmp_path: Path,
) -> None:
    with Endpoint(tmp_path / "endpoint", latency=0.02, since={51: "503"}) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 80)
        code, told = inquiry.run(endpoint, ASKBACK_PATIENCE="1")
        assert code == 3
        assert "no reply for" in told
        assert "503" in told
        assert "run again" in told
        assert not (inquiry.folder / "interview.jsonl").exists()
        assert len(inquiry.replies) == 50
        endpoint.stop()
        endpoint.start(since={})
        before = len(endpoint.received())
        code, told = inquiry.run(endpoint)
        assert code == 0, told
        assert "80 passages, 50 known, 30 to ask" in told
        assert len(endpoint.received()) - before == 30
        assert settled(inquiry, 80)["asked"] == 80


def test_an_endpoint_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", latency=0.02) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 30)
        endpoint.stop()
        with inquiry.start(endpoint) as process:
            time.sleep(2.5)
            endpoint.start()
            _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told


def test_one_of_two_endpoints_that_is_down_is_left_out_until_it_answers_again(
    tmp_path: Path,
) -> None:
    with (
        Endpoint(tmp_path / "one", latency=0.05, since={1: "500"}, transcript=True) as one,
        Endpoint(tmp_path / "two", latency=0.05, transcript=True) as two,
    ):
        inquiry = Inquiry(tmp_path / "inquiry", 200)
        keys = {"OPENAI_API_KEY": "sk-key-of-one,sk-key-of-two"}
        code, told = inquiry.run(one, two, ASKBACK_CONCURRENCY="8", **keys)
        assert code == 0, told
        assert len(two.answered()) == 200
        assert len(one.received()) < 40
        assert one.saw("sk-key-of-one")
        assert not one.saw("sk-key-of-two")
        assert two.saw("sk-key-of-two")
        assert not two.saw("sk-key-of-one")


def test_a_passage_that_the_endpoint_refuses_is_named_and_all_others_are_kept(
    tmp_path: Path,
) -> None:
    with Endpoint(tmp_path / "endpoint", marked={"the year 20.": "400_context"}) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 20)
        code, told = inquiry.run(endpoint)
        assert code == 2
        passage = passages(20)[-1].id
        assert f"passage {passage}: the endpoint refuses its prompt: 400" in told
        assert f"askback replies give-up {passage}" in told
        assert len(inquiry.replies) == 19
        refused = [event for event in endpoint.received() if event.marks]
        assert len(refused) == 1, "what can never be answered was sent again"


def test_a_wrong_key_ends_in_exit_2_after_few_calls(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", key="sk-right") as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 100)
        code, told = inquiry.run(endpoint, OPENAI_API_KEY="sk-wrong-marker")
        assert code == 2
        assert "check OPENAI_API_KEY" in told
        assert "sk-wrong-marker" not in told
        assert len(endpoint.received()) <= 32


def test_a_setting_that_every_request_fails_by_is_not_tried_on_all(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", since={1: "400"}) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 300)
        code, told = inquiry.run(endpoint)
        assert code == 2
        assert "questions.sampling" in told
        assert len(endpoint.received()) <= 64


def check_kill(endpoint: Endpoint, inquiry: Inquiry, after: float) -> None:
    """A run killed after so many seconds is gone on with, and what it was told is not asked."""
    inquiry.killed(after, endpoint)
    killed = time.monotonic()
    stored = {request_hash(r.model, r.messages, r.sampling) for r in inquiry.replies}
    answered = [event for event in endpoint.answered() if event.time > killed - 0.1 - SLACK]
    lost = [event for event in answered if event.request not in stored]
    number, in_flight = len(endpoint.received()), endpoint.most_at_once()
    code, told = inquiry.run(endpoint)
    assert code == 0, told
    again = {event.request for event in endpoint.received()[number:]}
    assert not stored & again, "a reply that was in the store was asked for again"
    sent = Counter(event.request for event in endpoint.received())
    assert sum(count - 1 for count in sent.values()) <= in_flight + len(lost)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, seed: int) -> None:
    after = random.Random(seed).uniform(0, 0.6)
    with Endpoint(tmp_path / "endpoint", latency=0.1, slots=16) as endpoint:
        check_kill(endpoint, Inquiry(tmp_path / "inquiry", 100), after)


@pytest.mark.prove
def test_fifty_killed_runs_go_on_where_they_were(tmp_path: Path) -> None:
    draw = random.Random(0)
    for number in range(50):
        with Endpoint(tmp_path / f"endpoint{number}", latency=0.1, slots=64) as endpoint:
            inquiry = Inquiry(tmp_path / f"inquiry{number}", 1000)
            check_kill(endpoint, inquiry, draw.uniform(0, 2.0))


def test_a_book_full_of_orders_puts_nothing_into_the_interview(tmp_path: Path) -> None:
    """A model that obeys each of them is asked twice at most about each."""
    found = [
        Passage(str(n), "book", n, f"Chapter {n}", n, n, order.language, order.text, [])
        for n, order in enumerate(ORDERS)
    ]
    script = [[order.order, reply_to(order)] for order in ORDERS]
    with Endpoint(tmp_path / "endpoint", script=script) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 1, filters=list(get_args(Filter)))
        files.write(inquiry.folder / "passages.jsonl", found)
        inquiry.prompt("Ask.\n{passage}\n")
        code, told = inquiry.run(endpoint)
        assert code == 0, told
        assert inquiry.exchanges == []
        assert {dropped.id for dropped in inquiry.dropped} == {passage.id for passage in found}
        assert len(endpoint.received()) <= 2 * len(found)
