import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback import files
from askback.records import Document, Dropped, Ids, Kind, Paragraph, Passage
from stages.segment import TOO_SHORT, Bounds, segment

ASKED: list[Kind] = ["para", "quote", "list"]
KINDS: list[Kind] = ["para", "quote", "verse", "heading", "list", "caption", "note", "junk"]
SENTENCE = "The river knew him, and so he stayed."  # 37 characters


def book(*entries: str | tuple[Kind, str], chapter: str = "I") -> list[Paragraph]:
    """Paragraphs of one chapter; those that are only a text are of the kind `para`."""
    ids = Ids()
    told: list[tuple[Kind, str]] = [("para", e) if isinstance(e, str) else e for e in entries]
    return [
        Paragraph(ids("book", chapter + text), "book", number, chapter, kind, text, number, number)
        for number, (kind, text) in enumerate(told, 1)
    ]


def sort(
    paragraphs: Sequence[Paragraph],
    least: int = 100,
    most: int = 200,
    asked: Sequence[Kind] = ASKED,
) -> tuple[list[Passage], list[Dropped]]:
    """The passages, and what was dropped."""
    languages = {paragraph.document: "en" for paragraph in paragraphs}
    items = list(segment(paragraphs, languages, asked, Bounds(least, most)))
    return (
        [item for item in items if isinstance(item, Passage)],
        [item for item in items if isinstance(item, Dropped)],
    )


def texts(paragraphs: Sequence[Paragraph], least: int = 100, most: int = 200) -> list[str]:
    return [passage.text for passage in sort(paragraphs, least, most)[0]]


def reasons(*entries: str | tuple[Kind, str], chapter: str = "I") -> list[str]:
    return [item.reason for item in sort(book(*entries, chapter=chapter))[1]]


def test_paragraphs_merge_until_there_is_enough_and_the_blank_line_counts() -> None:
    a, b, c, d = "a" * 49, "b" * 49, "c" * 49, "d" * 99
    assert texts(book(a, b, c, d)) == [f"{a}\n\n{b}", f"{c}\n\n{d}"]  # 49 + 2 + 49 = 100
    assert texts(book(a[1:], b, c, d)) == [f"{a[1:]}\n\n{b}\n\n{c}", d]


def test_the_last_paragraph_of_a_chapter_is_never_lost() -> None:
    long = "a" * 150
    assert texts(book(long, "The end.")) == [f"{long}\n\nThe end."]


def test_a_last_paragraph_without_room_in_the_passage_before_stands_alone() -> None:
    assert texts(book("a" * 191, "The end")) == ["a" * 191 + "\n\nThe end"]  # 200
    assert texts(book("a" * 191, "The end.")) == ["a" * 191, "The end."]  # would be 201


def test_last_words_after_a_verse_join_the_passage_before_it() -> None:
    passages, dropped = sort(book("a" * 120, ("verse", "O\nriver"), "So he sang."))
    assert [passage.text for passage in passages] == ["a" * 120 + "\n\nSo he sang."]
    assert [item.reason for item in dropped] == ["verse"]


def test_a_short_paragraph_before_one_that_does_not_fit_joins_the_passage_before() -> None:
    a, b, c = "a" * 110, "b" * 60, "c" * 180
    assert texts(book(a, b, c)) == [f"{a}\n\n{b}", c]
    assert texts(book(b, c)) == [b, c]


def test_nothing_merges_across_a_chapter_or_a_book() -> None:
    one, two = book("a" * 60, chapter="I"), book("b" * 60, chapter="II")
    other = [Paragraph("x", "other", 1, "II", "para", "c" * 60, 1, 1)]
    assert texts([*one, *two, *other]) == ["a" * 60, "b" * 60, "c" * 60]


def test_a_footnote_does_not_break_a_passage_but_a_heading_or_a_verse_does() -> None:
    a, b = "a" * 60, "b" * 60
    beside: list[Kind] = ["note", "caption", "junk"]
    between: list[Kind] = ["heading", "verse"]
    for kind in beside:
        assert texts(book(a, (kind, "1 He was the fourth."), b)) == [f"{a}\n\n{b}"]
    for kind in between:
        assert texts(book(a, (kind, "The Ice"), b)) == [a, b]


