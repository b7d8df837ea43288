from pathlib import Path

import pytest

from tests.judged import PLAIN, judged, on_page
from tests.pdfs import SCAN, TYPED, Page, book, filled, form, image, text

DARK = "0 0 .5 rg"

PAINTS = {
    "no paint": ("3 Tr", "invisible"),
    "only as a clip": ("7 Tr", "invisible"),
    "clear": ("/Clear gs", "transparent"),
    "white by grey": ("1 g", "same_colour"),
    "white by light": ("1 1 1 rg", "same_colour"),
    "white by inks": ("0 0 0 0 k", "same_colour"),
    "white by name": ("/DeviceRGB cs 1 1 1 sc", "same_colour"),
    "next to white": ("0.97 g", "same_colour"),
    "white outlines": ("1 Tr 1 G", "same_colour"),
    "white inside and out": ("2 Tr 1 g 1 G", "same_colour"),
    "black": ("0 g", None),
    "red": ("1 0 0 rg", None),
    "light grey": ("0.9 g", None),
    "half clear": ("/Half gs", None),
    "black outlines": ("1 Tr 1 g", None),
    "white with black outlines": ("2 Tr 1 g 0 G", None),
    "mixed with the paper": ("/Multiply gs", None),
    "white, mixed in some way": ("/Multiply gs 1 g", None),
}


@pytest.mark.parametrize("paint", PAINTS)
def test_text_is_hidden_by_its_paint(paint: str, tmp_path: Path) -> None:
    before, expected = PAINTS[paint]
    assert on_page(text(60, 500, "word", before), tmp_path) == {"word": expected}


GROUNDS = {
    "a dark box": (filled(50, 490, 100, 30, DARK), None),
    "a box like it": (filled(50, 490, 100, 30, "1 g"), "same_colour"),
    "a box like it on a dark one": (
        filled(0, 0, 400, 520, DARK) + filled(50, 490, 100, 30, "1 g"),
        "same_colour",
    ),
    "a dark box on one like it": (
        filled(0, 0, 400, 520, "1 g") + filled(50, 490, 100, 30, DARK),
        None,
    ),
    "a box that is half clear": (filled(50, 490, 100, 30, f"/Half gs {DARK}"), None),
    "a box that is clear": (filled(50, 490, 100, 30, f"/Clear gs {DARK}"), "same_colour"),
    "half a dark box": (filled(50, 490, 22, 30, DARK), None),
    "a dark box elsewhere": (filled(200, 490, 100, 30, DARK), "same_colour"),
    "a dark box cut off before it": (
        f"q 200 0 100 600 re W n {filled(0, 490, 400, 30, DARK)} Q",
        "same_colour",
    ),
    "a rule": (filled(50, 503, 100, 0.5, DARK), "same_colour"),
    "a frame around it": ("q 1 w 50 490 100 30 re S Q", "same_colour"),
    "a thick line": (f"q 20 w {DARK} 0 0 .5 RG 50 505 m 150 505 l S Q", None),
    "a dark circle": (f"q {DARK} 50 450 m 50 560 200 560 200 450 c h f Q", None),
    "a circle that is clear": (
        f"q /Clear gs {DARK} 50 450 m 50 560 200 560 200 450 c h f Q",
        "same_colour",
    ),
    "a picture": ("q 100 0 0 30 50 490 cm /Grey Do Q", None),
    "a dark form": ("q 1 0 0 1 50 490 cm /Dark Do Q", None),
    "a form like it": ("q 1 0 0 1 50 490 cm /Light Do Q", "same_colour"),
    "a large letter": (text(40, 480, "M", size=90), None),
}


@pytest.mark.parametrize("ground", GROUNDS)
def test_white_text_is_seen_on(ground: str, tmp_path: Path) -> None:
    before, expected = GROUNDS[ground]
    forms = {
        "Grey": image(),
        "Dark": form(filled(0, 0, 100, 30, DARK)),
        "Light": form(filled(0, 0, 100, 30, "1 g")),
    }
    found = on_page(before + text(60, 500, "word", "1 g"), tmp_path, **forms)
    assert found["word"] == expected


