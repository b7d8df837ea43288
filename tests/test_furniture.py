from collections import Counter
from collections.abc import Callable

import pytest

from askback.reading import furniture
from askback.reading.account import Account, count
from askback.reading.pages import Line, Page
from tests.book import PROSE, Read, chapter, design, flow, paras, prose, read

MORE = prose(24, 1)


def line(page: int, top: float, text: str, size: float = 10.0, left: float = 50.0) -> Line:
    """A line of `text` at the height `top`."""
    return Line(page, text, left, top, left + 250, top + size, size, first=40)


def page(number: int, head: str, foot: str, body: str = "text on its line") -> Page:
    """A page of twenty lines between a head and a foot, either of which may be empty."""
    lines = [line(number, 100 + 12 * i, body) for i in range(20)]
    edges = [line(number, top, text) for top, text in ((40, head), (500, foot)) if text]
    return Page(number, 400, 600, [*edges, *lines])


def removed(pages: list[Page]) -> Counter[str]:
    """What was taken out of `pages`, by text."""
    account = Account()
    before = Counter(line.text for page in pages for line in page.lines)
    furniture.remove(pages, account)
    gone = before - Counter(line.text for page in pages for line in page.lines)
    assert account.left_out.total() == sum(map(count, gone.elements()))
    return gone


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


def test_a_word_beside_the_text_of_many_pages_is_no_text() -> None:
    pages = [page(n, "", "") for n in range(1, 9)]
    for p in pages:
        p.lines.append(Line(p.number, "C", 10, 148, 20, 158, 10, first=10))
    assert removed(pages) == {"C": 8}


def test_lines_beyond_the_edges_of_the_page_are_no_text() -> None:
    pages = [page(1, "", "")]
    for left, top in ((-260, 300), (410, 300), (50, -20), (50, 610)):
        pages[0].lines.append(line(1, top, "draft", left=left))
    account = Account()
    furniture.remove(pages, account)
    assert len(pages[0].lines) == 20
    assert account.left_out == {"off_page": 4 * len("draft")}


def framed(head: str, foot: str, *parts: str) -> Read:
    """A book with what Typst makes of `head` and `foot` on its page `n`; `c` are the chapters."""
    numbered = "let n = counter(page).get().first()\nset text(8pt)\n"
    chapters = "let c = query(heading.where(level: 1).before(here()))\n"
    edges = f"header: context {{{numbered}{chapters}{head}}}, footer: context {{{numbered}{foot}}}"
    return read(design(f"page({edges})") + flow(*parts))


def side(even: str, odd: str) -> str:
    """Typst's source for what differs by side."""
    return f"if calc.even(n) [{even}] else [#h(1fr) {odd}]"


ROMAN = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
WEB = ("[24/11/2026, 10:32 #h(1fr) A memoir]", "[https://ferry.example/book #h(1fr) #n/9]")
# Head and foot in Typst's language; and of each page the head and the number that are no text.
Edges = tuple[str, str, Callable[[int], tuple[str, str]]]
EDGES: dict[str, Edges] = {
    "by side": (
        side("The Ferry", "A Man"),
        "",
        lambda n: ("The Ferry" if n % 2 == 0 else "A Man", ""),
    ),
    "with a number": (
        side("#n #h(1fr) The Ferry", "A #h(1fr) #n"),
        "",
        lambda n: ("A" if n % 2 else "The Ferry", str(n)),
    ),
    "in two rows": (r"[The Ferry \ A Man #h(1fr) #n]", "", lambda n: ("The Ferry A Man", str(n))),
    "large": (
        "{set text(10pt)\n[The Ferry]}",
        "{set text(10pt)\nalign(center)[#n]}",
        lambda n: ("The Ferry", str(n)),
    ),
    "roman": ("", 'align(center, numbering("i", n))', lambda n: ("", ROMAN[n])),
    "in dashes": ("", "align(center)[– #n –]", lambda n: ("", f"–{n}–")),
    "beside a title": (
        "",
        side("#n | The Ferry", "The River | #n"),
        lambda n: (f"The {'River' if n % 2 else 'Ferry'}|{n}", ""),
    ),
    "after a word": ("", "align(right)[Page #n]", lambda n: (f"Page {n}", "")),
    "of a total": ("", "align(right)[#n/9]", lambda n: ("", f"{n}/9")),
    "of the web": (
        *WEB,
        lambda n: ("24/11/2026, 10:32 A memoir https://ferry.example/book", f"{n}/9"),
    ),
    "from 101": ("", "align(center)[#(n + 100)]", lambda n: ("", str(n + 100))),
}


