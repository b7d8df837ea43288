import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from askback.errors import UserError
from askback.reading import plaintext
from askback.reading.account import Account, count
from askback.reading.blocks import Text
from tests.speed import least


def read(
    folder: Path, content: str | bytes, language: str | None = "en", account: Account | None = None
) -> Text:
    """What is read of a book with this content, each of its characters accounted for."""
    book, account = folder / "book.txt", account or Account()
    book.write_bytes(content.encode() if isinstance(content, str) else content)
    text = plaintext.read(book, language, account)
    for block in text.blocks:
        account.kept[block.kind] += count(block.text)
    assert account.missing == 0
    return text


def spelt(folder: Path, content: str | bytes) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    return [(block.kind, block.text) for block in read(folder, content).blocks]


PROSE = "A line of prose that is as long as lines are in this file, and goes on\nbelow it."
JOINED = PROSE.replace("\n", " ")


def test_wrapped_lines_become_one_paragraph(tmp_path: Path) -> None:
    text = "It was wide in those\ndays, and slow, and no-\nbody thought of it.\n\nNobody at all.\n"
    assert spelt(tmp_path, text) == [
        ("para", "It was wide in those days, and slow, and nobody thought of it."),
        ("para", "Nobody at all."),
    ]


def test_a_hyphen_of_the_printer_is_in_the_account(tmp_path: Path) -> None:
    account = Account()
    read(tmp_path, "Somebody thought of no-\nbody, and nobody knew it.", account=account)
    assert account.left_out["hyphen"] == 1


def test_a_line_too_long_to_be_wrapped_is_a_paragraph(tmp_path: Path) -> None:
    long = ("word " * 30).strip()
    texts = [("para", long), ("para", long), ("para", "And the end.")]
    assert spelt(tmp_path, f"{long}\n{long}\n\nAnd the end.") == texts
    assert spelt(tmp_path, f"{long}\n{long}\nAnd the end.") == texts


def test_lines_without_blank_ones_are_paragraphs(tmp_path: Path) -> None:
    expected = [("para", "One thing."), ("para", "Another thing.")]
    assert spelt(tmp_path, "One thing.\nAnother thing.") == expected


def test_an_indent_begins_a_paragraph_where_no_line_is_blank(tmp_path: Path) -> None:
    first = "   A paragraph whose first line is set in, and which\ngoes on below it.\n"
    spoken = "   “Yes.”\n   “No.”\n"
    assert spelt(tmp_path, first + spoken + first) == [
        ("para", "A paragraph whose first line is set in, and which goes on below it."),
        ("para", "“Yes.”"),
        ("para", "“No.”"),
        ("para", "A paragraph whose first line is set in, and which goes on below it."),
    ]


def test_a_margin_that_all_lines_have_means_nothing(tmp_path: Path) -> None:
    text = "\n".join(f"     {line}" for line in PROSE.split("\n"))
    assert spelt(tmp_path, text) == [("para", JOINED)]


def test_lines_that_end_before_they_must_are_verse(tmp_path: Path) -> None:
    verse = "The water goes,\nThe boat must stay"
    assert spelt(tmp_path, f"{PROSE}\n\n{verse}") == [("para", JOINED), ("verse", verse)]


def test_verse_may_have_a_long_line_and_be_set_in(tmp_path: Path) -> None:
    verse = [
        "I was never addicted to work,",
        "  ’Twas never the way of the Gradys, nor ever of those who live,",
        "But I’d make a most excellent Turk,",
        "  For I’m fond of tobacco and ladies.",
        "    And so it goes.",
    ]
    found = spelt(tmp_path, PROSE + "\n\n" + "\n".join("    " + line for line in verse))
    assert found[1] == ("verse", "\n".join(line.strip() for line in verse))


def test_prose_that_is_set_in_is_a_quotation(tmp_path: Path) -> None:
    quote = "    The steward lent me one on the\n    passage out, and I regaled the\n    ladies."
    assert spelt(tmp_path, f"{PROSE}\n\n{quote}\n\n{PROSE}") == [
        ("para", JOINED),
        ("quote", "The steward lent me one on the passage out, and I regaled the ladies."),
        ("para", JOINED),
    ]


def test_short_lines_set_in_among_long_ones_are_verse(tmp_path: Path) -> None:
    long = ("word " * 30).strip()
    verse = "    The water goes,\n    The boat must stay"
    assert spelt(tmp_path, f"{long}\n{verse}\n{long}")[1] == (
        "verse",
        "The water goes,\nThe boat must stay",
    )