def test_headings_and_verse_are_answers_only_if_the_params_say_so() -> None:
    paragraphs = book(("heading", "The Ice"), "a" * 60, ("verse", "O river,\nO boat"), "b" * 60)
    passages, dropped = sort(paragraphs, asked=KINDS)
    assert passages[0].text.startswith("The Ice\n\n" + "a" * 60 + "\n\nO river,\nO boat")
    assert dropped == []


def test_a_long_paragraph_is_cut_at_sentence_ends_into_even_parts() -> None:
    text = " ".join([SENTENCE] * 6)  # 227 characters
    assert texts(book(text)) == [" ".join([SENTENCE] * 3)] * 2
    slices = [part for passage in sort(book(text))[0] for part in passage.paragraphs]
    assert [(part.start, part.end) for part in slices] == [(0, 113), (114, 227)]


def test_a_long_paragraph_after_a_short_one_takes_it_along() -> None:
    text = " ".join([SENTENCE] * 6)
    assert texts(book("“Stay?” I asked.", text))[0] == "“Stay?” I asked.\n\n" + text[:113]


def test_a_passage_names_its_pages_chapter_and_language() -> None:
    (passage,) = sort(book("a" * 60, "b" * 60, chapter="The Ice"))[0]
    found = (passage.chapter, passage.first_page, passage.last_page, passage.language)
    assert found == ("The Ice", 1, 2, "en")


def test_a_page_more_renames_no_passage() -> None:
    before = sort(book("a" * 120, "b" * 120))[0]
    after = sort(book("new " * 30, "a" * 120, "b" * 120))[0]
    assert [p.id for p in after][1:] == [p.id for p in before]
    assert [p.number for p in after] == [1, 2, 3]


PRINT = {
    "contents": ["The Ice . . . . . . . . 12", "The Ice……iv", "I The Ferry ......... 3"],
    "index": ["Abbey, 12, 45–47; see also Monastery, 9", "Bread, 3, 41, 77", "Clocks, 101"],
    "licence": ["Copyright © 1932 by the author.", "ISBN 0-306-40615-2", "All rights reserved."],
    "mostly_numbers": ["12 34 56 a", "1914–1918", "3.5 7.25 kg 8.0"],
    "too_short": ["Rome, in May.", "S."],
}


@pytest.mark.parametrize(("reason", "text"), [(r, t) for r, some in PRINT.items() for t in some])
def test_what_is_only_print_is_dropped_by_its_name(reason: str, text: str) -> None:
    assert reasons(text) == [reason]


PROSE = [
    "“No!” I said, and waited there.......",
    "We rowed in 1914, 1915, 1916, and 1917, and in each of these years the ice was late.",
    "On that road were the houses 3, 5, 7, 9, and 11; all of them were empty by the spring.",
    "I have never cared who holds the copyright in a song that everybody sings at the mill.",
    "He waited . . . . and waited, until at last the bell rang out for the hour of 12",
]


@pytest.mark.parametrize("text", PROSE)
def test_prose_that_looks_a_little_like_print_is_kept(text: str) -> None:
    assert reasons(text, "a" * 120) == []


def test_a_short_exclamation_is_a_part_of_the_talk() -> None:
    assert texts(book("“No!”", "a" * 120)) == ["“No!”\n\n" + "a" * 120]


def test_index_and_licence_are_known_by_their_headings_too() -> None:
    assert reasons("Abbey, see Monastery", chapter="Index") == ["index"]
    licence = "THE FULL PROJECT GUTENBERG LICENSE"
    assert reasons("You may charge a reasonable fee.", chapter=licence) == ["licence"]


WORDS = st.sampled_from(["No.", "He", "went", "on", "Mr.", "é", "e\u0301", "“Yes!”", "x" * 70, "3"])
TEXT = st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=300)
ENTRY = st.tuples(st.sampled_from(KINDS), TEXT, st.sampled_from(["", "I", "II"]))


