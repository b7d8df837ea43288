"""Gives each passage its question: reads documents, passages, edits, writes data/interview.jsonl.

python -m stages.questions data/documents.jsonl data/passages.jsonl prompts/interview.txt \
    data/edits data/interview.jsonl \
    --metrics metrics/questions.json --dropped data/dropped/questions.jsonl

The embedded backend asks by rule and needs no model; people's edits stand over whatever was asked.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from askback import files
from askback.asking import embedded, prompts
from askback.asking.prompts import Prompt
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Persona, Section, load
from askback.records import Document, Dropped, Edit, Exchange, Passage
from askback.stage import In, Out, run

FIELDS = ("passage", "context", "author", "title")  # context: the passage before, in its chapter


class QuestionsParams(Section):
    """Who asks, and in which words."""

    backend: Literal["embedded"]
    prompt: str  # its path, which dvc.yaml puts on the command line
    seed: int


def read_edits(folder: Path) -> dict[str, Edit]:
    """The edit that holds for each passage: the last one, in the order of file names and lines."""
    edits: dict[str, Edit] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, edit in enumerate(files.read(path, Edit), 1):
            given = [text for text in (edit.question, edit.drop) if text is not None]
            if len(given) != 1 or not given[0].strip():
                raise UserError(
                    f"{path}:{number}: write either `question`, what to ask instead, "
                    "or `drop`, why this passage is no answer"
                )
            edits[edit.passage] = edit
    return edits


def check_authors(
    prompt: Prompt, path: Path, documents: Iterable[Document], author: str | None
) -> None:
    """Raises UserError where the prompt names the author and nobody has said who that is."""
    for document in documents:
        if "author" in prompt.fields and not (author or document.author):
            sidecar = PurePosixPath(document.path).with_suffix(".yaml")
            raise UserError(
                f"{path} has {{author}}, and {document.path} names none: write `author:` in its "
                f"sidecar {sidecar}, or set persona.author in params.yaml"
            )


def exchanges(
    passages: Sequence[Passage], questions: Iterable[str], edits: Mapping[str, Edit]
) -> Iterator[Exchange | Dropped]:
    """Each passage with its question, or dropped by an edit; then the edits that found none."""
    for passage, question in zip(passages, questions, strict=True):
        edit = edits.get(passage.id)
        if edit and edit.drop:
            yield Dropped(passage.id, "edited_out", f"{edit.by}: {edit.drop}")
        else:
            yield exchange(passage, question, edit)
    known = {passage.id for passage in passages}
    for name, edit in edits.items():
        if name not in known:
            yield Dropped(name, "edit_without_passage", f"{edit.by}: {edit.question or edit.drop}")


def exchange(passage: Passage, question: str, edit: Edit | None) -> Exchange:
    """The passage as the answer to `question`, or to the one that an edit asks instead."""
    return Exchange(
        passage=passage.id,
        document=passage.document,
        chapter=passage.chapter,
        first_page=passage.first_page,
        last_page=passage.last_page,
        question=edit.question.strip() if edit and edit.question else question,
        answer=passage.text,
        asked_by=embedded.NAME,
        reply=None,
        edited_by=edit.by if edit else None,
    )


def main(
    documents: In, passages: In, prompt: In, edits: In, interview: Out, ledger: Ledger
) -> None:
    """Writes the interview."""
    params, persona = load("questions", QuestionsParams), load("persona", Persona)
    wording = prompts.read(prompt, FIELDS, needed=["passage"])
    check_authors(wording, prompt, files.read(documents, Document), persona.author)
    edited = read_edits(edits)
    answers = list(files.read(passages, Passage))
    print(
        "questions: the embedded backend asks by rule, in English; it stands in for a model",
        file=sys.stderr,
    )
    asked = embedded.questions(answers, params.seed)
    kept = list(ledger.sort(exchanges(answers, asked, edited)))
    files.write(interview, kept)
    ledger.figures |= {
        "asked_by": dict(sorted(Counter(e.asked_by for e in kept).items())),
        "edited": sum(e.edited_by is not None for e in kept),
    }


if __name__ == "__main__":
    run(main)
