from textwrap import wrap

import pytest

from tests.book import (
    FLUSH,
    PROSE,
    SPACED,
    amid,
    as_kind,
    box,
    design,
    flow,
    in_rows,
    lines,
    paras,
    prose,
    read,
)

(QUOTE,) = prose(1, 9, 4, 5)
QUOTES = prose(3, 9, 2, 4)
SMALL = "#set text(8.5pt)\n"
INDENTS = "#set par(first-line-indent: (amount: 1em, all: true))\n"
RAGGED = design(justify=False)
COLUMNS = design(columns=2)

QUOTED = {
    "on both sides": box(QUOTE),
    "by little": box(QUOTE, inset="x: 1.5em"),
    "on the left": box(QUOTE, inset="left: 2em"),
    "in smaller type": box(QUOTE, inset="x: 0em", rules=FLUSH + SMALL),
    "in smaller type, set in": box(QUOTE, rules=FLUSH + SMALL),
    "without space": box(QUOTE, above="0.6em"),
}
SETTINGS = {"justified": design(), "ragged": RAGGED, "spaced": SPACED, "columns": COLUMNS}


@pytest.mark.parametrize("how", QUOTED)
def test_a_quotation_is_set_in_or_smaller(how: str) -> None:
    assert amid(QUOTED[how]) == as_kind("quote", QUOTE)


@pytest.mark.parametrize("setting", SETTINGS)
def test_quotations_are_told_however_the_book_is_set(setting: str) -> None:
    found = read(SETTINGS[setting] + flow(*PROSE[:4], box(QUOTE), *PROSE[4:])).told
    assert found == [*paras(*PROSE[:4]), ("quote", QUOTE), *paras(*PROSE[4:])]


def test_a_quotation_has_paragraphs_with_indents_of_their_own() -> None:
    assert amid(box(*QUOTES, rules=INDENTS)) == as_kind("quote", *QUOTES)


def test_a_quotation_goes_over_a_page() -> None:
    (long,) = prose(1, 11, 14, 18)
    found = read(design() + flow(*PROSE[:4], box(long), *PROSE[4:]))
    (quote,) = (p for p in found.paragraphs if p.kind == "quote")
    assert (quote.text, quote.last_page - quote.first_page) == (long, 1)
    assert found.of("para") == PROSE


def test_a_quotation_of_two_rows_stands_between_the_margins_of_others() -> None:
    two = "She would not hear of it, and went on|peeling the apples for the winter."
    boxes = [box(QUOTES[0]), PROSE[2], box(QUOTES[1]), PROSE[3], box(in_rows(two))]
    found = read(design() + flow(*PROSE[:2], *boxes, *PROSE[4:]))
    assert found.of("quote") == [*QUOTES[:2], two.replace("|", " ")]
    assert found.of("para") == PROSE


def test_speeches_that_fill_their_rows_are_no_quotation() -> None:
    """Though all begin with the indent and end at the margin."""
    speeches = [
        "“What did they want to know, that they came here?”",
        "“How deep it was and how fast, and who owned it.”",
        "“I told them that it was deep enough for anybody.”",
    ]
    assert amid(flow(*(in_rows(f"{speech}|") for speech in speeches))) == paras(*speeches)


FEW = pytest.mark.xfail(strict=True, reason="less than three rows are no quotation")


@pytest.mark.parametrize(
    "rows", [pytest.param(1, marks=FEW), pytest.param(2, marks=FEW), 3], ids=str
)
def test_a_quotation_may_leave_few_rows_to_the_next_page(rows: int) -> None:
    above, below = "|".join(wrap(QUOTE, 40)).rsplit("|", rows)[0], wrap(QUOTE, 40)[-rows:]
    parts = [box(in_rows(f"{above}|")), "#pagebreak(weak: true)", box(in_rows("|".join(below)))]
    assert amid(flow(*parts)) == as_kind("quote", QUOTE)


