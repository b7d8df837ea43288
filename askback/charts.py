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
class Trace:
    """One measure over the steps of training."""

    points: list[Point]
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


def trace(points: Sequence[Point], x: Axis) -> Trace:
    """A measure from 0 on over the steps of `x`; every spike stays where its steps are many."""
    highest = peaks(points)
    return Trace(highest, x, axis(0, max(value for _, value in highest), 4))


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
    parts = neighbours(points, most)
    return [(mean([x for x, _ in part]), mean([y for _, y in part])) for part in parts]


def peaks(points: Sequence[Point], most: int = 200) -> list[Point]:
    """At most `most` of the points, each the highest of as many neighbours."""
    return [max(part, key=lambda point: point[1]) for part in neighbours(points, most)]


def neighbours(points: Sequence[Point], most: int) -> list[Sequence[Point]]:
    """The points in order, in at most `most` parts of one size; the last may be shorter."""
    size = math.ceil(len(points) / most) or 1
    return [points[start : start + size] for start in range(0, len(points), size)]


def mean(values: Sequence[float]) -> float:
    """The mean, summed without rounding on the way."""
    return math.fsum(values) / len(values)


def line(points: Sequence[Point], x: Axis, y: Axis) -> str:
    """An SVG path through the points."""
    return "M" + "L".join(f"{x.at(a):g} {100 - y.at(b):g}" for a, b in points)


def dots(points: Sequence[Point], x: Axis, y: Axis) -> str:
    """An SVG path that a round line cap turns into one dot per point, whatever the stretch."""
    return "".join(f"M{x.at(a):g} {100 - y.at(b):g}h0" for a, b in points)
