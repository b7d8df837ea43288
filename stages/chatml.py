"""Makes conversations of all sources: reads interview and data/sources/, writes data/chat/.

python -m stages.chatml data/interview.jsonl data/passages.jsonl data/dropped/questions.jsonl \
    data/sources data/chat --metrics metrics/chatml.json --dropped data/dropped/chatml.jsonl

Every source is read row by row into one format, by one set of rules. What repeats an earlier
conversation is left out; whole chapters, episodes and groups are held out; of the rest each source
gives its share. Texts lie on the disk meanwhile, and in memory there are numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from askback import files
from askback.errors import UserError
from askback.gathering import mixing
from askback.gathering.account import Account
from askback.gathering.drafts import Drafts
from askback.gathering.fates import Choice, settle
from askback.gathering.gather import Inputs, Opened, Wanted, gather, opened
from askback.gathering.mixing import By, Wish
from askback.gathering.source import AnySource, Files
from askback.ledger import Ledger
from askback.params import Persona, Section, load
from askback.stage import In, Out, run

if TYPE_CHECKING:
    from askback.gathering.near import Sketches


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
        """The sources, if no two share a name."""
        names = [source.name for source in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two sources are named {twice}")
        return value


def choice(params: ChatmlParams, known: Sequence[Opened]) -> Choice:
    """What decides on the drafts, beside themselves."""
    return Choice(
        parts=[one.part for one in known],
        shares=[share(one, params.held_out) for one in known],
        wishes=wishes(params),
        by=params.mix_by,
        seed=params.seed,
    )


def wishes(params: ChatmlParams) -> dict[str, Wish]:
    """How much of each source is wanted."""
    return {source.name: Wish(source.share, source.limit) for source in params.sources}


def share(one: Opened, held_out: float) -> float | None:
    """The share of a source that is held out; None: all of it."""
    if one.part.own:
        return None
    if isinstance(one.source, Files) and one.source.held_out is not None:
        return one.source.held_out
    return held_out


def sketches(params: ChatmlParams) -> Sketches | None:
    """What tells near duplicates, where they are looked for."""
    from askback.gathering.near import Sketches

    return Sketches() if params.near_duplicates else None


def chapters(found: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """The books' chapters on each side, and which are held out."""
    apart = [name.split("\x1f") for name in found["validation"]]
    return {
        "chapters": {side: len(names) for side, names in found.items()},
        "held_out": [{"document": document, "chapter": chapter} for document, chapter in apart],
    }


def refuse_empty_sides(account: Account, interview: Path) -> None:
    """Raises UserError where one side has nothing."""
    if not account.conversations["train"]:
        raise UserError(
            f"{interview}: all is one chapter, and whole chapters are held out: there must be two; "
            "add a book, or set its chapters' headings apart"
        )
    if not account.conversations["validation"]:
        raise UserError(
            f"{interview}: all that the held-out chapters say stands in others too, or nothing is "
            "held out; remove a book that is there twice, change chatml.seed, or raise "
            "chatml.held_out"
        )


def main(interview: In, passages: In, unasked: In, sources: In, chat: Out, ledger: Ledger) -> None:
    """Sources become conversations, mixed, with whole chapters and groups held out."""
    from askback.gathering import sides

    params, persona = load("chatml", ChatmlParams), load("persona", Persona)
    mixing.check(wishes(params))
    inputs = Inputs(interview, passages, unasked, sources)
    wanted = Wanted(params.turns, params.languages, persona.system)
    known = opened(params.sources, sources)
    chosen, near = choice(params, known), sketches(params)
    account = Account(ledger, chosen.wishes)
    with files.whole(chat) as folder:
        folder.mkdir()
        with Drafts(folder / "drafts.arrow", near.look if near else None) as drafts:
            gather(known, inputs, wanted, drafts, account)
            fates = settle(drafts, chosen, near)
            seen = sides.write(folder, drafts, fates, chosen.parts, account)
        (folder / "drafts.arrow").unlink()
        refuse_empty_sides(account, interview)
    of_books = chapters(sides.chapters(drafts, fates, chosen.parts))
    ledger.figures |= account.figures() | of_books | seen.figures()


if __name__ == "__main__":
    run(main)