def test_text_of_its_grounds_colour_is_hidden(tmp_path: Path) -> None:
    content = filled(50, 490, 100, 30, DARK) + text(60, 500, "dark", DARK)
    content += filled(50, 390, 100, 30, "/Half gs 0 g") + text(60, 400, "grey", "0.5 g")
    assert on_page(content, tmp_path) == {"dark": "same_colour", "grey": "same_colour"}


COVERS = {
    "white": (filled(50, 490, 100, 30, "1 g"), "covered"),
    "black": (filled(50, 490, 100, 30, "0 g"), "covered"),
    "in a form": ("q 1 0 0 1 50 490 cm /Light Do Q", "covered"),
    "drawn point by point": ("q 1 g 50 490 m 150 490 l 150 520 l 50 520 l h f Q", "covered"),
    "half clear": (filled(50, 490, 100, 30, "/Half gs 1 g"), None),
    "mixing": (filled(50, 490, 100, 30, "/Multiply gs 1 1 0 rg"), None),
    "too low": (filled(50, 490, 100, 14, "1 g"), None),
    "a line through it": (filled(50, 503, 100, 2, "1 g"), None),
    "a frame": ("q 10 w 50 490 100 30 re S Q", None),
    "crossed sides": ("q 1 g 50 490 m 150 520 l 150 490 l 50 520 l h f Q", None),
    "a triangle": ("q 1 g 50 490 m 150 490 l 50 560 l h f Q", None),
    "cut off before it": (f"q 200 0 9 600 re W n {filled(0, 490, 400, 30, '1 g')} Q", None),
    "cut to a circle": (
        f"q 50 450 m 50 560 200 560 200 450 c h W n {filled(0, 490, 400, 30, '1 g')} Q",
        None,
    ),
    "in a form too small for it": ("q 1 0 0 1 50 490 cm /Small Do Q", None),
    "a picture": ("q 100 0 0 30 50 490 cm /Grey Do Q", None),  # it may be of the same text
    "in a layer that may be off": (
        f"/OC /Layer BDC {filled(50, 490, 100, 30, '1 g')} EMC",
        None,
    ),
}


@pytest.mark.parametrize("cover", COVERS)
def test_text_is_covered_by_what_comes_later(cover: str, tmp_path: Path) -> None:
    after, expected = COVERS[cover]
    forms = {
        "Grey": image(),
        "Light": form(filled(0, 0, 100, 30, "1 g")),
        "Small": form(filled(0, 0, 100, 30, "1 g"), box=(0, 0, 100, 14)),
    }
    assert on_page(text(60, 500, "word") + after, tmp_path, **forms) == {"word": expected}


def test_of_a_line_those_words_are_covered_that_are_under_the_cover(tmp_path: Path) -> None:
    content = text(60, 500, "one two three four") + filled(83, 495, 52, 20)
    expected = {"one": None, "two": "covered", "three": "covered", "four": None}
    assert on_page(content, tmp_path) == expected


def test_text_aslant_is_covered_only_as_a_whole(tmp_path: Path) -> None:
    slant = "BT /F1 12 Tf .8 .6 -.6 .8 60 400 Tm (word) Tj ET "
    found = on_page(slant + filled(50, 395, 100, 22, "1 g"), tmp_path)
    assert set(found.values()) == {None}
    found = on_page(slant + filled(50, 390, 100, 60, "1 g"), tmp_path)
    assert set(found.values()) == {"covered"}


@pytest.mark.parametrize("before", ["1 g", "3 Tr"])
def test_text_that_is_drawn_again_to_be_seen_is_seen(before: str, tmp_path: Path) -> None:
    """As shadows are, and as some software fakes bold type."""
    again = text(60.4, 499.7, "word", before) + text(60, 500, "word")
    assert on_page(again, tmp_path) == {"word": None}
    assert on_page(text(60, 500, "word") + text(60, 500, "word", before), tmp_path) == {
        "word": None
    }


