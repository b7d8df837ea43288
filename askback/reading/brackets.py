"""What brackets mark in a typed book: notes and their calls, pictures, the typist's remarks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from askback.reading.account import Account
from askback.reading.blocks import Block
from askback.records import Kind

BRACKETED: dict[Kind, re.Pattern[str]] = {
    "note": re.compile(r"\[(?:footnote|fu(?:ß|ss)note|note|nota|voetnoot)\b", re.IGNORECASE),
    "caption": re.compile(r"\[(?:illustration|abbildung)\b", re.IGNORECASE),
    "junk": re.compile(r"\[transcriber[’']?s?[’']? note", re.IGNORECASE),
}
MOST_BLOCKS = 20  # in a bracket; one that has more has lost its end
LABEL = r"\d{1,4}|[A-Z]|[*†‡§]+"
NOTE = re.compile(rf"\[(?:[^\W\d]+ )?({LABEL})[\]:]")  # [Footnote 1: text], [1] text
CALL = re.compile(rf"(?<=\S) ?\[({LABEL})\]")


def marked(blocks: Iterable[Block], account: Account) -> list[Block]:
    """The blocks, with the kinds that brackets give them; calls of notes go out of the text."""
    found = list(bracketed(blocks))
    calls = {call for block in found for call in CALL.findall(block.text)}
    labels = set()
    for block in found:
        if (label := NOTE.match(block.text)) and (block.kind == "note" or label[1] in calls):
            block.kind = "note"
            labels.add(label[1])
    return [without_calls(block, labels, account) for block in found]


def bracketed(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, with the kind that a bracket names up to where it closes or a heading stands."""
    kind, depth, first = None, 0, 0
    for number, block in enumerate(blocks):
        if depth <= 0 or block.kind == "heading" or number - first > MOST_BLOCKS:
            kinds = (kind for kind, bracket in BRACKETED.items() if bracket.match(block.text))
            kind, depth, first = next(kinds, None), 0, number
        depth += block.text.count("[") - block.text.count("]")
        yield block if kind is None else replace(block, kind=kind)


def without_calls(block: Block, labels: set[str], account: Account) -> Block:
    """The block without the marks that call notes of these `labels`."""
    if block.kind == "note" or "[" not in block.text:
        return block

    def take(call: re.Match[str]) -> str:
        if call[1] not in labels:
            return call[0]
        account.leave_out("call_mark", call[0])
        return ""

    return replace(block, text=CALL.sub(take, block.text))