@pytest.mark.parametrize(
    ("line", "above", "kind"),
    [
        ("CHAPTER I", "\n", "heading"),
        ("Chapter 1. The River", "\n", "heading"),
        ("Capítulo XII", "\n", "heading"),
        ("XIV.", "\n", "heading"),
        ("THE RIVER", "\n", "heading"),
        ("                 The River of Youth", "\n", "heading"),  # in the middle
        ("The River", "\n\n", "heading"),
        ("The river rose.", "\n\n", "para"),
        ("The River", "\n", "para"),
        ("Part of it was lost, he said.", "\n", "para"),
        ("                                    JOHN BROWN", "\n", "quote"),  # a signature
        ("* * *", "\n\n", "para"),
        ("                  *       *       *", "\n", "para"),
    ],
)
def test_headings_stand_apart(line: str, above: str, kind: str, tmp_path: Path) -> None:
    before = "Something that was said before, at some length, and\nthat goes on below."
    found = spelt(tmp_path, f"{before}\n{above}{line}\n\n{before}")
    assert found[1] == (kind, " ".join(line.split()))


def test_a_chapters_number_and_its_title_are_two_headings(tmp_path: Path) -> None:
    assert spelt(tmp_path, f"CHAPTER I\nThe River\n\n{PROSE}")[:2] == [
        ("heading", "CHAPTER I"),
        ("heading", "The River"),
    ]


def test_contents_with_columns_are_junk(tmp_path: Path) -> None:
    contents = "   I.  THE RIVER                    1\n\n  II.  THE BANK                    23\n\n"
    assert [kind for kind, _ in spelt(tmp_path, contents + PROSE)] == ["junk", "junk", "para"]


WRAPPED = f"""The Project Gutenberg eBook of Walden

Title: Walden

Author: Henry David Thoreau

*** START OF THE PROJECT GUTENBERG EBOOK
WALDEN ***

Produced by Volunteers and by
others

{PROSE}

End of Project Gutenberg's Walden

*** END OF THE PROJECT GUTENBERG EBOOK WALDEN ***

Section 1. You may copy it.
"""


def test_what_a_library_wraps_around_a_book_is_junk(tmp_path: Path) -> None:
    text = read(tmp_path, WRAPPED)
    assert [block.text for block in text.blocks if block.kind != "junk"] == [JOINED]
    assert (text.title, text.author) == ("Walden", "Henry David Thoreau")


def test_the_library_has_no_say_in_the_language(tmp_path: Path) -> None:
    french = "Le bac était tenu par mon grand-père, comme par son grand-père avant lui."
    assert read(tmp_path, WRAPPED.replace(PROSE, french), None).language == "fr"


def test_underscores_for_italics_are_markup_where_lines_are_wrapped(tmp_path: Path) -> None:
    account = Account()
    wrapped = "Every day he read _the New York\nTimes_, a snake_word and _ alone."
    text = read(tmp_path, wrapped, account=account)
    assert text.blocks[0].text == "Every day he read the New York Times, a snake_word and _ alone."
    assert account.left_out["markup"] == 2
    assert "_" in read(tmp_path, "He read _the Times_. " * 6).blocks[0].text


def test_notes_in_brackets_are_notes_and_their_calls_leave_the_text(tmp_path: Path) -> None:
    account = Account()
    note = "[Footnote A: He was its\nfourth keeper.\n\nHis book is lost.]"
    content = f"{PROSE}[1] So he [sic] said.[A] And [7].\n\n{note}\n\n[1] It was wide.\n\n{PROSE}"
    assert [(b.kind, b.text) for b in read(tmp_path, content, account=account).blocks] == [
        ("para", f"{JOINED} So he [sic] said. And [7]."),
        ("note", "[Footnote A: He was its fourth keeper."),
        ("note", "His book is lost.]"),
        ("note", "[1] It was wide."),
        ("para", JOINED),
    ]
    assert account.left_out["call_mark"] == len("[1][A]")


def test_a_picture_leaves_its_caption(tmp_path: Path) -> None:
    found = spelt(tmp_path, f"{PROSE}\n\n[Illustration: The river\nat dawn]\n\n{PROSE}")
    assert found[1] == ("caption", "[Illustration: The river at dawn]")


RIVER = "河水很宽，流得很慢，住在河边的人从来不把它当作边界，祖父守着渡口，像他的祖父一样。"


