"""Processes that a test has started, and what they have started."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(happens: Callable[[], bool], seconds: float = 60) -> None:
    """Returns when it does."""
    until = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """The processes that it has started, and that those have."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [*children, *(pid for child in children for pid in descendants(child))]


def alive(process: int) -> bool:
    """Whether it runs; what has ended and that nobody has asked after does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(") ")[2][0] != "Z"
