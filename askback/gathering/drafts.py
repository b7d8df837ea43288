"""Conversations on the disk while it is decided which of them go on, and on which side.

What decides lies in memory as numbers, some dozen bytes a conversation; the texts do not.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from askback import conversations
from askback.gathering.talk import Talk
from askback.records import Conversation, Message

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROWS = 1024  # in a batch
CHARACTERS = 1 << 24  # in a batch of long ones

Look = Callable[["pa.RecordBatch"], None]  # at each batch before it is written


@dataclass(frozen=True)
class Part:
    """A source, or its own validation split."""

    number: int
    name: str  # the source's
    own: bool  # whether it is the source's own validation split
    by_lot: bool  # whether the groups held out are drawn: they are few
    book: bool  # whether the answers are passages of books

    @cached_property
    def mark(self) -> int:
        """A number of its source's own."""
        return number(self.name)


class Drafts:
    """The conversations of all sources, in their order."""

    def __init__(self, path: Path, look: Look | None = None) -> None:
        import pyarrow as pa

        self._path = path
        self._look = look
        self._writer = pa.ipc.new_file(str(path), schema())
        self._waiting: list[Conversation] = []
        self._places: list[str] = []
        self._size = 0  # characters of those that wait
        self._digests = array("Q")  # two for each
        self._ids, self._parts = array("Q"), array("H")
        self._groups, self._characters = array("Q"), array("L")
        self._answers = array("Q")  # of books: the conversation's number and the answer's hash
        self.groups: dict[int, str] = {}  # the names of those that are drawn by lot

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, talk: Talk, messages: list[Message], part: Part) -> None:
        """Keeps the `messages` that the rules left of a talk."""
        texts = [message.content for message in messages]
        if messages[0].role == "system":
            del texts[0]
        joined = "\x1f".join(texts)
        digest = blake2b(joined.encode(), digest_size=24).digest()
        id_ = int.from_bytes(digest[16:]) ^ part.mark  # so that sources have ids of their own
        group = number(talk.group or " ".join(texts[0].split()).casefold())
        if part.by_lot:
            self.groups[group] = talk.group
        if part.book:
            for text in texts[1::2]:
                self._answers.extend((len(self), number(" ".join(text.split()))))
        self._digests.frombytes(digest[:16])
        self._ids.append(id_)
        self._parts.append(part.number)
        self._groups.append(group)
        self._characters.append(len(joined) - len(texts) + 1)
        self._waiting.append(
            Conversation(
                f"{id_:016x}", part.name, talk.document, talk.chapter, talk.passages, messages, ""
            )
        )
        self._places.append(talk.place)
        self._size += len(joined)
        if len(self._waiting) == ROWS or self._size > CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        """Writes what waits."""
        import pyarrow as pa

        batch = conversations.record_batch(self._waiting).drop_columns("text")
        batch = batch.append_column("place", pa.array(self._places, pa.string()))
        if self._look:
            self._look(batch)
        self._writer.write_batch(batch)
        self._waiting, self._places, self._size = [], [], 0

    def close(self) -> None:
        """Writes what waits; nothing is added after it."""
        if self._waiting:
            self._flush()
        self._writer.close()

    @property
    def digests(self) -> NDArray[np.uint64]:
        """[conversations, 2]: hashes of what is said, system messages and spaces around apart."""
        return numbers(self._digests).reshape(-1, 2)

    @property
    def ids(self) -> NDArray[np.uint64]:
        """[conversations]: their ids as numbers."""
        return numbers(self._ids)

    @property
    def part(self) -> NDArray[np.uint16]:
        """[conversations]: the number of the part that each is of."""
        return numbers(self._parts)

    @property
    def group(self) -> NDArray[np.uint64]:
        """[conversations]: a hash of what must be on one side with each."""
        return numbers(self._groups)

    @property
    def characters(self) -> NDArray[np.int64]:
        """[conversations]: of questions and answers."""
        return numbers(self._characters).astype("int64")

    @property
    def answers(self) -> NDArray[np.uint64]:
        """[answers of books, 2]: the conversation's number, and a hash of what is answered."""
        return numbers(self._answers).reshape(-1, 2)

    def batches(self) -> Iterator[tuple[slice, pa.RecordBatch]]:
        """Every batch, with the numbers of its conversations; after `close`."""
        import pyarrow as pa

        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            start = 0
            for at in range(reader.num_record_batches):
                batch = reader.get_batch(at)
                yield slice(start, start + batch.num_rows), batch
                start += batch.num_rows


def numbers(values: array[int]) -> NDArray[Any]:
    """The same as numpy has them, nothing copied."""
    import numpy as np

    return np.frombuffer(values, values.typecode)


def number(name: str) -> int:
    """A hash of a name, of 64 bits."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def schema() -> pa.Schema:
    """Columns of a conversation but its text, and its place."""
    import pyarrow as pa

    known = conversations.schema()
    return known.remove(known.get_field_index("text")).append(pa.field("place", pa.string()))