def test_seen_text_on_hidden_text_is_seen(tmp_path: Path) -> None:
    """As long as it says something else."""
    content = text(60, 500, "unseen", "3 Tr") + text(62, 503, "word")
    assert on_page(content, tmp_path)["word"] is None


def test_a_stencil_through_which_something_is_drawn_is_seen(tmp_path: Path) -> None:
    """Render mode 7 adds letters to the clip."""
    stencil = f"q BT 7 Tr /F1 12 Tf 60 500 Td (word) Tj ET {filled(0, 0, 400, 600, DARK)} Q"
    assert on_page(stencil, tmp_path) == {"word": None}


def test_hidden_text_is_found_in_forms_within_forms(tmp_path: Path) -> None:
    """Each with a matrix of its own, and drawn under another."""
    inner = form(text(10, 10, "inner", "3 Tr") + text(10, 40, "seen"), more=TYPED)
    draw = "q 1.5 0 0 1.5 20 20 cm /Inner Do Q"
    resources = "/Resources << /Font << /F1 3 0 R >> /XObject << /Inner 4 0 R >> >>"
    outer = form(draw + text(10, 150, "outer", "3 Tr"), more=f"/Matrix [1 0 0 1 5 7] {resources}")
    content = PLAIN + "q 0 1 -1 0 300 100 cm /Outer Do Q"
    page = Page(content, forms={"Inner": inner, "Outer": outer})
    expected = {"inner": "invisible", "outer": "invisible", "seen": None, "plain": None}
    assert judged(book(page), tmp_path) == [expected]


def test_a_clear_form_hides_its_text(tmp_path: Path) -> None:
    """A transparency group starts anew within; it is the group that is clear."""
    group = form(text(60, 500, "word"), more=f"{TYPED} /Group << /S /Transparency >>")
    assert on_page("q /Clear gs /Form Do Q", tmp_path, Form=group) == {"word": "transparent"}


SCANNED = {
    "a scan": SCAN,
    "a scan in strips": "".join(f"q 400 0 0 60 0 {60 * i} cm /Scan Do Q\n" for i in range(10)),
    "a scan in a form": "/Form Do\n",
}


@pytest.mark.parametrize("scan", SCANNED)
def test_the_text_of_a_scan_is_kept(scan: str, tmp_path: Path) -> None:
    """Over the picture or under it, and beside text that is seen."""
    layer = text(60, 500, "over", "3 Tr") + text(60, 450, "clear", "/Clear gs")
    inside = form(SCAN, more="/Resources << /XObject << /Scan 5 0 R >> >>")
    forms = {"Scan": image(), "Form": inside}
    content = text(60, 400, "under") + SCANNED[scan] + layer + text(60, 300, "seen")
    expected = {"over": None, "clear": None, "under": None, "seen": None}
    assert on_page(content, tmp_path, **forms) == expected


def test_invisible_text_on_a_small_picture_or_beside_it_is_hidden(tmp_path: Path) -> None:
    """What has been read by OCR has a picture that takes most of the page."""
    small = "q 300 0 0 100 50 450 cm /Scan Do Q "
    content = small + text(60, 500, "on", "3 Tr")
    assert on_page(content, tmp_path, Scan=image()) == {"on": "invisible"}
    large = "q 400 0 0 400 0 200 cm /Scan Do Q "
    content = large + text(60, 500, "on", "3 Tr") + text(60, 100, "beside", "3 Tr")
    expected = {"on": None, "beside": "invisible"}
    assert on_page(content, tmp_path, Scan=image()) == expected


def test_what_is_blacked_out_on_a_scan_is_covered(tmp_path: Path) -> None:
    content = SCAN + text(60, 500, "secret", "3 Tr") + filled(50, 490, 100, 30)
    assert on_page(content, tmp_path, Scan=image()) == {"secret": "covered"}