@pytest.mark.xfail(strict=True, reason="a full row above takes it in")
def test_a_quotation_without_space_may_follow_a_full_row() -> None:
    full = "My mother, who kept everything, had kept his letter too, and|read it out:|"
    found = amid(flow(in_rows(full), box(QUOTE, above="0.6em")))
    assert found == [("para", full.strip("|").replace("|", " ")), ("quote", QUOTE)]


DATE, SALUTATION, SIGNATURE = "Ferrytown, 3 May 1854", "Dear brother,", "Your sister, Ann"
LETTER = (f"#align(right)[{DATE}]", FLUSH + SALUTATION, INDENTS + QUOTES[0], *QUOTES[1:])
SIGNED = f"#align(right)[{SIGNATURE}]"


def test_a_letter_keeps_its_parts_apart() -> None:
    found = amid(box(*LETTER, SIGNED))
    assert [text for _, text in found] == [DATE, SALUTATION, *QUOTES, SIGNATURE]
    assert found[1:-1] == as_kind("quote", SALUTATION, *QUOTES)


def test_a_letter_between_the_books_own_margins_is_paragraphs() -> None:
    salutation = f"#par(first-line-indent: 0pt)[{SALUTATION}]"
    found = amid(flow(LETTER[0], salutation, *QUOTES, SIGNED))
    assert found == paras(DATE, SALUTATION, *QUOTES, SIGNATURE)


BALLAD = "The river goes,\nThe boat must stay for ever here,\nAnd no one knows\nThe time of day."
STANZA = "The bell was rung\nAnd no one came to it but me,\nThe song was sung\nAnd put away."
VERSE = {
    "set in": box(lines(BALLAD), inset="left: 3em"),
    "by as much as a quotation": flow(box(QUOTE), "And:", box(lines(BALLAD))),
    "centred": box(f"#align(center)[{lines(BALLAD)}]"),
    "in smaller type": box(lines(BALLAD), rules=FLUSH + SMALL),
    "in steps": box(lines(BALLAD.replace("\nThe", "\n#h(1em)The")), inset="left: 3em"),
}


@pytest.mark.parametrize("how", VERSE)
def test_verse_keeps_its_lines(how: str) -> None:
    assert amid(VERSE[how])[-1] == ("verse", BALLAD)


@pytest.mark.parametrize("setting", SETTINGS)
def test_verse_is_told_however_the_book_is_set(setting: str) -> None:
    part = box(lines(BALLAD), inset="left: 3em")
    found = read(SETTINGS[setting] + flow(*PROSE[:4], part, *PROSE[4:])).told
    assert found == [*paras(*PROSE[:4]), ("verse", BALLAD), *paras(*PROSE[4:])]


def test_stanzas_are_apart() -> None:
    part = box(lines(BALLAD) + "\n#v(0.8em)\n" + lines(STANZA), inset="left: 3em")
    assert amid(part) == as_kind("verse", BALLAD, STANZA)


EVEN = {
    "short": "The water goes,\nThe boat must stay,\nAnd no one knows\nThe time of day.",
    "by turns": "The water goes by the chapel and mill,\nThe boat must stay,\n"
    "And no one knows who sits on the hill,\nThe time of day.",
    "long": "The water goes by the chapel and mill,\nThe boat will lie at the landing still,\n"
    "And no one knows who sits on the hill,\nThe time of day.",
}


@pytest.mark.parametrize("how", EVEN)
def test_verse_keeps_its_lines_though_they_are_of_one_length(how: str) -> None:
    assert amid(box(lines(EVEN[how]), inset="left: 3em")) == as_kind("verse", EVEN[how])


@pytest.mark.parametrize("label", ["Figure 1.", "Fig. 2:", "Table 3 –"])
def test_a_caption_is_told_by_its_label(label: str) -> None:
    caption = f"{label} The ferry in its last summer."
    assert amid(box(f"#align(center)[{caption}]")) == as_kind("caption", caption)


