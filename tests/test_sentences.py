import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.sentences import sentences, split

NAME = "Mr. Smith came at 5 p.m. on Jan. 3."


def said(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


def parts(text: str, most: int, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in split(text, most, language)]


CASES = {
    "repeated": ("No. No. He said no. No.", "en", ["No.", "No.", "He said no.", "No."]),
    "inside": ("Haha. Ha. Ha.", "en", ["Haha.", "Ha.", "Ha."]),
    "abbreviations": (f"{NAME} He left.", "en", [NAME, "He left."]),
    "quoted": ("He left. “Will it?” I asked.", "en", ["He left.", "“Will it?”", "I asked."]),
    "French": ("M. Dupont vint. Il partit.", "fr", ["M. Dupont vint.", "Il partit."]),
    "German": ("Er kam z.B. am 3. Mai. Sie ging.", "de", ["Er kam z.B. am 3. Mai.", "Sie ging."]),
    "Japanese": ("彼は来た。彼女は去った。", "ja", ["彼は来た。", "彼女は去った。"]),
    "unknown": ("Hij kwam. Zij ging.", "xx", ["Hij kwam.", "Zij ging."]),
    "its own marks": ("It ∯ ȸ holds ♬. He left.", "en", ["It ∯ ȸ holds ♬.", "He left."]),
}


@pytest.mark.parametrize(("text", "language", "expected"), CASES.values(), ids=CASES.keys())
def test_a_text_ends_its_sentences_where_a_reader_would(
    text: str, language: str, expected: list[str]
) -> None:
    assert said(text, language) == expected


def test_a_text_that_fits_is_one_part() -> None:
    assert parts(" One. Two. ", 9) == ["One. Two."]


def test_the_parts_are_as_few_and_as_even_as_the_sentences_allow() -> None:
    text = "Aaaaaaaa. Bbbbbbbb. Cccccccc. Dddddddd."  # four times nine characters
    assert parts(text, 30) == ["Aaaaaaaa. Bbbbbbbb.", "Cccccccc. Dddddddd."]


def test_only_a_sentence_too_long_by_itself_is_cut_inside_and_at_spaces() -> None:
    text = "He left. A bb ccc dddd eeeee ffffff. No."
    assert parts(text, 20) == ["He left.", "A bb ccc dddd", "eeeee ffffff. No."]


def test_a_word_too_long_by_itself_is_cut_between_letters_with_their_accents() -> None:
    assert parts("e\u0301" * 8, 5) == ["e\u0301" * 2] * 4
    family = "\U0001f469\u200d\U0001f467"
    assert parts(family * 4, 4) == [family] * 4


def test_a_very_long_text_is_cut_in_seconds() -> None:
    """pysbd alone would take minutes for some of these."""
    lists, talk = "1. a 2. b 3) c " * 2000, "No. He left the mill. " * 5000
    for text in [lists, talk, "word " * 20000, "w" * 50000]:
        found = parts(text, 2000)
        assert max(map(len, found)) <= 2000
        assert len(found) <= len(text) / 1900 + 1


LETTERS = st.sampled_from(
    [*"aB.!?“”\"'() \n\t1é。\u00a0", "e\u0301", "\u200d", "∯", "ȸ", "Mr. ", "No. "]
)
TEXT = st.lists(LETTERS, max_size=120).map("".join)


@given(TEXT | st.text(max_size=120), st.integers(1, 40))
def test_parts_cover_the_text_in_order_but_for_the_space_around_them(text: str, most: int) -> None:
    end = 0
    for start, stop in split(text, most, "en"):
        assert not text[end:start].strip()
        assert stop - start <= most
        assert text[start:stop] == text[start:stop].strip()
        end = stop
    assert not text[end:].strip()


@given(TEXT, st.sampled_from(["en", "fr", "ja", "xx"]))
def test_no_sentence_begins_with_an_accent(text: str, language: str) -> None:
    starts = [start for start, end in sentences(text, language) if start]
    assert not any(unicodedata.combining(text[start]) for start in starts)
