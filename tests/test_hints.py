import zlib
from pathlib import Path

import pytest
import typst

from askback.reading import hints
from askback.reading.hints import may_hide
from tests.pdfs import Page, book, form, stream, text
from tests.typeset import BOOK, encrypted

PLAIN = text(60, 500, "plain")


def hides(content: bytes, folder: Path) -> bool:
    """Whether such a file may hide text."""
    path = folder / "book.pdf"
    path.write_bytes(content)
    return may_hide(path)


SIGNS = {
    "no paint": "3 Tr",
    "no paint, in other words": "BT 3.0\n\tTr ET",
    "no paint after a remark": "3 % \nTr",
    "only a clip": "7 Tr",
    "white": "1 g",
    "white on a line of its own": "1\ng\n",
    "nearly white": ".96 g",
    "white light": "1 1.0 1 rg",
    "white by no ink": "0 0 0 0 k",
    "white in a named space": "/Cs1 cs 1 1 1 sc",
    "white in another": "/Cs1 cs 1 1 1 scn",
    "no ink in a named space": "/Cs1 cs 0 0 0 0 scn",
    "the white of Lab": "/Cs1 cs 100 0 0 scn",
    "a filled box": "50 490 100 30 re f",
    "a filled and outlined box": "50 490 100 30 re\nB*",
    "a filled shape": "50 490 m 150 490 l 150 520 l 50 520 l h f",
    "a shape that is left open": "50 490 m 150 490 l 150 520 l 50 520 l f",
    "a long shape": "0 0 m " + "1 1 l " * 200 + "h f",
}


@pytest.mark.parametrize("flate", [True, False], ids=["deflated", "as is"])
@pytest.mark.parametrize("sign", SIGNS)
def test_what_may_hide_text_is_a_sign(sign: str, flate: bool, tmp_path: Path) -> None:
    assert hides(book(Page(PLAIN + SIGNS[sign]), flate=flate), tmp_path)


def test_a_sign_in_a_form_is_one(tmp_path: Path) -> None:
    page = Page(PLAIN + "/Form Do", forms={"Form": form(text(60, 400, "word", "3 Tr"))})
    assert hides(book(page), tmp_path)


NO_SIGNS = {
    "nothing": "",
    "paint": "0 Tr 1 Tr 2 Tr",
    "black": "0 g 0 0 0 rg 0 0 0 1 k 0.2 0.3 0.4 rg",
    "black in a named space": "/Cs1 cs 0 sc 0 0 0 scn",
    "white lines": "1 G 1 1 1 RG 0 0 0 0 K",
    "a colour": "1 0 0 rg 1 1 0 rg 0 1 1 0 k",
    "a pattern": "/Pattern cs /P1 scn",
    "a rule": "50 490 300 0.5 re f",
    "a rule as software draws it": "57 102 m 133 102 l 133 102.5 l 57 102.5 l 57 102 l h B*",
    "a clip": "50 490 100 30 re W n",
    "words that look like it": "(1 g 3 Trade) Tj",
}


@pytest.mark.parametrize("content", NO_SIGNS)
def test_what_books_are_full_of_is_no_sign(content: str, tmp_path: Path) -> None:
    assert not hides(book(Page(PLAIN + NO_SIGNS[content])), tmp_path)


STATES = {"/ca 0": True, "/ca 0.0": True, "/ca .02": True, "/c#61 0": True, "/ca 7 0 R": True}
STATES |= {"/ca 1": False, "/ca .5": False, "/ca 0.06": False, "/CA 0": False}


@pytest.mark.parametrize("state", STATES)
def test_paint_that_is_clear_is_a_sign(state: str, tmp_path: Path) -> None:
    page = Page(PLAIN, resources=f"/ExtGState << /G << {state} >> >>")
    assert hides(book(page), tmp_path) is STATES[state]


@pytest.mark.parametrize("clear", [True, False])
def test_objects_are_found_in_object_streams(clear: bool, tmp_path: Path) -> None:
    objects = f"7 0 << /ca {0 if clear else 1} >>".encode()
    packed = stream(objects, "/Type /ObjStm /N 1 /First 4")
    assert hides(book(Page(PLAIN, forms={"Objects": packed})), tmp_path) is clear


BOXES = {
    "/MediaBox [0 0 400 600]": False,
    "/MediaBox [0 0 400 600] /CropBox [0 0 400 600]": False,
    "/MediaBox [0 0 400 600] /CropBox[0.0 0 400.00 600.]": False,
    "/MediaBox [0 0 400 600] /CropBox [9 9 391 591]": True,
    "/MediaBox [0 0 400 600] /CropBox 7 0 R": True,
}


