"""Near-duplicates: found by likeness, in whatever process, in seconds."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from askback.asking.duplicates import QUESTIONS, Near, jaccard, of_letters, of_words
from tests.asked import questions
from tests.book import PROSE

# Each as close as a model comes to asking the same twice.
SAME = [
    ("What did you feel when your father died?", "What did you feel when your father had died?"),
    ("Why was that moment so important to you?", "Why was this moment so important to you?"),
    ("What drew you to the kitchen?", "What drew you to the Kitchen – ?"),
    ("How did you feel about leaving home?", "How did you feel about leaving your home?"),
    ("您为什么后来在海边住了那么久？", "您为什么后来在海边住了那么久呢？"),
]
# Each in one form, of another subject.
OTHER = [
    ("What did you feel when your father died?", "What did you feel when your mother died?"),
    ("What did you make of the jug?", "What did you make of the hat?"),
    ("What did you do before the war?", "What did you do after the war?"),
    ("Why did you marry?", "Why did you never marry?"),
    ("How did you meet your wife?", "How did you lose your wife?"),
    ("What was your first day like?", "What was your last day like?"),
    ("Was empfanden Sie in Wien?", "Was empfanden Sie in Graz?"),
]


def found(near: Near, texts: list[str]) -> list[str | None]:
    """For each text, in order: what it is like."""
    likes = []
    for number, text in enumerate(texts):
        likes.append(near.find(text))
        near.add(str(number), text)
    return likes


@pytest.mark.parametrize("pair", SAME)
def test_the_same_question_is_found_in_other_words(pair: tuple[str, str]) -> None:
    assert found(Near.questions(), list(pair)) == [None, "0"]


@pytest.mark.parametrize("pair", OTHER)
def test_the_same_form_about_something_else_is_another_question(pair: tuple[str, str]) -> None:
    assert found(Near.questions(), list(pair)) == [None, None]


def test_good_questions_are_no_duplicates_of_each_other() -> None:
    asked = [question for _, _, question in questions()]
    likes = found(Near.questions(), asked)
    assert [(asked[n], asked[int(like)]) for n, like in enumerate(likes) if like] == []


def test_case_and_punctuation_do_not_count() -> None:
    assert found(Near.questions(), ["Why did you go home?", "WHY, did you (go) “home”…"]) == [
        None,
        "0",
    ]


def test_the_likest_is_found_and_of_equals_the_first() -> None:
    near = Near(0.2, of_words)
    near.add("far", "a b c d e f g h i j k l m n o p")
    near.add("near", "a b c d e f g h i j k l m n o q")
    near.add("again", "a b c d e f g h i j k l m n o q")
    assert near.find("a b c d e f g h i j k l m n o q") == "near"
    assert near.find("a b c d e f g h i j k l m n o p z") == "far"


def test_the_threshold_is_met_by_just_that_much() -> None:
    one, other = "a b c d e f g h i", "a b c d e f g h z"  # 4 of 6 runs of five words
    assert jaccard(of_words(one), of_words(other)) == 4 / 6
    for threshold, like in ((4 / 6, "one"), (0.67, None)):
        near = Near(threshold, of_words)
        near.add("one", one)
        assert near.find(other) == like


def test_what_is_removed_is_found_no_more() -> None:
    near = Near.questions()
    near.add("one", "Why did you go home?")
    near.remove("one")
    near.remove("never there")
    assert near.find("Why did you go home?") is None
    near.add("one", "Why did you go home?")
    assert near.find("Why did you go home?") == "one"


@pytest.mark.parametrize("near", [Near.questions, Near.passages])
def test_empty_and_tiny_texts_are_like_themselves_at_most(near: Callable[[], Near]) -> None:
    tiny = ["", " ", "?!", "a", "b", "ab", "Why?", "How?", "a", "why", "\udcff", "\udcff"]
    likes = found(near(), tiny)
    assert likes == [None, None, None, None, None, None, None, None, "3", "6", None, None]


def test_passages_are_alike_that_share_most_of_their_words() -> None:
    text = " ".join(PROSE)
    assert len(text.split()) > 100
    near = Near.passages()
    near.add("one", text)
    assert near.find(text.replace(".", " –").upper()) == "one"
    assert near.find(f"{text} And so on, until the end of it.") == "one"
    assert near.find(" ".join(reversed(text.split()))) is None
    assert near.find(" ".join(text.split()[: len(text.split()) * 3 // 4])) is None


def test_what_is_found_is_what_comparing_with_all_would_find() -> None:
    draw = random.Random(0)
    texts = [question for _, _, question in questions()]
    for text in draw.sample(texts, 200):
        words = text.split()
        words.insert(draw.randrange(len(words)), draw.choice(["then", "really", "there", "once"]))
        texts.append(" ".join(words))
    shingles = [of_letters(text) for text in texts]
    expected: list[str | None] = []
    for number, one in enumerate(shingles):
        likeness = [jaccard(one, other) for other in shingles[:number]]
        best = max(likeness, default=0)
        expected.append(str(likeness.index(best)) if best >= QUESTIONS else None)
    assert found(Near.questions(), texts) == expected
    assert 50 < sum(like is not None for like in expected) < 200


def test_every_process_finds_the_same() -> None:
    code = (
        "from tests.test_duplicates import *;"
        "asked = [q for _, _, q in questions()] + [a for pair in SAME + OTHER for a in pair];"
        "print(found(Near(0.5, of_letters), asked))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1
    assert b"'" in printed.pop()


def seconds(count: int) -> float:
    """What so many questions of 10 to 25 words take, each looked for and added."""
    draw = random.Random(1)
    known = sorted({word for _, passage, _ in questions() for word in passage.split()})
    asked = [f"What {' '.join(draw.sample(known, draw.randint(9, 24)))}?" for _ in range(count)]
    near = Near.questions()
    start = time.process_time()
    assert not any(found(near, asked))
    return time.process_time() - start


def test_a_thousand_questions_take_less_than_a_second() -> None:
    seconds(100)
    assert seconds(1000) < 1.5


@pytest.mark.prove
def test_ten_thousand_questions_take_seconds() -> None:
    spent = seconds(10_000)
    print(f"10,000 questions compared: {spent:.1f} s of one core")
    assert spent < 15
