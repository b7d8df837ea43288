"""The stage `questions` told to stop: what is in flight is waited for, and no more goes out."""

import signal
import time
from pathlib import Path
from typing import IO

import pytest

from tests.call_log import request_hash
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry
from tests.reproduced import repro

GRACE = 20.0  # seconds for calls in flight
STOPPED = "questions: stopped; what was gained is kept, run again"
LATE = 0.1  # seconds in which a call that was about to go out may do so, on a busy machine
KEY = "sk-marker-0123456789abcdef"


def asking(folder: Path, count: int = 60) -> Inquiry:
    """A folder with so many passages."""
    return Inquiry(folder / "inquiry", count, filters=["several"])


def wait_for_calls(endpoint: Endpoint, count: int) -> None:
    """Returns when so many calls have come in."""
    while len(endpoint.received()) < count:
        time.sleep(0.01)


def read_until(stream: IO[str] | None, text: str) -> str:
    """What a process says, up to the line that has the text; all of it where none has."""
    assert stream
    said = ""
    for line in stream:
        said += line
        if text in line:
            break
    return said


def check_kept(inquiry: Inquiry, endpoint: Endpoint) -> None:
    """All that the endpoint has answered is in the store; there is no interview."""
    kept = {request_hash(r.model, r.messages, r.sampling) for r in inquiry.replies}
    assert kept == {event.request for event in endpoint.answered()}
    assert not (inquiry.folder / "interview.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_asking_when_what_is_in_flight_is_answered(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Endpoint(tmp_path / "endpoint", latency=1.0) as endpoint:
        inquiry = asking(tmp_path)
        with inquiry.start(endpoint, ASKBACK_CONCURRENCY="8", OPENAI_API_KEY=KEY) as process:
            wait_for_calls(endpoint, 8)
            time.sleep(0.2)
            process.send_signal(number)
            _, told = process.communicate(timeout=10)
        assert process.returncode == 3
        assert told.splitlines()[-1] == STOPPED
        assert "Traceback" not in told
        assert len(endpoint.received()) == 8
        assert len(endpoint.answered()) == 8
        check_kept(inquiry, endpoint)
        assert KEY not in told


def test_calls_that_wait_for_their_pace_do_not_go_out_once_it_is_told_to_stop(
    tmp_path: Path,
) -> None:
    """At ten calls a second, of which each takes a second, ten more would."""
    with Endpoint(tmp_path / "endpoint", latency=1.0) as endpoint:
        inquiry = asking(tmp_path)
        with inquiry.start(endpoint, ASKBACK_REQUESTS_PER_MINUTE="600") as process:
            wait_for_calls(endpoint, 5)
            process.terminate()
            at = time.monotonic()
            process.communicate(timeout=10)
        assert process.returncode == 3
        assert not [event for event in endpoint.received() if event.time > at + LATE]
        check_kept(inquiry, endpoint)


@pytest.mark.prove
def test_calls_that_are_never_answered_are_waited_for_no_longer_than_the_grace(
    tmp_path: Path,
) -> None:
    with Endpoint(tmp_path / "endpoint", latency=0.1, nth={3: "hang"}) as endpoint:
        inquiry = asking(tmp_path)
        limits = {"ASKBACK_TIMEOUT": "60", "ASKBACK_CONCURRENCY": "4"}
        with inquiry.start(endpoint, **limits) as process:
            wait_for_calls(endpoint, 12)
            start = time.monotonic()
            process.terminate()
            _, told = process.communicate(timeout=40)
        assert process.returncode == 3
        assert told.splitlines()[-1] == STOPPED
        assert GRACE < time.monotonic() - start < GRACE + 2
        check_kept(inquiry, endpoint)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with Endpoint(tmp_path / "endpoint", latency=0.1, nth={3: "hang"}) as endpoint:
        inquiry = asking(tmp_path)
        limits = {"ASKBACK_TIMEOUT": "60", "ASKBACK_CONCURRENCY": "4"}
        with inquiry.start(endpoint, **limits) as process:
            wait_for_calls(endpoint, 12)
            process.send_signal(number)
            assert "calls in flight are waited for" in read_until(process.stderr, "stopping")
            time.sleep(0.5)
            assert process.poll() is None
            start = time.monotonic()
            process.send_signal(number)
            _, told = process.communicate(timeout=10)
        assert time.monotonic() - start < 2
        assert process.returncode == 3
        assert told.splitlines()[-1] == STOPPED
        assert "Traceback" not in told
        check_kept(inquiry, endpoint)


def test_a_run_whose_dvc_is_killed_stops_asking(tmp_path: Path) -> None:
    """SIGKILL to dvc alone: what is in flight is kept, and the lock is free for the next run."""
    with Endpoint(tmp_path / "endpoint", latency=0.5, slots=8) as endpoint:
        inquiry = asking(tmp_path)
        with repro(inquiry, endpoint, ASKBACK_CONCURRENCY="8") as dvc:
            wait_for_calls(endpoint, 8)
            dvc.kill()
            at = time.monotonic()
            told = read_until(dvc.stderr, "no line has this")  # until the stage has closed it
        assert time.monotonic() - at < 4
        assert told.splitlines()[-1] == STOPPED
        assert not [event for event in endpoint.received() if event.time > at + 0.5 + LATE]
        assert len(endpoint.received()) < 60
        check_kept(inquiry, endpoint)


def test_of_two_runs_the_second_asks_nothing_that_the_first_has_asked(tmp_path: Path) -> None:
    """Though they write different interviews: they have one store, that of the main repository."""
    with Endpoint(tmp_path / "endpoint", latency=0.3, slots=8) as endpoint:
        first, second = asking(tmp_path / "a", 20), asking(tmp_path / "b", 25)
        root = {"DVC_ROOT": str(tmp_path / "root")}
        (tmp_path / "root").mkdir()
        with first.start(endpoint, **root) as one:
            wait_for_calls(endpoint, 1)
            with second.start(endpoint, **root) as other:
                said = [run.communicate(timeout=30)[1] for run in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
        assert "waiting for the run that writes" in said[1]
        assert "25 passages, 20 known, 5 to ask" in said[1]
        assert len(endpoint.received()) == 25
        assert (len(first.exchanges), len(second.exchanges)) == (20, 25)


def test_a_run_that_waits_for_another_can_be_stopped(tmp_path: Path) -> None:
    """And takes over, when the other is killed: see test_stage.py."""
    with Endpoint(tmp_path / "endpoint", latency=0.5, slots=4) as endpoint:
        inquiry = asking(tmp_path)
        with inquiry.start(endpoint) as one:
            wait_for_calls(endpoint, 1)
            with inquiry.start(endpoint) as other:
                assert "waiting" in read_until(other.stderr, "waiting")
                other.terminate()
                assert other.communicate(timeout=10)[1] == f"{STOPPED}\n"
                assert other.returncode == 3
            one.kill()
