"""Makes conversations of all sources, in two sides: reads interview and data/sources/, writes
data/chat/.

python -m stages.chatml data/interview.jsonl data/passages.jsonl data/dropped/questions.jsonl \
    data/sources data/chat --metrics metrics/chatml.json --dropped data/dropped/chatml.jsonl

Every source is read row by row into one format, by one set of rules. What repeats an earlier
conversation is left out; whole chapters, episodes and groups are held out; of the rest each source
gives its share. Texts lie on the disk meanwhile, and in memory there are numbers.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from askback import files
from askback.errors import UserError
from askback.gathering import interview as interviews
from askback.gathering import mixing, places, reader
from askback.gathering.account import Account
from askback.gathering.drafts import Drafts, Part
from askback.gathering.fates import Choice, settle
from askback.gathering.mixing import By, Wish
from askback.gathering.places import Named
from askback.gathering.rows import RowError
from askback.gathering.rules import Rules
from askback.gathering.source import AUTHORS, BOOKS, AnySource, Files, Interview, Monologue
from askback.gathering.talk import Talk
from askback.ledger import Ledger
from askback.params import Persona, Section, load
from askback.records import Dropped, DroppedRow, Exchange, Message, Passage
from askback.stage import In, Out, run

# Why `questions` dropped a passage that is no answer to anything, not even to an open prompt.
NO_ANSWERS = {"near_duplicate", "boilerplate", "quotation", "list", "edited_out"}


class ChatmlParams(Section):
    """Where conversations come from, how they are mixed, and how much is held out."""

    sources: list[AnySource] = Field(min_length=1, max_length=1000)
    turns: int = Field(ge=1)  # passages in a conversation of the interview, at most
    mix_by: By
    near_duplicates: bool  # whether they are looked for
    languages: list[str] | None  # ISO 639-1; null: all
    held_out: float = Field(ge=0, le=0.5)  # the share of chapters, and of what has no other
    seed: int

    @field_validator("sources")
    @classmethod
    def have_names_of_their_own(cls, value: list[AnySource]) -> list[AnySource]:
        """The sources, if no two share a name and the interview is there once."""
        names = [source.name for source in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sources are named {twice}")
        return value


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the stage reads."""

    interview: Path
    passages: Path
    unasked: Path  # what `questions` left out
    sources: Path


def parts(params: ChatmlParams, folder: Path) -> list[tuple[Part, AnySource, list[Named]]]:
    """Every source with its files; validation splits of sets first, so that they stay whole."""
    own, others = [], []
    for source in params.sources:
        listed, held_out = places.locate(source, folder) if isinstance(source, Files) else ([], [])
        if held_out:
            own.append((source, held_out, True))
        others.append((source, listed, False))
    return [
        (
            Part(
                number,
                source.name,
                is_own,
                by_lot=isinstance(source, AUTHORS) and not is_own,
                book=isinstance(source, BOOKS),
            ),
            source,
            listed,
        )
        for number, (source, listed, is_own) in enumerate([*own, *others])
    ]


def talks(
    source: AnySource, listed: Sequence[Named], inputs: Inputs, turns: int, mended: Counter[str]
) -> Iterator[Talk | DroppedRow]:
    """The conversations of a source as it has them, and each row that has none."""
    if isinstance(source, Files):
        yield from reader.talks(source, listed, mended)
    elif isinstance(source, Interview):
        yield from interviews.talks(files.read(inputs.interview, Exchange), turns)
    else:
        without = {
            item.id for item in files.read(inputs.unasked, Dropped) if item.reason not in NO_ANSWERS
        }
        yield from interviews.monologues(
            files.read(inputs.passages, Passage), source.prompts, without
        )


def gather(
    found: Iterator[Talk | DroppedRow],
    part: Part,
    system: str,
    languages: Sequence[str] | None,
    drafts: Drafts,
    account: Account,
) -> None:
    """Puts a part's conversations among the drafts, and what is wrong with others on account."""
    rules, tally = Rules(), account.of(part.name)
    for talk in found:
        tally.rows += 1
        if isinstance(talk, DroppedRow):
            account.bad(talk)
            continue
        try:
            messages = rules(with_system(talk.messages, system))
            refuse_other_languages(messages, languages)
        except RowError as error:
            id_ = talk.passages[0] if talk.passages else talk.place
            account.bad(DroppedRow(id_, error.reason, error.detail, part.name, talk.place))
        else:
            drafts.add(talk, messages, part)
    tally.mended.update(rules.figures)


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


