import pytest

from tests.book import (
    PROSE,
    Read,
    Told,
    as_kind,
    chapter,
    design,
    flow,
    paras,
    prose,
    read,
)

KEEPER = "He was its fourth keeper; the register is lost."
MAP = "See the map."
FIDDLES = "Two fiddles and a drum, according to others who were there and who counted them twice."
SHORT = "A short one."
NOTES = [KEEPER, MAP, FIDDLES, SHORT]
RAISED = "#set super(typographic: false, size: 0.6em, baseline: -0.4em)\n"
ATTACHED = "#set super(typographic: true)\n"  # figures of the font's own, as high as its letters
SAME_SIZE = (
    "#show footnote.entry: set text(10pt)\n"
    "#set footnote.entry(clearance: 1.5em, gap: 0.6em, separator: none)\n"
)


def called() -> list[str]:
    """The prose, with calls after a full stop, twice, and after a letter and a comma."""
    text, calls = list(PROSE), [f"#footnote[{note}]" for note in NOTES]
    text[1] = text[1].replace(".", "." + calls[0], 1)
    text[2] = text[2].replace(" the ", f" the{calls[2]} ", 1)
    text[2] = text[2].replace(".", "." + calls[1], 1)
    text[8] = text[8].replace(",", "," + calls[3], 1)
    return text


def without_notes(found: Read) -> Told:
    """What was read, but for the notes."""
    return [(kind, text) for kind, text in found.told if kind != "note"]


@pytest.mark.parametrize(
    ("numbering", "labels", "mark"),
    [
        ("1", "1 2 3 4", RAISED),
        ("1", "1 2 3 4", ATTACHED),
        ("*", "* † ‡ §", RAISED),
        ("*", "* † ‡ §", ATTACHED),
        ("(1)", "(1) (2) (3) (4)", RAISED),
    ],
)
def test_footnotes_are_notes_and_their_calls_no_text(
    numbering: str, labels: str, mark: str
) -> None:
    found = read(design(f'footnote(numbering: "{numbering}")') + mark + flow(*called()))
    assert without_notes(found) == paras(*PROSE)
    notes = zip(labels.split(), NOTES, strict=True)
    assert found.of("note") == [f"{label} {note}" for label, note in notes]
    assert found.left_out == {"call_mark": len(labels.replace(" ", ""))}


def test_every_page_may_begin_with_the_same_sign() -> None:
    again = "#show footnote: it => { counter(footnote).update(0); it }\n"
    found = read(design('footnote(numbering: "*")') + RAISED + again + flow(*called()))
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [f"* {note}" for note in NOTES]


@pytest.mark.parametrize("rule", ["none", "line(length: 30%)"])
def test_footnotes_may_be_as_large_as_the_text(rule: str) -> None:
    """Space and a raised call tell them."""
    found = read(design() + RAISED + SAME_SIZE.replace("none", rule) + flow(*called()))
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [f"{number} {note}" for number, note in enumerate(NOTES, 1)]


def with_long_note(sentences: int) -> tuple[Read, str]:
    """A book with a note of so many sentences, twice over, and the note."""
    note = " ".join(prose(2, 3, sentences, sentences))
    called = PROSE[3].replace(".", f".#footnote[{note}]", 1)
    return read(design() + RAISED + flow(*PROSE[:3], called, *PROSE[4:])), f"1 {note}"


def test_a_footnote_goes_on_at_the_next_pages_foot() -> None:
    found, note = with_long_note(16)
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [note]
    (at,) = (p for p in found.paragraphs if p.kind == "note")
    assert (at.first_page, at.last_page) == (1, 2)


def test_a_footnote_may_fill_a_page() -> None:
    found, note = with_long_note(20)
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [note]


def test_footnotes_that_count_as_the_pages_do_are_no_page_numbers() -> None:
    pages = [PROSE[:3], PROSE[3:6], PROSE[6:9], PROSE[9:]]
    text = [
        flow(f"{first}#footnote[{note}]", *rest, "#pagebreak(weak: true)")
        for note, (first, *rest) in zip(NOTES, pages, strict=True)
    ]
    found = read(design() + RAISED + flow(*text))
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [f"{page} {note}" for page, note in enumerate(NOTES, 1)]


CALL = "#super(typographic: false, size: 0.6em, baseline: -0.4em)[{}]"


def foot(*notes: str) -> str:
    """Typst's source for notes at the foot of the column that it stands in."""
    return f"#place(bottom, float: true)[#set text(8pt)\n{flow(*notes)}]"


