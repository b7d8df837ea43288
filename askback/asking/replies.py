"""The reply store: what a language model answered, paid for once and kept for good.

A folder of append-only files of JSON lines, `home("replies")`. Every process writes new files and
none is opened for writing again, so all that a crash can tear is a file's tail. Files from anywhere
may be put together in any order: readers take the same reply of each key.
"""

from __future__ import annotations

import json
import math
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from pydantic import FiniteFloat

from askback.asking import lines
from askback.asking.heads import BUFFER, Heads, gone
from askback.asking.lines import digest, dump
from askback.files import adapter
from askback.records import Message

# `answer`: the model said what it wanted to, however useless; all others are no answers.
# `given_up`: a person stored that this request will have none.
Verdict = Literal["answer", "refusal", "cut_off", "filtered", "given_up"]


def nonce() -> str:
    """A name that nothing else has."""
    return secrets.token_hex(8)


def now() -> str:
    """The time, for people; nothing is decided by it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt to a model, with all that its reply may depend on."""

    model: str
    messages: list[Message]
    sampling: dict[str, Any]  # JSON values, sent as they are; a seed or sample number among them
    passage: str  # the id of what it is about, for people: no part of the key
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", key(self.model, self.messages, self.sampling))


@dataclass(frozen=True, slots=True)
class Intent:
    """That a call is about to be made; counts as spent until its reply is there."""

    key: str
    most: FiniteFloat | None  # what the call can cost at most, in US dollars; None: no price known
    nonce: str = field(default_factory=nonce)  # the call's; its reply has the same


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered to one prompt. Errors are no replies."""

    key: str
    model: str
    messages: list[Message]
    sampling: dict[str, Any]  # JSON values, the seed or sample number among them
    text: str
    verdict: Verdict
    usage: dict[str, int]  # tokens by their kind
    price: FiniteFloat | None  # US dollars, on the day of the call; None: not known
    nonce: str
    time: str = field(default_factory=now)


def key(model: str, messages: Sequence[Message], sampling: Mapping[str, Any]) -> str:
    """The name of a question to a model: the same for all who would ask the same.

    Numbers count as they are written, so 0 and 0.0 are two; params sections make them one type.
    """
    asked = [model, [asdict(message) for message in messages], dict(sampling)]
    return digest(dump(asked))


def encode(record: Intent | Reply) -> bytes:
    """A record's line."""
    call = lines.name(record.key, record.nonce)
    if isinstance(record, Intent):
        return lines.intent(call, record.most)
    fields = asdict(record)
    del fields["key"], fields["nonce"], fields["price"]
    return lines.reply(call, record.price, fields)


def decode(line: bytes) -> Intent | Reply:
    """The record of a line; raises ValueError, saying why, where it is not to be believed."""
    text = lines.sound(line)
    try:
        fields = json.loads(text)
        if "intent" in fields:
            return adapter(Intent).validate_python(fields["intent"])
        reply = adapter(Reply).validate_python(fields["reply"] | fields["paid"])
        right = key(reply.model, reply.messages, reply.sampling)
    except (ValueError, KeyError, TypeError, RecursionError):  # another version, or another hand
        raise ValueError(lines.STRANGE) from None
    if reply.key != right:
        raise ValueError("its key is not that of its question")
    return reply


def read(folders: Iterable[Path]) -> Replies:
    """The union of stores, the same in whatever order and however often their files are copied."""
    return Replies(path for folder in folders for path in sorted(folder.glob("*.jsonl")))


class Replies:
    """What stores hold together, and what this process has gained since.

    Opening them checks what was intended and paid (see Heads); a reply is read, and all of it and
    its key are checked, when it is used. One that is damaged is named on stderr, once, and left
    out: it has to be asked for again.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._heads = Heads(paths)
        self._gained: dict[str, list[Reply]] = {}

    @property
    def unanswered(self) -> list[Intent]:
        """The calls that may have been paid for and left no reply."""
        found = [
            Intent(**json.loads(b"{" + call + b"}"), most=most)
            for call, most in self._heads.intended.items()
        ]
        return sorted(found, key=attrgetter("key", "nonce"))

    @property
    def spent(self) -> float:
        """US dollars: the price of every reply, and the most that unanswered calls can have cost.

        What is not known counts as nothing. The sum is exact, so no order of files changes it.
        """
        known = [*self._heads.paid.values(), *self._heads.intended.values()]
        return math.fsum(dollars for dollars in known if dollars is not None)

    def __len__(self) -> int:
        """How many replies were paid for; copies count once."""
        return len(self._heads.paid)

    def __iter__(self) -> Iterator[Reply]:
        """Every sound reply, each once, in the order of their keys."""
        stored = {json.loads(b'"' + key + b'"') for key in self._heads.places}
        for key in sorted(stored | self._gained.keys()):
            by_nonce: dict[str, list[Reply]] = {}
            for reply in self._sound(key):
                by_nonce.setdefault(reply.nonce, []).append(reply)
            yield from (first(by_nonce[nonce]) for nonce in sorted(by_nonce))

    def get(self, key: str) -> Reply | None:
        """The reply to the request of this key: of several, the first by rank.

        None where there is none, or none that is sound.
        """
        found = self._sound(key)
        return first(found) if found else None

    def add(self, reply: Reply) -> None:
        """Takes in a reply that this process has gained."""
        self._gained.setdefault(reply.key, []).append(reply)
        self._heads.pay(lines.name(reply.key, reply.nonce), reply.price)

    def _sound(self, key: str) -> list[Reply]:
        """All sound replies of a key; those that are damaged are not looked at again."""
        name = dump(key)[1:-1]
        places = self._heads.places.get(name, ())
        found = {place: reply for place in places if (reply := self._read(place, key))}
        if len(found) < len(places):
            self._heads.places[name] = tuple(found)
        return [*found.values(), *self._gained.get(key, ())]

    def _read(self, place: int, key: str) -> Reply | None:
        """The reply at a place; None where it is damaged, which is said on stderr."""
        path, offset = self._heads.file(place)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                reply = decode(file.readline())
            if isinstance(reply, Reply) and reply.key == key:
                return reply
            raise ValueError("the file has changed since it was opened")
        except FileNotFoundError:
            raise gone(path) from None
        except ValueError as fault:
            print(f"{path}:{line_number(path, offset)}: skipped: {fault}", file=sys.stderr)
        return None


def first(replies: Sequence[Reply]) -> Reply:
    """The reply that stands for all of its key, or all copies of it."""
    return replies[0] if len(replies) == 1 else min(replies, key=rank)


def rank(reply: Reply) -> bytes:
    """A reply's place among those of its key; the rest of it decides between equals."""
    return digest(dump([reply.key, reply.text, reply.nonce])).encode() + encode(reply)


def line_number(path: Path, offset: int) -> int:
    """The number, from 1, of the line that begins at `offset`."""
    with path.open("rb") as file:
        blocks = (file.read(min(BUFFER, offset - at)) for at in range(0, offset, BUFFER))
        return 1 + sum(block.count(b"\n") for block in blocks)
