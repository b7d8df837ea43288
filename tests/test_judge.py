"""What a judge's reply means."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.asking.judge import MOST, Judgement, parse
from tests.speed import least


@pytest.mark.parametrize(
    ("text", "good", "reason"),
    [
        ("yes: it tells what she felt.", True, "it tells what she felt."),
        ("no: it is about the boat.", False, "it is about the boat."),
        ("Yes.", True, ""),
        ("NO — it is a list", False, "it is a list"),
        ("**No**: a list", False, "a list"),
        ("Verdict: yes, it does", True, "it does"),
        ("**Verdict:** no: a list", False, "a list"),
        ("“yes: it does”", True, "it does”"),
        ("- no: a list", False, "a list"),
        ("no:\nIt is about the boat.", False, "It is about the boat."),
        ("yes: it does\nyes: indeed", True, "it does"),
        ("<think>no: perhaps</think>\nyes: it does", True, "it does"),
        ("\n\n  yes: it does  \n", True, "it does"),
    ],
)
def test_a_verdict_is_the_first_word(text: str, good: bool, reason: str) -> None:
    assert parse(text) == Judgement(good, reason)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hm.",
        "I would say yes.",
        "yes or no",
        "yes/no: both",
        "yes: it does\nno: it does not",
        "no: it does not\nyes: it does",
        "The passage says: yes",
        "Nothing of it",
        "Not quite",
        "Yesterday, perhaps",
        "<think>yes",
        "maybe\nyes: it does",
    ],
)
def test_anything_else_is_unclear(text: str) -> None:
    assert parse(text).good is None


@given(st.text())
def test_a_reason_is_a_short_line_of_plain_characters(text: str) -> None:
    reason = parse(f"no: {text}").reason
    assert len(reason) <= MOST
    assert "\n" not in reason
    assert reason == " ".join(reason.split())


def test_control_and_unseen_characters_are_out_of_a_reason() -> None:
    said = "no: \x1b[31mred\u202e \u200bhidden\udcff \ue000end"
    assert parse(said).reason == "[31mred hidden end"
    assert parse("no: " + "x" * 300).reason == "x" * 200


@pytest.mark.parametrize("unit", ["yes ", "no\n", "* ", "(", "verdict ", " ", "> "])
def test_a_hostile_reply_is_read_at_once(unit: str) -> None:
    def seconds() -> float:
        start = time.process_time()
        parse((unit * (1 << 20))[: 1 << 20])
        return time.process_time() - start

    assert least(seconds, 2) < 2
