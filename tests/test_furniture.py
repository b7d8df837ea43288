from collections import Counter

from askback.reading import furniture
from askback.reading.pdf import Line, Page, Word


def line(page: int, top: float, text: str, size: float = 10.0) -> Line:
    """A line of `text` at the height `top`."""
    words = [Word(50, top, 90, top + size, word) for word in text.split()]
    return Line(page, words, 50, top, 300, top + size, size)


def page(number: int, head: str, foot: str, body: str = "text on its line") -> Page:
    """A page of twenty lines between a head and a foot, either of which may be empty."""
    lines = [line(number, 100 + 12 * i, body) for i in range(20)]
    edges = [line(number, top, text) for top, text in ((40, head), (500, foot)) if text]
    return Page(number, 400, 600, [*edges, *lines])


def removed(pages: list[Page]) -> Counter[str]:
    """What was taken out of `pages`, by text."""
    before = Counter(line.text for page in pages for line in page.lines)
    furniture.remove(pages)
    return before - Counter(line.text for page in pages for line in page.lines)


def test_heads_that_differ_by_side_are_no_text() -> None:
    pages = [page(n, "The Ferry" if n % 2 else "The River", "") for n in range(1, 9)]
    assert removed(pages) == {"The Ferry": 4, "The River": 4}


def test_the_head_of_a_chapter_of_one_page_is_no_text() -> None:
    """No other page has its words, but others have heads in its place."""
    pages = [page(n, "A Short One" if n == 5 else "The River", "") for n in range(1, 9)]
    assert removed(pages) == {"The River": 7, "A Short One": 1}


def test_page_numbers_start_anywhere() -> None:
    pages = [page(n, "", "– vii –" if n == 1 else str(n + 40)) for n in range(1, 6)]
    assert removed(pages) == {"– vii –": 1, "42": 1, "43": 1, "44": 1, "45": 1}


def test_a_chapters_number_is_text() -> None:
    """It stands as high as its likes, but keeps no distance from the page."""
    heads = {1: "Chapter 1", 4: "Chapter 2", 9: "Chapter 3", 11: "Chapter 4"}
    assert removed([page(n, heads.get(n, ""), "") for n in range(1, 13)]) == {}


def test_a_line_of_dialogue_that_ends_many_pages_is_text() -> None:
    """It recurs in one place, but no space sets it off."""
    pages = [page(n, "", "") for n in range(1, 9)]
    for p in pages:
        p.lines.append(line(p.number, 340, "“Yes.”"))
    assert removed(pages) == {}


def test_numbers_in_the_margin_are_no_text() -> None:
    pages = [page(n, "", "") for n in range(1, 9)]
    for p in pages:
        p.lines.append(line(p.number, 148, "5"))
    assert removed(pages) == {"5": 8}
