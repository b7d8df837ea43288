"""Gives each passage its question: reads documents, passages, edits, writes data/interview.jsonl.

python -m stages.questions data/documents.jsonl data/passages.jsonl prompts/interview.txt \
    prompts/judge.txt data/edits data/interview.jsonl \
    --metrics metrics/questions.json --dropped data/dropped/questions.jsonl

A language model asks: at an endpoint, or in this process. What it once replied is in the store and
is never paid for again. The embedded backend asks by rule and needs no model. People's edits stand
over whatever was asked.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from askback import batches, files
from askback.asking import backends, embedded, local, prompts
from askback.asking.backends import Settings
from askback.asking.calls import rate
from askback.asking.filters import Filter
from askback.asking.interview import (
    Interview,
    Settled,
    Subject,
    Wording,
    answered,
    edited,
    subjects,
)
from askback.asking.local import Interviewer
from askback.asking.passages import Rule, fit
from askback.asking.plan import Plan, plan
from askback.asking.prompts import Prompt
from askback.asking.replies import Replies, Request
from askback.asking.replies import read as read_replies
from askback.errors import UserError
from askback.home import home
from askback.ledger import Ledger
from askback.lock import locked
from askback.model import Precision, Quantize, locate
from askback.params import Persona, Section, load
from askback.records import Document, Dropped, Edit, Exchange, Passage
from askback.stage import In, Out, run

FIELDS = ("passage", "context", "author", "title", "form")  # context: the passage before
JUDGE_FIELDS = ("passage", "question")
PRIMER = "Question:"  # how a model in this process is made to begin


class LocalParams(Section):
    """The model in this process, where the backend is `local`."""

    revision: str | None  # a Hub id's commit
    quantize: Quantize
    precision: Precision


class QuestionsParams(Section):
    """Who asks, in which words, and which questions are good enough."""

    backend: Literal["embedded", "endpoint", "local"]
    model: str | None  # as the endpoint calls it; or a Hub id or a folder
    prompt: str  # its path, which dvc.yaml puts on the command line
    per_passage: int = Field(ge=1, le=16)
    sampling: dict[str, Any]  # fields of the request, sent as they are
    filters: list[Filter]
    leave_out: list[Rule]
    judge: str | None  # the model that judges; null: nobody does
    local: LocalParams
    seed: int

    @field_validator("model")
    @classmethod
    def is_named_where_one_asks(cls, value: str | None, info: ValidationInfo) -> str | None:
        """The value, if the backend can do with it."""
        if value is None and info.data.get("backend") not in (None, "embedded"):
            raise ValueError("name the model that asks, or set backend: embedded")
        return value

    @field_validator("sampling")
    @classmethod
    def has_an_end(cls, value: dict[str, Any]) -> dict[str, Any]:
        """The value, if it bounds the reply: what a call can cost must be known before it."""
        limit = value.get("max_tokens") or value.get("max_completion_tokens")
        if type(limit) is not int or limit < 1:
            raise ValueError("max_tokens (or max_completion_tokens) must be a number above 0")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{error}; write what JSON has") from None
        if taken := {"model", "messages", "seed", "stream", "n"} & set(value):
            raise ValueError(f"{min(taken)} is set by Askback")
        return value


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


def read_prompt(
    path: Path, params: QuestionsParams, documents: Iterable[Document], author: str | None
) -> Prompt:
    """The interviewer's prompt; raises UserError where it does not go with params and books."""
    found = prompts.read(path, FIELDS, needed=["passage"])
    check_authors(found, path, documents, author)
    if params.per_passage > max(len(found.forms), 1):
        raise UserError(
            f"{path} has {len(found.forms)} forms of asking and questions.per_passage is "
            f"{params.per_passage}; write more forms below a line of ---, or ask fewer"
        )
    return found


def prepare(documents: Path, passages: Path, prompt: Path, judge: Path, edits: Path) -> Interview:
    """What params.yaml and these files want to be asked; raises UserError where they are wrong."""
    params, persona = load("questions", QuestionsParams), load("persona", Persona)
    books = {book.document: book for book in files.read(documents, Document)}
    asked_with = read_prompt(prompt, params, books.values(), persona.author)
    judged_with = prompts.read(judge, JUDGE_FIELDS, needed=JUDGE_FIELDS)
    edited_ones = read_edits(edits)
    return Interview(
        subjects=list(asked_about(passages, books, persona.author, params, edited_ones)),
        edits=edited_ones,
        wording=wording(params, asked_with, judged_with),
        switched_on=frozenset(params.filters),
    )


def project() -> Interview:
    """What the project in this folder wants to be asked, for commands; where dvc.yaml has it."""
    data = Path("data")
    for path in (data / "documents.jsonl", data / "passages.jsonl"):
        if not path.is_file():
            raise UserError(f"{path} is missing; `dvc repro segment` makes it")
    prompt = Path(load("questions", QuestionsParams).prompt)
    judge = Path("prompts/judge.txt")
    return prepare(data / "documents.jsonl", data / "passages.jsonl", prompt, judge, data / "edits")


