"""Which texts of a page nobody sees: judged by what they, and all else on it, are drawn with.

In doubt a text is seen: on pictures, shadings, patterns, and on shapes that are no rectangles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from askback.reading.boxes import Box, alike, around, meet, moved, shared, union
from askback.reading.drawing import Colour, Mark, Page, Paint
from askback.reading.grounds import (
    FAINT,
    WHITE,
    Ground,
    colour_beneath,
    contrast,
    ground,
    is_within,
)

Why = Literal["invisible", "transparent", "same_colour", "covered"]
Direction = Literal["along", "up", "aslant"]

FILLED, OUTLINED, STENCILS = (0, 2, 4, 6), (1, 2, 5, 6), (4, 5, 6, 7)  # render modes
ASCENT, DESCENT = 0.8, 0.25  # of the type size
COVERED = 0.8  # of a text's height
LEVEL = 0.05  # the slope of what counts as level
SCAN = 0.5  # of a page, that pictures take
TWIN = 0.7  # of two boxes, that they share
LARGE = 1.5  # times as high: a letter that another may stand on


@dataclass(frozen=True, slots=True)
class Unseen:
    """A text, or a part of it, that nobody sees."""

    text: Mark
    box: Box  # as high as a line, as poppler's are, whatever letters there are
    why: Why
    said: str

    @property
    def runs_up(self) -> bool:
        """Whether it runs along the page's y rather than its x."""
        return direction(self.text) == "up"


@dataclass(slots=True)
class Scene:
    """All that is drawn on a page; the numbers say in which order."""

    texts: list[tuple[int, Mark]] = field(default_factory=list)
    grounds: list[Ground] = field(default_factory=list)
    colours: set[Colour] = field(default_factory=lambda: {WHITE})  # of the grounds
    mixes: bool = False  # whether some of them let others shine through
    covers: list[tuple[int, Box]] = field(default_factory=list)
    stencilled: bool = False  # whether letters may cut out what comes

    def add(self, order: int, mark: Mark) -> None:
        """Enters what is drawn next."""
        if mark.is_text:
            self.texts.append((order, mark))
            self.stencilled = self.stencilled or mark.mode in STENCILS
        elif found := ground(mark, order, self.stencilled):
            self.grounds.append(found)
            self.colours |= {found.colour} if found.colour else set()
            self.mixes = self.mixes or (found.colour is not None and found.opacity < 1)
            self.covers += [(order, found.cover)] if found.cover else []

    def may_match(self, paints: Sequence[Paint]) -> bool:
        """Whether the paints are like any that may lie beneath them: a glance before a search."""
        return self.mixes or any(
            all(contrast(paint, colour) <= FAINT for paint in paints) for colour in self.colours
        )


def unseen(page: Page) -> list[Unseen]:
    """The page's texts that nobody sees.

    Those over or under pictures that take most of the page are what OCR read there; they are not
    among them, unless something covers them.
    """
    scene = scene_of(page)
    scans = scans_of(scene, page.crop)
    found, seen = list[Unseen](), list[Mark]()
    for order, text in scene.texts:
        if parts := judged(text, order, scene):
            found += (part for part in parts if part.why == "covered" or not is_in(part, scans))
        else:
            seen.append(text)
    said = [replace(part, said=page.said(part.text)) for part in found]
    boxes = [(text.box, text) for text in seen] if found else []
    return [part for part in said if part.said.strip() and not is_seen_again(part, boxes, page)]


def scene_of(page: Page) -> Scene:
    """All that is drawn on the page."""
    scene = Scene()
    for order, mark in enumerate(page.marks()):
        scene.add(order, mark)
    return scene


def scans_of(scene: Scene, page: Box) -> list[Box]:
    """Where the page's pictures are, if they take most of it."""
    boxes = [shared(ground.box, page) for ground in scene.grounds if ground.is_image]
    return boxes if sum(box.area for box in boxes) >= SCAN * page.area else []


def is_in(part: Unseen, scans: Sequence[Box]) -> bool:
    """Whether the part's middle is in one of the pictures."""
    return any(scan.has(part.box.centre) for scan in scans)


def judged(text: Mark, order: int, scene: Scene) -> list[Unseen]:
    """The text or those parts of it that nobody sees."""
    why = reason(text, order, scene)
    if not (why or scene.covers):
        return []
    whole = reach(text)
    later = [cover for place, cover in scene.covers if place > order and meet(cover, whole)]
    if covers := [cover for cover in later if is_covered(text, cover)]:
        return [Unseen(text, shared(cover, whole), "covered", "") for cover in covers]
    return [Unseen(text, whole, why, "")] if why else []


def reason(text: Mark, order: int, scene: Scene) -> Why | None:
    """Why the text leaves no trace on what lies beneath it; None where it does."""
    paints = paints_of(text)
    if not paints:
        return None if is_stencil(text, order, scene) else "invisible"
    if all(opacity * 255 <= FAINT for _, opacity in paints):
        return "transparent"
    if scene.may_match(paints) and not text.is_blended:
        beneath = colour_beneath(text.box, order, scene.grounds)
        if beneath and all(contrast(paint, beneath) <= FAINT for paint in paints):
            return "same_colour"
    return None


def is_stencil(text: Mark, order: int, scene: Scene) -> bool:
    """Whether something may be drawn later through its letters."""
    box = text.box
    later = (ground for ground in scene.grounds if ground.order > order)
    return text.mode in STENCILS and any(meet(ground.box, box) for ground in later)


def paints_of(text: Mark) -> list[Paint]:
    """What its letters are painted with: nothing, inside, outline or both."""
    mode = text.mode
    return [text.fill] * (mode in FILLED) + [text.stroke] * (mode in OUTLINED)


def is_covered(text: Mark, cover: Box) -> bool:
    """Whether the cover hides some letters of the text."""
    box, runs = text.box, direction(text)
    if runs == "aslant":
        return is_within(box, cover)
    common, least = shared(box, cover), 0.5 * min(box.width, box.height)
    if runs == "along":
        return common.height >= COVERED * box.height and common.width > least
    return common.width >= COVERED * box.width and common.height > least


def direction(text: Mark) -> Direction:
    """How the text runs over the page, before that is turned."""
    a, b, *_ = map(abs, text.matrix)
    if min(a, b) > LEVEL * max(a, b):
        return "aslant"
    return "along" if a > b else "up"


def reach(text: Mark) -> Box:
    """The text's box, grown to what a line of its type takes."""
    matrix, size = text.matrix, text.type_size
    return union(text.box, around(moved((0, part * size), matrix) for part in (ASCENT, -DESCENT)))


def is_seen_again(part: Unseen, seen: Sequence[tuple[Box, Mark]], page: Page) -> bool:
    """Whether a text that is seen says the same in its place, or is a large letter beneath it."""
    box = part.text.box
    for other, text in seen:
        if not meet(box, other):
            continue
        if alike(box, other) >= TWIN and page.said(text).strip() in (part.said.strip(), ""):
            return True
        if part.why == "same_colour" and other.height > LARGE * box.height:
            return other.has(box.centre)
    return False
