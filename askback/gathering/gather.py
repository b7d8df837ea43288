"""All sources, read one after another into drafts."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from askback import files
from askback.errors import UserError
from askback.gathering import interview as interviews
from askback.gathering import places, reader
from askback.gathering.account import Account
from askback.gathering.drafts import Drafts, Part
from askback.gathering.places import Named
from askback.gathering.rows import RowError
from askback.gathering.rules import Rules
from askback.gathering.source import AUTHORS, BOOKS, AnySource, Files, Interview, Monologue
from askback.gathering.talk import Talk
from askback.records import Dropped, DroppedRow, Exchange, Message, Passage

# Why `questions` dropped a passage that is no answer to anything, not even to an open prompt.
NO_ANSWERS = {"near_duplicate", "boilerplate", "quotation", "list", "edited_out"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the stage reads."""

    interview: Path
    passages: Path
    unasked: Path  # what `questions` left out
    sources: Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the conversations of all sources are to be."""

    turns: int  # passages in a conversation of the interview, at most
    languages: Sequence[str] | None  # None: all
    system: str  # before what the author says


@dataclass(frozen=True, slots=True)
class Opened:
    """A source, or its own validation split, with its files."""

    part: Part
    source: AnySource
    files: list[Named]


def opened(sources: Sequence[AnySource], folder: Path) -> list[Opened]:
    """Every source with its files; validation splits come first, so that they stay whole."""
    own, others = [], []
    for source in sources:
        listed, held_out = places.locate(source, folder) if isinstance(source, Files) else ([], [])
        if held_out:
            own.append((source, held_out, True))
        others.append((source, listed, False))
    return [
        Opened(part(number, source, is_own), source, listed)
        for number, (source, listed, is_own) in enumerate([*own, *others])
    ]


def part(number: int, source: AnySource, own: bool) -> Part:
    """What the drafts know of a source."""
    apart = isinstance(source, Files) and source.held_out == 0
    by_lot = isinstance(source, AUTHORS) and not own and not apart
    return Part(number, source.name, own, by_lot, isinstance(source, BOOKS))


def gather(
    known: Sequence[Opened], inputs: Inputs, wanted: Wanted, drafts: Drafts, account: Account
) -> None:
    """Puts all conversations among the drafts, and what is wrong with others on account.

    Raises UserError where a source has none.
    """
    with without_collector():
        for one in known:
            found = talks(one, inputs, wanted.turns, account.of(one.part.name).mended)
            draft(found, one, wanted, drafts, account)
            refuse_none(one.source, account, inputs)
    account.tell_rest()
    drafts.close()


@contextmanager
def without_collector() -> Iterator[None]:
    """Without Python's search for reference cycles: rows make none, and it costs a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def talks(
    one: Opened, inputs: Inputs, turns: int, mended: Counter[str]
) -> Iterator[Talk | DroppedRow]:
    """The conversations of a source as it has them, and each row that has none."""
    match one.source:
        case Interview():
            yield from interviews.talks(files.read(inputs.interview, Exchange), turns)
        case Monologue(prompts=prompts):
            unasked = files.read(inputs.unasked, Dropped)
            without = {item.id for item in unasked if item.reason not in NO_ANSWERS}
            yield from interviews.monologues(files.read(inputs.passages, Passage), prompts, without)
        case _:
            yield from reader.talks(one.source, one.files, mended)


def draft(
    found: Iterator[Talk | DroppedRow],
    one: Opened,
    wanted: Wanted,
    drafts: Drafts,
    account: Account,
) -> None:
    """Puts a source's conversations among the drafts, and what is wrong with others on account."""
    rules, tally = Rules(), account.of(one.part.name)
    system = system_of(one.source, wanted.system)
    for talk in found:
        tally.rows += 1
        if isinstance(talk, DroppedRow):
            account.bad(talk)
            continue
        try:
            messages = rules(with_system(talk.messages, system))
            refuse_other_languages(messages, wanted.languages)
        except RowError as error:
            id_ = talk.passages[0] if talk.passages else talk.place
            account.bad(DroppedRow(id_, error.reason, error.detail, one.part.name, talk.place))
        else:
            drafts.add(talk, messages, one.part)
    tally.mended.update(rules.figures)


def system_of(source: AnySource, author: str) -> str:
    """The system message of a source's conversations that have none; `author` is the author's."""
    if source.system is not None:
        return source.system.strip()
    return author.strip() if isinstance(source, AUTHORS) else ""


def with_system(messages: list[Message], system: str) -> list[Message]:
    """The messages, `system` before them unless they have a system message, or it is empty."""
    if not system or (messages and messages[0].role == "system" and messages[0].content.strip()):
        return messages
    return [Message("system", system), *messages]


def refuse_other_languages(messages: Sequence[Message], languages: Sequence[str] | None) -> None:
    """Raises RowError where what is said is in none of the languages."""
    if languages is None:
        return
    from askback.language import language_of

    found = language_of("\n".join(m.content for m in messages if m.role != "system"))
    if found not in languages:
        raise RowError("other_language", f"it is in {found}")


def refuse_none(source: AnySource, account: Account, inputs: Inputs) -> None:
    """Raises UserError where a source has nothing to learn from."""
    if isinstance(source, Interview) and not account.of(source.name).rows:
        raise UserError(
            f"{inputs.interview} has no exchanges; lower segment.min_chars, or add books"
        )
    if not isinstance(source, Monologue):
        account.refuse_none(source.name)
