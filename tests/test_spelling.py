import pytest

from askback.reading.spelling import Spelling

BOOK = ["the window stood open and the well-known river ran by it", "a known well, a long day"]


@pytest.mark.parametrize(
    ("above", "below", "joined"),
    [
        ("by the win-", "dow", "by the window"),
        ("by the win\u00ad", "dow", "by the window"),
        ("by the win‐", "dow", "by the window"),
        ("her well-", "known face", "her well-known face"),
        ("the river-", "day", "the river-day"),  # both are words, the whole is none
        ("a grum-", "bling sound", "a grumbling sound"),
        ("Anglo-", "Saxon", "Anglo-Saxon"),
        ("it ran—", "and stood", "it ran—and stood"),
        ("il dit —", "et alla", "il dit — et alla"),
        ("plain", "lines", "plain lines"),
    ],
)
def test_lines_join_as_the_book_spells(above: str, below: str, joined: str) -> None:
    assert Spelling([*BOOK, above, below]).join([above, below]) == joined


def test_soft_hyphens_within_a_line_go() -> None:
    assert Spelling([]).join(["win\u00addow"]) == "window"


def test_a_book_that_breaks_no_words_keeps_its_hyphens() -> None:
    """No break of a long book gives a word that it has elsewhere: they are all the author's."""
    lines = ["the sea was grey", "and cold as iron-", "stone"] * 150
    assert Spelling(lines).join(["cold as iron-", "stone"]) == "cold as iron-stone"


@pytest.mark.parametrize(
    ("initial", "rest", "joined"),
    [("T", "he", "The"), ("A", "day", "A day"), ("D", "ogberry", "Dogberry")],
)
def test_a_drop_capital_is_part_of_its_word_or_one_itself(
    initial: str, rest: str, joined: str
) -> None:
    assert Spelling(BOOK).capital(initial, rest) == joined
