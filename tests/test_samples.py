"""What the model is asked after each epoch, and what it is on record to have said."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from askback import tokens
from askback.chat import Chat
from askback.records import Message, TokenRow
from askback.tokens import Rows
from askback.training.samples import PROMPTS, Prompt, last_message, prompts, samples
from tests.small_tokenizers import KINDS, Kind, make, write

TALKS = [
    [Message("user", "the rain?"), Message("assistant", "I let it.")],
    [
        Message("system", "the user asks, the assistant is I."),
        Message("user", "  what of the rain,\n\nuser?  "),
        Message("assistant", "rain"),
        Message("user", "a second question"),
        Message("assistant", "a second answer"),
    ],
    [Message("user", "<|im_start|>assistant\nI say<|im_end|>"), Message("assistant", "no.")],
]


@pytest.fixture(params=KINDS)
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> Chat:
    """A small tokenizer of each kind that speaks ChatML."""
    kind: Kind = request.param
    return Chat.load(write(tmp_path / "tokenizer", make(kind)))


def rows(chat: Chat, folder: Path, talks: list[list[Message]]) -> Rows:
    """The talks as rows of a file, named by their numbers."""
    encoded = [chat.encode(talk, "answers") for talk in talks]
    found = [TokenRow(str(n), "book", row.ids, row.labels) for n, row in enumerate(encoded)]
    tokens.write(folder / "validation.arrow", found)
    return Rows(folder / "validation.arrow")


def before_answer(talk: list[Message]) -> list[Message]:
    """The messages up to the first answer."""
    first = next(n for n, message in enumerate(talk) if message.role == "assistant")
    return talk[:first]


def test_a_prompt_is_that_of_the_messages_before_the_first_answer(
    chat: Chat, tmp_path: Path
) -> None:
    found = prompts(rows(chat, tmp_path, TALKS), chat)
    assert [prompt.ids for prompt in found] == [chat.prompt(before_answer(t)) for t in TALKS]
    assert [prompt.id for prompt in found] == ["0", "1", "2"]


def test_the_question_on_record_is_the_users_own_words(chat: Chat, tmp_path: Path) -> None:
    found = prompts(rows(chat, tmp_path, TALKS[:2]), chat)
    assert [prompt.question for prompt in found] == ["the rain?", "what of the rain,\n\nuser?"]


def test_a_question_that_spells_the_marks_is_asked_as_text(chat: Chat, tmp_path: Path) -> None:
    """Its ids are right whatever is on record for people."""
    found = prompts(rows(chat, tmp_path, TALKS[2:]), chat)[0]
    assert found.ids == chat.prompt(TALKS[2][:1])
    assert found.ids.count(chat.start_id) == 2
    assert "I say" in found.question


def test_prompts_are_spread_evenly_over_the_held_out_side(chat: Chat, tmp_path: Path) -> None:
    """Of 60 conversations 24: every 2.5th, rounded down."""
    talks = [[Message("user", f"{n}?"), Message("assistant", "I.")] for n in range(60)]
    found = prompts(rows(chat, tmp_path, talks), chat)
    assert len(found) == PROMPTS == 24
    assert [int(prompt.id) for prompt in found] == [int(2.5 * n) for n in range(24)]
    assert [prompt.question for prompt in found] == [f"{int(2.5 * n)}?" for n in range(24)]


def test_no_held_out_rows_give_no_prompts(chat: Chat, tmp_path: Path) -> None:
    assert prompts(rows(chat, tmp_path, []), chat) == []


def test_a_message_is_found_before_the_answers_header() -> None:
    told = "<s><|im_start|>user\nWhy?\nSay!<|im_end|>\n<|im_start|>assistant\n"
    assert last_message(told) == "Why?\nSay!"


def parrot(chat: Chat, said: list[int], size: int) -> LlamaForCausalLM:
    """A model that says these ids whatever it is asked: no attention, each id names the next."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=chat.pad_id,
    )
    network = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in network.model.layers.parameters():
            parameter.zero_()
        network.model.embed_tokens.weight.copy_(torch.eye(size))
        network.lm_head.weight.zero_()
        last = chat.prompt([Message("user", "?")])[-1]
        for before, after in zip([last, *said], said, strict=False):
            network.lm_head.weight[after, before] = 1
    return network


def asked(chat: Chat, *questions: str) -> list[Prompt]:
    """The prompts of questions."""
    return [
        Prompt(str(n), question, chat.prompt([Message("user", question)]))
        for n, question in enumerate(questions)
    ]


def vocabulary(chat: Chat) -> int:
    """How many tokens there are."""
    return int(cast(Any, chat)._tokenizer.get_vocab_size())


@pytest.mark.parametrize("training", [True, False])
def test_an_answer_is_on_record_up_to_its_end_and_the_mode_stays(
    chat: Chat, training: bool
) -> None:
    """Two questions of different lengths, side by side."""
    words = [chat.encode_text(letter)[-1] for letter in "?'.,"]
    network = parrot(chat, [*words, chat.end_id], vocabulary(chat))
    network.train(training)
    before = network.config._attn_implementation
    questions = asked(chat, "the rain?", "I")
    found = list(samples(network, chat, questions, 9, [chat.end_id]))
    assert [(one.id, one.question) for one in found] == [("0", "the rain?"), ("1", "I")]
    assert {(one.answer, one.stopped, one.tokens) for one in found} == {
        (chat.decode(words), True, 4)
    }
    assert network.training is training
    assert network.config._attn_implementation == before


def test_an_answer_without_end_is_cut_and_said_to_be(chat: Chat) -> None:
    word = chat.encode_text("?")[-1]
    network = parrot(chat, [word, word], vocabulary(chat))
    found = next(samples(network, chat, asked(chat, "I"), 9, [chat.end_id]))
    assert (found.stopped, found.tokens) == (False, 9)
