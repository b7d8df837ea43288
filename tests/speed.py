"""How long work takes, on machines that do other things besides.

A time can only be too long by chance. So it is taken again until it is short enough, and what is
really slower stays too slow however often it is tried.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRIES = 20
SLACK = 0.15  # seconds that a process may wait for one of two cores that other tests use as well


def least(seconds: Callable[[], float], limit: float, tries: int = TRIES) -> float:
    """The first time under the limit, or the least of so many."""
    best = float("inf")
    for _ in range(tries):
        best = min(best, seconds())
        if best < limit:
            break
    return best


def least_of_two(
    ours: Callable[[], float], floor: Callable[[], float], factor: float, limit: float = 0.0
) -> tuple[float, float]:
    """The least of either's times, taken by turns, so that both meet the same machine.

    Seven times, and more until ours is under `factor` times the floor, or under the limit.
    """
    times = [(ours(), floor()) for _ in range(7)]
    while True:
        best, lowest = (min(column) for column in zip(*times, strict=True))
        if best < max(limit, factor * lowest) or len(times) >= TRIES:
            return best, lowest
        times.append((ours(), floor()))


def python(*arguments: str) -> float:
    """Seconds that a new interpreter takes, with its bytecode on the disk as people have it."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.perf_counter() - start
