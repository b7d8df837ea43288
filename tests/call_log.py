"""What the tests' endpoint keeps account of: an event a line, and the names of requests."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from tests.misbehaviour import WHOLE


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the account."""

    # `answered`: the kernel has all that was to be sent; `abandoned`: the client left before;
    # `other`: a request that is no call, with its answer.
    event: Literal["received", "answered", "abandoned", "other"]
    time: float  # time.monotonic() of any process
    number: int = 0  # of the call, from 1
    request: str = ""  # request_hash
    fault: str | None = None
    # Of what was received:
    prompt: str = ""  # prompt_hash
    seen: int = 0  # how often the request came before
    model: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    authorization: str | None = None  # the header
    marks: list[str] = field(default_factory=list)  # the marked texts that the prompt has
    peer: str = ""  # host:port
    text: str = ""  # head and prompt, where a transcript is kept
    path: str = ""  # of other requests
    # Of what was answered or abandoned:
    status: int | None = None  # None where no answer began
    content: str | None = None  # what the model said, sent or not
    usage: Mapping[str, int] | None = None  # tokens that it took; None: no model was asked

    @property
    def whole(self) -> bool:
        """Whether the client was sent a whole chat completion, whatever it says."""
        return self.event == "answered" and (self.fault is None or self.fault in WHOLE)


def read(path: Path) -> list[Event]:
    """The events so far; a line that is being written is none yet."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Event(**json.loads(line)) for line in lines]


class Log:
    """The account as its writer has it: each event is handed to the kernel as it happens."""

    def __init__(self, path: Path) -> None:
        received = [event for event in read(path) if event.event == "received"]
        self._seen = Counter(event.request for event in received)
        self._numbers = len(received)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def count(self, request: str) -> tuple[int, int]:
        """The number of this call, and how often the request came before."""
        self._numbers += 1
        self._seen[request] += 1
        return self._numbers, self._seen[request] - 1

    def add(self, event: str, **fields: Any) -> None:
        """Writes what happened, and when."""
        line = json.dumps({"event": event, "time": time.monotonic(), **fields})
        os.write(self._file, line.encode() + b"\n")


def request_hash(model: str, messages: Iterable[Any], sampling: Mapping[str, Any]) -> str:
    """The name of all that an answer may depend on; messages are mappings or records."""
    return digest([model, prompt_hash(messages), sampling])


def prompt_hash(messages: Iterable[Any]) -> str:
    """The name of the messages, which are mappings or records."""
    return digest([one if isinstance(one, Mapping) else asdict(one) for one in messages])


def digest(value: Any) -> str:
    """16 hex digits that tell the value from others."""
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
