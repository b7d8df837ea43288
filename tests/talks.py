"""A pipeline of one stage: talks.json becomes data/chat/, as chatml would write it.

python -m tests.talks
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from askback import conversations, files
from askback.records import Conversation, Ids, Message

PIPELINE = """\
stages:
  chatml:
    cmd: python -m tests.talks
    deps: [talks.json]
    params: [end]
    outs: [data/chat]
    metrics: [metrics/chatml.json: {cache: false}]
"""
Talk = tuple[str, str, str, str]  # side, source, passage (empty for none), `question: answer`


def make(talks: Sequence[Talk], folder: Path, end: str = "") -> None:
    """The conversations of the talks, `end` after each answer, and the figures of the stage."""
    ids = Ids()
    sides: dict[str, list[Conversation]] = {"train": [], "validation": []}
    for side, source, passage, said in talks:
        question, answer = said.split(": ")
        messages = [Message("user", question), Message("assistant", answer + end)]
        passages = [passage] if passage else []
        name = ids(source, said + end)
        sides[side].append(Conversation(name, source, "book", "I", passages, messages, ""))
    for side, found in sides.items():
        conversations.write(folder / f"data/chat/{side}.parquet", found)
    files.write_json(folder / "metrics/chatml.json", figures(talks, end))


def figures(talks: Sequence[Talk], end: str) -> dict[str, object]:
    """Numbers in nested objects, and what are none."""
    sources = Counter(source for _, source, _, _ in talks)
    return {
        "kept": len(talks),
        "dropped": {"short": 7 - len(talks)} | ({"late": 2} if end else {}),
        "sources": {name: {"conversations": count, "seed": 1} for name, count in sources.items()},
        "held_out": ["IV"],
        "leak": bool(end),
    }


if __name__ == "__main__":
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    make(json.loads(Path("talks.json").read_text("utf-8")), Path(), params["end"])
