"""The questions of the tests' model are as good as filters ask, and say the same whenever asked."""

import re
import subprocess
import sys
from itertools import combinations

import py3langid

from tests.endpoint import ROOT
from tests.fake_model import copies, passage, question

PASSAGE = (
    "My father kept bees behind the village school, and every autumn we carried the honey through "
    "the orchard to the market, where nobody believed that it came from so few hives."
)
HASH = "0f" * 8
QUESTIONS = [question(PASSAGE, str(number)) for number in range(400)]


def test_the_passage_stands_in_the_last_fence() -> None:
    tags = f"Ask.\n<before>\nold\n</before>\n<answer>\n{PASSAGE}\nmore\n</answer>\nNow."
    hashes = f"Of mark-{HASH}:\n-- mark-{HASH} --\n{tags}\n-- mark-{HASH} --\n-- {HASH[2:]} --"
    assert passage(tags) == f"{PASSAGE}\nmore"
    assert passage(hashes) == tags
    assert passage("No fence") == "No fence"


def test_a_question_is_one_short_line_of_english() -> None:
    for asked in QUESTIONS:
        assert re.fullmatch(r"[A-Z][a-z, ]+\?", asked)
        assert 10 <= len(asked.split()) <= 16
        assert py3langid.classify(asked)[0] == "en"


def test_questions_on_one_passage_are_all_different() -> None:
    words = [set(re.findall(r"\w+", asked.lower())) for asked in QUESTIONS]
    alike = (len(one & two) / len(one | two) for one, two in combinations(words, 2))
    assert max(alike) < 0.8


def test_a_question_takes_up_the_passage_and_copies_no_four_words_of_it() -> None:
    for asked in QUESTIONS:
        assert len(set(asked.rstrip("?").split()) & set(re.findall(r"\w+", PASSAGE))) >= 2
        assert not copies(asked, PASSAGE)
    spoken = f"Who showed you that? {PASSAGE}"
    found = {question(spoken, str(number))[:8] for number in range(200)}
    assert "Why do y" in found
    assert "Who show" not in found


def test_a_question_says_nothing_that_is_never_said() -> None:
    asked = [question("In this passage the author quotes; quotes", str(n)) for n in range(100)]
    assert not any(re.search("passage|author|quote", one) for one in asked)


def test_a_question_is_the_same_in_another_process() -> None:
    code = f"from tests.fake_model import question; print(question({PASSAGE!r}, '7'))"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    assert printed == f"{QUESTIONS[7]}\n"
