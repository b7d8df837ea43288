"""The stage `questions` under ASKBACK_BUDGET: no endpoint answers more than that pays for."""

import random
import time
from pathlib import Path

import pytest

from tests.call_log import request_hash
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry

PRICE = (10.0, 100.0)  # US dollars per million tokens in and out
FAULTS = {
    "429": 0.05,
    "500": 0.05,
    "hang": 0.04,
    "reset": 0.04,
    "truncated": 0.04,
    "no_usage": 0.04,
    "absurd_usage": 0.04,
}
LIMITS = {"ASKBACK_PRICE": "10,100", "ASKBACK_TIMEOUT": "0.5", "ASKBACK_CONCURRENCY": "16"}
SPENT = "allows no further call"


def asking(folder: Path, count: int) -> Inquiry:
    """A folder with so many passages, each of which costs some 0.3 cents, and at most 1 cent."""
    return Inquiry(folder / "inquiry", count, filters=["several"])


def check_kept(inquiry: Inquiry, endpoint: Endpoint, budget: float) -> float:
    """The dollars that the endpoint was ever paid, or may have been, where nobody waited for it.

    They are no more than the store says may be spent, and that is within the budget.
    """
    paid = endpoint.cost(PRICE, abandoned=True)
    assert paid <= inquiry.replies.spent <= budget + 1e-9
    return paid


def two_runs(
    inquiry: Inquiry, endpoint: Endpoint, budget: float, draw: random.Random, longest: float
) -> tuple[list[int], str]:
    """The exit codes and messages of two runs that start at the same time.

    One of them is killed within so many seconds after a call of theirs.
    """
    limits = LIMITS | {"ASKBACK_BUDGET": f"{budget}"}
    before = len(endpoint.received())
    with inquiry.start(endpoint, **limits) as one, inquiry.start(endpoint, **limits) as other:
        while one.poll() is other.poll() is None and len(endpoint.received()) == before:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, longest))
        draw.choice([one, other]).kill()
        told = one.communicate(timeout=200)[1] + other.communicate(timeout=200)[1]
    return [one.returncode, other.returncode], told


@pytest.mark.parametrize("seed", range(3))
def test_two_runs_of_which_one_is_killed_keep_to_the_budget(tmp_path: Path, seed: int) -> None:
    budget = 0.12
    with Endpoint(tmp_path / "endpoint", latency=0.05, faults=FAULTS, seed=seed) as endpoint:
        inquiry = asking(tmp_path, 80)
        codes, told = two_runs(inquiry, endpoint, budget, random.Random(seed), 0.3)
        assert set(codes) <= {-9, 3}, told
        assert SPENT in told
        assert check_kept(inquiry, endpoint, budget) > 0
        assert not (inquiry.folder / "interview.jsonl").exists()


def test_what_was_in_flight_when_a_run_was_killed_counts_as_spent(tmp_path: Path) -> None:
    """Nobody knows what came of it: in the end the endpoint had answered all."""
    budget = 0.12
    with Endpoint(tmp_path / "endpoint", since={1: "hang"}) as endpoint:
        inquiry = asking(tmp_path, 40)
        inquiry.killed(0.3, endpoint, **LIMITS | {"ASKBACK_BUDGET": f"{budget}"})
        assert len(endpoint.received()) == 10
        endpoint.stop()
        endpoint.start(since={})
        code, told = inquiry.run(endpoint, **LIMITS | {"ASKBACK_BUDGET": f"{budget}"})
        assert code == 3
        assert SPENT in told
        check_kept(inquiry, endpoint, budget)


@pytest.mark.parametrize(
    "kind",
    [
        "no_usage",
        "reset",
        "truncated",
        *(pytest.param(k, marks=pytest.mark.prove) for k in ("absurd_usage", "hang", "cut_body")),
    ],
)
def test_what_nobody_can_know_the_cost_of_costs_the_most_that_it_can(
    tmp_path: Path, kind: str
) -> None:
    """Ten calls at most; whether they brought a reply or not."""
    with Endpoint(tmp_path / "endpoint", since={1: kind}, latency=0.05) as endpoint:
        code, told = asking(tmp_path, 40).run(endpoint, **LIMITS | {"ASKBACK_BUDGET": "0.12"})
        assert code == 3
        assert SPENT in told
        assert len(endpoint.received()) == 10


@pytest.mark.prove
def test_over_fifty_kills_and_two_processes_the_budget_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is raised by 10 cents after each kill, so that all runs have something to ask."""
    draw = random.Random(0)
    with Endpoint(tmp_path / "endpoint", latency=0.05, faults=FAULTS) as endpoint:
        inquiry = asking(tmp_path, 900)
        for number in range(50):
            budget = 0.1 * (number + 1)
            codes, told = two_runs(inquiry, endpoint, budget, draw, 0.8)
            assert set(codes) <= {-9, 3}, told
            paid = check_kept(inquiry, endpoint, budget)
        code, told = inquiry.run(endpoint, **LIMITS | {"ASKBACK_BUDGET": "20"})
        assert code == 0, told
        check_kept(inquiry, endpoint, 20)
    with capsys.disabled():
        print(f"\n50 kills: ${paid:.2f} of ${budget:.2f} answered")


def test_a_spent_budget_ends_in_exit_3_and_a_larger_one_goes_on_from_there(
    tmp_path: Path,
) -> None:
    """And a run that knows everything needs none."""
    budget = 0.15
    with Endpoint(tmp_path / "endpoint", latency=0.05) as endpoint:
        inquiry = asking(tmp_path, 100)
        code, told = inquiry.run(endpoint, **LIMITS | {"ASKBACK_BUDGET": f"{budget}"})
        assert code == 3, told
        [line] = [line for line in told.splitlines() if SPENT in line]
        assert line == told.splitlines()[-1]
        assert line.startswith("questions: ASKBACK_BUDGET of $0.15 allows no further call: $0.1")
        assert check_kept(inquiry, endpoint, budget) >= 0.9 * budget
        assert not (inquiry.folder / "interview.jsonl").exists()
        kept = {request_hash(r.model, r.messages, r.sampling) for r in inquiry.replies}
        assert kept == {event.request for event in endpoint.answered()}

        # Enough for what the rest costs, though it could cost twice as much.
        code, told = inquiry.run(endpoint, **LIMITS | {"ASKBACK_BUDGET": "0.37"})
        assert code == 0, told
        assert len(endpoint.received()) == 100
        assert len(inquiry.exchanges) == 100

        code, told = inquiry.run(endpoint, **LIMITS | {"ASKBACK_BUDGET": "0"})
        assert code == 0, told
        assert len(endpoint.received()) == 100


def test_a_call_that_was_turned_away_does_not_keep_the_money_from_others(
    tmp_path: Path,
) -> None:
    """A worker that waited for the money of a call that waits for a worker waited for ever."""
    with Endpoint(tmp_path / "endpoint", nth={1: "429"}) as endpoint:
        inquiry = asking(tmp_path, 5)
        limits = LIMITS | {"ASKBACK_BUDGET": "0.012", "ASKBACK_CONCURRENCY": "1"}
        with inquiry.start(endpoint, **limits) as process:
            _, told = process.communicate(timeout=20)
        assert process.returncode == 3
        assert SPENT in told
        assert len(inquiry.replies) == 1
