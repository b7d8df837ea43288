"""Makes conversations of the interview, in two sides: reads its exchanges, writes data/chat/.

python -m stages.chatml data/interview.jsonl data/chat

Whole chapters are held out for validation, so that no neighbour of a held-out passage, and no
other question to it, is on the side that the model learns from.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import Field

from askback import conversations, files
from askback.chat import render
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Persona, Section, load
from askback.records import Conversation, Dropped, Exchange, Ids, Message
from askback.stage import In, Out, run

Chapter = tuple[str, str]  # its document, and its heading: empty for what stands before the first

MANY = 15  # chapters, from which on a share of them is held out
LEAST = 5  # held-out chapters, where there are many


class ChatmlParams(Section):
    """How much is held out."""

    held_out: float = Field(ge=0, le=0.5)  # the share of chapters
    seed: int  # which ones


def talks(exchanges: Iterable[Exchange], system: str) -> Iterator[Conversation]:
    """Each exchange as a conversation, `system` before it unless that is empty."""
    ids = Ids()
    for exchange in exchanges:
        messages = [Message("user", exchange.question), Message("assistant", exchange.answer)]
        if system.strip():
            messages.insert(0, Message("system", system))
        yield Conversation(
            id=ids(exchange.passage, exchange.question),
            source="interview",
            document=exchange.document,
            chapter=exchange.chapter,
            passages=[exchange.passage],
            messages=messages,
            text=render(messages),
        )


def held_out(chapters: Collection[Chapter], share: float, seed: int) -> set[Chapter]:
    """The chapters for validation: those of the smallest hashes.

    A chapter's hash is its own, so one that is added or renamed moves one other at most, or two
    where the number that is held out changes too.
    """
    count = len(chapters)
    number = max(round(share * count), LEAST) if count >= MANY else max(count // 3, 1)
    return set(sorted(chapters, key=lambda chapter: rank(chapter, seed))[:number])


def rank(chapter: Chapter, seed: int) -> bytes:
    """A hash that draws chapters by lot."""
    return hashlib.blake2b("\x1f".join([str(seed), *chapter]).encode()).digest()


def place(conversation: Conversation) -> Chapter:
    """The chapter that the conversation is from."""
    return conversation.document, conversation.chapter


def unseen(
    validation: Iterable[Conversation], train: Iterable[Conversation]
) -> Iterator[Conversation | Dropped]:
    """The held-out conversations, without those whose answer is learnt elsewhere.

    Such as a motto that stands in two chapters, or a book that is there in two editions.
    """
    learnt = {answer(conversation): conversation.id for conversation in train}
    for conversation in validation:
        if other := learnt.get(answer(conversation)):
            yield Dropped(conversation.id, "also_in_train", f"the answer is also that of {other}")
        else:
            yield conversation


def answer(conversation: Conversation) -> str:
    """What the author says, its spaces and lines aside."""
    return " ".join(conversation.messages[-1].content.split())


def spoken(conversation: Conversation) -> int:
    """How many characters the author says."""
    return len(conversation.messages[-1].content)


def figures(train: Sequence[Conversation], validation: Sequence[Conversation]) -> dict[str, object]:
    """Chapters, conversations and the author's characters of each side, for the ledger."""
    sides = {"train": train, "validation": validation}
    held_out = sorted({place(conversation) for conversation in validation})
    return {
        "chapters": {name: len({place(c) for c in side}) for name, side in sides.items()},
        "held_out": [{"document": book, "chapter": chapter} for book, chapter in held_out],
        "conversations": {name: len(side) for name, side in sides.items()},
        "characters": {name: sum(map(spoken, side)) for name, side in sides.items()},
    }


def check(train: Sequence[Conversation], validation: Sequence[Conversation], path: Path) -> None:
    """Raises UserError where a side is empty."""
    if not train and not validation:
        raise UserError(f"{path} has no exchanges; lower segment.min_chars, or add books")
    if not train:
        raise UserError(
            f"{path}: all is one chapter, and whole chapters are held out: there must be two; "
            "add a book, or set its chapters' headings apart"
        )
    if not validation:
        raise UserError(
            f"{path}: all that the held-out chapters say stands in others too; "
            "remove a book that is there twice, or change chatml.seed"
        )


def main(interview: In, chat: Out, ledger: Ledger) -> None:
    """Questions and passages become conversations, whole chapters held out."""
    params, persona = load("chatml", ChatmlParams), load("persona", Persona)
    found = list(talks(files.read(interview, Exchange), persona.system))
    apart = held_out({place(c) for c in found}, params.held_out, params.seed)
    train = list(ledger.sort(c for c in found if place(c) not in apart))
    validation = list(ledger.sort(unseen([c for c in found if place(c) in apart], train)))
    check(train, validation, interview)
    with files.whole(chat) as part:
        conversations.write(part / "train.parquet", train)
        conversations.write(part / "validation.parquet", validation)
    ledger.figures.update(figures(train, validation))


if __name__ == "__main__":
    run(main)
