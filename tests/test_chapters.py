from askback.reading.blocks import Block
from askback.reading.chapters import paragraphs
from askback.records import Kind, Paragraph

PROSE = "It was wide in those days, and slow. " * 10


def block(kind: Kind, text: str, page: int, size: float = 10, opens: bool = False) -> Block:
    """A block on one page."""
    return Block(kind, text, page, page, size, opens)


def chapters(*blocks: Block) -> list[Paragraph]:
    """The paragraphs that the blocks are."""
    return list(paragraphs("book", blocks))


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
    notes = [block("heading", "Notes", 20, 18, opens=True), block("para", PROSE, 20)]
    assert [p.kind for p in chapters(*ONE, *notes)][2:] == ["heading", "note"]


def test_equal_paragraphs_have_ids_of_their_own() -> None:
    found = chapters(*ONE, block("para", PROSE, 6))
    assert len({p.id for p in found}) == 3
    assert [p.number for p in found] == [1, 2, 3]
