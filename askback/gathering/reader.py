"""The conversations in a source's files, row by row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from askback.gathering import (
    chatml_text,
    instructions,
    messages,
    script,
    subtitles,
    tables,
    transcript,
)
from askback.gathering.places import TEXTS, Named
from askback.gathering.rows import Row, RowError
from askback.gathering.source import ChatmlText, Files, Instructions, Messages, Transcript
from askback.gathering.talk import Talk
from askback.gathering.transcript import Episode
from askback.records import DroppedRow, Message


def talks(
    source: Files, chosen: Iterable[Named], mended: Counter[str]
) -> Iterator[Talk | DroppedRow]:
    """The conversations of the files, and each row that has none.

    What a transcript's turns lose on the way is added to `mended`.
    """
    for name, path in chosen:
        if isinstance(source, Transcript):
            yield from spoken(source, name, path, mended)
        else:
            yield from written(source, name, path)


def written(source: Files, name: str, path: Path) -> Iterator[Talk | DroppedRow]:
    """The conversations of a table, one a row."""
    parse = parser(source)
    for number, row in tables.rows(path):
        place = f"{name} row {number}"
        if isinstance(row, RowError):
            yield bad(source, place, row)
            continue
        try:
            said = parse(row)
        except RowError as error:
            yield bad(source, place, error)
        else:
            yield Talk(said, place, name, group=group(source, row))


def spoken(
    source: Transcript, name: str, path: Path, mended: Counter[str]
) -> Iterator[Talk | DroppedRow]:
    """The author's answers in each episode of a file, as many in one conversation as fit."""
    for place, found in episodes(source, name, path):
        try:
            title, turns = raised(found)
            said = transcript.conversations(
                turns, source.author, source.max_chars, source.min_chars
            )
        except RowError as error:
            yield bad(source, place, error)
            continue
        mended["leading_answers"] += said.counts.leading.turns
        mended["trailing_questions"] += said.counts.tail.turns
        mended["short_turns"] += said.counts.short.turns
        if not said.conversations:
            yield bad(source, place, RowError("nobody_asks", "only the author speaks"))
        document = title or Path(name).stem
        for messages_ in said.conversations:
            yield Talk(messages_, place, document, group=f"{source.name}\x1f{name}\x1f{title}")


def episodes(source: Transcript, name: str, path: Path) -> Iterator[tuple[str, Episode | RowError]]:
    """The episodes of a table, or the one that a text is; and what is wrong in it, by its place."""
    suffix = path.suffix.lower()
    if suffix not in TEXTS:
        for number, found in transcript.episodes(tables.rows(path), source.fields):
            yield f"{name} row {number}", found
        return
    read = script.turns if suffix == ".txt" else subtitles.turns
    turns = []
    for number, turn in read(path, source.author):
        if isinstance(turn, RowError):
            yield f"{name} line {number}", turn
        else:
            turns.append(turn)
    yield name, ("", turns)


def raised(found: Episode | RowError) -> Episode:
    """The episode; raises the error that is there instead."""
    if isinstance(found, RowError):
        raise found
    return found


def parser(source: Files) -> Callable[[Row], list[Message]]:
    """What makes messages of a row of this source."""
    fields = source.fields
    match source:
        case ChatmlText():
            return lambda row: chatml_text.messages(row, fields)
        case Instructions():
            return lambda row: instructions.messages(row, fields)
        case Messages():
            return lambda row: messages.messages(row, fields, source.tools)
    raise AssertionError(source)


def group(source: Files, row: Row) -> str:
    """What names the rows that stay on one side; empty where the source names nothing."""
    key = row.get(source.group) if source.group else None
    return "" if key is None else f"{source.name}\x1f{key}"


def bad(source: Files, place: str, error: RowError) -> DroppedRow:
    """A row that has no conversation, for the ledger."""
    return DroppedRow(place, error.reason, error.detail, source.name, place)
