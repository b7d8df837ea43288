import pytest

from askback.reading.account import Account
from askback.reading.blocks import Block
from askback.reading.chapters import paragraphs
from askback.records import Kind, Paragraph
from tests import book
from tests.book import FLUSH, Read, as_kind, chapter, design, flow, paras, read

PROSE = "It was wide in those days, and slow. " * 10


def block(kind: Kind, text: str, page: int, size: float = 10, opens: bool = False) -> Block:
    """A block on one page."""
    return Block(kind, text, page, page, size, opens)


def chapters(*blocks: Block) -> list[Paragraph]:
    """The paragraphs that the blocks are."""
    account = Account(read=sum(len(block.text.replace(" ", "")) for block in blocks))
    found = list(paragraphs("book", blocks, account))
    assert account.missing == 0
    return found


FRONT = [
    block("heading", "The Ferry", 1, 30, opens=True),
    block("para", "A. Ferryman", 1),
    block("para", "All rights reserved.", 2, opens=True),
    block("heading", "Contents", 3, 18, opens=True),
    block("para", "One 5", 3),
    block("para", "Two . . . . . . . 9", 3),
]
ONE = [block("heading", "One", 5, 18, opens=True), block("para", PROSE, 5)]
TWO = [block("heading", "Two", 9, 18, opens=True), block("para", PROSE, 9)]


def test_nothing_before_the_first_chapter_is_text() -> None:
    found = chapters(*FRONT, *ONE, *TWO)
    assert [(p.kind, p.chapter) for p in found] == [
        ("heading", ""),
        *[("junk", "")] * 5,
        *[("heading", "One"), ("para", "One"), ("heading", "Two"), ("para", "Two")],
    ]


def test_a_heading_within_a_chapter_begins_no_chapter() -> None:
    within = [block("heading", "The Ice", 6, 13), block("para", PROSE, 6)]
    found = chapters(*ONE, *within, *TWO)
    assert [p.chapter for p in found] == ["One"] * 4 + ["Two"] * 2


def test_a_label_and_its_title_make_one_name() -> None:
    label = block("heading", "Chapter One", 5, 12, opens=True)
    found = chapters(label, block("heading", "The River", 5, 18), block("para", PROSE, 5))
    assert {p.chapter for p in found} == {"Chapter One. The River"}


def test_a_short_text_without_headings_is_text() -> None:
    (found,) = chapters(block("para", "A few words.", 0))
    assert (found.kind, found.chapter) == ("para", "")


def test_notes_at_the_books_end_are_notes() -> None:
    notes = [block("para", f"{number}. See the map.", 20) for number in (1, 2)]
    found = chapters(*ONE, block("heading", "Notes", 20, 18, opens=True), *notes)
    assert [p.kind for p in found][2:] == ["heading", "note", "note"]


def test_a_chapter_called_notes_is_text() -> None:
    found = chapters(*ONE, block("heading", "Notes", 20, 18, opens=True), block("para", PROSE, 20))
    assert [(p.kind, p.chapter) for p in found][2:] == [("heading", "Notes"), ("para", "Notes")]


def test_equal_paragraphs_have_ids_of_their_own() -> None:
    found = chapters(*ONE, block("para", PROSE, 6))
    assert len({p.id for p in found}) == 3
    assert [p.number for p in found] == [1, 2, 3]


RIVER, BRIDGE = book.PROSE[:4], book.PROSE[4:8]
NAMES = ("Chapter One. The River", "Chapter Two. The Bridge")
CHAPTERS = flow(
    chapter("The River", "Chapter One"), *RIVER, chapter("The Bridge", "Chapter Two"), *BRIDGE
)
TEXT = [
    *as_kind("heading", "Chapter One", "The River"),
    *paras(*RIVER),
    *as_kind("heading", "Chapter Two", "The Bridge"),
    *paras(*BRIDGE),
]
IMPRINT = [
    "Copyright by nobody at all. All rights reserved.",
    "ISBN 123-4-56",
    "Printed in Ferrytown",
]
TITLE = "#align(center)[#v(4cm) #text(24pt)[The Ferry] #v(1cm) A. Ferryman]\n#pagebreak()\n"
FRONT_PAGES = TITLE + flow(*IMPRINT, "#pagebreak()")