def test_a_footnote_may_stand_on_the_page_after_its_call() -> None:
    call = PROSE[2].removesuffix(".") + "." + CALL.format(1)
    parts = [*PROSE[:2], call, "#pagebreak()", foot(f"1 {KEEPER}"), *PROSE[3:]]
    found = read(design() + flow(*parts))
    assert without_notes(found) == paras(*PROSE)
    assert found.of("note") == [f"1 {KEEPER}"]


@pytest.mark.parametrize(("call", "at"), [(0, 6), (7, 1)], ids=["first", "second"])
def test_a_footnote_may_be_called_from_the_other_column(call: int, at: int) -> None:
    """The note stands between the paragraphs that a page's other column has."""
    more = prose(12, 1)
    text = list(more)
    text[call] = text[call].replace(".", "." + CALL.format(1), 1)
    parts = [*PROSE, *text[:at], foot(f"1 {KEEPER}"), *text[at:]]
    found = read(design(columns=2) + flow(*parts))
    assert without_notes(found) == paras(*PROSE, *more)
    assert found.of("note") == [f"1 {KEEPER}"]


CALLS = {"raised": CALL, "attached": "{}", "brackets": r" \[{}\]"}
FIGURES = (
    "In 1854 there were 3 boats on rope R1, and 12 men who rowed them—38 in summer—where it was "
    "5.2 metres deep; 2, of all, could swim."
)


def endnotes(*notes: str) -> str:
    """Typst's source for a section of notes, numbered from 1."""
    return flow(*(rf"{number}\. {note}" for number, note in enumerate(notes, 1)))


def numbered(*notes: str) -> list[str]:
    """The same, as read."""
    return [f"{number}. {note}" for number, note in enumerate(notes, 1)]


def with_calls(text: list[str], call: str, *numbers: int) -> list[str]:
    """The paragraphs, each of the first ones with a call after its first sentence."""
    found = [
        paragraph.replace(".", "." + call.format(number), 1)
        for paragraph, number in zip(text, numbers, strict=False)
    ]
    return found + text[len(found) :]


@pytest.mark.parametrize("call", CALLS)
def test_endnotes_may_end_the_book(call: str) -> None:
    """Numbers in the text that call no note stay."""
    first = with_calls(PROSE[:6], CALLS[call], 1, 2)
    second = with_calls(PROSE[6:], CALLS[call], 3, 4)
    chapters = [chapter("The River"), *first, FIGURES, chapter("The Bridge"), *second]
    found = read(design() + flow(*chapters, chapter("Notes"), endnotes(*NOTES)))
    assert without_notes(found) == [
        ("heading", "The River"),
        *paras(*PROSE[:6], FIGURES),
        ("heading", "The Bridge"),
        *paras(*PROSE[6:]),
        ("heading", "Notes"),
    ]
    assert found.of("note") == numbered(*NOTES)


@pytest.mark.parametrize("call", CALLS)
def test_endnotes_may_end_each_chapter(call: str) -> None:
    chapters = [
        flow(chapter(title), *with_calls(text, CALLS[call], 1, 2), chapter("Notes"), notes)
        for title, text, notes in (
            ("The River", [*PROSE[:6], FIGURES], endnotes(KEEPER, MAP)),
            ("The Bridge", PROSE[6:], endnotes(FIDDLES, SHORT)),
        )
    ]
    found = read(design() + flow(*chapters))
    assert found.told == [
        ("heading", "The River"),
        *paras(*PROSE[:6], FIGURES),
        ("heading", "Notes"),
        *as_kind("note", *numbered(KEEPER, MAP)),
        ("heading", "The Bridge"),
        *paras(*PROSE[6:]),
        ("heading", "Notes"),
        *as_kind("note", *numbered(FIDDLES, SHORT)),
    ]


def test_endnotes_may_stand_under_the_names_of_their_chapters() -> None:
    named = ["#block(above: 1.4em, text(12pt)[The River])", endnotes(KEEPER, MAP)]
    named += ["#block(above: 1.4em, text(12pt)[The Bridge])", endnotes(FIDDLES, SHORT)]
    chapters = [chapter("The River"), *with_calls(PROSE[:6], CALL, 1, 2)]
    chapters += [chapter("The Bridge"), *with_calls(PROSE[6:], CALL, 1, 2)]
    found = read(design() + flow(*chapters, chapter("Notes"), *named))
    assert found.of("para") == PROSE
    assert found.of("note") == [*numbered(KEEPER, MAP), *numbered(FIDDLES, SHORT)]


def test_numbered_paragraphs_that_nothing_calls_take_no_number_from_the_text() -> None:
    """Under a heading of that name, they are notes all the same."""
    text = [*PROSE[:6], FIGURES]
    found = read(design() + flow(chapter("The River"), *text, chapter("Notes"), endnotes(*NOTES)))
    assert found.of("para") == text
    assert found.of("note") == numbered(*NOTES)
    assert found.left_out == {}
