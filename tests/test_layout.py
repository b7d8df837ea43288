import pytest

from tests.book import PROSE, amid, box, design, dropped, flow, in_rows, paras, prose, read

COLUMNS = design(columns=2)
MORE = prose(20, 1)


def across(title: str) -> str:
    """Typst's source for a heading over both columns of a new page."""
    place = 'top, float: true, scope: "parent", clearance: 2em'
    return f"#pagebreak(weak: true)\n#place({place})[#align(center, text(18pt)[{title}])]"


@pytest.mark.parametrize("last", [20, 9, 5, 1], ids=lambda last: f"{last} paragraphs")
def test_columns_are_read_one_after_the_other_under_their_heading(last: int) -> None:
    """Also where the last page has only one column, or part of one."""
    source = COLUMNS + flow(across("The River"), *PROSE, across("The Bridge"), *MORE[:last])
    expected = [*paras(*PROSE), ("heading", "The Bridge"), *paras(*MORE[:last])]
    assert read(source).told == [("heading", "The River"), *expected]


def test_a_heading_across_ends_the_columns_above_it() -> None:
    """What stands below it is read after both of them."""
    columns = "#block(height: 9cm, columns(2, gutter: 0.8cm)[{}])"
    heading = "#align(center, text(18pt)[The Bridge])"
    setting = design("page(width: 18cm, height: 26cm)")
    above, below = columns.format(flow(*PROSE[:4])), columns.format(flow(*MORE[:6]))
    found = read(setting + flow(above, "#v(1cm)", heading, "#v(1cm)", below))
    assert found.told == [*paras(*PROSE[:4]), ("heading", "The Bridge"), *paras(*MORE[:6])]
    assert {p.first_page for p in found.paragraphs} == {1}


def test_columns_may_begin_after_a_page_in_one() -> None:
    source = flow(*PROSE, "#set page(columns: 2)", *MORE)
    setting = design("page(width: 18cm, height: 20cm)")
    assert read(setting + source).told == paras(*PROSE, *MORE)


def test_left_and_right_pages_have_margins_of_their_own() -> None:
    margins = "page(margin: (inside: 3cm, outside: 1cm, y: 2cm))"
    found = read(design(margins) + flow(*PROSE, *MORE))
    assert found.told == paras(*PROSE, *MORE)
    assert {p.first_page % 2 for p in found.paragraphs} == {0, 1}


def test_the_last_column_may_have_one_row() -> None:
    """The other pages tell where it begins."""
    parts = [*PROSE, *MORE[:12], "#pagebreak()", *MORE[12:15], "#colbreak()", "That was all."]
    assert read(COLUMNS + flow(*parts)).told == paras(*PROSE, *MORE[:15], "That was all.")


def test_an_omnibus_is_read_part_by_part() -> None:
    """What is large in one may be the size of the other's text."""
    first, second = prose(34, 2), prose(34, 3)
    larger = "#pagebreak()\n#set text(13pt)\n#set page(width: 15cm, height: 20cm)"
    found = read(design() + flow(*first, larger, *second))
    assert found.told == paras(*first, *second)


RIVER = (
    "he river was wider in those days, and slower,|and nobody who lived on it thought of it "
    "as a bor-|der; he kept the ferry, and so had his fathers"
)
REST = "before him, and on winter mornings he walked down to the landing before it was light."
OPENING = f"T{RIVER} {REST}".replace("bor-|der", "border").replace("|", " ")
ACCOUNTS = (
    "kept the accounts from my ninth year, in a|copybook with a blue cover, and I kept them"
    "|badly, as the book would show if anybody had"
)
BOAT = (
    "boat was kept for strangers, who came with a|box or a dog and never knew the price, which"
    "|was a good price, and went up in the winter, or"
)


def test_a_drop_capital_begins_its_word() -> None:
    """And the rows beside it are no quotation, though they are set in."""
    assert amid(dropped("T", "3em", RIVER, REST)) == paras(OPENING)


def test_a_drop_capital_may_have_a_quotation_mark() -> None:
    assert amid(dropped("“T", "4.8em", RIVER, REST)) == paras(f"“{OPENING}")


@pytest.mark.parametrize(
    ("capital", "width", "beside"), [("I", "2em", ACCOUNTS), ("A", "3.6em", BOAT)]
)
def test_a_drop_capital_may_be_a_word(capital: str, width: str, beside: str) -> None:
    text = f"{capital} {beside} {REST}".replace("|", " ")
    assert amid(dropped(capital, width, beside, REST)) == paras(text)


def test_a_drop_capital_may_be_five_rows_high() -> None:
    """The rows beside it are no quotation."""
    beside = (
        "he river was wider in those days, and|nobody who lived on it thought of it|as a road; "
        "he kept the ferry, and so had|his fathers before him, and on winter|mornings he walked "
        "down before it was"
    )
    rest = "light, and listened to the ice, and then he came back and told us what it had said."
    text = f"T{beside} {rest}".replace("|", " ")
    assert amid(dropped("T", "5.4em", beside, rest, "86pt")) == paras(text)


@pytest.mark.xfail(strict=True, reason="its box goes on below the rows beside it")
def test_a_paragraph_may_end_beside_its_drop_capital() -> None:
    source = dropped("T", "3em", f"{RIVER}.", "").removesuffix("#par(first-line-indent: 0pt)[]")
    text = OPENING.removesuffix(f" {REST}") + "."
    assert amid(source) == paras(text)


@pytest.mark.parametrize("word", ["Dogberry", "Longfellow"])
def test_a_drop_capital_may_begin_a_word_that_the_book_has_once(word: str) -> None:
    beside = RIVER.replace("he river", word[1:])
    text = OPENING.replace("The river", word)
    assert amid(dropped(word[0], "3em", beside, REST)) == paras(text)


def test_small_capitals_may_follow_a_drop_capital() -> None:
    small = RIVER.replace("he river was", "#text(8pt)[HE RIVER WAS]")
    text = OPENING.replace("The river was", "THE RIVER WAS")
    assert amid(dropped("T", "3em", small, REST)) == paras(text)


def test_a_chapter_may_begin_with_a_drop_capital() -> None:
    head = "#block(width: 100%, above: 2em, below: 1em, align(center, text(14pt)[The Ice]))"
    found = amid(flow(head, dropped("T", "3em", RIVER, REST)))
    assert found == [("heading", "The Ice"), ("para", OPENING)]


def test_columns_have_drop_capitals_and_quotations() -> None:
    beside = "kept the accounts from my ninth year, and|nobody asked me why they were so full of|"
    opening = dropped(
        "I",
        "2em",
        beside.strip("|") + "|animals, cattle for the greater part, and so",
        "empty of money.",
    )
    text = f"I {beside}animals, cattle for the greater part, and so empty of money."
    source = COLUMNS + flow(opening, *PROSE, box(MORE[2]), *MORE[3:])
    expected = [*paras(text.replace("|", " "), *PROSE), ("quote", MORE[2]), *paras(*MORE[3:])]
    assert read(source).told == expected


def test_the_words_of_a_row_set_wide_keep_their_order() -> None:
    """The capital of the first word makes it higher than the others."""
    wide = "T#text(8pt)[HE BOAT] was|kept for strangers, who came with a box or a dog."
    assert amid(in_rows(wide)) == paras(
        "THE BOAT was kept for strangers, who came with a box or a dog."
    )