def wording(params: QuestionsParams, prompt: Prompt, judge: Prompt) -> Wording:
    """What shapes every request. A model in this process is named with its commit or its hash."""
    asked_with = Wording(
        model=params.model or embedded.NAME,
        sampling=params.sampling,
        prompt=prompt,
        seed=params.seed,
        per_passage=params.per_passage,
        judge=params.judge,
        judge_prompt=judge,
    )
    if params.backend != "local":
        return asked_with
    if params.judge not in (None, params.model):
        raise UserError("params.yaml: questions.judge: only questions.model is in this process")
    model = local.identity(params.model or "", params.local.revision)
    return replace(
        asked_with,
        model=model,
        sampling=params.sampling | params.local.model_dump(include={"quantize", "precision"}),
        primer=PRIMER,
        judge=model if params.judge else None,
    )


def asked_about(
    passages: Path,
    books: Mapping[str, Document],
    author: str | None,
    params: QuestionsParams,
    edits: Mapping[str, Edit],
) -> Iterator[Subject | Dropped]:
    """The passages with what is told about them; those that work as no answer are dropped.

    A person's edit stands over that as well.
    """
    all_passages = list(files.read(passages, Passage))
    fates = fit(all_passages, params.leave_out)
    for subject, fate in zip(subjects(all_passages, books, author), fates, strict=True):
        if isinstance(fate, Dropped) and subject.passage.id not in edits:
            yield fate
        else:
            yield subject


def ask(asked: Interview, params: QuestionsParams) -> Settled:
    """Everything settled: what is not known yet is asked. Raises the Halt that came between."""
    with locked(home("replies"), patience=float("inf")):
        replies = read_replies([home("replies")])
        settled = asked.settle(replies.get)
        remote = settled.wanted and params.backend == "endpoint"
        settings = Settings.read(os.environ) if remote else None
        for line in forecast(asked, settled.wanted.values(), replies, settings).lines():
            print(f"questions: {line}", file=sys.stderr)
        backends.refuse_offline(len(settled.wanted))
        if twice := settled.wanted.keys() & batches.out(home("batches"), replies):
            print(
                f"questions: warning: {len(twice):,} of them are out in a batch file, and will be "
                "paid for twice; better `askback batch import` its results first",
                file=sys.stderr,
            )

        def wanted() -> list[Request]:
            nonlocal settled
            if any(map(replies.get, settled.wanted)):  # else nothing is known that was not before
                settled = asked.settle(replies.get)
            return list(settled.wanted.values())

        if settled.wanted and settings:
            backends.ask_endpoints(wanted, replies, settings)
        elif settled.wanted:
            backends.ask_local(wanted, replies, interviewer(params))
        return settled


def interviewer(params: QuestionsParams) -> Interviewer:
    """The model that asks in this process."""
    folder = locate(params.model or "", params.local.revision, "questions")
    return Interviewer(folder, params.local.quantize, params.local.precision)


def forecast(
    asked: Interview, wanted: Iterable[Request], replies: Replies, settings: Settings | None
) -> Plan:
    """What asking will take, by the replies that are there."""
    return plan(
        passages=sum(isinstance(subject, Subject) for subject in asked.subjects),
        wanted=list(wanted),
        earlier=(reply for reply in replies if reply.model == asked.wording.model),
        price=settings.price if settings else None,
        rate=rate(home("calls")),
    )


def by_rule(
    subjects: Iterable[Subject | Dropped], edits: Mapping[str, Edit], seed: int
) -> Iterator[Exchange | Dropped]:
    """Each passage with the question of the embedded interviewer, or as a person wants it."""
    print(
        "questions: the embedded backend asks by rule, in English; it stands in for a model",
        file=sys.stderr,
    )
    fates = [one.passage if isinstance(one, Subject) else one for one in subjects]
    asked = embedded.questions([fate for fate in fates if isinstance(fate, Passage)], seed)
    for fate in fates:
        if isinstance(fate, Dropped):
            yield fate
            continue
        question, edit = next(asked), edits.get(fate.id)
        yield edited(fate, edit) if edit else answered(fate, question, embedded.NAME, None)


def strangers(edits: Mapping[str, Edit], passages: Iterable[str]) -> Iterator[Dropped]:
    """The edits that belong to no passage."""
    known = set(passages)
    for name, edit in edits.items():
        if name not in known:
            yield Dropped(name, "edit_without_passage", f"{edit.by}: {edit.question or edit.drop}")


def main(
    documents: In, passages: In, prompt: In, judge: In, edits: In, interview: Out, ledger: Ledger
) -> None:
    """Each passage gets the question that it answers."""
    params = load("questions", QuestionsParams)
    asked = prepare(documents, passages, prompt, judge, edits)
    if params.backend == "embedded":
        outcomes = list(by_rule(asked.subjects, asked.edits, params.seed))
    else:
        settled = ask(asked, params)
        outcomes = settled.outcomes
        ledger.figures["turned_down"] = dict(sorted(settled.turned_down.items()))
    outcomes += strangers(asked.edits, asked.passages)
    kept = list(ledger.sort(outcomes))
    files.write(interview, kept)
    ledger.figures |= {
        "asked_by": dict(sorted(Counter(one.asked_by for one in kept).items())),
        "edited": sum(one.edited_by is not None for one in kept),
    }


if __name__ == "__main__":
    run(main)
