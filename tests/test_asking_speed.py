"""How fast questions are asked, against what the endpoint itself needs; figures are printed."""

import os
from pathlib import Path

import pytest

from askback import files
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry, passages

SLOTS, LATENCY = 256, 1.0  # as fast as a busy card under vLLM


def measure(folder: Path, count: int) -> tuple[float, float, float, float]:
    """Seconds of the calls and of the run, seconds of CPU and megabytes of the asking process."""
    with Endpoint(folder / "endpoint", latency=LATENCY, slots=SLOTS) as endpoint:
        inquiry = Inquiry(folder / "inquiry", 1)
        files.write(inquiry.folder / "passages.jsonl", passages(count, words=150))
        process = inquiry.start(endpoint, ASKBACK_TIMEOUT="60", ASKBACK_PRICE="1,2")
        assert process.stderr
        told = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, told
        events = endpoint.events()
        calls = len(endpoint.answered())
    took = max(event.time for event in events) - min(event.time for event in events)
    cpu = used.ru_utime + used.ru_stime
    print(
        f"\n{calls} calls of {LATENCY:g} s in {SLOTS} slots: {took:.1f} s, "
        f"{took / (calls * LATENCY / SLOTS):.3f} times the endpoint's floor; "
        f"{cpu:.1f} s of CPU with start and filters, {used.ru_maxrss / 1024:.0f} MB"
    )
    return took, calls * LATENCY / SLOTS, cpu, used.ru_maxrss / 1024


@pytest.mark.prove
def test_ten_thousand_calls_take_as_long_as_the_endpoint_needs(tmp_path: Path) -> None:
    took, floor, cpu, megabytes = measure(tmp_path, 10_000)
    assert took <= 1.15 * floor
    assert cpu <= took, "more than one core"
    assert megabytes <= 400


def test_a_thousand_calls_cost_little_of_one_core(tmp_path: Path) -> None:
    """The first seconds, in which the endpoint's capacity is found, weigh more here."""
    took, floor, _, megabytes = measure(tmp_path, 1000)
    assert took <= floor + 4.5
    assert megabytes <= 200
