"""The reply store: what a language model answered, paid for once and kept for good.

A folder of append-only files of JSON lines, `home("replies")`. Every process writes one new file
and none is opened for writing again, so all that a crash can tear is a file's tail. A line carries
the checksum of its bytes. Files from anywhere may be put together in any order: readers take the
same reply of each key.
"""

import hashlib
import json
import os
import re
import secrets
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import FiniteFloat

from askback.files import adapter, sync
from askback.records import Message

SYNC_EVERY = 0.05  # seconds; half of what a power cut may take, for a sync takes time as well
LINE = re.compile(rb'\{"sum":"([0-9a-f]{32})",(.*)', re.DOTALL)

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


@dataclass(frozen=True, slots=True)
class Replies:
    """What the stores hold together."""

    by_key: dict[str, Reply]
    unanswered: list[Intent]  # calls that may have been paid for and left no reply


def key(model: str, messages: Sequence[Message], sampling: Mapping[str, Any]) -> str:
    """The name of a question to a model: the same for all who would ask the same.

    Numbers count as they are written, so 0 and 0.0 are two; params sections make them one type.
    """
    asked = [model, [asdict(message) for message in messages], dict(sampling)]
    return digest(dump(asked))


def dump(value: Any) -> bytes:
    """Canonical JSON on one line; half a surrogate pair, which models do send, survives."""
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def digest(data: bytes) -> str:
    """32 hex digits that tell `data` from all else."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Store:
    """One process's new file in the store.

    A record is safe from a kill once `add` returns, and from a power cut once `intend` or `flush`
    returns, or 100 ms later. After a failed write or sync every call raises that OSError: nothing
    is written behind a torn line, and no later sync can pretend that all is well.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{nonce()}.jsonl"
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0  # bytes
        self._failure: OSError | None = None
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        folder = self.path.parent
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("xb", buffering=0)
        for made in (self.path, *missing):
            sync(made.parent)
        self._thread = threading.Thread(target=self._keep_syncing, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()
        with self._file:
            self.flush()

    def intend(self, *intents: Intent) -> None:
        """Writes and syncs that these calls are about to be made."""
        self._append(b"".join(map(encode, intents)))
        self.flush()

    def add(self, reply: Reply) -> None:
        """Writes a reply; it is synced with the next group."""
        self._append(encode(reply))

    def flush(self) -> None:
        """All that is written, on the disk; callers that wait for one another share a sync."""
        goal = self._written
        with self._syncing:
            self._check()
            if self._synced < goal:
                covered = self._written
                try:
                    os.fsync(self._file.fileno())
                except OSError as error:
                    self._failure = error
                    raise
                self._synced = covered

    def _append(self, data: bytes) -> None:
        with self._writing:
            self._check()
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._failure = error
                raise
            self._written += len(data)

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _keep_syncing(self) -> None:
        while not self._closing.wait(SYNC_EVERY):
            with suppress(OSError):  # it is kept, and raised in the thread that writes
                self.flush()


def encode(record: Intent | Reply) -> bytes:
    """A record's line."""
    body = dump({type(record).__name__.lower(): asdict(record)})[1:]
    return b'{"sum":"' + digest(body).encode() + b'",' + body + b"\n"


def decode(line: bytes) -> Intent | Reply:
    """The record of a line; raises ValueError, saying why, where it is not to be believed."""
    found = LINE.fullmatch(line)
    if not found or digest(found[2]) != found[1].decode():
        raise ValueError("damaged line; a copy of the file may have it whole")
    try:
        fields = json.loads(b"{" + found[2])
        if "intent" in fields:
            return adapter(Intent).validate_python(fields["intent"])
        reply = adapter(Reply).validate_python(fields.get("reply"))
        right = key(reply.model, reply.messages, reply.sampling)
    except (ValueError, RecursionError):  # whole, but of another version or another hand
        raise ValueError("neither an intent nor a reply") from None
    if reply.key != right:
        raise ValueError("its key is not that of its question")
    return reply


def read(folders: Iterable[Path]) -> Replies:
    """The union of stores, the same in whatever order and however often their files are copied.

    Among replies of one key the smallest hash of key, text and nonce wins.
    """
    best: dict[str, tuple[bytes, Reply]] = {}
    intents: set[Intent] = set()
    answered: set[tuple[str, str]] = set()
    for record in records(folders):
        if isinstance(record, Intent):
            intents.add(record)
            continue
        answered.add((record.key, record.nonce))
        if record.key not in best or rank(record) < best[record.key][0]:
            best[record.key] = rank(record), record
    return Replies(
        {name: best[name][1] for name in sorted(best)},
        sorted((i for i in intents if (i.key, i.nonce) not in answered), key=astuple),
    )


def rank(reply: Reply) -> bytes:
    """A reply's place among those of its key; the rest of it decides between equals."""
    return digest(dump([reply.key, reply.text, reply.nonce])).encode() + encode(reply)


def records(folders: Iterable[Path]) -> Iterator[Intent | Reply]:
    """All sound records; one line on stderr for each that is not, but for tails."""
    for folder in folders:
        for path in sorted(folder.glob("*.jsonl")):
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        record = decode(line.rstrip(b"\n\0"))
                    except ValueError as fault:
                        if line.endswith(b"\n"):
                            print(f"{path}:{number}: skipped: {fault}", file=sys.stderr)
                        continue
                    yield record
