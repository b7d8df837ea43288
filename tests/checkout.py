"""A checkout with a book of a dozen passages, and what its runs ask of an endpoint."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from askback import files
from askback.asking.replies import Replies, read
from askback.records import Dropped, Exchange
from tests import book
from tests.call_log import Event
from tests.endpoint import Endpoint
from tests.fake_model import passage
from tests.project import Project, environment

Chapters = Sequence[tuple[str, Sequence[str]]]  # by their titles, the paragraphs of each

PARAGRAPHS = [" ".join(book.SENTENCES[at : at + 2]) for at in range(0, len(book.SENTENCES), 2)]
CHAPTERS: Chapters = [
    ("The Ferry", PARAGRAPHS[:4]),
    ("The Far Bank", PARAGRAPHS[4:8]),
    ("The Bridge", PARAGRAPHS[8:12]),
]
PASSAGES = PARAGRAPHS[:12]  # each paragraph is one
NEW = PARAGRAPHS[12:15]  # for changes
NEW_CHAPTER = ("The Well", [f"{book.SENTENCES[at]} {book.SENTENCES[at + 9]}" for at in range(5)])
NEW_PAGE = "#pagebreak()"  # among the paragraphs
PARAMS = {
    "extract.books": "data/raw",
    "segment.min_chars": 40,
    "questions.backend": "endpoint",
    "questions.model": "test-model",
}
SIDECAR = "title: The Ferryman\nauthor: Ida Marren\nlanguage: en\n"


class Checkout(Project):
    """A checkout whose stage `questions` asks an endpoint about the book."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        super().__init__(folder)
        self.endpoint = endpoint

    @classmethod
    def with_book(cls, folder: Path, endpoint: Endpoint) -> "Checkout":
        """A fresh one, the book under DVC's control."""
        made = cls(Project.create(folder, PARAMS).folder, endpoint)
        made.write_book(CHAPTERS)
        made.dvc("add", "-q", "data/raw/ferry.pdf")
        made.commit("a book")
        return made

    def copied(self, folder: Path, endpoint: Endpoint | None = None) -> "Checkout":
        """The same with all that it has made, elsewhere, asking the same endpoint or another."""
        return Checkout(self.copy(folder).folder, endpoint or self.endpoint)

    def write_book(self, chapters: Chapters, name: str = "ferry") -> None:
        """Prints the book, each chapter from a new page on."""
        parts = [book.flow(book.chapter(title), *paragraphs) for title, paragraphs in chapters]
        printed = book.printed(book.design() + book.flow(*parts))
        path = self.folder / f"data/raw/{name}.pdf"
        path.unlink(missing_ok=True)  # it may be a link into DVC's cache
        path.write_bytes(printed)
        (self.folder / f"data/raw/{name}.yaml").write_text(SIDECAR, "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """What a run needs to ask the endpoint; it gives up soon."""
        return {
            "OPENAI_BASE_URL": self.endpoint.url,
            "OPENAI_API_KEY": "",
            "ASKBACK_BUDGET": "",
            "ASKBACK_OFFLINE": "",
            "ASKBACK_PATIENCE": "1",
        }

    def asked(self, *arguments: str, code: int = 0, **variables: str) -> list[str]:
        """The passages that `dvc ARGUMENTS` asks about, sorted, each as often as it is asked."""
        before = len(self.endpoint.received())
        run = self.dvc(*arguments, check=False, **(self.environment | variables))
        assert (run.returncode != 0) == (code != 0), run.stdout + run.stderr
        assert not code or f"exited with {code}" in run.stderr, run.stdout + run.stderr
        self.told = run.stdout + run.stderr
        return asked_about(self.endpoint.received()[before:])

    def repro(self, *options: str, code: int = 0, **variables: str) -> list[str]:
        """The passages that `dvc repro questions` asks about; the stage ends with `code`."""
        return self.asked("repro", "questions", *options, code=code, **variables)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """`dvc ARGUMENTS`, running; what it says is added to the file `told`."""
        with (self.folder / "told").open("a", encoding="utf-8") as told:
            return subprocess.Popen(
                [sys.executable, "-m", "dvc", *arguments], cwd=self.folder,
                env=environment(**(self.environment | variables)),
                stdout=told, stderr=told, text=True,
            )  # fmt: skip

    @property
    def replies(self) -> Replies:
        """What the store holds."""
        return read([self.folder / ".askback/replies"])

    @property
    def interview(self) -> list[Exchange]:
        """The rows of data/interview.jsonl."""
        return list(files.read(self.folder / "data/interview.jsonl", Exchange))

    @property
    def dropped(self) -> list[Dropped]:
        """What the stage left out."""
        return list(files.read(self.folder / "data/dropped/questions.jsonl", Dropped))

    def made(self) -> dict[str, bytes]:
        """All that the stage has written."""
        paths = [out["path"] for out in self.lock()["questions"]["outs"]]
        return {path: (self.folder / path).read_bytes() for path in paths}


def asked_about(received: Sequence[Event]) -> list[str]:
    """The passages of calls, sorted."""
    return sorted(passage(event.text) for event in received)