def system_of(source: AnySource, persona: Persona) -> str:
    """The system message of a source's conversations that have none."""
    if source.system is not None:
        return source.system
    return persona.system.strip() and persona.system if isinstance(source, AUTHORS) else ""


def choice(params: ChatmlParams, known: Sequence[tuple[Part, AnySource]]) -> Choice:
    """What decides on the drafts."""
    return Choice(
        parts=[part for part, _ in known],
        shares=[share_of(part, source, params.held_out) for part, source in known],
        wishes={source.name: Wish(source.share, source.limit) for source in params.sources},
        by=params.mix_by,
        seed=params.seed,
    )


def share_of(part: Part, source: AnySource, held_out: float) -> float | None:
    """The share of a part that is held out; None: all of it."""
    if part.own:
        return None
    if isinstance(source, Files) and source.validation is not None:
        return source.validation if isinstance(source.validation, float) else 0.0
    return held_out


def figures(found: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """The books' chapters on each side, and which are held out."""
    apart = [name.split("\x1f") for name in found["validation"]]
    return {
        "chapters": {side: len(names) for side, names in found.items()},
        "held_out": [{"document": document, "chapter": chapter} for document, chapter in apart],
    }


def refuse_none(source: AnySource, account: Account, inputs: Inputs) -> None:
    """Raises UserError where a source has nothing to learn from."""
    if isinstance(source, Interview) and not account.of(source.name).rows:
        raise UserError(
            f"{inputs.interview} has no exchanges; lower segment.min_chars, or add books"
        )
    if not isinstance(source, Monologue):
        account.refuse_none(source.name)


def refuse_empty_sides(account: Account, inputs: Inputs) -> None:
    """Raises UserError where one side has nothing."""
    conversations = account.conversations
    if not conversations["train"]:
        raise UserError(
            f"{inputs.interview}: all is one chapter, and whole chapters are held out: there must "
            "be two; add a book, or set its chapters' headings apart"
        )
    if not conversations["validation"]:
        raise UserError(
            f"{inputs.interview}: all that the held-out chapters say stands in others too, or "
            "nothing is held out; remove a book that is there twice, change chatml.seed, or raise "
            "chatml.held_out"
        )


@contextmanager
def without_collector() -> Iterator[None]:
    """Without Python's search for reference cycles: rows make none, and it costs a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def main(interview: In, passages: In, unasked: In, sources: In, chat: Out, ledger: Ledger) -> None:
    """Sources become conversations, mixed, with whole chapters and groups held out."""
    params, persona = load("chatml", ChatmlParams), load("persona", Persona)
    mixing.check({source.name: Wish(source.share, source.limit) for source in params.sources})
    inputs = Inputs(interview, passages, unasked, sources)
    known = parts(params, sources)
    account = Account(ledger, [part.name for part, _, _ in known])
    from askback.gathering.sides import chapters, write

    with files.whole(chat) as folder:
        folder.mkdir()
        sketches = None
        if params.near_duplicates:
            from askback.gathering.near import Sketches

            sketches = Sketches()
        with Drafts(folder / "drafts.arrow", sketches.look if sketches else None) as drafts:
            for part, source, listed in known:
                mended = account.of(part.name).mended
                found = talks(source, listed, inputs, params.turns, mended)
                system = system_of(source, persona)
                with without_collector():
                    gather(found, part, system, params.languages, drafts, account)
                refuse_none(source, account, inputs)
            account.tell_rest()
            drafts.close()
            chosen = choice(params, [(p, s) for p, s, _ in known])
            fates = settle(drafts, chosen, sketches)
            inspection = write(folder, drafts, fates, chosen.parts, account)
            on_sides = chapters(drafts, fates, chosen.parts)
        (folder / "drafts.arrow").unlink()
        ledger.figures |= account.figures() | figures(on_sides) | inspection.figures()
        refuse_empty_sides(account, inputs)


if __name__ == "__main__":
    run(main)
