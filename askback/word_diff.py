"""What changed between two texts, word by word, with a few words around it."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: a word each
WORD = re.compile(rf"(?:[{CJK}]|[^\s{CJK}]+)\s*|\s+")
CONTEXT = 6  # words around a change
MANY = 800  # changed words, beyond which they are not compared one by one
LONG = 60  # words of a piece that are shown


class Piece(NamedTuple):
    """Some words that stayed, went or came."""

    change: Literal["", "-", "+"]
    text: str


def hunks(before: str, after: str) -> Iterator[list[Piece]]:
    """The changes, each with the words around it; nothing where the texts are equal."""
    old, new = trimmed(WORD.findall(before), WORD.findall(after))
    if max(len(old), len(new)) > MANY:
        yield [Piece("-", clipped(old)), Piece("+", clipped(new))]
        return
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT):
        pieces: list[Piece] = []
        for change, start, end, new_start, new_end in group:
            if change == "equal":
                pieces.append(Piece("", clipped(old[start:end])))
            if change in ("delete", "replace"):
                pieces.append(Piece("-", clipped(old[start:end])))
            if change in ("insert", "replace"):
                pieces.append(Piece("+", clipped(new[new_start:new_end])))
        if len(pieces) > 1 or pieces[0].change:
            yield pieces


def trimmed(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Both without the words that they begin and end with alike, but for the context."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    first, after = max(0, start - CONTEXT), max(0, end - CONTEXT)
    return old[first : len(old) - after], new[first : len(new) - after]


def clipped(words: Sequence[str]) -> str:
    """The words, or the first and last of many."""
    if len(words) <= LONG:
        return "".join(words)
    half = LONG // 2
    left_out = len(words) - 2 * half
    return f"{''.join(words[:half])}[{left_out} words] {''.join(words[-half:])}"
