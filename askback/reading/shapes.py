"""What PDFium tells of paths: which are rectangles, so that what they cover is known."""

from collections.abc import Callable
from ctypes import c_float, c_int
from functools import partial
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium

from askback.reading.boxes import Box, Matrix, Point, around, moved, shared

ROUGH = 0.02  # points that a corner may be off

Handle = Any  # PDFium's pointers and functions have no types


def clipped(handle: Handle, place: Matrix, outer: Box | None) -> Box | None:
    """What the object's clip leaves of `outer`; None where that is no rectangle.

    `place` leads from the space that the object stands in to the page's.
    """
    found, clip = outer, pdfium.FPDFPageObj_GetClipPath(handle)
    for index in range(pdfium.FPDFClipPath_CountPaths(clip) if clip else 0):
        count = pdfium.FPDFClipPath_CountPathSegments(clip, index)
        get = partial(pdfium.FPDFClipPath_GetPathSegment, clip, index)
        box = rectangle(get, count, place)
        found = shared(found, box) if found and box else None
    return found


def filled(path: Handle, place: Matrix) -> Box | None:
    """What the path fills; None where it fills nothing or no rectangle.

    `place` leads from the path's own space to the page's.
    """
    if not is_filled(path):
        return None
    get = partial(pdfium.FPDFPath_GetPathSegment, path)
    return rectangle(get, pdfium.FPDFPath_CountSegments(path), place)


def is_filled(path: Handle) -> bool:
    """Whether the path is, rather than drawn as a line."""
    mode, stroked = c_int(), c_int()
    pdfium.FPDFPath_GetDrawMode(path, mode, stroked)
    return bool(mode.value != pdfium.FPDF_FILLMODE_NONE)


def line_width(path: Handle, place: Matrix) -> float:
    """How wide the path's line is on the page, in points."""
    width = c_float()
    pdfium.FPDFPageObj_GetStrokeWidth(path, width)
    a, b, c, d, *_ = place
    return float(width.value * abs(a * d - b * c) ** 0.5)


def rectangle(get: Callable[[int], Handle], count: int, place: Matrix) -> Box | None:
    """The rectangle, its sides along the page's, that the segments go around; None if none."""
    if not 4 <= count <= 6:  # some paths have a million
        return None
    segments = [get(index) for index in range(count)]
    kinds = [pdfium.FPDFPathSegment_GetType(segment) for segment in segments]
    lines = [pdfium.FPDF_SEGMENT_LINETO] * (len(kinds) - 1)
    if kinds != [pdfium.FPDF_SEGMENT_MOVETO, *lines]:
        return None
    points = [moved(end(segment), place) for segment in segments]
    box = around(points)
    met = [corner(box, point) for point in points]
    straight = all(one[0] == other[0] or one[1] == other[1] for one, other in pairwise(met))
    return box if straight and set(met) == {(0, 1), (0, 3), (2, 1), (2, 3)} else None


def corner(box: Box, point: Point) -> tuple[int, int]:
    """Which corner of the box the point is, as places in the box; (-1, -1) for none."""
    x = next((place for place in (0, 2) if abs(point[0] - box[place]) < ROUGH), -1)
    y = next((place for place in (1, 3) if abs(point[1] - box[place]) < ROUGH), -1)
    return (x, y) if x >= 0 and y >= 0 else (-1, -1)


def end(segment: Handle) -> Point:
    """Where the segment ends, in its path's own space."""
    x, y = c_float(), c_float()
    pdfium.FPDFPathSegment_GetPoint(segment, x, y)
    return x.value, y.value
