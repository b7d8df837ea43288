"""What the model says to a few fixed held-out questions, so that its epochs can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel

from askback import attention
from askback.chat import IM_END, IM_START, Chat
from askback.generation import before_stop, generate
from askback.records import Sample
from askback.tokens import Rows

PROMPTS = 24


@dataclass(frozen=True, slots=True)
class Prompt:
    """A held-out conversation up to its first answer."""

    id: str
    question: str
    ids: list[int]


def prompts(held_out: Rows, chat: Chat) -> list[Prompt]:
    """The first questions of conversations that are spread evenly over the held-out side."""
    chosen = min(PROMPTS, len(held_out))
    found = []
    for number in range(chosen):
        row = held_out.record(number * len(held_out) // chosen)
        ids = chat.up_to_answer(row.input_ids)
        found.append(Prompt(row.id, last_message(chat.decode(ids)), ids))
    return found


def last_message(prompt: str) -> str:
    """The content of the message before the answer's header."""
    turn = prompt.split(IM_START)[-2]
    return turn.partition("\n")[2].rpartition(IM_END)[0].strip()


def samples(
    network: PreTrainedModel,
    chat: Chat,
    asked: Sequence[Prompt],
    max_new_tokens: int,
    ends: Sequence[int],
) -> Iterator[Sample]:
    """The model's greedy answer to each prompt."""
    was_training = network.training
    network.eval()
    with attention.switched(network, "sdpa"):
        replies = generate(network, [p.ids for p in asked], chat.pad_id, max_new_tokens, ends)
    network.train(was_training)
    for prompt, reply in zip(asked, replies, strict=True):
        said = before_stop(reply, ends)
        stopped = len(said) < len(reply)
        yield Sample(prompt.id, prompt.question, chat.decode(said), stopped, len(said))
