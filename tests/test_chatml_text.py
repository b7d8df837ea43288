"""ChatML read back from a text: its markers are structure where turns begin and end."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.chat import IM_END, IM_START, render
from askback.gathering.chatml_text import messages, parse
from askback.gathering.rows import RowError
from askback.records import Message

USER, ANSWER = f"{IM_START}user\nWhy?{IM_END}\n", f"{IM_START}assistant\nI let it rain.{IM_END}"
TALK = [Message("user", "Why?"), Message("assistant", "I let it rain.")]


@pytest.mark.parametrize(
    "text",
    [
        USER + ANSWER,
        USER + ANSWER + "\n",
        f"\n{USER}\n{ANSWER}  \n\n",
        (USER + ANSWER).replace("\n", "\r\n"),
        (USER + ANSWER).replace("user", "prompter"),
    ],
)
def test_turns_are_read_whatever_space_is_between_them(text):
    assert messages({"text": text}, {}) == TALK


def test_the_text_can_stand_in_another_column():
    assert messages({"text": "no", "said": USER + ANSWER}, {"text": "said"}) == TALK


def test_a_marker_within_a_line_is_text():
    said = f"The mark {IM_END} ends a turn, and {IM_START} begins one."
    assert parse(f"{USER}{IM_START}assistant\n{said}{IM_END}") == [
        TALK[0],
        Message("assistant", said),
    ]


BAD = {
    "no turn": ("Why?", "malformed_chatml: character 0: no turn begins with 'Why?'"),
    "text between": (f"{USER}And?\n{ANSWER}", "malformed_chatml: character 0: another turn"),
    "no end": (USER + ANSWER.removesuffix(IM_END), "malformed_chatml: character 32: the turn does"),
    "a role that is none": (
        f"{IM_START}narrator\nSo.{IM_END}",
        "unknown_role: character 0: role 'n",
    ),
    "no newline": (f"{IM_START}user Why?{IM_END}", "malformed_chatml: character 0: no turn begins"),
    "no text": (None, "missing_field: no text or chatml"),
    "a number": (3, "wrong_type: text is no text: 3"),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_what_is_malformed_is_refused_with_its_place(text, told):
    with pytest.raises(RowError) as caught:
        messages({"text": text}, {})
    assert str(caught.value).startswith(told)


contents = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"])).map(str.strip)
turns = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), contents)


@given(st.lists(turns, max_size=6))
def test_what_is_rendered_is_read_back(talk):
    read = [Message(m.role, m.content.strip()) for m in parse(render(talk))]
    assert read == talk


@pytest.mark.parametrize(
    "text",
    [
        USER.removesuffix("\n") + " " * 200_000 + "x",
        (USER.removesuffix("\n") + "\n" * 500) * 400,
        f"{IM_START}user\n" + f"{IM_END} " * 50_000,
        f"{IM_START}user\n" + f"{IM_END}\n" * 50_000 + "x",
    ],
    ids=["spaces", "newlines", "ends", "lines"],
)
def test_a_hostile_text_is_refused_in_no_time(text):
    start = time.perf_counter()
    with pytest.raises(RowError):
        parse(text + "x")
    assert time.perf_counter() - start < 1
