import pytest

from tests.book import (
    PROSE,
    SPACED,
    Read,
    amid,
    as_kind,
    design,
    flow,
    in_rows,
    paras,
    prose,
    read,
    read_pdf,
)
from tests.signs import Row, drawn

DIALOGUE = [
    "“Will it hold?” I asked him.",
    "“It will hold.”",
    "“How do you know?”",
    "“It says so.”",
    "“And if it says no?”",
    "“Then we wait.”",
    "“For how long?”",
    "“Until it says yes.”",
]
ACROSS = "The ferry was painted green every spring, and nobody asked who had announced it."


def told(source: str) -> list[str]:
    """The paragraphs of a book that has nothing else."""
    found = read(source)
    assert {p.kind for p in found.paragraphs} == {"para"}
    return found.of("para")


@pytest.mark.parametrize("justify", [True, False], ids=["justified", "ragged"])
@pytest.mark.parametrize("indent", ["0.5em", "1em", "1.2em", "2em", "3em"])
def test_an_indent_begins_a_paragraph(indent: str, justify: bool) -> None:
    assert told(design(indent=indent, justify=justify) + flow(*PROSE)) == PROSE


@pytest.mark.parametrize("justify", [True, False], ids=["justified", "ragged"])
@pytest.mark.parametrize("indent", ["0em", "1em"])
def test_space_begins_a_paragraph(indent: str, justify: bool) -> None:
    assert told(design(indent=indent, spacing="1.2em", justify=justify) + flow(*PROSE)) == PROSE


def test_a_short_row_ends_a_paragraph_where_neither_indent_nor_space_does() -> None:
    paragraphs = prose(12, 6)  # none ends with a full row
    assert told(design(indent="0pt") + flow(*paragraphs)) == paragraphs


def test_indents_may_be_rare() -> None:
    """Paragraphs of half a page each."""
    long = prose(7, least=14, most=20)
    assert told(design() + flow(*long)) == long


@pytest.mark.parametrize("justify", [True, False], ids=["justified", "ragged"])
def test_paragraphs_go_on_in_the_next_column(justify: bool) -> None:
    found = read(design(columns=2, justify=justify, hyphenate=True) + flow(*PROSE, *prose(8, 1)))
    assert found.told == paras(*PROSE, *prose(8, 1))


def over_a_page(above: str, below: str) -> Read:
    """A book with a paragraph whose first page ends with `above`."""
    below = f"#par(first-line-indent: 0pt)[{below}]"
    parts = [*PROSE[:3], in_rows(f"{above}|"), "#pagebreak(weak: true)", below, *PROSE[3:]]
    return read(design() + flow(*parts))


def test_a_broken_word_goes_on_wherever_the_next_page_begins() -> None:
    found = over_a_page("Nobody asked who had announ-", "ced it. #h(0pt)")
    assert found.of("para")[3] == "Nobody asked who had announced it."
    found = over_a_page("Nobody asked who had announ-", "#h(2em)ced it.")
    assert found.of("para")[3] == "Nobody asked who had announced it."


@pytest.mark.parametrize("above", ["announ-", "announced"])
def test_a_paragraph_goes_over_a_page_whole(above: str) -> None:
    """With a word that the page breaks, and without."""
    first, word, rest = ACROSS.partition("announced")
    found = over_a_page(first + above, (word + rest).removeprefix(above.strip("-")).strip())
    assert found.told == paras(*PROSE[:3], ACROSS, *PROSE[3:])
    across = found.paragraphs[3]
    assert (across.first_page, across.last_page) == (1, 2)


def test_a_page_may_end_with_a_paragraph_whose_last_row_is_full() -> None:
    """Others end so before a space, and nothing else tells that this one does."""
    full = [
        f"The boat crossed at {hour} and came back with the|lamps lit, as it did every evening."
        for hour in ("four", "five", "six", "seven", "eight", "nine")
    ]
    rows = [in_rows(f"{text}|") for text in full]
    found = read(SPACED + flow(*rows[:3], "#pagebreak(weak: true)", *rows[3:], *PROSE))
    assert found.told == paras(*(text.replace("|", " ") for text in full), *PROSE)


def test_a_page_may_end_with_a_paragraph_whose_last_row_is_nearly_full() -> None:
    """The rows of others that go on reach the margin."""
    rows = (
        "The landing was empty in the evening, and nobody who|"
        "saw it then would have thought that it had been full."
    )
    found = read(SPACED + flow(*PROSE[:2], in_rows(rows), "#pagebreak(weak: true)", *PROSE[2:]))
    assert found.told[:4] == paras(*PROSE[:2], rows.replace("|", " "), PROSE[2])


@pytest.mark.parametrize("push", [3, 6])
def test_rows_of_a_sentence_may_be_pushed_apart(push: float) -> None:
    """As raised marks do."""
    first = ["Once a year the bishop crossed, and was given the dry", "end of the bench."]
    pushed = [
        "The boat was kept for strangers, who came with a box",
        "or a dog and never knew the price, which was good.",
    ]
    rows = [
        Row(60 + 12 * (not row), 60 + 70 * time + 14 * number + push * (number == 3), text)
        for time in range(6)
        for number, (row, text) in enumerate([*enumerate(first), *enumerate(pushed)])
    ]
    assert read_pdf(drawn([rows])).told == paras(" ".join(first), " ".join(pushed)) * 6


