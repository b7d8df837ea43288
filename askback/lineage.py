"""Where every record comes from: what the stages made in one data folder, by id."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TypeVar

from askback import conversations, files
from askback.errors import UserError
from askback.records import Conversation, Document, Dropped, Exchange, Paragraph, Passage

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
    def training(self) -> dict[str, Conversation]:
        """The conversations to learn from, by id."""
        return self.side("train")

    @cached_property
    def held_out(self) -> dict[str, Conversation]:
        """The conversations of the held-out chapters, by id."""
        return self.side("validation")

    @cached_property
    def dropped(self) -> list[tuple[str, Dropped]]:
        """What was left out, with the stage that did so."""
        paths = sorted((self.data / "dropped").glob("*.jsonl"))
        return [(path.stem, item) for path in paths for item in files.read(path, Dropped)]

    @property
    def kinds(self) -> Sequence[Mapping[str, Record]]:
        """Every kind of record, those nearest to training first."""
        return [self.training, self.held_out, self.passages, self.paragraphs]

    def get(self, record_id: str) -> Record | None:
        """The record of that id; the conversation where a passage shares it."""
        return next((kind[record_id] for kind in self.kinds if record_id in kind), None)

    def passage(self, record_id: str) -> Passage:
        """The passage of that id."""
        return present(self.passages, record_id, self.data / "passages.jsonl")

    def paragraph(self, record_id: str) -> Paragraph:
        """The paragraph of that id."""
        return present(self.paragraphs, record_id, self.data / "paragraphs.jsonl")

    def whole_id(self, start: str) -> str:
        """The one id that begins with `start`; UserError where there is none, or a choice."""
        known = {*chain(*self.kinds), *(item.id for _, item in self.dropped)}
        if start in known:
            return start
        near = sorted(record_id for record_id in known if record_id.startswith(start))
        if not near:
            raise UserError(
                f"nothing in {self.data} has the id {start}; `askback show` samples one"
            )
        if len(near) > 1:
            some = ", ".join(near[:MANY]) + (", ..." if len(near) > MANY else "")
            raise UserError(f"{start} begins {len(near)} ids ({some}); write more of it")
        return near[0]

    def side(self, name: str) -> dict[str, Conversation]:
        """The conversations of one side of the split, by id."""
        path = self.data / "chat" / f"{name}.parquet"
        return {c.id: c for c in conversations.read(path)} if path.is_file() else {}

    def rows(self, name: str, record: type[T]) -> list[T]:
        """The records of a JSON lines file; none where no stage has written it."""
        path = self.data / name
        return list(files.read(path, record)) if path.is_file() else []


def present(records: dict[str, T], record_id: str, path: Path) -> T:
    """The record of that id; UserError where the file was made anew since."""
    if record_id not in records:
        raise UserError(f"{path}: {record_id} is not in it any more; run `dvc repro`")
    return records[record_id]
