"""Makes conversations of exchanges: reads data/interview.jsonl, writes data/chat/.

python -m stages.chatml data/interview.jsonl data/chat --metrics metrics/chatml.json

Whole chapters are held out, so no held-out answer has a neighbour among those learned from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from pydantic import Field

from askback import conversations, files
from askback.chat import render
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Persona, Section, load
from askback.records import Conversation, Dropped, Exchange, Ids, Message
from askback.stage import In, Out, run

MANY = 15  # chapters, from which on at least FEW are held out
FEW = 5

Chapter = tuple[str, str]  # document, heading


class ChatmlParams(Section):
    """How much is held out for validation."""

    held_out: float = Field(ge=0, le=0.5)  # the share of chapters
    seed: int


def chapters(exchanges: Iterable[Exchange]) -> list[Chapter]:
    """The chapters with exchanges, in the order of the books."""
    return list(dict.fromkeys((e.document, e.chapter) for e in exchanges))


def held_out_chapters(known: Sequence[Chapter], share: float, seed: int) -> set[Chapter]:
    """The chapters kept for validation.

    At least five of fifteen or more, a third of fewer. Each chapter's rank is a hash of its own
    name, so adding a book moves few of the others to another side.
    """
    if len(known) < 2:
        raise UserError(
            "data/interview.jsonl: all exchanges are of one chapter, so nothing can be held out; "
            "add a book, or give the text chapter headings"
        )
    least = FEW if len(known) >= MANY else len(known) // 3
    count = max(1, least, round(share * len(known)))
    return set(sorted(known, key=lambda chapter: rank(chapter, seed))[:count])


def rank(chapter: Chapter, seed: int) -> bytes:
    """A chapter's place in the order of being held out."""
    return hashlib.blake2b("\x1f".join([str(seed), *chapter]).encode()).digest()


def conversation(exchange: Exchange, system: str, name: str) -> Conversation:
    """The exchange as a conversation under the persona's system line."""
    messages = [Message("system", system)] if system.strip() else []
    messages += [Message("user", exchange.question), Message("assistant", exchange.answer)]
    return Conversation(
        id=name,
        source="interview",
        document=exchange.document,
        chapter=exchange.chapter,
        passages=[exchange.passage],
        messages=messages,
        text=render(messages),
    )


def both_sides(
    exchanges: Sequence[Exchange], held_out: set[Chapter], system: str
) -> tuple[list[Conversation], list[Conversation | Dropped]]:
    """The conversations to learn from, and the held-out ones.

    A held-out answer that the training side has too, such as an epigraph printed twice, is dropped.
    """
    ids = Ids()
    train: list[Conversation] = []
    validation: list[Conversation | Dropped] = []
    kept = [e for e in exchanges if (e.document, e.chapter) not in held_out]
    learned = {e.answer for e in kept}
    for exchange in exchanges:
        made = conversation(exchange, system, ids(exchange.passage, exchange.question))
        if (exchange.document, exchange.chapter) not in held_out:
            train.append(made)
        elif exchange.answer in learned:
            validation.append(Dropped(made.id, "also_in_train", exchange.answer[:60]))
        else:
            validation.append(made)
    return train, validation


def described(side: Sequence[Conversation]) -> dict[str, int]:
    """How much one side holds."""
    answers = [m.content for c in side for m in c.messages if m.role == "assistant"]
    return {
        "conversations": len(side),
        "characters": sum(map(len, answers)),
        "chapters": len({(c.document, c.chapter) for c in side}),
    }


def main(interview: In, chat: Out, ledger: Ledger) -> None:
    """Writes the training side and the held-out side."""
    params, persona = load("chatml", ChatmlParams), load("persona", Persona)
    exchanges = list(files.read(interview, Exchange))
    held_out = held_out_chapters(chapters(exchanges), params.held_out, params.seed)
    learned, kept_apart = both_sides(exchanges, held_out, persona.system)
    sides = {"train": list(ledger.sort(learned)), "validation": list(ledger.sort(kept_apart))}
    if not sides["validation"]:
        raise UserError(
            f"{interview}: every held-out answer stands in other chapters too; "
            "change chatml.seed, or add a book"
        )
    with files.whole(chat) as folder:
        folder.mkdir()
        for name, side in sides.items():
            conversations.write(folder / f"{name}.parquet", side)
            ledger.figures[name] = described(side)
    ledger.figures["held_out_chapters"] = sorted(f"{d}: {c}" for d, c in held_out)


if __name__ == "__main__":
    run(main)
