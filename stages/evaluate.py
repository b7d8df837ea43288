"""Measures what tuning did: reads base, merged model and held-out rows, writes data/answers.jsonl.

python -m stages.evaluate data/chat/validation.parquet data/tokens/validation.arrow \
    models/base models/merged data/answers.jsonl --metrics metrics/evaluate.json

Held-out loss per answer token, end mark apart: of the merged model in ChatML, and of the base that
reads the same words without ChatML. Then held-out questions, answered greedily: how many answers
end by themselves, and how they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from pydantic import Field

from askback import conversations, files, model
from askback import tokens as token_files
from askback.chat import Chat
from askback.generation import BATCH, before_stop, generate, stops
from askback.ledger import Ledger
from askback.loss import held_out_loss
from askback.model import Precision
from askback.params import Section, load
from askback.records import IGNORED, Answer, Conversation, Message, Row
from askback.stage import In, Out, run

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class EvaluateParams(Section):
    """How many held-out questions are answered, and at what length an answer is cut."""

    prompts: int = Field(ge=1)
    max_new_tokens: int = Field(ge=1)
    precision: Precision


def without_end_marks(rows: Iterable[Row], chat: Chat) -> list[Row]:
    """The rows with their end marks unsupervised: the base has none to be measured by."""
    return [
        Row(row.ids, [IGNORED if label == chat.end_id else label for label in row.labels])
        for row in rows
    ]


def plain(conversation: Conversation, chat: Chat) -> Row:
    """A conversation as one text without ChatML, a blank line between its messages.

    Supervised are the answers; a token that reaches over an answer's edge is not.
    """
    contents = [message.content.strip() for message in conversation.messages]
    ids = chat.encode_text("\n\n".join(contents))
    labels = [IGNORED] * len(ids)
    for number, message in enumerate(conversation.messages):
        if message.role == "assistant":
            before = chat.encode_text("\n\n".join([*contents[:number], ""]))
            through = chat.encode_text("\n\n".join(contents[: number + 1]))
            start, end = shared(ids, before), shared(ids, through)
            labels[start:end] = ids[start:end]
    skipped = len(chat.bos_ids)
    return Row([*chat.bos_ids, *ids], [IGNORED] * skipped + labels)


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def questions(conversations: Sequence[Conversation], count: int) -> list[Conversation]:
    """`count` conversations spread evenly over the held-out side."""
    chosen = min(count, len(conversations))
    return [conversations[n * len(conversations) // chosen] for n in range(chosen)]


def answers_of(
    tuned: PreTrainedModel, chat: Chat, asked: Sequence[Conversation], max_new_tokens: int
) -> Iterator[Answer]:
    """The tuned model's greedy answer to the first question of each conversation."""
    for start in range(0, len(asked), BATCH):
        group = asked[start : start + BATCH]
        opened = [up_to_question(conversation) for conversation in group]
        prompts = [chat.prompt(messages) for messages in opened]
        replies = generate(tuned, prompts, chat.pad_id, max_new_tokens)
        for conversation, messages, reply in zip(group, opened, replies, strict=True):
            said = before_stop(reply, stops(tuned))
            stopped = len(said) < len(reply)
            yield Answer(
                id=conversation.id,
                document=conversation.document,
                chapter=conversation.chapter,
                question=messages[-1].content,
                author=conversation.messages[len(messages)].content,
                answer=chat.decode(said),
                stopped=stopped,
                tokens=len(said),
            )


def up_to_question(conversation: Conversation) -> list[Message]:
    """The messages before the first answer."""
    roles = [message.role for message in conversation.messages]
    return conversation.messages[: roles.index("assistant")]


def main(chat: In, tokens: In, base: In, merged: In, answers: Out, ledger: Ledger) -> None:
    """Compares base and merged model on the held-out side and lets the merged one speak."""
    params = load("evaluate", EvaluateParams)
    vocabulary = Chat.load(base)
    held_out = list(conversations.read(chat))
    rows = without_end_marks((r.row for r in token_files.rows(tokens)), vocabulary)
    bare = [plain(conversation, vocabulary) for conversation in held_out]
    base_loss = held_out_loss(model.load(base, "none", params.precision), bare)
    tuned = model.load_plain(merged, params.precision)
    tuned_loss = held_out_loss(tuned, rows)
    asked = questions(held_out, params.prompts)
    spoken = list(answers_of(tuned, vocabulary, asked, params.max_new_tokens))
    files.write(answers, spoken)
    ledger.figures |= {
        "base_loss": base_loss,
        "tuned_loss": tuned_loss,
        "loss_ratio": tuned_loss / base_loss,
        "stop_rate": sum(answer.stopped for answer in spoken) / len(spoken),
        "prompts": len(spoken),
        "held_out_tokens": sum(row.supervised for row in rows),
    }


if __name__ == "__main__":
    run(main)
