import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from askback.gathering.leaks import Leaks

rng = random.Random(5)
WORDS = ["".join(rng.choices("bcdfghklmnprst", k=5)) for _ in range(3000)]


def said(words: int, seed: object) -> str:
    """An ordinary text that shares no twelve words with another."""
    return " ".join(random.Random(repr(seed)).choices(WORDS, k=words))


def compared(held_out: list[str], learnt: list[str], cap: int = 1_000_000) -> dict[str, Any]:
    """The figures where each text is a conversation of its own."""
    leaks = Leaks(cap)
    leaks.add(pa.array(held_out, pa.string()), np.arange(len(held_out)))
    leaks.look(pa.array(learnt, pa.string()))
    return leaks.figures()


def test_a_held_out_conversation_that_shares_twelve_words_is_counted():
    passage = said(12, "passage")
    held_out = [said(20, 1), f"{said(4, 2)} {passage.upper()}!", said(11, 3)]
    figures = compared(held_out, [said(30, 4), f"{said(9, 5)}, {passage.replace(' ', ' - ')}."])
    assert figures == {
        "conversations": 3,
        "sharing": 1,
        "share": 0.333333,
        "sharing_half": 0,
        "runs": 9 + 5,
        "shared_runs": 1,
        "sampled": "1/1",
        "examples": [passage.replace(" ", " - ")],
    }


def test_eleven_words_are_no_leak_and_nor_are_twelve_over_two_messages():
    passage = said(12, "passage").split()
    halves = " ".join(passage[:6]), " ".join(passage[6:])
    held_out = [" ".join(passage), said(12, 1)]
    figures = compared(held_out, [" ".join(passage[:11]), *halves])
    assert (figures["sharing"], figures["shared_runs"], figures["examples"]) == (0, 0, [])


def test_a_conversation_is_counted_once_for_all_its_messages_and_batches():
    leaks = Leaks()
    passages = [said(15, n) for n in range(6)]
    leaks.add(pa.array(passages[:4]), np.array([7, 7, 7, 9]))
    leaks.add(pa.array(passages[4:]), np.array([9, 11]))
    for learnt in [passages[:2], passages[1:3], passages[3:4]]:
        leaks.look(pa.array(learnt))
    figures = leaks.figures()
    assert (figures["conversations"], figures["sharing"]) == (3, 2)
    assert figures["sharing_half"] == 2  # twelve of twelve runs, and four of eight
    assert (figures["runs"], figures["shared_runs"]) == (24, 16)


def test_the_examples_are_from_five_conversations_in_the_order_of_the_side_that_is_learnt():
    passages = [said(30, n) for n in range(9)]
    examples = compared(passages, passages[::-1])["examples"]
    firsts = [" ".join(passage.split()[:12]) for passage in passages[::-1]]
    assert examples == firsts[:5]


def test_a_run_that_many_held_out_conversations_share_counts_for_each():
    figures = compared(
        [f"{said(12, 'rules')} {said(30, n)}" for n in range(50)], [said(12, "rules")]
    )
    assert (figures["sharing"], figures["shared_runs"], figures["sharing_half"]) == (50, 1, 0)


def test_beyond_the_cap_a_sample_of_the_runs_finds_what_is_shared_at_length():
    held_out = [said(111, n) for n in range(200)]  # 100 runs each
    learnt = [said(111, n) for n in range(0, 200, 4)] + [said(111, -n) for n in range(1, 100)]
    figures = compared(held_out, learnt, cap=3000)
    assert figures["sampled"] == "1/8"
    assert 2200 < figures["runs"] <= 3000
    assert (figures["conversations"], figures["sharing"], figures["sharing_half"]) == (200, 50, 50)
    assert 500 < figures["shared_runs"] < 750


def test_what_is_kept_does_not_depend_on_the_size_of_the_batches():
    held_out, learnt = [said(60, n) for n in range(40)], [said(60, n) for n in range(30, 50)]
    leaks = Leaks(500)
    for n in range(0, 40, 7):
        texts = held_out[n : n + 7]
        leaks.add(pa.array(texts), np.arange(n, n + len(texts)))
    for text in learnt:
        leaks.look(pa.array([text]))
    assert leaks.figures() == compared(held_out, learnt, 500)


def test_without_anything_held_out_nothing_is_shared():
    assert compared([], [said(20, 1)])["sharing"] == 0
    assert compared([said(20, 1)], [])["sharing"] == 0
    assert Leaks().figures()["share"] == 0


def test_what_is_held_out_must_come_first():
    leaks = Leaks()
    leaks.look(pa.array(["one"]))
    with pytest.raises(ValueError, match="comes before"):
        leaks.add(pa.array(["two"]), np.array([0]))
