"""Notes at the foot of columns and at the end of chapters, and the marks that call them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from askback.language import CJK
from askback.reading.account import Account
from askback.reading.blocks import Block
from askback.reading.pages import RAISED, Line
from askback.reading.words import MARK

NOTE_SIZE = 0.93  # of the body's size, at most
ALONE = f"(?![0-9*]|(?!{CJK.pattern})\\w)"
ENDNOTE_LABEL = re.compile(r"\[?(\d{1,3})[\].)]*\s")  # what an endnote begins with
MOST = 0.6  # of the endnotes, at least, are called in their order
AFTER_SIGN = r"(?<=[.,;:!?…'\"”’»)\]—–。，、；：？！」』）》])"
AFTER_LETTER = r"(?<=[^\W\d_])"
AFTER = f"(?:{AFTER_SIGN}|{AFTER_LETTER})"
NOTE_LABEL = re.compile(rf"{RAISED}?{MARK.pattern}")  # what a footnote begins with


def mark_notes(columns: Sequence[list[Line]], body: float, lead: float, account: Account) -> None:
    """Marks the small rows at each column's foot that a call on the page announces.

    The calls go out of the text. A long note goes on at the next column's foot without a label;
    one that is called in a page's last rows may stand wholly on the next one.
    """
    noted: list[Line] = []
    before: list[Line] = []
    for _, page in groupby(filter(None, columns), key=lambda column: column[0].page):
        feet = [(column, foot_of(column, body, lead, bool(noted))) for column in page]
        text = [row for column, foot in feet for row in column[: len(column) - len(foot)]]
        for _, foot in feet:
            called = [
                take_call(row, text, account) or take_call(row, before, account) for row in foot
            ]
            start = 0 if noted else next((i for i, found in enumerate(called) if found), len(foot))
            noted = foot[start:]
            for row in noted:
                row.note = True
        before = text


def foot_of(column: list[Line], body: float, lead: float, going_on: bool) -> list[Line]:
    """The rows at the column's foot that are set smaller than the body, or apart and called.

    A note that goes on may fill the column.
    """
    large = [i for i, row in enumerate(column) if not is_small(row, body)]
    if (large or going_on) and (large or [-1])[-1] + 1 < len(column):
        return column[(large or [-1])[-1] + 1 :]
    for i in range(len(column) - 1, 0, -1):
        label = NOTE_LABEL.match(column[i].text)
        if label and column[i].y0 - column[i - 1].y0 > 1.4 * lead:
            return column[i:] if is_called(label[1], column[:i]) else []
    return []


def is_small(row: Line, body: float) -> bool:
    """Whether the row is set smaller than the body; a Latin label makes a box of Chinese higher."""
    labelled = CJK.search(row.text) and NOTE_LABEL.match(row.text)
    return row.size < (body if labelled else NOTE_SIZE * body)


def take_call(note: Line, text: Sequence[Line], account: Account) -> bool:
    """Takes the call of a footnote's first row out of `text`; False where there is none."""
    label = NOTE_LABEL.match(note.text)
    called = call(label[1], text) if label else None
    if called:
        row, place = called
        account.leave_out("call_mark", place[0])
        row.text = row.text[: place.start()] + row.text[place.end() :]
    return called is not None


def call(label: str, text: Sequence[Line]) -> tuple[Line, re.Match[str]] | None:
    """Where `label` calls its note: raised, else after a sign or, at last, after a letter."""
    mark = re.escape(label)
    text = [row for row in text if label in row.text]
    for pattern in (
        rf"{RAISED}[(\[〔]?{mark}(?![0-9])[)\]〕]?",
        rf"[\[〔]{mark}[\]〕]",
        AFTER_SIGN + mark + ALONE,
        AFTER_LETTER + mark + ALONE,
    ):
        for row in text:
            if found := re.search(pattern, row.text):
                return row, found
    return None


def is_called(label: str, text: Iterable[Line]) -> bool:
    """Whether `label` stands raised in the text."""
    return any(re.search(rf"{RAISED}[(\[〔]?{re.escape(label)}(?![0-9])", row.text) for row in text)


def take_endnote_calls(text: Sequence[Block], notes: Iterable[Block], account: Account) -> None:
    """Takes the calls of endnotes out of the blocks of text, if most notes have one, in order."""
    labels = [label[1] for note in notes if (label := ENDNOTE_LABEL.match(note.text))]
    places = list(endnote_calls(text, labels))
    if len(places) >= MOST * len(labels):
        for block, (start, end) in reversed(places):
            account.leave_out("call_mark", block.text[start:end])
            block.text = block.text[:start] + block.text[end:]


def endnote_calls(
    text: Sequence[Block], labels: Iterable[str]
) -> Iterator[tuple[Block, tuple[int, int]]]:
    """Where each label calls its note, after the one before; some may be nowhere."""
    at, start = 0, 0
    for label in labels:
        mark = re.compile(rf"{RAISED}{label}(?!\d)|\s?\[{label}\]|{AFTER}{label}{ALONE}")
        for i in range(at, len(text)):
            within = label in text[i].text  # much faster than to look for the mark
            if within and (found := mark.search(text[i].text, start if i == at else 0)):
                at, start = i, found.end()
                yield text[i], found.span()
                break
