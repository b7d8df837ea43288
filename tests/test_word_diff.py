"""Which words changed between two texts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.word_diff import CONTEXT, MANY, Piece, hunks


def marked(before: str, after: str) -> list[str]:
    """Each hunk with [-what went-] and {+what came+}."""
    forms = {"": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return ["".join(forms[p.change].format(p.text) for p in hunk) for hunk in hunks(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("one two three", "one 2 three", ["one [-two -]{+2 +}three"]),
        ("one three", "one two three", ["one {+two +}three"]),
        ("one two three", "one three", ["one [-two -]three"]),
        ("one\n\ntwo", "one two", ["[-one\n\n-]{+one +}two"]),
        ("", "one", ["{+one+}"]),
        ("one", "", ["[-one-]"]),
        ("我留在那里。", "我住在那里。", ["我[-留-]{+住+}在那里。"]),
        ("same", "same", []),
        ("", "", []),
    ],
)
def test_words_that_went_and_came_are_told_with_those_around(
    before: str, after: str, told: list[str]
) -> None:
    assert marked(before, after) == told


def test_far_changes_are_told_apart_with_a_few_words_around_each() -> None:
    words = [f"w{n} " for n in range(100)]
    other = [*words]
    other[20], other[80] = "x ", "y "
    first, second = hunks("".join(words), "".join(other))
    around = CONTEXT
    assert first == [
        Piece("", "".join(words[20 - around : 20])), Piece("-", "w20 "), Piece("+", "x "),
        Piece("", "".join(words[21 : 21 + around])),
    ]  # fmt: skip
    assert second[1:3] == [Piece("-", "w80 "), Piece("+", "y ")]


words = st.lists(st.sampled_from(["a", "b", "c ", "d\n", " ", "好"]), max_size=40).map("".join)


@given(words, words)
def test_the_pieces_of_short_texts_spell_out_both(before: str, after: str) -> None:
    """Each hunk's kept and gone words stand in the text before, its kept and new ones after."""
    found = list(hunks(before, after))
    assert bool(found) == (before != after)
    for hunk in found:
        assert "".join(p.text for p in hunk if p.change != "+") in before
        assert "".join(p.text for p in hunk if p.change != "-") in after
        assert any(p.change for p in hunk)


def test_texts_of_any_length_take_little_time_and_room() -> None:
    before = "".join(f"old{n % 97} " for n in range(200_000))
    after = "".join(f"new{n % 89} " for n in range(200_000))
    start = time.perf_counter()
    ((went, came),) = hunks(before, after)
    assert time.perf_counter() - start < 2
    assert (went.change, came.change) == ("-", "+")
    assert "[199940 words]" in went.text
    assert len(went.text) + len(came.text) < 2000
    small = "".join(f"{n % 7} " for n in range(MANY)), "".join(f"{n % 5} " for n in range(MANY))
    start = time.perf_counter()
    assert list(hunks(*small))
    assert time.perf_counter() - start < 2
