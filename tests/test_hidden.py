from pathlib import Path

import pytest
import typst

from askback.reading.hidden import Hidden, find
from askback.reading.words import Word
from askback.sandbox import CpuError, Limits, TimeError
from tests import pdfs
from tests.judged import LAYER, judged, on_page, pages, why
from tests.pdfs import PAPER, Page, book, text
from tests.typeset import BOOK, encrypted


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("media", [PAPER, (-60, 30, 340, 630)], ids=["origin", "elsewhere"])
@pytest.mark.parametrize("crop", [None, (40, 40, 300, 580)], ids=["whole", "cropped"])
def test_words_are_found_where_pdftotext_has_them(
    rotate: int, media: tuple[float, ...], crop: tuple[float, ...] | None, tmp_path: Path
) -> None:
    """On pages turned, with an origin of their own, cropped; in lines that run all four ways.

    All say the same, so that only the place tells them apart.
    """
    ways = ("1 0 0 1 90", "0 1 -1 0 150", "-1 0 0 -1 220", "0 -1 1 0 260")
    lines = [f"q 3 Tr BT /F1 12 Tf {way} 300 Tm (one) Tj ET Q\n" for way in ways]
    content = "".join([*lines, text(90, 400, "one"), text(60, 200, "one")])
    path = tmp_path / "book.pdf"
    path.write_bytes(book(Page(content, media=media, crop=crop, rotate=rotate)))
    hidden, (words,) = find(path)[1], pages(path)
    assert [word.text for word in words] == ["one"] * 6
    assert sorted(str(why(word, hidden)) for word in words) == ["None"] * 2 + ["invisible"] * 4


BOXES = {
    "by itself": (Page("", crop=(50, 50, 350, 550)), ""),
    "turned": (Page("", crop=(50, 50, 350, 550), rotate=90), ""),
    "turned back": (Page("", crop=(50, 50, 350, 550), rotate=270), ""),
    "off its origin": (Page("", media=(-20, -30, 380, 600), crop=(50, 50, 350, 550)), ""),
    "within the tree's": (Page("", media=None, crop=(50, 50, 350, 550)), "/MediaBox [0 0 400 600]"),
    "by the tree": (Page("", media=None), "/MediaBox [0 0 400 600] /CropBox [50 50 350 550]"),
    "in large units": (Page("", crop=(50, 50, 350, 550), more="/UserUnit 2"), ""),
}


@pytest.mark.parametrize("box", BOXES)
def test_text_outside_the_crop_box_is_cropped(box: str, tmp_path: Path) -> None:
    page, tree = BOXES[box]
    page.content = "".join(
        text(x, y, words)
        for x, y, words in (
            (10, 300, "left"),
            (356, 300, "end"),
            (180, 570, "top"),
            (180, 20, "foot"),
            (52, 300, "beside"),
            (180, 300, "middle"),
        )
    )
    (found,) = judged(book(page, tree=tree), tmp_path)
    assert [word for word, reason in found.items() if reason == "cropped"] == [
        word for word in found if word in ("left", "end", "top", "foot")
    ]
    assert len(found) == 6


def test_a_crop_box_beyond_the_page_crops_nothing(tmp_path: Path) -> None:
    page = Page(text(2, 300, "left") + text(180, 590, "top"), crop=(-50, -50, 500, 700))
    assert judged(book(page), tmp_path) == [{"left": None, "top": None}]


def test_layers_that_are_off_are_no_text_to_pdftotext(tmp_path: Path) -> None:
    """So there is nothing to be found."""
    layers = "/OCProperties << /OCGs [4 0 R 5 0 R] /D << /OFF [4 0 R] >> >>"
    content = f"/OC /Off BDC {text(60, 500, 'off')} EMC /OC /On BDC {text(60, 480, 'on')} EMC"
    page = Page(content, resources="/Properties << /Off 4 0 R /On 5 0 R >>")
    assert judged(book(page, catalog=layers, more=[LAYER, LAYER]), tmp_path) == [{"on": None}]


@pytest.mark.parametrize("way", ["1 0 0 1", "0 1 -1 0"], ids=["along", "up"])
def test_a_hidden_word_is_found_in_pieces(way: str, tmp_path: Path) -> None:
    """Many programs set each letter by itself."""
    places = {"w": 0, "o": 8.7, "r": 15.3, "d": 19.3}
    letters = "".join(f"1 0 0 1 {x} 0 Tm ({letter}) Tj " for letter, x in places.items())
    content = f"q {way} 200 300 cm 3 Tr BT /F1 12 Tf {letters} ET Q"
    assert on_page(content, tmp_path) == {"word": "invisible"}


def test_what_is_between_hidden_lines_is_seen(tmp_path: Path) -> None:
    content = text(60, 500, "one", "3 Tr") + text(60, 400, "two", "3 Tr") + text(60, 450, "one")
    path = tmp_path / "book.pdf"
    path.write_bytes(book(Page(content)))
    hidden, (words,) = find(path)[1], pages(path)
    assert [(word.text, why(word, hidden)) for word in words] == [
        ("one", "invisible"),
        ("one", None),
        ("two", "invisible"),
    ]


@pytest.mark.parametrize("word", ["-", "...", "a", "M", "'"])
def test_hidden_signs_are_found_whatever_their_height(word: str, tmp_path: Path) -> None:
    assert on_page(text(60, 500, word, "3 Tr"), tmp_path) == {word: "invisible"}


def test_pages_are_told_apart(tmp_path: Path) -> None:
    hidden, seen = text(60, 500, "word", "3 Tr"), text(60, 500, "word")
    found = judged(book(Page(seen), Page(hidden), Page(seen)), tmp_path)
    assert found == [{"word": None}, {"word": "invisible"}, {"word": None}]


def test_a_typeset_book_has_nothing_hidden(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(typst.compile(BOOK.encode()))
    assert find(path) == {}


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7\n", b"no PDF", encrypted(), pdfs.looping()], ids=len
)
def test_in_what_pdfium_cannot_read_nothing_is_found(content: bytes, tmp_path: Path) -> None:
    """What is wrong is for pdftotext to say."""
    path = tmp_path / "book.pdf"
    path.write_bytes(content)
    assert find(path) == {}


def test_names_may_be_odd(tmp_path: Path) -> None:
    path = tmp_path / "-a 'book' \"é\n😀.pdf"
    path.write_bytes(book(Page(text(60, 500, "word", "3 Tr"))))
    assert [hidden.text for hidden in find(path)[1]] == ["word"]


def test_looking_ends_at_the_limits(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(pdfs.nested_forms(9))
    with pytest.raises(CpuError):
        find(path, Limits(cpu_seconds=1))
    with pytest.raises(TimeError):
        find(path, Limits(seconds=0.5))


WORDS = {
    "the same": ("hidden word", "word", True),
    "another": ("hidden word", "sword", False),
    "ligature": ("the oﬃce", "office", True),
    "from right to left": ("שלום", "םולש", True),
    "without letters": ("hidden word", "—", True),
    "all that is there": ("", "word", True),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_word_is_hidden_that_is_of_the_hidden_text(case: str) -> None:
    """And only where its middle is in the hidden text's box."""
    said, word, expected = WORDS[case]
    hidden = Hidden(10, 10, 50, 20, said, "invisible")
    assert hidden.hides(Word(45, 8, 54, 20, word)) is expected
    assert not hidden.hides(Word(47, 8, 56, 20, word))
    assert not hidden.hides(Word(45, 18, 54, 30, word))
