import pytest

from askback.reading import pages, pdf
from askback.reading.account import Account, count
from tests.book import PROSE, amid, design, flow, paras, printed, read, read_pdf
from tests.signs import Row, drawn

BOOK = design() + flow(*PROSE)


def test_the_files_own_title_and_author_are_known() -> None:
    named = '#set document(title: "Tom & Jerry’s <ferry>", author: "A. \\"Ferry\\" Man")\n'
    text = read(named + BOOK).text
    assert (text.title, text.author) == ("Tom & Jerry’s <ferry>", 'A. "Ferry" Man')


def test_a_file_that_does_not_say_has_no_title_and_no_author() -> None:
    text = read(BOOK).text
    assert (text.title, text.author) == (None, None)


def test_pages_are_the_same_however_their_text_comes(tmp_path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(printed(BOOK))
    whole = "".join(pdf.printed(path))
    pieces = [whole[start : start + 7] for start in range(0, len(whole), 7)]
    found = pages.parse(pieces, Account())
    assert found == pages.parse([whole], Account())
    assert [page.number for page in found.pages] == [1, 2, 3]


def test_ligatures_are_letters() -> None:
    text = "The oﬃce of the ﬁrst ﬂoor was oﬀ the baﬄing hall, and the oﬃcer ﬁlled it."
    plain = "The office of the first floor was off the baffling hall, and the officer filled it."
    found = read(design() + flow(*PROSE, text))
    assert found.told == paras(*PROSE, plain)
    assert found.left_out == {"respelt": -(len(plain) - len(text))}


SMALL = {
    "one word": ("T#text(8pt)[HE] river was wide.", "THE river was wide."),
    "capitals among them": (
        "M#text(8pt)[Y] G#text(8pt)[RANDFATHER] kept the ferry, as his grandfather had.",
        "MY GRANDFATHER kept the ferry, as his grandfather had.",
    ),
    "a word of one letter": (
        "I #text(8pt)[KEPT] the accounts from my ninth year, in a copybook.",
        "I KEPT the accounts from my ninth year, in a copybook.",
    ),
    "within": (
        "He said N#text(8pt)[O] and went to the P#text(8pt)[OST] and came back late.",
        "He said NO and went to the POST and came back late.",
    ),
    "all of the row": ("T#text(8pt)[HE] F#text(8pt)[ERRY] S#text(8pt)[ONG.]", "THE FERRY SONG."),
}


@pytest.mark.parametrize("how", SMALL)
def test_small_capitals_are_no_words_of_their_own_and_no_heading(how: str) -> None:
    source, text = SMALL[how]
    assert amid(source) == paras(text)


def test_a_capital_of_two_rows_is_no_word_of_either() -> None:
    """pdftotext takes it and both rows for one line."""
    first = "he ferry was painted green each spring, and"
    rows = [
        first,
        "nobody asked the painter who paid for it, or",
        "for the brushes, or for the rope.",
    ]
    places = [(82, 60), (82, 76), (60, 92)]
    text = [Row(x, y, row) for (x, y), row in zip(places, rows, strict=True)]
    found = read_pdf(drawn([[Row(60, 76, "T", 32), *text]]))
    assert found.told == paras("T" + " ".join(rows))


def test_a_hyphen_that_is_set_apart_belongs_to_its_word() -> None:
    """Some programs set the last one of a row by itself."""
    rows = ["He heard the grumb", "ling of the water."]
    text = [Row(60, 60 + 20 * number, row) for number, row in enumerate(rows)]
    hyphen = Row(60 + 6 * len(rows[0]) + 1.3, 60, "-")
    found = read_pdf(drawn([[text[0], hyphen, text[1]]]))
    assert found.told == paras("He heard the grumbling of the water.")
    assert found.left_out == {"hyphen": 1}


def test_type_that_nobody_can_read_is_left_out() -> None:
    found = read(design() + flow(f"{PROSE[0]} #text(1.2pt)[buy this now]", *PROSE[1:]))
    assert found.told == paras(*PROSE)
    assert found.left_out == {"tiny": len("buythisnow")}


def turned(text: str) -> str:
    """Typst's source for `text` that runs up the left margin."""
    return f"#place(left + top, dx: -1.4cm, rotate(-90deg, reflow: true)[{text}])"


def test_words_that_run_up_the_page_are_left_out() -> None:
    found = read(design() + flow(turned("Downloaded yesterday"), *PROSE))
    assert found.told == paras(*PROSE)
    assert found.left_out == {"turned": len("Downloadedyesterday")}


@pytest.mark.xfail(strict=True, reason="the box of a short word is hardly higher than wide")
def test_short_words_that_run_up_the_page_are_left_out() -> None:
    found = read(design() + flow(turned("Lent by the library to one who is ill"), *PROSE))
    assert found.told == paras(*PROSE)


def test_what_stands_outside_the_page_is_no_text() -> None:
    """pdftotext does not print it."""
    places = ["left, dx: -4cm", "right, dx: 4cm", "bottom, dy: 4cm", "top, dy: -4cm"]
    outside = "".join(f"#place({place})[Draft]" for place in places)
    found = read(design() + flow(outside, *PROSE))
    assert found.told == paras(*PROSE)
    assert found.account.read == sum(map(count, PROSE))
