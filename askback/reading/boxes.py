"""Boxes on a page, and how matrices move them."""

from collections.abc import Iterable
from typing import NamedTuple

Point = tuple[float, float]
Matrix = tuple[
    float, float, float, float, float, float
]  # PDF's: x' = ax + cy + e, y' = bx + dy + f

UNMOVED: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Box(NamedTuple):
    """From its least to its greatest corner, in points."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """From y0 to y1."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """In square points."""
        return self.width * self.height

    @property
    def centre(self) -> Point:
        """The point in its middle."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def has(self, point: Point) -> bool:
        """Whether the point is in it or on its edge."""
        return self.x0 <= point[0] <= self.x1 and self.y0 <= point[1] <= self.y1


def meet(one: Box, other: Box) -> bool:
    """Whether they share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def around(points: Iterable[Point]) -> Box:
    """The least box that has all the points."""
    xs, ys = zip(*points, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def union(one: Box, other: Box) -> Box:
    """The least box that has both in it."""
    return around([one[:2], one[2:], other[:2], other[2:]])


def shared(one: Box, other: Box) -> Box:
    """What both have; a box without width or height where they do not meet."""
    x0, y0 = max(one.x0, other.x0), max(one.y0, other.y0)
    return Box(x0, y0, max(x0, min(one.x1, other.x1)), max(y0, min(one.y1, other.y1)))


def alike(one: Box, other: Box) -> float:
    """What both share, of what either takes: 1 for equal boxes, 0 for such as do not meet."""
    common = shared(one, other).area
    return common / ((one.area + other.area - common) or 1.0)


def moved(point: Point, matrix: Matrix) -> Point:
    """Where the matrix puts the point."""
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f


def moved_box(box: Box, matrix: Matrix) -> Box:
    """The least box around where the matrix puts `box`."""
    if matrix == UNMOVED:
        return box
    corners = [(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
    return around(moved(corner, matrix) for corner in corners)


def product(first: Matrix, then: Matrix) -> Matrix:
    """The matrix that moves as `first` does, and `then` from there."""
    a, b, c, d, *_ = then
    left = (first[0] * a + first[1] * c, first[0] * b + first[1] * d)
    right = (first[2] * a + first[3] * c, first[2] * b + first[3] * d)
    return (*left, *right, *moved(first[4:], then))
