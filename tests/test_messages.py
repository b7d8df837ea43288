"""Rows that list their messages: OpenAI's, ShareGPT's, with parts, and with tools."""

import pytest

from askback.gathering.messages import messages
from askback.gathering.rows import RowError
from askback.records import Message

ASKED, ANSWERED = Message("user", "Why?"), Message("assistant", "I let it rain.")
CALL = {"name": "weather", "arguments": {"place": "Ölund"}}


def of_openai(*said: dict[str, object]) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "Why?"}, *said]}


@pytest.mark.parametrize(
    "row",
    [
        of_openai({"role": "assistant", "content": "I let it rain."}),
        of_openai({"role": "Assistant ", "content": [{"type": "text", "text": "I let it rain."}]}),
        of_openai({"role": "assistant", "content": ["I let ", "it rain."]}),
        {
            "conversations": [
                {"from": "human", "value": "Why?"},
                {"from": "gpt", "value": "I let it rain."},
            ]
        },
        {"messages": None, "conversation": [{"role": "prompter", "text": "Why?"},
                                            {"role": "bot", "text": "I let it rain."}]},
    ],
)  # fmt: skip
def test_the_shapes_in_use_give_the_same_messages(row):
    assert messages(row, {}, "refuse") == [ASKED, ANSWERED]


def test_columns_of_other_names_are_found_by_fields():
    row = {"talk": [{"who": "user", "says": "Why?"}, {"who": "model", "says": "I let it rain."}]}
    fields = {"messages": "talk", "role": "who", "content": "says"}
    assert messages(row, fields, "refuse") == [ASKED, ANSWERED]


@pytest.mark.parametrize("role", ["tool", "function", "Observation", "ipython"])
def test_a_turn_of_a_tool_is_refused_unless_it_is_asked_for(role):
    row = of_openai({"role": role, "content": "12 degrees"})
    with pytest.raises(RowError) as caught:
        messages(row, {}, "refuse")
    assert caught.value.reason == "tool_turn"
    assert messages(row, {}, "keep") == [
        ASKED,
        Message("user", "<tool_response>\n12 degrees\n</tool_response>"),
    ]


def test_a_call_of_a_tool_is_an_answer_as_chatml_models_write_it():
    row = of_openai({"role": "assistant", "content": None, "tool_calls": [{"function": CALL}]})
    with pytest.raises(RowError, match="tool_turn"):
        messages(row, {}, "refuse")
    told = '<tool_call>\n{"name": "weather", "arguments": {"place": "Ölund"}}\n</tool_call>'
    assert messages(row, {}, "keep") == [ASKED, Message("assistant", told)]
    shared = {"conversations": [{"from": "function_call", "value": '{"name": "weather"}'}]}
    assert messages(shared, {}, "keep") == [
        Message("assistant", '<tool_call>\n{"name": "weather"}\n</tool_call>')
    ]


BAD: dict[str, tuple[dict[str, object], str]] = {
    "no list": (
        {"id": 3},
        "missing_field: no messages or conversations or conversation; it has id",
    ),
    "null": ({"messages": None}, "missing_field"),
    "a text": ({"messages": "Why?"}, "wrong_type: messages is no list: 'Why?'"),
    "a number in it": ({"messages": [7]}, "wrong_type: a message is no object: 7"),
    "no role": (of_openai({"content": "So."}), "missing_field: a message without a role"),
    "a role that is none": (of_openai({"role": "narrator", "content": "So."}), "unknown_role"),
    "a number as role": (of_openai({"role": 1, "content": "So."}), "missing_field"),
    "a number as content": (of_openai({"role": "assistant", "content": 3}), "wrong_type"),
    "a picture": (
        of_openai({"role": "assistant", "content": [{"type": "image_url", "image_url": "x"}]}),
        "wrong_type: a content is no text",
    ),
}


@pytest.mark.parametrize(("row", "told"), BAD.values(), ids=BAD)
def test_what_is_no_message_is_refused_by_name(row, told):
    with pytest.raises(RowError) as caught:
        messages(row, {}, "refuse")
    assert str(caught.value).startswith(told)


def test_a_content_that_is_null_is_empty_and_for_the_rules_to_judge():
    assert (
        messages(of_openai({"role": "assistant", "content": None}), {}, "refuse")[1].content == ""
    )
