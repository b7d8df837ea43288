"""How long work takes on a machine that does other things besides: the least of several times."""

from collections.abc import Callable


def least(seconds: Callable[[], float], limit: float) -> float:
    """The least of three times; of up to twenty, as long as none is under the limit."""
    return least_of_two(seconds, lambda: limit, 1.0, rounds=3)[0]


def least_of_two(
    ours: Callable[[], float], floor: Callable[[], float], factor: float, rounds: int = 7
) -> tuple[float, float]:
    """The least of either's times, taken by turns, so that both meet the same machine.

    So many rounds, and up to twenty until ours is within `factor` times the floor: a time can only
    be too long by chance, and what is really slower stays so however often it is tried.
    """
    times = [(ours(), floor()) for _ in range(rounds)]
    while True:
        best, lowest = (min(column) for column in zip(*times, strict=True))
        if best <= factor * lowest or len(times) >= 20:
            return best, lowest
        times.append((ours(), floor()))