@pytest.mark.parametrize("how", EDGES)
def test_heads_and_numbers_of_every_kind_are_no_text(how: str) -> None:
    head, foot, gone = EDGES[how]
    found = framed(head, foot, *PROSE, *MORE)
    assert found.told == paras(*PROSE, *MORE)
    texts = [gone(page) for page in range(1, found.paragraphs[-1].last_page + 1)]
    buckets = {
        "running_head": sum(count(head) for head, _ in texts),
        "page_number": sum(count(number) for _, number in texts),
    }
    assert found.left_out == {bucket: number for bucket, number in buckets.items() if number}


def test_page_numbers_may_be_roman_capitals() -> None:
    found = framed("", 'align(center, numbering("I", n))', *PROSE, *MORE)
    assert found.told == paras(*PROSE, *MORE)


TITLES = ("The River", "The Boat", "The Bridge", "The End")
CHAPTERS = (PROSE[:9], MORE[:1], MORE[1:12], MORE[12:])  # the second takes one page


@pytest.mark.parametrize("opening", [True, False], ids=["everywhere", "not where chapters open"])
def test_heads_that_name_the_chapter_are_no_text(opening: bool) -> None:
    """Nor is the number that stands at the foot where a chapter opens."""
    opens = "here().page() in query(heading.where(level: 1)).map(it => it.location().page())"
    title = "#c.map(it => it.body).last(default: [])"
    head = f"if {str(opening).lower()} or not ({opens}) [{title} #h(1fr) #n]"
    foot = f"if {opens} {{align(center)[#n]}}"
    chapters = [flow(chapter(t), *text) for t, text in zip(TITLES, CHAPTERS, strict=True)]
    found = framed(head, foot, *chapters)
    expected = zip(TITLES, CHAPTERS, strict=True)
    assert found.told == [
        told for title, text in expected for told in [("heading", title), *paras(*text)]
    ]
    assert {p.chapter for p in found.paragraphs} == set(TITLES)


def test_a_head_that_no_other_page_has_is_told_by_its_number() -> None:
    """Each chapter takes one page, and the number stands in its title's line."""
    titles = [f"The Tale of the {name}" for name in ("River", "Boat", "Bridge", "Fog", "Heron")]
    text = [MORE[number : number + 2] for number in range(1, 10, 2)]
    chapters = [flow(chapter(t), *two) for t, two in zip(titles, text, strict=True)]
    found = framed("[#n #c.map(it => it.body).last(default: [])]", "", *chapters)
    assert found.of("heading") == titles
    assert found.of("para") == MORE[1:11]


def test_titles_are_no_heads_though_they_count_the_pages() -> None:
    titles = [f"Chapter {number}" for number in range(1, 7)]
    chapters = [flow(chapter(t), *MORE[2 * n : 2 * n + 2]) for n, t in enumerate(titles)]
    found = framed("", "", *chapters)
    assert found.of("heading") == titles
    assert found.left_out == {}


def test_slug_lines_and_crop_marks_are_no_text() -> None:
    marks = {
        "top + left, dx: 1cm, dy: 3mm": "ferry_FINAL.indd #context here().page() 24/11/26 10:32",
        "top + left, dx: 2mm, dy: 7.5cm": "C",
        "bottom + left, dx: 3cm, dy: -3mm": "Cyan Magenta Yellow Black",
    }
    shown = "".join(f"#place({place}, text(7pt)[{mark}])" for place, mark in marks.items())
    found = read(design(f"page(background: [{shown}])") + flow(*PROSE, *MORE))
    assert found.told == paras(*PROSE, *MORE)


LINES = {
    "every fifth": "n => if calc.rem(n, 5) == 0 [#text(8pt)[#n]]",
    "large": "n => if calc.rem(n, 5) == 0 [#n], number-clearance: 2em",
    "on the right": "n => if calc.rem(n, 5) == 0 [#n], number-margin: right, number-clearance: 2em",
    "each": "n => [#text(7pt)[#n]]",
}


@pytest.mark.parametrize("scope", ["document", "page"])
@pytest.mark.parametrize("how", LINES)
def test_line_numbers_are_no_text(how: str, scope: str) -> None:
    rule = f'par.line(numbering: {LINES[how]}, numbering-scope: "{scope}")'
    found = read(design(rule) + flow(*PROSE, *MORE[:8]))
    assert found.told == paras(*PROSE, *MORE[:8])
    assert set(found.left_out) == {"margin_mark"}


@pytest.mark.xfail(strict=True, reason="pdftotext takes a number near a row for its first word")
def test_line_numbers_may_stand_near_the_text() -> None:
    rule = "par.line(numbering: n => if calc.rem(n, 5) == 0 [#n])"
    assert read(design(rule) + flow(*PROSE, *MORE)).told == paras(*PROSE, *MORE)
