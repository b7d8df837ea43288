from pathlib import Path

import pytest

from askback.errors import UserError
from askback.plaintext import blocks, read


def spelt(text: str) -> list[tuple[str, str]]:
    """Kind and text of each block in `text`."""
    return [(block.kind, block.text) for block in blocks(text.split("\n"))]


def test_wrapped_lines_become_one_paragraph() -> None:
    text = "It was wide in those\ndays, and slow, and no-\nbody thought of it.\n\nNobody at all.\n"
    assert spelt(text) == [
        ("para", "It was wide in those days, and slow, and nobody thought of it."),
        ("para", "Nobody at all."),
    ]


def test_a_line_too_long_to_be_wrapped_is_a_paragraph() -> None:
    long = "word " * 30
    assert spelt(f"{long}\n{long}\n\nAnd the end.") == [
        ("para", long.strip()),
        ("para", long.strip()),
        ("para", "And the end."),
    ]


def test_lines_without_blank_ones_are_paragraphs() -> None:
    assert spelt("One thing.\nAnother thing.") == [
        ("para", "One thing."),
        ("para", "Another thing."),
    ]


def test_lines_that_end_before_they_must_are_verse() -> None:
    prose = "A line of prose that is as long as lines are in this file, and goes on\nbelow it."
    verse = "The water goes,\nThe boat must stay"
    assert spelt(f"{prose}\n\n{verse}") == [("para", prose.replace("\n", " ")), ("verse", verse)]


@pytest.mark.parametrize(
    ("line", "above", "kind"),
    [
        ("CHAPTER I", "\n", "heading"),
        ("XIV.", "\n", "heading"),
        ("The River", "\n\n", "heading"),
        ("The river rose.", "\n\n", "para"),
        ("The River", "\n", "para"),
    ],
)
def test_headings_stand_apart(line: str, above: str, kind: str) -> None:
    before = "Something that was said before, at some length."
    assert spelt(f"{before}\n{above}{line}\n\n{before}")[1] == (kind, line)


def test_text_is_composed_and_has_no_ligatures_nor_controls(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_bytes("\ufeffThe cafe\u0301’s o\ufb03ce\x07.\r\n".encode())
    found, controls = read(book)
    assert ([block.text for block in found], controls) == (["The café’s office."], 1)


def test_a_file_that_is_not_utf8_is_refused_by_line(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_bytes(b"one\ntwo\ncaf\xe9")
    with pytest.raises(UserError, match=r"book\.txt:3: not UTF-8"):
        read(book)
