"""Where every record comes from: what the stages made in one data folder, by id."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from askback import conversations, files
from askback.errors import UserError
from askback.records import Conversation, Document, Dropped, Exchange, Paragraph, Passage

if TYPE_CHECKING:
    import pyarrow as pa

Record = Conversation | Passage | Paragraph
T = TypeVar("T")

MANY = 5  # ids that an ambiguous prefix is answered with


class Lineage:
    """The records of a data folder, each kind read when it is first asked for.

    What no stage has made yet is simply not there.
    """

    def __init__(self, data: Path) -> None:
        self.data = data

    @cached_property
    def documents(self) -> dict[str, Document]:
        """The books by their names."""
        return {document.document: document for document in self.rows("documents.jsonl", Document)}

    @cached_property
    def paragraphs(self) -> dict[str, Paragraph]:
        """The paragraphs by id."""
        return {paragraph.id: paragraph for paragraph in self.rows("paragraphs.jsonl", Paragraph)}

    @cached_property
    def passages(self) -> dict[str, Passage]:
        """The passages by id."""
        return {passage.id: passage for passage in self.rows("passages.jsonl", Passage)}

    @cached_property
    def exchanges(self) -> dict[str, list[Exchange]]:
        """The exchanges of each passage that has some, by its id."""
        found: dict[str, list[Exchange]] = {}
        for exchange in self.rows("interview.jsonl", Exchange):
            found.setdefault(exchange.passage, []).append(exchange)
        return found

    @cached_property
    def training(self) -> Side:
        """The conversations to learn from."""
        return Side(self.data / "chat" / "train.parquet")

    @cached_property
    def held_out(self) -> Side:
        """The conversations that are held out."""
        return Side(self.data / "chat" / "validation.parquet")

    def dropped(self) -> Iterator[tuple[str, Dropped]]:
        """What was left out, with the stage that did so; read anew each time."""
        for path in sorted((self.data / "dropped").glob("*.jsonl")):
            for item in files.read(path, Dropped):
                yield path.stem, item

    def get(self, record_id: str) -> Record | None:
        """The record of that id; the conversation where a passage shares it."""
        for side in (self.training, self.held_out):
            if conversation := side.get(record_id):
                return conversation
        return self.passages.get(record_id) or self.paragraphs.get(record_id)

    def passage(self, record_id: str) -> Passage:
        """The passage of that id."""
        return present(self.passages, record_id, self.data / "passages.jsonl")

    def paragraph(self, record_id: str) -> Paragraph:
        """The paragraph of that id."""
        return present(self.paragraphs, record_id, self.data / "paragraphs.jsonl")

    def whole_id(self, start: str) -> str:
        """The one id that begins with `start`; UserError where there is none, or a choice."""
        near = sorted({*self.ids(start)})
        if start in near:
            return start
        if not near:
            raise UserError(
                f"nothing in {self.data} has the id {start}; `askback show` samples one"
            )
        if len(near) > 1:
            some = ", ".join(near[:MANY]) + (", ..." if len(near) > MANY else "")
            raise UserError(f"{start} begins {len(near)} ids ({some}); write more of it")
        return near[0]

    def ids(self, start: str) -> Iterator[str]:
        """The ids of all that is kept or dropped that begin with `start`, some of them twice."""
        dropped = (item.id for _, item in self.dropped())
        others = chain(self.passages, self.paragraphs, dropped)
        for side in (self.training, self.held_out):
            yield from side.starting(start)
        yield from (name for name in others if name.startswith(start))

    def conversations(self) -> pa.Array:
        """The ids of all conversations, sorted, each once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ids = [*self.training.ids.chunks, *self.held_out.ids.chunks]
        return pc.unique(pa.chunked_array(ids, pa.string())).sort()

    def rows(self, name: str, record: type[T]) -> list[T]:
        """The records of a JSON lines file; none where no stage has written it."""
        path = self.data / name
        return list(files.read(path, record)) if path.is_file() else []


class Side:
    """A file of conversations, of which the ids alone are read to find one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """The ids in the order of the file; none where no stage has written it."""
        import pyarrow as pa

        if not self._path.is_file():
            return pa.chunked_array([], pa.string())
        with conversations.opened(self._path) as file:
            return file.read(["id"])["id"]

    def starting(self, start: str) -> list[str]:
        """The ids that begin with `start`."""
        import pyarrow.compute as pc

        found: list[str] = self.ids.filter(pc.starts_with(self.ids, start)).to_pylist()
        return found

    def __contains__(self, record_id: str) -> bool:
        return self._number(record_id) >= 0

    def get(self, record_id: str) -> Conversation | None:
        """The conversation of that id, if there is one; UserError where the file is damaged."""
        number = self._number(record_id)
        if number < 0:
            return None
        with conversations.opened(self._path) as file:
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            ends = list(accumulate(sizes))
            group = bisect_right(ends, number)
            rows = file.read_row_group(group).combine_chunks()
            row = rows.slice(number - ends[group] + sizes[group], 1)
            return next(conversations.records(row.to_batches()[0]))

    def _number(self, record_id: str) -> int:
        """Where the conversation stands in the file, from 0; -1 where it does not."""
        return int(self.ids.index(record_id).as_py())


def present(records: dict[str, T], record_id: str, path: Path) -> T:
    """The record of that id; UserError where the file was made anew since."""
    if record_id not in records:
        raise UserError(f"{path}: {record_id} is not in it any more; run `dvc repro`")
    return records[record_id]
