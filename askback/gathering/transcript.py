"""Transcripts: who says what, and the conversations in which an author's turns are answers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from askback.encoding import decoded
from askback.errors import UserError
from askback.gathering.fields import CLIP, Fields, find, needed, needed_text, text
from askback.gathering.rows import Row, RowError
from askback.gathering.speakers import same
from askback.records import Message

TITLE = ("title", "episode")
LISTS = (
    "conversation", "conversations", "turns", "segments", "utterances", "transcript", "dialogue",
    "dialog", "messages",
)  # fmt: skip
SPEAKER = ("speaker", "from", "name", "role")
TEXT = ("text", "value", "content", "utterance", "transcript")

MOST_BYTES = 16 << 20  # of a file that is read at once; a day of talk is one MB
MOST_TURNS = 1 << 16  # of an episode that lies in memory; what follows is another of its name
# Question marks of all scripts, and the semicolon that is one after Greek.
ASKS = re.compile("[?¿\u037e՞؟፧᥅⁇⁈⁉❓❔\u2cfa\u2cfb⸮꘏꛷\ufe16﹖？‽\U00011143]|[Ͱ-Ͽἀ-῿];")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says until another does."""

    speaker: str  # as the source names it; empty where it does not
    text: str


Episode = tuple[str, list[Turn]]  # its name, empty where it has none


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is said."""

    turns: int
    characters: int  # of each turn without its margins


@dataclass(frozen=True, slots=True)
class Counts:
    """Where an episode's turns went: `total` is the sum of the others."""

    total: Amount
    kept: Amount
    leading: Amount  # the author's, before anyone else speaks
    tail: Amount  # the others', after the author's last
    short: Amount  # such as "Mm-hm." while the other side speaks
    empty: Amount


@dataclass(frozen=True, slots=True)
class Talks:
    """Conversations, user and assistant in turn, and what became of all turns."""

    conversations: list[list[Message]]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Run:
    """What one side says until the other does: the texts of its turns."""

    author: bool
    texts: list[str]

    @property
    def content(self) -> str:
        """Its turns, each on a line of its own."""
        return "\n".join(self.texts)


def conversations(turns: Iterable[Turn], author: str, max_chars: int, min_chars: int) -> Talks:
    """The author's turns as answers to all others', in windows of whole exchanges.

    A window has at most `max_chars` characters, or one exchange. A turn under `min_chars` that asks
    nothing is taken out from between two of the other side, which become one. Raises RowError
    where the author says nothing.
    """
    said = list(turns)
    spoken = Run(True, [turn.text.strip() for turn in said])
    runs, short = without_short(sides(said, author), min_chars)
    leading = runs[:1] if runs[0].author else []
    tail = [] if runs[-1].author else runs[-1:]
    kept = runs[len(leading) : len(runs) - len(tail)]
    counts = Counts(
        total=amount([spoken]),
        kept=amount(kept),
        leading=amount(leading),
        tail=amount(tail),
        short=amount(short),
        empty=Amount(spoken.texts.count(""), 0),
    )
    return Talks(list(windows(kept, max_chars)), counts)


def sides(turns: Sequence[Turn], author: str) -> list[Run]:
    """The turns that say something, those of one side after another together.

    Raises RowError where none is the author's.
    """
    key = same(author)
    own = {name: same(name) == key for name in {turn.speaker for turn in turns}}
    said = [(own[turn.speaker], stripped) for turn in turns if (stripped := turn.text.strip())]
    if not any(is_author for is_author, _ in said):
        raise RowError("author_is_silent", f"there speak: {speakers(turns)}")
    return [
        Run(is_author, [text for _, text in run])
        for is_author, run in groupby(said, key=lambda turn: turn[0])
    ]


def speakers(turns: Iterable[Turn]) -> str:
    """The names of those who speak, those with most turns first."""
    often = Counter(turn.speaker.strip() for turn in turns if turn.text.strip())
    names = sorted(often, key=lambda name: (-often[name], name))[:5]
    return ", ".join(repr(name)[:CLIP] for name in names)[:100] or "nobody"


def without_short(runs: Sequence[Run], min_chars: int) -> tuple[list[Run], list[Run]]:
    """The runs without the short ones between two others, which join; and the short ones."""
    kept, short = list[Run](), list[Run]()
    for number, run in enumerate(runs, 1):
        if kept and kept[-1].author == run.author:
            kept[-1].texts.extend(run.texts)
        elif kept and number < len(runs) and is_interjection(run.content, min_chars):
            short.append(run)
        else:
            kept.append(run)
    return kept, short