ABOVE = "The ferry was painted green every spring, and nobody ever asked who had paid"
BELOW = "for the paint and the brushes, though they were dear."
PICTURE = "#align(center)[#rect(width: 4cm, height: 1.5cm)]"


@pytest.mark.parametrize("caption", ["Figure 1. The ferry.", "The ferry in its last summer."])
def test_a_figure_parts_no_paragraph(caption: str) -> None:
    """The whole paragraph comes first, then the caption."""
    parts = [
        in_rows(f"{ABOVE}|"),
        PICTURE,
        f"#align(center, text(8.5pt)[{caption}])",
        f"#par(first-line-indent: 0pt)[{BELOW}]",
    ]
    assert amid(flow(*parts)) == [("para", f"{ABOVE} {BELOW}"), ("caption", caption)]


def test_a_caption_may_have_two_rows() -> None:
    caption = "Figure 1. The ferry in its last summer, seen from the chapel on a morning in May."
    shown = f"#align(center, text(8.5pt)[{in_rows(caption.replace('seen', '|seen'))}])"
    assert amid(flow(PICTURE, shown.replace("(justify: true)", "()"))) == [("caption", caption)]


def headed(heading: str) -> str:
    """Typst's source for a heading between paragraphs."""
    return f"#block(width: 100%, above: 1.4em, below: 0.8em)[{FLUSH}{heading}]"


HEADINGS = {
    "flush": "The last summer",
    "centred": "#align(center)[The last summer]",
    "larger": "#text(13pt)[The last summer]",
    "numbered": "#align(center)[Chapter 7]",
    "roman": "#align(center)[III]",
    "capitals": "#align(center)[THE LAST SUMMER]",
    "two rows": r"#align(center, text(14pt)[The last summer \ of the ferry])",
}
SHOWN = {"numbered": "Chapter 7", "roman": "III", "capitals": "THE LAST SUMMER"}


@pytest.mark.parametrize("how", HEADINGS)
def test_a_row_between_paragraphs_is_a_heading(how: str) -> None:
    text = SHOWN.get(how, "The last summer" + " of the ferry" * (how == "two rows"))
    assert amid(headed(HEADINGS[how])) == as_kind("heading", text)


@pytest.mark.parametrize("how", ["larger", "numbered", "roman", "capitals"])
def test_in_a_spaced_book_size_place_and_capitals_make_a_heading(how: str) -> None:
    """Space and a short row do not: any paragraph has them."""
    text = SHOWN.get(how, "The last summer")
    assert amid(headed(HEADINGS[how]), SPACED) == as_kind("heading", text)
    assert amid(headed(HEADINGS["flush"]), SPACED) == paras("The last summer")


def test_neighbouring_headings_in_capitals_are_no_verse() -> None:
    part = flow(*(headed(f"#align(center)[{name}]") for name in ("PART ONE", "THE ICE")))
    assert amid(part) == as_kind("heading", "PART ONE", "THE ICE")


def test_without_space_a_short_row_is_no_heading() -> None:
    row = "#par(first-line-indent: 0pt)[He went on as follows]"
    found = read(design() + flow(*PROSE[:2], row, *PROSE[2:]))
    assert found.told == paras(*PROSE[:2], "He went on as follows", *PROSE[2:])


def test_a_heading_in_capitals_may_have_two_rows() -> None:
    found = amid(headed(r"#align(center)[THE LAST SUMMER \ OF THE FERRY]"))
    assert found == as_kind("heading", "THE LAST SUMMER OF THE FERRY")


def test_a_paragraph_after_a_heading_may_have_no_indent() -> None:
    part = flow(headed("The last summer"), f"#par(first-line-indent: 0pt)[{QUOTE}]")
    assert amid(part) == [("heading", "The last summer"), ("para", QUOTE)]


def test_a_number_with_a_point_begins_no_list_by_itself() -> None:
    assert amid(flow(rf"1854\. {QUOTE}", "That was all.")) == paras(
        f"1854. {QUOTE}", "That was all."
    )
