"""The embedded interviewer: phrases of the passage, forms that vary, no question twice."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askback.asking.embedded import (
    APART,
    FORMS,
    MAX_CHARS,
    NUMBERED_FORMS,
    PLAIN_FORMS,
    content_runs,
    key_phrases,
    noun_phrases,
    questions,
    seen_as_nouns,
)
from askback.records import Ids, Passage

PROSE = [
    "My grandmother kept a lighthouse. The lighthouse stood on a black rock, and from the lantern "
    "room my grandmother could see the whole harbour of Kirkwall.",
    "In the schoolhouse we learned the alphabet from an old almanac. The almanac belonged to "
    "Mr. Sinclair, who never forgave the printer of the almanac.",
    "The winter market sold herring, candles and the cheap novels that my brother loved. A novel "
    "cost less than a herring.",
]


def passages(texts: list[str], document: str = "book", language: str = "en") -> list[Passage]:
    """The texts as passages of one book."""
    ids = Ids()
    return [
        Passage(ids(document, text), document, number, "I", 1, 1, language, text, [])
        for number, text in enumerate(texts, 1)
    ]


def phrases(text: str) -> list[str]:
    """The phrases of a book that is `text` alone, in its order."""
    runs = list(content_runs(text))
    return [phrase for run in runs for phrase in noun_phrases(run, seen_as_nouns(iter(runs)))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He saw the black rock.", ["the black rock"]),
        ("I asked my brother. My brother laughed.", ["your brother", "your brother"]),
        ("The sailor begged for the bread of a sailor.", ["the sailor", "the bread", "the sailor"]),
        ("We met Governor Keith in Rhode Island.", ["Governor Keith", "Rhode Island"]),
        ("The scale came level. The level of the scale.", ["the scale", "the level", "the scale"]),
        ("We wrote Dear Miss Gorrie.", ["Miss Gorrie"]),
        ("It was a long, tedious voyage.", []),
        ("Yesterday rained. Wolves howled.", []),
        ("The other day, at the end of a week.", []),
        ("It was my father’s.", []),
        ("I can’t and the man didn’t.", []),
        ("", []),
    ],
)
def test_a_phrase_is_a_noun_with_its_article_or_a_name(text: str, found: list[str]) -> None:
    assert phrases(text) == found


def test_the_first_phrase_is_what_the_passage_speaks_of_and_the_others_do_not() -> None:
    assert [found[0] for found in key_phrases(PROSE)] == [
        "your grandmother",
        "the almanac",
        "the herring",
    ]


def test_a_book_without_any_phrase_has_none() -> None:
    assert key_phrases(["", "…", "123"]) == [[], [], []]


def test_each_question_asks_for_a_phrase_of_its_passage() -> None:
    asked = list(questions(passages(PROSE), seed=0))
    for question, found in zip(asked, key_phrases(PROSE), strict=True):
        assert any(phrase in question for phrase in found)


def test_there_are_enough_forms_to_keep_neighbours_apart() -> None:
    assert len(set(FORMS)) == len(FORMS) >= 24
    assert len(set(PLAIN_FORMS)) == len(PLAIN_FORMS) >= 12
    assert all(form.count("{phrase}") == 1 for form in FORMS + NUMBERED_FORMS)
    assert all(form.endswith("?") for form in FORMS + PLAIN_FORMS)


WORDS = "the my a lantern rock Kirkwall harbour novel herring saw of . , and"
words = st.sampled_from(WORDS.split())
texts = st.lists(st.lists(words, max_size=12).map(" ".join), max_size=60)


@given(texts, st.integers(0, 3), st.sampled_from(["en", "fr"]))
@settings(max_examples=60, deadline=None)
def test_no_question_repeats_in_a_book_whatever_the_book(
    texts: list[str], seed: int, language: str
) -> None:
    asked = list(questions(passages(texts, language=language), seed))
    assert len(asked) == len(texts)
    assert len(set(asked)) == len(asked)
    assert all(q.endswith("?") and len(q) <= MAX_CHARS for q in asked)


def form_of(question: str) -> str:
    """The form that a question was made from."""
    return next(
        form
        for form in FORMS
        if question.startswith(form.split("{phrase}")[0])
        and question.endswith(form.split("{phrase}")[1])
    )


def test_no_form_repeats_within_six_passages() -> None:
    texts = [
        f"They loved the lantern of Saint{chr(97 + n % 26)}{chr(97 + n // 26)}." for n in range(80)
    ]
    used = [form_of(question) for question in questions(passages(texts), seed=1)]
    for start in range(len(used)):
        assert len(set(used[start : start + APART])) == len(used[start : start + APART])


def test_a_phrase_too_long_for_a_question_is_not_asked() -> None:
    (asked,) = questions(passages([f"They loved the {'x' * 300}."]), seed=0)
    assert asked in PLAIN_FORMS


def test_a_passage_in_another_language_is_asked_without_a_phrase() -> None:
    (asked,) = questions(passages(["La Bonne Néron a vu le loup."], language="fr"), seed=0)
    assert asked in PLAIN_FORMS


def test_two_books_are_asked_as_if_each_were_alone() -> None:
    both = questions(passages(PROSE, "one") + passages(PROSE, "two"), seed=0)
    alone = [*questions(passages(PROSE, "one"), 0), *questions(passages(PROSE, "two"), 0)]
    assert list(both) == alone


def test_another_seed_asks_otherwise() -> None:
    asked = [list(questions(passages(PROSE), seed)) for seed in range(3)]
    assert all(one != other for one, other in pairwise(asked))
