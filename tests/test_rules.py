"""The rules for all sources: what is mended, what is refused and by which name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.gathering.rows import RowError
from askback.gathering.rules import Rules, sound
from askback.records import Message, Role

ROLES: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}


def talk(roles: str) -> list[Message]:
    """Messages of these roles, each with a text of its own."""
    return [Message(ROLES[role], f"{role}{number}") for number, role in enumerate(roles)]


def kept(roles: str) -> str:
    """What the rules leave of messages of these roles, by their initials."""
    return "".join(message.role[0] for message in Rules()(talk(roles)))


@pytest.mark.parametrize("roles", ["ua", "sua", "uaua", "suauaua"])
def test_questions_and_answers_in_turn_pass_as_they_are(roles):
    rules = Rules()
    assert rules(talk(roles)) == talk(roles)
    assert set(rules.figures.values()) == {0}


@pytest.mark.parametrize(
    ("roles", "left"),
    [("uau", "ua"), ("uauu", "ua"), ("aua", "ua"), ("saaua", "sua"), ("auau", "ua")],
)
def test_answers_before_the_first_question_and_questions_after_the_last_answer_are_cut(roles, left):
    assert kept(roles) == left


def test_an_empty_system_message_is_left_out_and_the_row_stays():
    rules = Rules()
    assert rules([Message("system", " \n"), *talk("ua")]) == talk("ua")
    assert rules.figures == {"empty_system": 1, "leading_answers": 0, "trailing_questions": 0}


def test_what_is_mended_is_counted():
    rules = Rules()
    rules(talk("aauau"))
    rules(talk("uauu"))
    assert rules.figures == {"empty_system": 0, "leading_answers": 2, "trailing_questions": 3}


def test_a_row_that_is_refused_counts_as_nothing_mended():
    rules = Rules()
    with pytest.raises(RowError):
        rules(talk("aauua"))
    assert set(rules.figures.values()) == {0}


@pytest.mark.parametrize("roles", ["", "s", "u", "a", "su", "aa", "suu"])
def test_without_an_answer_to_a_question_there_is_no_conversation(roles):
    with pytest.raises(RowError) as caught:
        Rules()(talk(roles))
    assert caught.value.reason == "no_answer"


@pytest.mark.parametrize("roles", ["uua", "uaa", "usa", "ssua", "uasua", "uaas"])
def test_roles_that_do_not_take_turns_are_refused(roles):
    with pytest.raises(RowError) as caught:
        Rules()(talk(roles))
    assert caught.value.reason == "roles_do_not_alternate"


@pytest.mark.parametrize("empty", ["", " ", "\n\t", "\u2003"])
def test_an_empty_turn_is_named_with_its_number(empty):
    with pytest.raises(RowError) as caught:
        Rules()([*talk("ua"), Message("user", empty), Message("assistant", "So.")])
    assert (caught.value.reason, caught.value.detail) == (
        "empty_turn",
        "turn 3, of the user, is empty",
    )


@pytest.mark.parametrize(
    "text",
    [
        "IÃ¤ch gehe Ã¼ber die StraÃŸe",  # UTF-8 read as Latin-1
        "donâ€™t go, she said â€” not yet",  # UTF-8 read as Windows-1252
        "a hole \ufffd in the text",
        "curly \x93quotes\x94 of another age",
        "half \ud800 a pair",
        "a NUL \0 byte",
    ],
)
def test_text_that_was_read_in_a_wrong_encoding_is_refused(text):
    with pytest.raises(RowError) as caught:
        Rules()([Message("user", "Why?"), Message("assistant", text)])
    assert caught.value.reason == "damaged_text"
    assert caught.value.detail.isascii()


@pytest.mark.parametrize(
    "text",
    [
        "Où êtes-vous allé à Noël ? « Nulle part », dit-il.",
        "Über den Fluß; “naïve”, she said — it’s 5 °C…",
        "¿Qué pasó? ¡Nada! Ñandú, el año pasado.",
        "Он вернулся домой поздно вечером.",
        "私は雨の中に立っていた。", "我站在雨里。", "나는 빗속에 서 있었다.",
        "Ήταν αργά το βράδυ.", "كان الوقت متأخرا", "היה מאוחר", "สายแล้ว", "देर हो चुकी थी",
        "👩‍👩‍👧 and 🇫🇷 and é as e\u0301",
        "Zażółć gęślą jaźń; příliš žluťoučký kůň; İstanbul’da",
    ],
)  # fmt: skip
def test_text_of_any_language_is_sound(text):
    assert sound(text)


def test_a_conversation_that_no_model_could_read_is_refused():
    with pytest.raises(RowError) as caught:
        Rules()([Message("user", "Why?"), Message("assistant", "x" * 1_000_000)])
    assert (caught.value.reason, caught.value.detail) == ("too_large", "1000004 characters")


@given(st.lists(st.sampled_from("sua"), max_size=9).map("".join))
def test_whatever_passes_has_an_optional_system_message_and_whole_exchanges(roles):
    with suppress(RowError):
        left = kept(roles)
        turns = left.removeprefix("s")
        assert turns == "ua" * (len(turns) // 2) != ""
        assert turns in roles