def test_a_page_with_nothing_but_a_caption_that_the_text_repeats_is_a_plate() -> None:
    caption = "The fog came up at four and stayed until the lamps were lit."
    assert any(caption in text for text in PROSE)
    page = f"#pagebreak()\n#align(center + horizon)[{caption}]\n#pagebreak()"
    found = read(design() + flow(*PROSE[:4], page, *PROSE[4:]))
    assert found.told == [*paras(*PROSE[:4]), ("junk", caption), *paras(*PROSE[4:])]


@pytest.mark.parametrize(
    "how",
    [design(), design(justify=False), design(indent="2em"), SPACED],
    ids=["justified", "ragged", "wide", "spaced"],
)
def test_each_speech_of_a_dialogue_is_a_paragraph(how: str) -> None:
    """And their short rows, one below the other, are no quotation and no verse."""
    found = read(how + flow(*PROSE[:4], *DIALOGUE, *PROSE[4:8])).told
    assert found[4:12] == paras(*DIALOGUE)


def test_a_page_of_nothing_but_dialogue_is_read_like_others() -> None:
    """All its rows begin with the indent, so it does not show its left margin."""
    assert amid(flow(*DIALOGUE * 6)) == paras(*DIALOGUE * 6)


def test_speeches_may_begin_with_dashes() -> None:
    speeches = [f"— {speech.strip('“”')}" for speech in DIALOGUE[1:]]
    assert amid(flow(*speeches)) == paras(*speeches)


@pytest.mark.parametrize("spacing", ["0.6em", "1em"])
@pytest.mark.parametrize("justify", [True, False], ids=["justified", "ragged"])
def test_speeches_of_a_play_hang(justify: bool, spacing: str) -> None:
    """All their rows but the first are set in."""
    names = ["Ann", "Ferryman", "Bishop"] * 8
    play = [f"{name}. {said}" for name, said in zip(names, prose(24, 5, 1, 3), strict=True)]
    hanging = "par(hanging-indent: 1.5em, first-line-indent: 0pt)"
    assert told(design(hanging, justify=justify, spacing=spacing) + flow(*play)) == play


def test_a_page_may_end_with_a_speech_whose_last_row_is_full() -> None:
    full = (
        "Ann. They wanted to know how deep it was and how|"
        "fast, and who owned the meadow by it, and why."
    )
    play = [f"Bishop. {said}" for said in [*prose(16, 5, 1, 3), "That was all."]]
    hanging = design("par(hanging-indent: 1.5em, first-line-indent: 0pt)")
    found = read(
        hanging + flow(*play[:6], in_rows(f"{full}|"), "#pagebreak(weak: true)", *play[6:])
    )
    assert found.told == paras(*play[:6], full.replace("|", " "), *play[6:])


ITEMS = prose(3, 6, 2, 3)


@pytest.mark.parametrize("spacing", ["0.6em", "1.2em"])
@pytest.mark.parametrize(
    ("numbering", "labels"), [("1.", ["1.", "2.", "3."]), ("a)", ["a)", "b)", "c)"])]
)
def test_items_of_a_list_hang(numbering: str, labels: list[str], spacing: str) -> None:
    rules = f'#set enum(numbering: "{numbering}", spacing: {spacing})\n'
    items = [f"{label} {item}" for label, item in zip(labels, ITEMS, strict=True)]
    assert amid(rules + flow(*(f"+ {item}" for item in ITEMS))) == as_kind("list", *items)


@pytest.mark.parametrize("justify", [True, False], ids=["justified", "ragged"])
def test_items_of_a_list_may_begin_with_a_bullet(justify: bool) -> None:
    found = amid(flow(*(f"- {item}" for item in ITEMS)), design(justify=justify))
    assert found == as_kind("list", *(f"• {item}" for item in ITEMS))


def test_items_may_be_paragraphs_like_others() -> None:
    items = [f"{number}. {item}" for number, item in enumerate(ITEMS, 1)]
    source = flow(*(item.replace(".", r"\.", 1) for item in items))
    assert amid(source) == as_kind("list", *items)


def test_items_of_one_row_are_items() -> None:
    assert amid("+ A rope.\n+ A bell.\n+ A lamp.") == as_kind(
        "list", "1. A rope.", "2. A bell.", "3. A lamp."
    )


def test_items_go_over_a_page_whole() -> None:
    items = prose(12, 6, 2, 4)
    numbered = [f"{number}. {item}" for number, item in enumerate(items, 1)]
    assert amid(flow(*(f"+ {item}" for item in items))) == as_kind("list", *numbered)


@pytest.mark.parametrize(("mark", "label"), [("-", "•"), ("+", "1.")])
def test_a_list_may_follow_a_full_row(mark: str, label: str) -> None:
    full = "What they carried, when there was anything to carry, was|little, and of three kinds:|"
    items = "\n".join(f"{mark} {item}" for item in ITEMS)
    found = amid(flow(in_rows(full), items))
    assert found[0] == ("para", full.strip("|").replace("|", " "))
    assert found[1] == ("list", f"{label} {ITEMS[0]}")
