"""Folders in which the stage `questions` can ask a real endpoint, and the runs of it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from askback import files
from askback.asking.replies import Replies, read
from askback.records import Document, Dropped, Exchange, Ids, Passage
from tests.endpoint import Endpoint

ROOT = Path(__file__).parents[1]
BOOK = Document("book", "book.pdf", "Salt", "Ida Marren", "en", None, "0" * 64)
PARAMS: dict[str, Any] = {
    "persona": {"author": None, "system": "S"},
    "questions": {
        "backend": "endpoint",
        "model": "test-model",
        "prompt": "prompt.txt",
        "per_passage": 1,
        "sampling": {"temperature": 0.7, "max_tokens": 50},
        "filters": ["several", "too_long", "not_a_question", "near_duplicate"],
        "leave_out": [],
        "judge": None,
        "local": {"revision": None, "quantize": "none", "precision": "fp32"},
        "seed": 0,
    },
    "tokenize": {"max_length": 512, "train_on": "answers"},
}
SAMPLE = ROOT / "data" / "sample" / "half-hundredweight.typ"
WORDS = [word.lower() for word in SAMPLE.read_text("utf-8").split() if word.isalpha()]


def passages(count: int, seed: int = 0, chapter: int = 10, words: int = 40) -> list[Passage]:
    """Passages of so many words unlike each other, `chapter` of them in each chapter."""
    draw, ids, found = random.Random(seed), Ids(), []
    for number in range(1, count + 1):
        text = " ".join(draw.choices(WORDS, k=words)) + f", in the year {number}."
        name = f"Chapter {(number - 1) // chapter + 1}"
        found.append(
            Passage(ids("book", text), "book", number, name, number, number, "en", text, [])
        )
    return found


class Inquiry:
    """A folder with passages, params and prompts, where the stage can run."""

    def __init__(self, folder: Path, count: int = 20, **params: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "edits").mkdir(exist_ok=True)
        files.write(folder / "documents.jsonl", [BOOK])
        files.write(folder / "passages.jsonl", passages(count))
        self.prompt("Ask {author} a question. Before:\n{context}\nThe answer:\n{passage}\n")
        (folder / "judge.txt").write_text("Judge.\n{passage}\n{question}\n", "utf-8")
        self.set(**params)

    def prompt(self, text: str) -> None:
        """Writes the interviewer's prompt."""
        (self.folder / "prompt.txt").write_text(text, "utf-8")

    def set(self, **params: Any) -> None:
        """Writes params.yaml with these values of the section `questions`."""
        sections = PARAMS | {"questions": PARAMS["questions"] | params}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(sections), "utf-8")

    def start(self, *endpoints: Endpoint, **variables: str) -> subprocess.Popen[str]:
        """A run of the stage against the endpoints, as a process of its own."""
        command = [
            sys.executable, "-m", "stages.questions", "documents.jsonl", "passages.jsonl",
            "prompt.txt", "judge.txt", "edits", "interview.jsonl",
            "--metrics", "metrics.json", "--dropped", "dropped.jsonl",
        ]  # fmt: skip
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=surroundings(endpoints, variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *endpoints: Endpoint, **variables: str) -> tuple[int, str]:
        """Exit code and messages of a whole run."""
        with self.start(*endpoints, **variables) as process:
            _, told = process.communicate(timeout=500)
        return process.returncode, told

    def killed(self, after: float, *endpoints: Endpoint, **variables: str) -> str:
        """The messages of a run that is killed so many seconds after its first call."""
        before = sum(len(endpoint.received()) for endpoint in endpoints)
        with self.start(*endpoints, **variables) as process:
            while process.poll() is None:
                if sum(len(endpoint.received()) for endpoint in endpoints) > before:
                    break
                time.sleep(0.01)
            time.sleep(after)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            _, told = process.communicate()
        return told

    @property
    def replies(self) -> Replies:
        """What the store holds."""
        return read([self.folder / ".askback" / "replies"])

    @property
    def exchanges(self) -> list[Exchange]:
        """The interview."""
        return list(files.read(self.folder / "interview.jsonl", Exchange))

    @property
    def dropped(self) -> list[Dropped]:
        """What was left out."""
        return list(files.read(self.folder / "dropped.jsonl", Dropped))


def surroundings(endpoints: tuple[Endpoint, ...], variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run: quick to give up, unless `variables` say otherwise."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ASKBACK_")}
    return plain | {
        "PYTHONPATH": str(ROOT),
        "OPENAI_BASE_URL": ",".join(endpoint.url for endpoint in endpoints),
        "OPENAI_API_KEY": "",
        "ASKBACK_TIMEOUT": "2",
        "ASKBACK_PATIENCE": "20",
        **variables,
    }