def is_interjection(content: str, min_chars: int) -> bool:
    """Whether it is too short to teach, and no question."""
    return len(content) < min_chars and not ASKS.search(content)


def windows(runs: Sequence[Run], max_chars: int) -> Iterator[list[Message]]:
    """The exchanges that `runs`, others' and author's in turn, make: as many in each as fit."""
    window, size = list[Message](), 0
    for asked, answered in list(pairwise(runs))[::2]:
        exchange = [Message("user", asked.content), Message("assistant", answered.content)]
        length = sum(len(message.content) for message in exchange)
        if window and size + length > max_chars:
            yield window
            window, size = [], 0
        window += exchange
        size += length
    if window:
        yield window


def amount(runs: Iterable[Run]) -> Amount:
    """How much the runs say."""
    texts = [text for run in runs for text in run.texts]
    return Amount(len(texts), sum(map(len, texts)))


def episodes(
    rows: Iterable[tuple[int, Row | RowError]], fields: Fields
) -> Iterator[tuple[int, Episode | RowError]]:
    """The episodes of a numbered table, with the numbers of their first rows.

    A row has an episode, or one turn; such rows are one episode as long as their names are equal.
    A row that cannot be used comes as its error, and the episode goes on without it.
    """
    first, name, said = 0, "", list[Turn]()
    for number, row in rows:
        try:
            found, new = episode(row, fields)
        except RowError as error:
            yield number, error
            continue
        if said and (found != name or isinstance(new, list) or len(said) == MOST_TURNS):
            yield first, (name, said)
            said = []
        if isinstance(new, list):
            yield number, (found, new)
            continue
        if not said:
            first, name = number, found
        said.append(new)
    if said:
        yield first, (name, said)


def episode(row: Row | RowError, fields: Fields) -> tuple[str, list[Turn] | Turn]:
    """The episode's name with its turns or, where a row is a turn, with that; raises RowError."""
    if isinstance(row, RowError):
        raise row
    listed = isinstance(find(row, "conversation", fields, LISTS), list)
    if listed or find(row, "text", fields, TEXT) is None:
        return turns(row, fields)
    needed(row, "speaker", fields, SPEAKER)
    said = Turn(label(row, "speaker", fields, SPEAKER), needed_text(row, "text", fields, TEXT))
    return label(row, "title", fields, TITLE), said


def turns(row: Row, fields: Fields) -> Episode:
    """The episode that a row has; RowError where it has none, or one without speakers or texts."""
    listed = needed(row, "conversation", fields, LISTS)
    if not isinstance(listed, list):
        raise RowError("wrong_type", f"conversation is no list: {repr(listed)[:CLIP]}")
    said = [turn(item, fields) for item in listed]
    if not said:
        raise RowError("empty", "the conversation has no turns")
    if not any(turn.speaker for turn in said):
        needed(listed[0], "speaker", fields, SPEAKER)
    if not any(turn.text for turn in said):
        needed(listed[0], "text", fields, TEXT)
    in_pieces = listed is row.get("segments")
    return label(row, "title", fields, TITLE), list(joined(said)) if in_pieces else said


def turn(item: object, fields: Fields) -> Turn:
    """A turn of a list, its speaker or text empty where it has none."""
    if not isinstance(item, dict):
        raise RowError("wrong_type", f"a turn is no object: {repr(item)[:CLIP]}")
    return Turn(label(item, "speaker", fields, SPEAKER), text(item, "text", fields, TEXT))


def joined(pieces: Iterable[Turn]) -> Iterator[Turn]:
    """Turns of their pieces, which a machine cut where it liked."""
    for name, run in groupby(pieces, key=lambda piece: piece.speaker):
        yield Turn(name, " ".join(text for piece in run if (text := piece.text.strip())))


def label(row: Row, what: str, fields: Fields, names: Sequence[str]) -> str:
    """A title, or who speaks: a name, or the number that a machine gave; empty for none."""
    value = find(row, what, fields, names)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(row, what, fields, names).strip()


def file_text(path: Path) -> str:
    """The text of a file, its lines as in Unix.

    Raises UserError where it is too large, no text, or in an encoding that cannot be told.
    """
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise UserError(f"{path}: over {MOST_BYTES >> 20} MiB; cut it into episodes")
    return decoded(raw, str(path)).replace("\r\n", "\n").replace("\r", "\n")
