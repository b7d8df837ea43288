"""Parts of a PDF that are set in one way each: an omnibus or a bound collection has several."""

from collections.abc import Iterator, Sequence
from statistics import median

from askback.reading.furniture import body_size
from askback.reading.pages import Page

LEAST = 8  # pages; a cover, a plate or a preface is no part
ALIKE = 0.04  # by which sizes of type or paper may differ within a part


def parts(pages: Sequence[Page]) -> Iterator[list[Page]]:
    """The pages in parts, cut where paper or type changes for a while."""
    sizes = [body_size([page]) for page in pages]
    part: list[Page] = []
    start = 0
    for i, page in enumerate(pages):
        if len(part) >= LEAST and len(pages) - i >= LEAST and changes(pages, sizes, start, i):
            yield part
            part, start = [], i
        part.append(page)
    if part:
        yield part


def changes(pages: Sequence[Page], sizes: Sequence[float], start: int, at: int) -> bool:
    """Whether the next pages, this one among them, differ from those since `start`."""
    paper = [page.width for page in pages[at : at + LEAST]]
    if not differ(pages[at].width, pages[at - 1].width):
        before = [size for size in sizes[start:at][-LEAST:] if size]
        after = [size for size in sizes[at : at + LEAST] if size]
        if not (sizes[at] and before and after):
            return False
        usual, new = median(before), median(after)
        steady = sum(not differ(size, new) for size in after) > 0.7 * len(after)
        return steady and differ(usual, new) and not differ(sizes[at], new)
    return not any(differ(width, paper[0]) for width in paper)


def differ(a: float, b: float) -> bool:
    """Whether two sizes are not the same but for rounding."""
    return abs(a - b) > ALIKE * max(a, b)
