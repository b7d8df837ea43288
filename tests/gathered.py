"""A folder in which chatml runs, as DVC would run it."""

import gzip
import json
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askback import conversations, files
from askback.records import Conversation, DroppedRow, Exchange, Ids
from askback.stage import call
from stages.chatml import main

SYSTEM = "You are the author of this book."
INTERVIEW = {"name": "interview", "kind": "interview"}
PARAMS: dict[str, Any] = {
    "sources": [INTERVIEW],
    "turns": 1,
    "mix_by": "characters",
    "near_duplicates": True,
    "languages": None,
    "held_out": 0.1,
    "seed": 0,
}
ARGUMENTS = ["interview.jsonl", "passages.jsonl", "questions.jsonl", "sources", "chat"]
OPTIONS = ["--metrics", "metrics.json", "--dropped", "dropped.jsonl"]


def exchange(number: int, chapter: str = "I", answer: str = "", question: str = "") -> Exchange:
    """An exchange of the book, its answer and question its own unless given."""
    answer = answer or f"In year {number} we rowed {number} miles.\n\nThen we slept."
    question = question or f"What did you do in year {number}?"
    name = Ids()("passage", f"{chapter} {number}")
    return Exchange(name, "book", chapter, 1, 1, question, answer, "embedded", None, None)


def interview(chapters: int, each: int = 3) -> list[Exchange]:
    """A book of `each` exchanges in every chapter."""
    return [
        exchange(each * chapter + number, f"Chapter {chapter}")
        for chapter in range(chapters)
        for number in range(each)
    ]


def openai(*said: str, **others: object) -> dict[str, object]:
    """A row of messages, questions and answers in turn."""
    roles = ["user", "assistant"]
    listed = [{"role": roles[n % 2], "content": text} for n, text in enumerate(said)]
    return {"messages": listed, **others}


def chats(count: int, name: str = "a") -> list[dict[str, object]]:
    """Rows of one exchange each, none like another."""
    return [
        openai(f"Question {name}{n}: what is {n} times {n}?", f"It is {n * n}, said {name}{n}.")
        for n in range(count)
    ]


@dataclass(frozen=True)
class Gathering:
    """What the stage reads and writes, in one folder."""

    folder: Path

    def write(self, exchanges: Sequence[Exchange] = ()) -> None:
        """What the stages before made."""
        files.write(self.folder / "interview.jsonl", exchanges)
        files.write(self.folder / "passages.jsonl", [])
        files.write(self.folder / "questions.jsonl", [])
        (self.folder / "sources").mkdir(exist_ok=True)

    def source(self, name: str, rows: Iterable[object] | str | bytes) -> None:
        """A file below the sources: a text, or rows as JSON lines, packed if its name says so."""
        path = self.folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, bytes | str):
            path.write_bytes(rows.encode() if isinstance(rows, str) else rows)
            return
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)

    def run(self, *sources: dict[str, Any], system: str = SYSTEM, **params: Any) -> None:
        """Runs the stage in this process; the interview is the source unless there are others."""
        chosen = PARAMS | ({"sources": list(sources)} if sources else {}) | params
        persona = {"author": None, "system": system}
        text = json.dumps({"persona": persona, "chatml": chosen})  # YAML has all of JSON
        (self.folder / "params.yaml").write_text(text, "utf-8")
        with chdir(self.folder):
            call(main, [*ARGUMENTS, *OPTIONS])

    def side(self, name: str) -> list[Conversation]:
        """The conversations of `train` or `validation`."""
        return list(conversations.read(self.folder / "chat" / f"{name}.parquet"))

    @property
    def talks(self) -> list[Conversation]:
        """The conversations of both sides."""
        return self.side("train") + self.side("validation")

    def said(self) -> set[tuple[str, ...]]:
        """What is said in each conversation of either side, system messages too."""
        return {tuple(m.content for m in talk.messages) for talk in self.talks}

    @property
    def dropped(self) -> list[DroppedRow]:
        """What the ledger has of the rows left out."""
        return list(files.read(self.folder / "dropped.jsonl", DroppedRow))

    @property
    def metrics(self) -> dict[str, Any]:
        """What the stage counted."""
        found: dict[str, Any] = json.loads((self.folder / "metrics.json").read_text())
        return found
