"""Marks of suspicion: links, characters that nobody sees, encoded blobs, forged turns.

The texts of a batch are searched as one; only those that may have a mark are looked at by
themselves. A mark says nothing but that a person may want to look.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from askback.chat import IM_END, IM_START
from askback.gathering.ngrams import UNSEEN, Bytes, Ints, covered, parts

if TYPE_CHECKING:
    import pyarrow as pa

LINKS, HIDDEN, ENCODED, TURNS = "links", "hidden_characters", "encoded", "turns"
MARKS = (LINKS, HIDDEN, ENCODED, TURNS)

LINK = re.compile(rb"https?://|\bwww\.[a-z0-9]", re.IGNORECASE)
TURN = re.compile(re.escape(IM_START.encode()) + b"|" + re.escape(IM_END.encode()))
AROUND = 16  # bytes before and after a place in which a link is seen

RUN = 64  # characters of base64, plain or as links have it, or hexadecimal digits
PERCENT = 8  # bytes, each a percent sign and two digits
UNBROKEN = 43  # from this byte to 127: letters, digits, and what else a run may have
UNBROKEN_RUN = re.compile(rb"[\x2b-\x7f]+")
BLOB = re.compile(rb"[A-Za-z0-9+/_-]{%d}" % RUN)
DIGITS = re.compile(rb"[0-9A-Fa-f]+")
KINDS = [re.compile(kind) for kind in (rb"[a-z]", rb"[A-Z]", rb"[0-9]")]  # base64 has of each
PERCENTS = re.compile(rb"(?:%%[0-9A-Fa-f]{2}){%d}" % PERCENT)
VARIED = 10  # different digits of a hexadecimal run

# Joiners and marks of direction belong to the spelling of emoji and of many scripts, tag characters
# to flags, and a byte order mark to the beginning of a file.
BESIDE = r"[^\x00-\u02ff\s\u2000-\u206f\ufeff\U000e0000-\U000e007f]"
SPELLING = re.compile(
    rf"(?<={BESIDE})[\u200c\u200d](?={BESIDE})"
    r"|(?<=[\u0590-\u08ff])[\u200e\u200f]|[\u200e\u200f](?=[\u0590-\u08ff])|\A\ufeff"
)
FLAG = "\U0001f3f4"
HIDES = re.compile(
    rf"{FLAG}[\U000e0030-\U000e007a]{{1,6}}\U000e007f"
    r"|[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)


class Marks:
    """Counts the messages that have a mark, and the conversations, source by source."""

    def __init__(self) -> None:
        self.messages: dict[str, Counter[str]] = {}
        self.conversations: dict[str, Counter[str]] = {}

    def look(self, source: str, texts: pa.Array, conversation: Ints) -> None:
        """Takes whole conversations of a source: messages, and which conversation each is of."""
        messages = self.messages.setdefault(source, Counter())
        conversations = self.conversations.setdefault(source, Counter())
        for mark, rows in marked(texts).items():
            messages[mark] += len(rows)
            conversations[mark] += len(np.unique(conversation[rows]))

    def figures(self, source: str) -> dict[str, int]:
        """How many conversations of a source have each mark."""
        return counted(self.conversations.get(source, Counter()))

    def messages_of(self, source: str) -> dict[str, int]:
        """How many messages of a source have each mark."""
        return counted(self.messages.get(source, Counter()))


def counted(counts: Counter[str]) -> dict[str, int]:
    """The count of each mark, none left out."""
    return {mark: counts[mark] for mark in MARKS}


def marked(texts: pa.Array) -> dict[str, Ints]:
    """The numbers of the texts that have each mark."""
    data, offsets = parts(texts)
    raw = bytes(data)
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    found = {}
    for mark, places in likely(data, raw.isascii(), offsets).items():
        rows = np.searchsorted(offsets, places, side="right") - 1
        if mark == HIDDEN:  # whose texts are seen whole
            rows, first = np.unique(rows, return_index=True)
            places = places[first]
        shows: set[int] = set()
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            span = int(offsets[row]), int(offsets[row + 1])
            if row not in shows and valid[row] and SHOWS[mark](raw, *span, place):
                shows.add(row)
        found[mark] = np.array(sorted(shows), np.int64)
    return found


def likely(data: Bytes, ascii_alone: bool, offsets: Ints) -> dict[str, Ints]:
    """Places where a mark may be: of each that is one, its own or the first of its run."""
    hidden = np.zeros(0, np.bool_) if ascii_alone else covered(data, UNSEEN)
    return {
        LINKS: np.concatenate([find(data, b"://"), dots_after_w(data)]),
        HIDDEN: np.flatnonzero(hidden),
        ENCODED: np.concatenate([unbroken(data, offsets), percent_signs(data)]),
        TURNS: find(data, b"<|im_"),
    }


def find(data: Bytes, string: bytes) -> Ints:
    """Where a string begins."""
    places: Ints = np.flatnonzero(data[: max(len(data) - len(string) + 1, 0)] == string[0])
    for ahead, byte in enumerate(string[1:], 1):
        places = places[data[places + ahead] == byte]
    return places


def dots_after_w(data: Bytes) -> Ints:
    """Where `www.` may end: dots are far fewer than letters."""
    dots = find(data, b".")
    dots = dots[dots > 0]
    kept: Ints = dots[(data[dots - 1] | 0x20) == ord("w")]
    return kept


def unbroken(data: Bytes, offsets: Ints) -> Ints:
    """Where each run of 64 or more that nothing breaks is whole: it has seven words of eight.

    Also where a text begins within a run.
    """
    inside = data[: len(data) // 8 * 8].view(np.int8) >= UNBROKEN
    words = inside.view(np.uint64) == 0x0101010101010101
    two = words[:-1] & words[1:]
    four = two[:-2] & two[2:]
    seven = four[:-3] & four[3:]
    first = seven.copy()
    first[1:] &= ~seven[:-1]
    begins = -(-offsets // 8)
    first[begins[begins < len(first)]] = True
    places: Ints = np.flatnonzero(first & seven)
    return places * 8


def percent_signs(data: Bytes) -> Ints:
    """Where eight percent signs begin that stand three bytes apart, or may do so."""
    places = np.flatnonzero(data == ord("%"))
    ends = places[PERCENT - 1 :]
    starts = places[: len(ends)]
    kept: Ints = starts[ends - starts == 3 * (PERCENT - 1)]
    return kept


def is_link(raw: bytes, start: int, end: int, place: int) -> bool:
    """Whether there is a link at a place of the text raw[start:end]."""
    return bool(LINK.search(raw[max(place - AROUND, start) : min(place + AROUND, end)]))


def is_turn(raw: bytes, start: int, end: int, place: int) -> bool:
    """Whether a message tries to open or close a turn there."""
    return bool(TURN.match(raw, place, end))


def is_encoded(raw: bytes, start: int, end: int, place: int) -> bool:
    """Whether a run that is whole there, or begins there, has the digits of an encoding."""
    if raw[place : place + 1] == b"%":
        return bool(PERCENTS.match(raw, place, end))
    run = UNBROKEN_RUN.match(raw, place, end)
    stop = run.end() if run else place
    blobs = (blob[0] for blob in BLOB.finditer(raw, max(place - RUN, start), stop))
    return any(
        len(set(blob)) >= VARIED if DIGITS.fullmatch(blob) else all(k.search(blob) for k in KINDS)
        for blob in blobs
    )


def hides(raw: bytes, start: int, end: int, place: int) -> bool:
    """Whether the text has a character that nobody sees and no spelling needs."""
    text = raw[start:end].decode("utf-8", "replace")
    return any(
        found[0][0] != FLAG and not SPELLING.match(text, found.start())
        for found in HIDES.finditer(text)
    )


SHOWS: dict[str, Callable[[bytes, int, int, int], bool]] = {
    LINKS: is_link,
    HIDDEN: hides,
    ENCODED: is_encoded,
    TURNS: is_turn,
}