@pytest.mark.parametrize("boxes", BOXES)
def test_a_crop_box_is_a_sign_if_it_is_not_the_media_box(boxes: str, tmp_path: Path) -> None:
    assert hides(book(Page(PLAIN, media=None, more=boxes)), tmp_path) is BOXES[boxes]
    assert hides(book(Page(PLAIN, media=None), tree=boxes), tmp_path) is BOXES[boxes]


def test_crop_boxes_are_compared_page_by_page(tmp_path: Path) -> None:
    small, large = (0, 0, 300, 500), (0, 0, 400, 600)
    same = [Page(PLAIN, media=box, crop=box) for box in (small, large)]
    assert not hides(book(*same), tmp_path)
    crossed = [Page(PLAIN, media=large, crop=small), Page(PLAIN, media=small, crop=large)]
    assert hides(book(*crossed), tmp_path)


@pytest.mark.parametrize("space", ["/Separation", "/DeviceN", "/Indexed", "/CalGray"])
def test_a_colour_of_zeros_is_a_sign_where_inks_are_counted(space: str, tmp_path: Path) -> None:
    page = Page(PLAIN + "/Cs1 cs 0 scn", resources=f"/ColorSpace << /Cs1 [{space}] >>")
    assert hides(book(page), tmp_path) is (space != "/CalGray")


UNREADABLE = {
    "another filter": b"<< /Filter /LZWDecode >>",
    "two filters": b"<< /Filter [/ASCIIHexDecode /FlateDecode] >>",
    "a filter told elsewhere": b"<< /Filter 9 0 R >>",
    "a filter spelt oddly": b"<< /Filter /#4cZWDecode >>",
    "a predictor": b"<< /Filter /FlateDecode /DecodeParms << /Predictor 12 >> >>",
}


@pytest.mark.parametrize("stream", UNREADABLE)
def test_what_cannot_be_read_is_a_sign(stream: str, tmp_path: Path) -> None:
    content = UNREADABLE[stream] + b"\nstream\n" + zlib.compress(b"0 g") + b"\nendstream"
    assert hides(book(Page(PLAIN, forms={"Form": content})), tmp_path)


def test_damage_and_locks_are_signs(tmp_path: Path) -> None:
    sound = book(Page(PLAIN))
    assert not hides(sound, tmp_path)
    assert hides(sound[: sound.index(b"endstream") - 9], tmp_path)
    damaged = bytearray(sound)
    damaged[sound.index(b"endstream") - 9] ^= 0xFF
    assert hides(bytes(damaged), tmp_path)
    assert hides(encrypted(), tmp_path)


def test_a_book_too_large_to_look_into_may_hide_text(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    with path.open("wb") as file:
        file.truncate(hints.LARGEST + 1)
    assert may_hide(path)


def test_streams_that_swell_beyond_the_budget_are_not_read() -> None:
    data = zlib.compress(bytes(1 << 20))
    assert hints.inside(b"<< /Filter /FlateDecode >>", data, (1 << 20) - 1) is None
    assert hints.inside(b"<< /Filter /FlateDecode >>", data, 1 << 20) == b" " * (1 << 20)


@pytest.mark.parametrize("many", [b" 0 rg", b" 1 Tr", b" 99 1 re f", b"/ca 1 ", b"/CropBox [ "])
def test_what_would_take_hours_to_look_at_is_a_sign(many: bytes) -> None:
    assert not hints.Glance(left=1000).is_sign(many * 100, many * 100)
    assert hints.Glance(left=1000).is_sign(many * 1000, many * 1000)


def test_too_many_streams_are_a_sign() -> None:
    glance = hints.Glance(left=1000)
    assert [glance.is_sign(b"", b"") for _ in range(1000)] == [False] * 999 + [True]


def test_pictures_and_fonts_are_not_looked_into(tmp_path: Path) -> None:
    forms = {
        "Picture": stream(b" 3 Tr ", "/Subtype /Image /Width 2 /Height 3"),
        "Font": stream(b" 3 Tr ", "/Length1 6"),
        "Outlines": stream(b" 3 Tr ", "/Subtype /Type1C"),
    }
    assert not hides(book(Page(PLAIN, forms=forms)), tmp_path)


def test_a_typeset_book_has_no_sign(tmp_path: Path) -> None:
    assert not hides(typst.compile(BOOK.encode()), tmp_path)