def test_chinese_lines_join_without_spaces_and_begin_with_full_width_ones(tmp_path: Path) -> None:
    lines = ["　　" + RIVER[:18], RIVER[18:38], RIVER[38:]]
    text = "第一章　河\n" + "\n".join(lines * 2) + "\n第二章　岸\n" + "\n".join(lines)
    assert spelt(tmp_path, text) == [
        ("heading", "第一章　河"),
        ("para", RIVER),
        ("para", RIVER),
        ("heading", "第二章　岸"),
        ("para", RIVER),
    ]


def test_chinese_lines_that_all_are_set_in_are_paragraphs(tmp_path: Path) -> None:
    text = "\n".join(f"　　{RIVER[:length]}。" for length in (30, 30, 25, 30))
    assert [len(text) for _, text in spelt(tmp_path, text)] == [31, 31, 26, 31]


def test_chinese_verse_keeps_its_lines(tmp_path: Path) -> None:
    verse = "白日依山尽，\n黄河入海流。\n欲穷千里目，\n更上一层楼。"
    assert spelt(tmp_path, verse) == [("verse", verse)]


def test_a_form_feed_parts_paragraphs(tmp_path: Path) -> None:
    assert spelt(tmp_path, "The first page.\fThe second page.") == [
        ("para", "The first page."),
        ("para", "The second page."),
    ]


def test_text_is_composed_and_has_no_ligatures_nor_controls(tmp_path: Path) -> None:
    account = Account()
    content = "\ufeffThe cafe\u0301’s o\ufb03ce\x07\0 was\u00a0far.\r\n"
    text = read(tmp_path, content, account=account)
    assert text.blocks[0].text == "The café’s office was far."
    assert (account.left_out["control"], account.left_out["respelt"]) == (2, -1)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le café était fermé, dit-il.", "latin-1"),
        ("“It’s a café,” he said…", "cp1252"),
        ("Über den Fluß gehen wir.", "utf-16"),
        ("The river was wide.", "utf-16-le"),
        ("The river was wide.", "utf-16-be"),
        ("Über den Fluß.", "utf-32"),
        ("Über den Fluß.", "utf-8-sig"),
    ],
)
def test_old_encodings_read_right(text: str, encoding: str, tmp_path: Path) -> None:
    assert spelt(tmp_path, text.encode(encoding)) == [("para", text)]


NOT_READ = {
    "empty": (b"", "book.txt: the file is empty"),
    "blank": (b" \n\0\n", "book.txt: the file is empty"),
    "Russian": ("раз\nдва три".encode("cp1251"), "book.txt:1: not UTF-8"),
    "Japanese": ("吾輩は猫である。名前はまだ無い。".encode("shift_jis"), "book.txt:1: not UTF-8"),
    "Polish": ("one\nZażółć gęślą jaźń, mówił".encode("iso-8859-2"), "book.txt:2: not UTF-8"),
    "damaged": ("Café\nfermé\n".encode() + b"\xffl", "book.txt:3: not UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10" * 9, "book.txt: not text"),
    "half UTF-16": ("The river".encode("utf-16") + b"x", "book.txt: not text"),
}


@pytest.mark.parametrize(("content", "message"), NOT_READ.values(), ids=NOT_READ.keys())
def test_what_cannot_be_read_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_spoilt_files_are_read_or_refused(tmp_path: Path) -> None:
    sound = (
        WRAPPED + "CHAPTER I\n\n    “Yes,[1]\n    _No_.”\n\n[1] A note.\n\n　　河。\n"
    ).encode()
    for seed in range(60):
        draw, spoilt = random.Random(seed), bytearray(sound)
        for _ in range(draw.randint(1, 9)):
            at = draw.randrange(len(spoilt))
            spoilt[at : at + draw.randint(0, 30)] = draw.randbytes(draw.randint(0, 3))
        with suppress(UserError):
            read(tmp_path, bytes(spoilt))


def test_a_book_of_five_megabytes_takes_less_than_two_seconds(tmp_path: Path) -> None:
    """Measured on a tenth of it, with four times as long for a busy machine."""
    content = "\n\n".join([f"{PROSE} {number}" for number in range(6000)])
    read(tmp_path, PROSE)  # loads what is loaded once

    def seconds() -> float:
        start = time.process_time()
        assert len(read(tmp_path, content).blocks) == 6000
        return time.process_time() - start

    limit = 4 * 2.0 / 10
    assert least(seconds, limit) < limit
