"""Evaluation: base and tuned model measured on the same words, answers cut where they end."""

from pathlib import Path

import pytest
import torch

from askback.chat import Chat
from askback.generation import before_stop, generate
from askback.records import Conversation, Message, Row
from stages.evaluate import (
    plain,
    questions,
    up_to_question,
    without_end_marks,
)
from tests.bases import network, write_base
from tests.test_base import adopted

SAID = [
    Message("system", "You are the author."),
    Message("user", "What of the rain?"),
    Message("assistant", " The rain came in.\n\nI let it. "),
]


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    return Chat.load(adopted(write_base(tmp_path / "source"), tmp_path / "base"))


def conversation(messages: list[Message], name: str = "c") -> Conversation:
    return Conversation(name, "interview", "book", "1", ["p"], messages, "")


def test_the_base_reads_the_same_words_without_chatml(chat):
    row = plain(conversation(SAID), chat)
    assert chat.decode(row.ids) == (
        "<s>You are the author.\n\nWhat of the rain?\n\nThe rain came in.\n\nI let it."
    )
    learned = [label for label in row.labels if label != -100]
    assert chat.decode(learned) == "The rain came in.\n\nI let it."


def test_every_answer_of_a_talk_counts_and_no_question_does(chat):
    more = [Message("user", "And then?"), Message("assistant", "It dried.")]
    row = plain(conversation(SAID + more), chat)
    learned = [label for label in row.labels if label != -100]
    assert chat.decode(learned) == "The rain came in.\n\nI let it.It dried."


def test_base_and_tuned_model_are_measured_on_the_same_tokens(chat):
    tuned = without_end_marks([chat.encode(SAID, "answers")], chat)[0]
    bare = plain(conversation(SAID), chat)
    supervised = [[label for label in row.labels if label != -100] for row in (tuned, bare)]
    assert supervised[0] == supervised[1]


def test_an_end_mark_is_no_answer_token(chat):
    row = Row([1, 2, chat.end_id], [-100, 2, chat.end_id])
    assert without_end_marks([row], chat)[0].labels == [-100, 2, -100]


def test_questions_are_spread_over_the_whole_held_out_side():
    held_out = [conversation(SAID, str(number)) for number in range(10)]
    assert [c.id for c in questions(held_out, 4)] == ["0", "2", "5", "7"]
    assert len(questions(held_out, 24)) == 10


def test_a_prompt_ends_before_the_first_answer():
    assert [m.role for m in up_to_question(conversation(SAID))] == ["system", "user"]


@pytest.mark.parametrize(
    ("ids", "answer"),
    [([5, 6, 9, 0, 0], [5, 6]), ([9, 5], []), ([5, 6], [5, 6]), ([5, 1, 9], [5])],
)
def test_an_answer_goes_as_far_as_its_first_stop(ids, answer):
    assert before_stop(ids, [9, 1]) == answer


def test_an_answer_does_not_depend_on_the_questions_beside_it():
    model = network().eval()
    model.generation_config.eos_token_id = [1]
    prompts = [[0, 40, 50, 60], [0, 70], [0, 80, 90, 100, 110, 120]]
    together = generate(model, prompts, 1, 8)
    alone = [generate(model, [prompt], 1, 8)[0] for prompt in prompts]
    assert [before_stop(ids, [1]) for ids in together] == [before_stop(ids, [1]) for ids in alone]
    assert all(torch.tensor(ids).numel() <= 8 for ids in together)
