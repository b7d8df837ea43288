"""Rows of one question and one answer: OpenOrca's, Alpaca's, and columns of any name."""

import pytest

from askback.gathering.instructions import messages
from askback.gathering.rows import RowError
from askback.records import Message

EXCHANGE = [Message("user", "Why?"), Message("assistant", "I let it rain.")]


def test_a_row_of_openorca_has_its_system_message():
    row = {
        "id": "1",
        "system_prompt": "Be brief.",
        "question": "Why?",
        "response": "I let it rain.",
    }
    assert messages(row, {}) == [Message("system", "Be brief."), *EXCHANGE]
    assert messages(row | {"system_prompt": ""}, {}) == EXCHANGE
    assert messages(row | {"system_prompt": None}, {}) == EXCHANGE


def test_alpacas_input_stands_below_the_instruction():
    row = {"instruction": "Why?", "input": "", "output": "I let it rain."}
    assert messages(row, {}) == EXCHANGE
    assert messages(row | {"input": "The roof leaks. "}, {})[0].content == "Why?\n\nThe roof leaks."


def test_columns_of_other_names_are_found_by_fields():
    row = {"frage": "Why?", "antwort": "I let it rain.", "question": "no", "response": "no"}
    assert messages(row, {"question": "frage", "answer": "antwort"}) == EXCHANGE


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"question": "Why?"}, "missing_field: no response or output or answer or completion; it"),
        ({"response": "So."}, "missing_field: no question or instruction or prompt; it has"),
        ({"question": "Why?", "response": None}, "missing_field"),
        ({"question": 3, "response": "So."}, "wrong_type: question is no text: 3"),
        ({"question": "Why?", "response": ["So."]}, "wrong_type: answer is no text: ['So.']"),
        ({"question": "Why?", "response": "So.", "system": 1}, "wrong_type: system is no text"),
    ],
)
def test_what_is_missing_or_no_text_is_refused_by_name(row, told):
    with pytest.raises(RowError) as caught:
        messages(row, {})
    assert str(caught.value).startswith(told)


def test_a_name_in_fields_that_no_row_has_is_told_as_it_was_written():
    with pytest.raises(RowError, match="missing_field: no anwser; it has question, answer"):
        messages({"question": "Why?", "answer": "So."}, {"answer": "anwser"})
