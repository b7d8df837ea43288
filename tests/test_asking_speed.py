"""How fast questions are asked, against what the endpoint itself needs; figures are printed."""

import itertools
import os
import subprocess
import time
from pathlib import Path

import pytest

from askback import files
from tests.endpoint import Endpoint
from tests.inquiries import Inquiry, passages
from tests.speed import least

SLOTS, LATENCY = 256, 1.0  # as fast as a busy card under vLLM


def measure(folder: Path, count: int) -> tuple[float, float, float, float]:
    """Seconds of the calls and of the run, seconds of CPU and megabytes of the asking process."""
    with Endpoint(folder / "endpoint", latency=LATENCY, slots=SLOTS) as endpoint:
        inquiry = Inquiry(folder / "inquiry", 1)
        files.write(inquiry.folder / "passages.jsonl", passages(count, words=150))
        with inquiry.start(endpoint, ASKBACK_TIMEOUT="60", ASKBACK_PRICE="1,2") as process:
            cpu, megabytes = used_by(process)
            assert process.stderr
            assert process.wait() == 0, process.stderr.read()
        events = endpoint.events()
        calls = len(endpoint.answered())
    took = max(event.time for event in events) - min(event.time for event in events)
    print(
        f"\n{calls} calls of {LATENCY:g} s in {SLOTS} slots: {took:.1f} s, "
        f"{took / (calls * LATENCY / SLOTS):.3f} times the endpoint's floor; "
        f"{cpu:.1f} s of CPU with start and filters, {megabytes:.0f} MB"
    )
    return took, calls * LATENCY / SLOTS, cpu, megabytes


def used_by(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Seconds of CPU and megabytes that a process has used in the end, as last seen."""
    cpu = megabytes = 0.0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            break
        if "VmHWM" in status:  # not in one that has ended
            megabytes = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.05)
    return cpu, megabytes


@pytest.mark.prove
def test_ten_thousand_calls_take_as_long_as_the_endpoint_needs(tmp_path: Path) -> None:
    took, floor, cpu, megabytes = measure(tmp_path, 10_000)
    assert took <= 1.15 * floor
    assert cpu <= took, "more than one core"
    assert megabytes <= 400


def test_a_thousand_calls_cost_little_of_one_core(tmp_path: Path) -> None:
    """The first seconds, in which the endpoint's capacity is found, weigh more here."""
    runs = itertools.count()

    def seconds() -> float:
        took, floor, _, megabytes = measure(tmp_path / f"{next(runs)}", 1000)
        assert megabytes <= 200
        return took - floor

    assert least(seconds, 4.5, tries=3) < 4.5
