"""Quotations, letters and the like: rows that stand between margins of their own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from askback.language import CJK
from askback.reading.pages import Line
from askback.reading.setting import NEAR, Setting, aligned, begins_paragraph, full

LEAST = 3  # rows that make a quotation set in


def mark_insets(columns: Sequence[list[Line]], setting: Setting) -> None:
    """Gives rows that are set in, as quotations and letters are, margins of their own.

    First those of long ones; then those of short ones, which stand between the same margins.
    """
    found: Counter[tuple[int, int]] = Counter()
    short: list[list[Line]] = []
    for column in columns:
        text = [row for row in column if not row.note]
        for run in map(trimmed, runs(text, setting)):
            edges = inset(run, setting)
            if edges:
                found[shift(run[0], edges)] += 1
                move(run, edges)
            else:
                short.append(run)
    known = [by for by, count in found.items() if count > 1 and min(by) > 0.8 * setting.em]
    for run in short:
        for by_left, by_right in known:
            edges = run[0].left + by_left, run[0].right - by_right
            if fits(run, edges, setting):
                move(run, edges)
                break


def fits(run: Sequence[Line], edges: tuple[float, float], setting: Setting) -> bool:
    """Whether a short run stands between the edges, and its rows end at the right one."""
    between = abs(min(row.x0 for row in run) - edges[0]) < NEAR
    inside = max(row.x1 for row in run) < edges[1] + NEAR
    ends = sum(full(row, below, edges[1], setting) for row, below in pairwise(run))
    return between and inside and ends >= max(1.0, 0.6 * (len(run) - 1))


def shift(row: Line, edges: tuple[float, float]) -> tuple[int, int]:
    """How far the edges are from the row's margins, in points."""
    return round(edges[0] - row.left), round(row.right - edges[1])


def move(run: Iterable[Line], edges: tuple[float, float]) -> None:
    """Puts the run between the edges."""
    for row in run:
        row.left, row.right = edges
        row.inset = True


def runs(column: Iterable[Line], setting: Setting) -> Iterator[list[Line]]:
    """Neighbouring rows that are set in; after a space they begin at the same place."""
    run: list[Line] = []
    for row in column:
        if run:
            step = row.y0 - run[-1].y0
            near = step < 1.25 * setting.leading or (
                step < max(2.2 * setting.body, 1.5 * setting.leading) and aligned(row, run[-1])
            )
            if not near or row.foot or not is_inside(row, setting):
                yield run
                run = []
        if is_inside(row, setting):
            run.append(row)
    if run:
        yield run


def is_inside(row: Line, setting: Setting) -> bool:
    """Whether the row begins right of the margin, and not as rows of a hanging paragraph do."""
    hung = setting.hanging is not None and abs(row.indent - setting.hanging) <= NEAR
    return 0.4 * setting.em < row.indent < 0.4 * setting.width and not hung


def trimmed(run: list[Line]) -> list[Line]:
    """The run without the rows at its ends that begin left of where many of its rows do."""
    starts = Counter(round(row.x0) for row in run)
    often = min(0.2 * len(run), max(starts.values()))
    left = min(x for x, count in starts.items() if count >= often)
    inside = [i for i, row in enumerate(run) if row.x0 > left - NEAR]
    return run[inside[0] : inside[-1] + 1]


def inset(run: Sequence[Line], setting: Setting) -> tuple[float, float] | None:
    """The run's own margins, if most of its rows reach the same right end; None for others.

    The ends of prose may be ragged, if only the next word had no room. Rows of verse and speeches,
    each with a capital, end anywhere.
    """
    left, right = min(row.x0 for row in run), max(row.x1 for row in run)
    wide = right > run[0].right - setting.em
    if len(run) < LEAST or (wide and all(begins_paragraph(row, setting) for row in run)):
        return None
    small = sum(row.text[:1].islower() for row in run)
    if not small and len(run) > LEAST and not CJK.search(run[0].text):
        return None  # verse, each line with a capital
    prose = small >= 0.3 * len(run)
    ends = sum(
        row.x1 > right - setting.body or (prose and full(row, below, right, setting))
        for row, below in pairwise(run)
    )
    return (left, right) if ends >= 0.6 * (len(run) - 1) else None