def in_chapters(found: Read) -> list[str]:
    """The chapters in their order."""
    return list(dict.fromkeys(p.chapter for p in found.paragraphs))


def test_title_page_and_imprint_are_no_text() -> None:
    found = read(design() + flow(FRONT_PAGES, CHAPTERS))
    front = [p for p in found.paragraphs if p.first_page < 3]
    assert [p.text for p in front] == ["The Ferry", "A. Ferryman", *IMPRINT]
    assert {p.kind for p in front} == {"heading", "junk"}
    assert found.told[len(front) :] == TEXT
    assert in_chapters(found) == ["", *NAMES]


def entry(text: str, number: int, between: str) -> str:
    """Typst's source for a row of a table of contents."""
    return f"#par(first-line-indent: 0pt)[{text}#box(width: 1fr, {between}){number}]"


LEADERS = {"dots": "repeat[.]", "spaced dots": "repeat[. ]", "space": "h(1fr)"}


@pytest.mark.parametrize("between", LEADERS)
@pytest.mark.parametrize("heading", ["Contents", "Inhalt", "Table des matières", "Índice"])
def test_the_contents_are_no_text(heading: str, between: str) -> None:
    titles = [
        "The River",
        "The Bridge",
        "A Title that is so long that it needs a second row of its own",
    ]
    entries = [entry(title, number, LEADERS[between]) for number, title in enumerate(titles, 4)]
    head = f"#align(center, text(14pt)[{heading}])\n#v(1cm)"
    found = read(design() + flow(FRONT_PAGES, head, *entries, CHAPTERS))
    assert {p.kind for p in found.paragraphs if p.first_page == 3} == {"junk"}
    assert [
        told for p, told in zip(found.paragraphs, found.told, strict=True) if p.first_page > 3
    ] == TEXT
    assert in_chapters(found) == ["", *NAMES]


WORDS = "anchor bell bishop boat brother cattle chapel clock copybook dogs fiddles fog goats heron"


def test_the_index_is_no_text() -> None:
    """It stands in two columns, smaller than the text."""
    entries = [
        f"{word}s, {n}, {n + 3}–{n + 5}"
        for n, word in enumerate((WORDS + " " + WORDS.upper()).split(), 1)
    ]
    small = (
        "#set text(8.5pt)\n#set par(justify: false, first-line-indent: 0pt, hanging-indent: 1em)\n"
    )
    index = f"#[{small}#columns(2)[{flow(*entries)}]]"
    found = read(design() + flow(CHAPTERS, chapter("Index"), index))
    assert found.told[: len(TEXT)] == TEXT
    assert {kind for kind, _ in found.told[len(TEXT) :]} == {"junk"}
    assert found.account.kept["junk"] == len("Index") + sum(
        len(e.replace(" ", "")) for e in entries
    )


LABELS = {
    "Chapter One": "Chapter One. The River",
    "CHAPTER 1": "CHAPTER 1. The River",
    "I": "I. The River",
    "1.": "1. The River",
    "Kapitel 1": "Kapitel 1. The River",
    "Part the First": "The River",  # a part is no chapter
}


@pytest.mark.parametrize("label", LABELS)
def test_a_chapter_is_named_by_its_label_and_its_title(label: str) -> None:
    source = flow(
        chapter("The River", label.replace(".", "\\.")), *RIVER, chapter("The Bridge"), *BRIDGE
    )
    found = read(design() + source)
    assert in_chapters(found) == [LABELS[label], "The Bridge"]
    assert found.of("para") == [*RIVER, *BRIDGE]


def test_a_heading_in_the_midst_of_a_chapter_begins_none() -> None:
    within = f"#block(width: 100%, above: 1.4em, below: 0.8em)[{FLUSH}#text(13pt)[The Ice]]"
    source = flow(
        chapter("The River"), *RIVER[:2], within, *RIVER[2:], chapter("The Bridge"), *BRIDGE
    )
    found = read(design() + source)
    assert in_chapters(found) == ["The River", "The Bridge"]
    assert found.of("heading") == ["The River", "The Ice", "The Bridge"]
    assert found.of("para") == [*RIVER, *BRIDGE]


def test_a_book_without_chapters_is_text() -> None:
    found = read(design() + flow(*book.PROSE))
    assert found.told == paras(*book.PROSE)
    assert in_chapters(found) == [""]
