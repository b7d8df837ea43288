"""What lies under and over the texts of a page, and how far paint stands out from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from askback.reading.boxes import Box, meet, shared
from askback.reading.drawing import Colour, Mark, Paint

WHITE: Colour = (255, 255, 255)  # paper
FAINT = 10  # of 255: a contrast that nobody sees
THIN = 2.0  # points: rules and underlines, no background
TOUCHED = 0.1  # of a box that a ground must take to count
EDGE = 0.1  # of a text's height that may stand out from what it lies on


@dataclass(frozen=True, slots=True)
class Ground:
    """What is drawn besides text: it lies under what comes later and over what came before."""

    order: int  # among all that is drawn
    box: Box
    rectangle: Box | None  # if it fills one
    colour: Colour | None  # if it is one, and known
    opacity: float
    is_image: bool

    @property
    def cover(self) -> Box | None:
        """The rectangle in which nothing is seen of what was there before; None where none is."""
        return self.rectangle if self.colour and self.opacity == 1 else None

    def over(self, beneath: Colour | None) -> Colour | None:
        """The colour that shows where it has been drawn over another."""
        if self.opacity == 1 or self.colour is None or beneath is None:
            return self.colour if self.opacity == 1 else None
        red, green, blue = (
            round(self.opacity * above + (1 - self.opacity) * below)
            for above, below in zip(self.colour, beneath, strict=True)
        )
        return red, green, blue


def ground(mark: Mark, order: int, stencilled: bool) -> Ground | None:
    """The mark as a ground; None for a thin one, or one without paint.

    `stencilled` says that letters may have cut it out, which PDFium does not tell.
    """
    if mark.is_path and 0 < mark.line_width < THIN:
        return None
    rectangle = mark.rectangle if mark.is_path else None
    box = rectangle or mark.shown
    colour, opacity = mark.fill
    if min(box.width, box.height) < THIN or opacity * 255 <= FAINT:
        return None
    known = rectangle is not None and not (stencilled or mark.is_doubtful)
    return Ground(order, box, rectangle, colour if known else None, opacity, mark.is_image)


def contrast(paint: Paint, beneath: Colour) -> float:
    """How far the paint stands out, of 255."""
    colour, opacity = paint
    if colour is None:
        return 255.0
    return opacity * max(abs(one - other) for one, other in zip(colour, beneath, strict=True))


def colour_beneath(box: Box, order: int, grounds: Sequence[Ground]) -> Colour | None:
    """The colour that lies under the box when its turn to be drawn comes; None if not just one."""
    colour: Colour | None = WHITE
    for found in grounds:
        if found.order > order:
            break
        if meet(found.box, box) and shared(found.box, box).area >= TOUCHED * box.area:
            colour = found.over(colour) if is_within(box, found.rectangle) else None
    return colour


def is_within(box: Box, rectangle: Box | None) -> bool:
    """Whether the box, its edges aside, lies in the rectangle."""
    if rectangle is None:
        return False
    edge = EDGE * min(box.width, box.height)
    inner = Box(box.x0 + edge, box.y0 + edge, box.x1 - edge, box.y1 - edge)
    return rectangle.has((inner.x0, inner.y0)) and rectangle.has((inner.x1, inner.y1))
