"""The geometry of small charts, in percent of the frame that they are drawn in.

SVG stretches the marks to the frame and HTML sets the words beside it, so that one chart reads
well from a phone to paper.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values that begins and ends on a tick."""

    step: float
    first: int  # the lowest tick, in steps
    last: int

    @property
    def ticks(self) -> list[float]:
        """The values to write beside the axis."""
        return [float(f"{tick * self.step:.12g}") for tick in range(self.first, self.last + 1)]

    def at(self, value: float) -> float:
        """How far along the axis `value` stands, in percent."""
        return round(100 * (value / self.step - self.first) / (self.last - self.first), 2)


@dataclass(frozen=True, slots=True)
class Curves:
    """Both losses over the steps of training."""

    train: list[Point]
    held_out: list[Point]
    x: Axis
    y: Axis


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie from `low` up to, but not at, `high`."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many texts are how long."""

    bins: list[Bin]
    x: Axis
    y: Axis


def curves(train: Sequence[Point], held_out: Sequence[Point]) -> Curves:
    """Both losses on common axes; train loss is averaged where its steps are many."""
    thinned = thin(train)
    losses = [loss for _, loss in [*thinned, *held_out]]
    steps = [step for step, _ in [*train, *held_out]]
    return Curves(thinned, list(held_out), axis(0, max(steps), 8), axis(min(losses), max(losses)))


def histogram(values: Sequence[int], rule: int = 0, most: int = 30) -> Histogram:
    """`values` from 0 on, in about `most` bins of one round width, with room for a rule."""
    width = max(1, int(round_step((max(values) + 1) / most)))
    counts = Counter(value // width for value in values)
    bins = [Bin(n * width, (n + 1) * width, counts[n]) for n in range(max(counts) + 1)]
    return Histogram(bins, axis(0, max(bins[-1].high, rule), 8), axis(0, max(counts.values()), 4))


def axis(low: float, high: float, most: int = 6) -> Axis:
    """The shortest axis over both values that has at most `most` steps."""
    step = round_step((high - low) / (most - 1))
    first = math.floor(low / step)
    return Axis(step, first, max(math.ceil(high / step), first + 1))


def round_step(least: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def thin(points: Sequence[Point], most: int = 200) -> list[Point]:
    """At most `most` points, each the mean of as many neighbours."""
    size = math.ceil(len(points) / most) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(mean([x for x, _ in group]), mean([y for _, y in group])) for group in groups]


def mean(values: Sequence[float]) -> float:
    """The mean, summed without rounding on the way."""
    return math.fsum(values) / len(values)


def line(points: Sequence[Point], x: Axis, y: Axis) -> str:
    """An SVG path through the points."""
    return "M" + "L".join(f"{x.at(a):g} {100 - y.at(b):g}" for a, b in points)


def dots(points: Sequence[Point], x: Axis, y: Axis) -> str:
    """An SVG path that a round line cap turns into one dot per point, whatever the stretch."""
    return "".join(f"M{x.at(a):g} {100 - y.at(b):g}h0" for a, b in points)