@given(st.lists(ENTRY, max_size=12), st.integers(1, 80), st.integers(0, 80))
def test_every_paragraph_is_in_passages_or_dropped_and_nothing_is_changed(
    entries: list[tuple[Kind, str, str]], least: int, room: int
) -> None:
    entries = sorted(entries, key=lambda entry: entry[2])
    paragraphs = [
        Paragraph(f"p{n}", "book", n, chapter, kind, text, n, n)
        for n, (kind, text, chapter) in enumerate(entries)
    ]
    most = least + room
    passages, dropped = sort(paragraphs, least, most)
    by_id = {paragraph.id: paragraph for paragraph in paragraphs}
    slices = [part for passage in passages for part in passage.paragraphs]
    used, left_out = [part.id for part in slices], [item.id for item in dropped]

    assert len(set(left_out)) == len(left_out)
    assert {*used, *left_out} == set(by_id)
    assert not {*used} & {*left_out}
    for passage in passages:
        parts = [by_id[part.id].text[part.start : part.end] for part in passage.paragraphs]
        assert passage.text == "\n\n".join(parts)
        assert all(parts)
        assert 0 < len(passage.text) <= most
        assert {by_id[part.id].chapter for part in passage.paragraphs} == {passage.chapter}
    order = [(by_id[part.id].number, part.start) for part in slices]
    assert order == sorted(order)
    for id in dict.fromkeys(used):
        text = by_id[id].text
        cuts = [edge for part in slices if part.id == id for edge in (part.start, part.end)]
        edges = [0, *cuts, len(text)]
        assert edges == sorted(edges)
        assert not "".join(text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)).strip()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_a_passage_is_short_only_where_there_is_no_room_beside_it(lengths: list[int]) -> None:
    passages, dropped = sort(book(*("a" * length for length in lengths)))
    if sum(lengths) + 2 * (len(lengths) - 1) < TOO_SHORT:
        assert passages == []
        return
    assert dropped == []
    for one, two in pairwise(passages):
        assert len(two.text) >= 100 or len(one.text) + 2 + len(two.text) > 200


def run(
    folder: Path, params: str = "min_chars: 100\n  max_chars: 200", asked: str = "[para]"
) -> subprocess.CompletedProcess[str]:
    """The stage, run on the paragraphs and documents in `folder`."""
    (folder / "params.yaml").write_text(f"segment:\n  {params}\n  answer_with: {asked}\n", "utf-8")
    command = [sys.executable, "-m", "stages.segment", "documents.jsonl", "paragraphs.jsonl"]
    options = ["passages.jsonl", "--metrics", "metrics.json", "--dropped", "dropped.jsonl"]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small book."""
    document = Document("book", "book.txt", "A Book", None, "en", None, "0" * 64)
    files.write(tmp_path / "documents.jsonl", [document])
    paragraphs = book(("heading", "I"), "a" * 120, "b" * 60, "c" * 50)
    files.write(tmp_path / "paragraphs.jsonl", paragraphs)
    return tmp_path


def test_the_stage_writes_passages_and_counts_every_paragraph(folder: Path) -> None:
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert [len(p.text) for p in files.read(folder / "passages.jsonl", Passage)] == [120, 112]
    assert json.loads((folder / "metrics.json").read_text()) == {
        "kept": 2,
        "dropped": {"heading": 1},
        "paragraphs": {"read": 4, "in_passages": 3},
        "characters": {
            "in_passages": 232,
            "passage": {"min": 112, "p10": 112, "p50": 112, "p90": 112, "max": 120},
        },
    }
    (dropped,) = files.read(folder / "dropped.jsonl", Dropped)
    assert (dropped.reason, dropped.detail) == ("heading", "I")


BAD = {
    "room": (("min_chars: 300\n  max_chars: 200", "[para]"), "segment.max_chars: mus"),
    "zero": (("min_chars: 0\n  max_chars: 200", "[para]"), "segment.min_chars: input should be gr"),
    "kind": (("min_chars: 1\n  max_chars: 200", "[prose]"), "segment.answer_with[0]: input should"),
    "none": (("min_chars: 1\n  max_chars: 200", "[]"), "segment.answer_with: list should have"),
    "no passage": (("min_chars: 1\n  max_chars: 200", "[verse]"), "(1 heading, 3 para); change"),
}


@pytest.mark.parametrize(("params", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_param_is_one_line_and_nothing_written(
    folder: Path, params: tuple[str, str], message: str
) -> None:
    done = run(folder, *params)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    made = {path.name for path in folder.iterdir()} - {".askback"}
    assert made == {"documents.jsonl", "paragraphs.jsonl", "params.yaml"}


def test_paragraphs_of_a_book_that_has_no_document_are_an_error(folder: Path) -> None:
    files.write(folder / "documents.jsonl", [])
    done = run(folder)
    assert done.returncode == 2
    assert "no document is called book" in done.stderr
