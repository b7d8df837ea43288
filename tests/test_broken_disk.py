"""The stage `questions` on a disk that fails: no call in vain, nothing that was paid for lost."""

import errno
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import bad_disk
from tests.bad_disk import Fault, Runs, runs
from tests.call_log import request_hash
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry
from tests.speed import SLACK

CONCURRENCY = 8
LATE = 0.1  # seconds in which a call that was about to go out may do so, on a busy machine
FAULTS = {"429": 0.1, "500": 0.05}  # calls that go out again, and whose intent is written already


def stored(inquiry: Inquiry) -> set[str]:
    """What the store has a reply to, as the endpoint names it."""
    return {request_hash(r.model, r.messages, r.sampling) for r in inquiry.replies}


def survive(folder: Path, program: Runs, fault: Fault, count: int) -> int:
    """Runs the stage on a disk with the fault, and checks what it left.

    Returns how many replies it gained.
    """
    with Endpoint(folder / "endpoint", latency=0.02, jitter=0.5, faults=FAULTS) as endpoint:
        inquiry = Inquiry(folder / "inquiry", count, filters=["several"])
        end = program.run(inquiry, endpoint, fault, ASKBACK_CONCURRENCY=str(CONCURRENCY))
        whole = {event.request for event in endpoint.answered()}
        assert stored(inquiry) == whole, end.told
        if end.struck is None:
            assert end.code == 0, end.told
            return len(whole)
        assert end.code == 3, end.told
        check_message(end.told, fault)
        late = [event for event in endpoint.received() if event.time > end.struck]
        assert len(late) <= CONCURRENCY
        assert not [event for event in late if event.time > end.struck + LATE]
        assert not (inquiry.folder / "interview.jsonl").exists()
        return len(whole)


def check_message(told: str, fault: Fault) -> None:
    """One line says what happened, and what to do."""
    said = [one for one in told.splitlines() if one.startswith("questions: ") and "[Errno" in one]
    assert len(said) == 1, told
    assert said == told.splitlines()[-1:]
    assert f"[Errno {fault.code}]" in said[0]
    assert "make room" in said[0]
    assert "run again" in said[0]
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def program() -> Iterator[Runs]:
    with runs() as found:
        yield found


@pytest.mark.parametrize("number", [1, 2, 3, 7, 12, 20, 35, 51, 76, 104, 143, 200])
def test_a_disk_that_fails_ends_the_run_with_all_that_came(
    tmp_path: Path, program: Runs, number: int
) -> None:
    """Once, or until there is room a second later; by a write, and now and then by a sync."""
    call = "fsync" if number % 5 == 0 and number < 100 else "write"
    code = errno.EIO if number % 2 else errno.ENOSPC
    times = 3 if number in (3, 12) else 1
    survive(tmp_path, program, Fault(call, number, times, code), number + 40)


@pytest.mark.prove
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize(("call", "last"), [("write", 200), ("fsync", 40)])
def test_each_of_the_first_two_hundred_writes_may_fail(
    tmp_path: Path, program: Runs, call: str, last: int, code: int
) -> None:
    """Once; every tenth time until there is room a second later."""
    for number in range(1, last + 1):
        times = 3 if number % 10 == 2 else 1
        survive(tmp_path / str(number), program, Fault(call, number, times, code), number + 40)


def test_a_call_that_was_turned_away_does_not_go_out_again_on_a_broken_disk(
    tmp_path: Path, program: Runs
) -> None:
    """Its intent is on the disk, so it needs to write nothing before it goes out."""
    with Endpoint(
        tmp_path / "endpoint", latency=0.05, marked={"year 8.": "429"}, marked_times=1
    ) as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 8, filters=["several"])
        fault = Fault("write", 4, 1, errno.ENOSPC)  # all intents, two replies, and the third
        end = program.run(inquiry, endpoint, fault)
        assert end.code == 3
        assert len(endpoint.received()) == 8
        assert len(inquiry.replies) == 7


def test_on_a_disk_that_fills_up_meanwhile_all_that_came_is_kept(small_disk: Path) -> None:
    """A real one, with the call log, the locks and the interview on it as well."""
    with Endpoint(small_disk.parent / "endpoint", latency=0.3) as endpoint:
        inquiry = Inquiry(small_disk / "inquiry", 60, filters=["several"])
        with inquiry.start(endpoint, ASKBACK_CONCURRENCY="8") as process:
            while len(endpoint.received()) < 12:
                time.sleep(0.01)
            other = fill(small_disk)
            _, told = process.communicate(timeout=30)
        assert process.returncode == 3, told
        assert told.splitlines()[-1].startswith(
            "questions: the store of replies: [Errno 28] No space left on device"
        )
        whole = {event.request for event in endpoint.answered()}
        assert 8 <= len(whole) <= 24
        assert stored(inquiry) == whole
        other.unlink()
        code, told = inquiry.run(endpoint)
        assert code == 0, told
        assert len(endpoint.received()) == 60
        assert len(inquiry.exchanges) == 60


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    path = disk / "other"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def power_cut(folder: Path, seed: int, tail: str) -> int:
    """Cuts the power at a random moment of a run; returns how many replies are lost, all young.

    Of each three runs one asks on and on. The others have asked all that there is, and replies
    come in with no intent among them that would bring them to the disk.
    """
    count, latency = (150, 0.05) if seed % 3 == 0 else (16, 1.0)
    with Endpoint(folder / "endpoint", latency=latency, jitter=0.9, seed=seed) as endpoint:
        inquiry = Inquiry(folder / "inquiry", count, filters=["several"])
        with bad_disk.start(inquiry, endpoint, ASKBACK_CONCURRENCY="16") as process:
            while not endpoint.answered():
                time.sleep(0.02)
            time.sleep(random.Random(seed).uniform(0, 0.5) + (count == 16) * 0.3)
            at = time.monotonic()
            process.kill()
        bad_disk.cut(inquiry.folder, tail)
        kept = stored(inquiry)
        lost = [event for event in endpoint.answered() if event.request not in kept]
        assert not [event for event in lost if event.time < at - 0.1 - SLACK]
        check_intents(inquiry, endpoint)
        if count > 16:
            check_that_only_the_rest_is_asked(inquiry, endpoint, kept)
        return len(lost)


def check_intents(inquiry: Inquiry, endpoint: Endpoint) -> None:
    """Whatever went out is in the store, as a reply or as an intent."""
    found = inquiry.replies
    known = {one.key for one in found} | {intent.key for intent in found.unanswered}
    assert len(known) >= len({event.request for event in endpoint.received()})


def check_that_only_the_rest_is_asked(inquiry: Inquiry, endpoint: Endpoint, kept: set[str]) -> None:
    """The next run asks for nothing that is in the store."""
    before = len(endpoint.received())
    code, told = inquiry.run(endpoint)
    assert code == 0, told
    again = [event for event in endpoint.received()[before:] if event.request in kept]
    assert not again


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_takes_no_reply_that_is_older_than_a_tenth_of_a_second(
    tmp_path: Path, seed: int
) -> None:
    power_cut(tmp_path, seed, "zeros" if seed % 2 else "cut")


@pytest.mark.prove
@pytest.mark.parametrize("tail", ["cut", "zeros"])
def test_fifty_power_cuts_take_no_reply_that_is_older_than_a_tenth_of_a_second(
    tmp_path: Path, tail: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [power_cut(tmp_path / str(seed), seed, tail) for seed in range(50)]
    with capsys.disabled():
        print(f"\n50 power cuts of runs, {tail}: {sum(lost)} replies younger than 100 ms lost")
    assert sum(lost) > 0  # or nothing was cut off
