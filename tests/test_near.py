"""Near duplicates: how many runs of five words two conversations share, and which one is kept."""

import random

import pytest

from askback import conversations
from askback.gathering.duplicates import NONE, earlier
from askback.gathering.near import UNLIKE, Sketches
from askback.records import Conversation, Message

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]


def prose(seed: int, length: int = 200) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def changed(words: list[str], share: float, seed: int) -> list[str]:
    """The words, a share of them others: each change breaks five runs."""
    draw = random.Random(seed)
    return [draw.choice(WORDS) if draw.random() < share else word for word in words]


def jaccard(one: list[str], other: list[str]) -> float:
    """How alike two texts are, counted out."""
    a, b = ({tuple(words[n : n + 5]) for n in range(len(words) - 4)} for words in (one, other))
    return len(a & b) / len(a | b)


def found(texts: list[str], groups: list[int] | None = None, size: int = 1000) -> list[int]:
    """For each text the number of the one that it nearly repeats, or NONE."""
    import numpy as np

    sketches = Sketches()
    for start in range(0, len(texts), size):
        talks = [
            Conversation("0" * 16, "s", "d", "", [], said(text), "")
            for text in texts[start : start + size]
        ]
        sketches.look(conversations.record_batch(talks))
    group = np.array(groups or [UNLIKE] * len(texts), np.uint64)
    return [int(n) for n in sketches.earlier(np.ones(len(texts), bool), group)]


def said(text: str) -> list[Message]:
    """A conversation whose system message all others have, too."""
    system = Message("system", " ".join(prose(-1)))
    return [system, Message("user", text), Message("assistant", "So.")]


def test_a_text_with_few_words_changed_is_found_and_one_with_many_is_not():
    texts = [prose(n) for n in range(60)]
    near = [changed(words, 0.01, n) for n, words in enumerate(texts)]
    far = [changed(words, 0.15, n) for n, words in enumerate(texts)]
    result = found([" ".join(words) for words in [*texts, *near, *far]])
    assert result[:60] == [NONE] * 60
    for n in range(60):
        if jaccard(texts[n], near[n]) > 0.9:
            assert result[60 + n] == n
        assert jaccard(texts[n], far[n]) < 0.7
    assert result[120:] == [NONE] * 60


def test_case_punctuation_and_the_cut_into_batches_make_no_difference():
    texts = [" ".join(prose(n)) for n in range(40)]
    shouted = [text.upper().replace(" ", ", ") + "!" for text in texts]
    assert found(texts + shouted) == [NONE] * 40 + list(range(40))
    assert found(texts + shouted, size=7) == found(texts + shouted)


def test_of_many_that_are_alike_the_first_is_kept():
    texts = [" ".join(prose(1)) + f" {n}" for n in range(30)]
    assert found(texts) == [NONE] + [0] * 29


def test_what_is_like_a_duplicate_but_not_like_the_kept_one_is_kept():
    steps = [prose(5)]
    for n in range(12):
        steps.append(changed(steps[-1], 0.03, n))
    result = found([" ".join(words) for words in steps])
    for n, of in enumerate(result):
        if of != NONE:
            assert result[of] == NONE
            assert jaccard(steps[n], steps[of]) > 0.65
    assert result.count(NONE) > 2


def test_two_of_one_group_are_never_compared():
    text = " ".join(prose(1))
    assert found([text, f"{text} so", f"{text} no"], [7, 7, 8]) == [NONE, NONE, 0]


@pytest.mark.parametrize("texts", [[], ["Hi."], ["Hi.", "Hi!", "hi"]])
def test_texts_of_a_word_are_like_no_other(texts):
    assert found(texts) == [NONE] * len(texts)


def test_thousands_of_short_texts_that_differ_in_a_word_are_told_apart():
    assert found([f"Is number {n} even or odd? So." for n in range(3000)]) == [NONE] * 3000


def test_equal_digests_point_to_the_first():
    import numpy as np

    digests = np.array([[1, 2], [1, 3], [1, 2], [0, 2], [1, 2], [1, 3]], np.uint64)
    assert earlier(digests).tolist() == [NONE, NONE, 0, NONE, 0, 1]
    assert earlier(np.zeros((0, 2), np.uint64)).tolist() == []
