"""The interview as a pure function of passages, edits, params and stored replies.

For each passage and each form of asking: the prompt, the reply to it, and what is wrong with that.
A question that is turned down is asked for once more, with the reason; then that is the verdict.
Where a reply is not there yet, the request for it comes out instead.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from askback.asking import filters, judge
from askback.asking.duplicates import Near
from askback.asking.fence import fenced
from askback.asking.judge import Judgement
from askback.asking.prompts import Prompt
from askback.asking.replies import Reply, Request
from askback.records import Document, Dropped, Edit, Exchange, Message, Passage

ATTEMPTS = 2  # the second with the reason why the first would not do
DETAIL = 200  # characters of a reply that the ledger shows
NOTHING = "(nothing)"  # a context where there is none

Lookup = Callable[[str], Reply | None]  # the stored reply to a request, by its key


@dataclass(frozen=True, slots=True)
class Wording:
    """What shapes every request."""

    model: str
    sampling: Mapping[str, Any]
    prompt: Prompt
    seed: int
    per_passage: int = 1
    primer: str | None = None  # how the reply is made to begin, where the backend can
    judge: str | None = None  # the model that judges, if one does
    judge_prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A question that passed, and the reply that it came in."""

    question: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a passage has no question in this form: the last attempt's fault."""

    fault: str
    detail: str


@dataclass(frozen=True, slots=True)
class Open:
    """That a request comes first, before there is more to say."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A passage to be asked about, with the text before it in its chapter."""

    passage: Passage
    context: str
    author: str
    title: str


@dataclass
class Settled:
    """What is decided so far, in the order of passages, and which requests are without a reply."""

    outcomes: list[Exchange | Dropped] = field(default_factory=list)
    wanted: dict[str, Request] = field(default_factory=dict)  # by key
    turned_down: Counter[str] = field(default_factory=Counter)  # by fault, all attempts


class Interview:
    """All that decides which questions are asked, and of what."""

    def __init__(
        self,
        subjects: Sequence[Subject | Dropped],
        edits: Mapping[str, Edit],
        wording: Wording,
        switched_on: frozenset[str],
    ) -> None:
        self.subjects = subjects
        self.edits = edits
        self.wording = wording
        self.switched_on = switched_on
        self._faults: dict[str, str | None] = {}  # of replies, by their key and nonce: slow to find

    @property
    def passages(self) -> list[str]:
        """The ids of all passages."""
        return [one.passage.id if isinstance(one, Subject) else one.id for one in self.subjects]

    def wanted(self, lookup: Lookup) -> list[Request]:
        """The requests that are without a reply."""
        return list(self.settle(lookup).wanted.values())

    def settle(self, lookup: Lookup) -> Settled:
        """Every passage with its questions or its verdict, as far as replies are there.

        Questions are compared with each other only once nothing else is wanted: else a call may be
        paid for because of a question that is turned down itself.
        """
        settled = self._settle(Desk(self, lookup, None))
        if settled.wanted or "near_duplicate" not in self.switched_on:
            return settled
        return self._settle(Desk(self, lookup, Near.questions()))

    def _settle(self, desk: "Desk") -> Settled:
        for subject in self.subjects:
            if isinstance(subject, Dropped):
                desk.settled.outcomes.append(subject)
            elif edit := self.edits.get(subject.passage.id):
                desk.settled.outcomes.append(edited(subject.passage, edit))
            else:
                desk.settled.outcomes += desk.ask(subject)
        return desk.settled

    def fault(self, subject: Subject, reply: Reply, question: str) -> str | None:
        """What is wrong with a question by itself, if anything."""
        name = f"{reply.key}:{reply.nonce}"
        if name not in self._faults:
            self._faults[name] = filters.fault(
                question,
                subject.passage,
                self.switched_on,
                sources=[subject.context],
                prompt=self.wording.prompt.text,
            )
        return self._faults[name]


def subjects(
    passages: Sequence[Passage], documents: Mapping[str, Document], author: str | None
) -> Iterator[Subject]:
    """Each passage with what is told about it: the passage before in its chapter, book, author."""
    before: Passage | None = None
    for passage in passages:
        near = before and (before.document, before.chapter) == (passage.document, passage.chapter)
        context = before.text if before and near else ""
        book = documents[passage.document]
        yield Subject(passage, context, author or book.author or "", book.title)
        before = passage


class Desk:
    """Where passages are asked about, one after another: a question is compared with those before.

    `near` has those before; none where they are not compared yet.
    """

    def __init__(self, interview: Interview, lookup: Lookup, near: Near | None) -> None:
        self.interview = interview
        self.wording = interview.wording
        self.lookup = lookup
        self.near = near
        self.settled = Settled()

    def ask(self, subject: Subject) -> Iterator[Exchange | Dropped]:
        """The passage's exchanges, or the verdict that it has none; nothing while it is open."""
        results = [self._ask(subject, form) for form in range(self.wording.per_passage)]
        accepted = [result for result in results if isinstance(result, Accepted)]
        rejected = [result for result in results if isinstance(result, Rejected)]
        for one in accepted:
            yield exchange(subject.passage, one)
        if not accepted and len(rejected) == len(results):
            yield Dropped(subject.passage.id, rejected[0].fault, rejected[0].detail)

    def _ask(self, subject: Subject, form: int) -> Accepted | Rejected | None:
        """What became of one form of asking; None where a request is wanted first."""
        fault: str | None = None
        detail = ""
        for attempt in range(ATTEMPTS):
            asked = request(self.wording, subject, form, attempt, fault)
            reply = self._reply(asked)
            if reply is None:
                return None
            if reply.verdict == "given_up":
                return Rejected("given_up", reply.text)
            question = filters.question(reply.text)
            found = self._fault(subject, reply, question)
            if found is None:
                if self.near:
                    self.near.add(f"{subject.passage.id}:{form}", question)
                return Accepted(question, reply)
            if isinstance(found, Open):
                return None
            fault, detail = found
            self.settled.turned_down[fault] += 1
        assert fault
        return Rejected(fault, detail)

    def _reply(self, asked: Request) -> Reply | None:
        """The reply to a request; where there is none, the request is wanted."""
        reply = self.lookup(asked.key)
        if reply is None:
            self.settled.wanted[asked.key] = asked
        return reply

    def _fault(
        self, subject: Subject, reply: Reply, question: str
    ) -> tuple[str, str] | Open | None:
        """What is wrong with a reply, and of which kind."""
        if reply.verdict != "answer":
            return reply.verdict, reply.text[:DETAIL]
        if fault := self.interview.fault(subject, reply, question):
            return fault, question[:DETAIL]
        if self.wording.judge:
            judgement = self._judge(subject.passage, question)
            if judgement is None:
                return Open()
            if judgement.good is False:
                return "judged_out", judgement.reason
        if self.near and (other := self.near.find(question)):
            return "near_duplicate", f"of passage {other.partition(':')[0]}: {question[:DETAIL]}"
        return None

    def _judge(self, passage: Passage, question: str) -> Judgement | None:
        """What the judge says; None while it has not been asked."""
        verdict = self._reply(judge_request(self.wording, passage, question))
        return judge.parse(verdict.text) if verdict else None


def request(
    wording: Wording, subject: Subject, form: int, attempt: int, fault: str | None
) -> Request:
    """The prompt for a passage; the second attempt's says what was wrong with the first."""
    content = wording.prompt.fill(
        {
            "passage": fenced(subject.passage.text),
            "context": fenced(subject.context) if subject.context else NOTHING,
            "author": subject.author,
            "title": subject.title,
            "form": form_of(wording.prompt.forms, subject.passage.text, form),
        }
    )
    if fault:
        content += f"\n\n{filters.again(fault)}"
    messages = [Message("user", content)]
    if wording.primer:
        messages.append(Message("assistant", wording.primer))
    sampling = dict(wording.sampling) | {"seed": wording.seed + ATTEMPTS * form + attempt}
    return Request(wording.model, messages, sampling, subject.passage.id)


def form_of(forms: Sequence[str], text: str, number: int) -> str:
    """The form for a passage's question of that number; passages of other texts begin with others.

    A name has no say in it, so a book whose file is renamed is not asked about again.
    """
    if not forms:
        return ""
    start = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
    return forms[(start + number) % len(forms)]


def judge_request(wording: Wording, passage: Passage, question: str) -> Request:
    """The prompt that asks whether the passage would be a good reply to the question."""
    assert wording.judge
    assert wording.judge_prompt
    content = wording.judge_prompt.fill(
        {"passage": fenced(passage.text), "question": fenced(question)}
    )
    sampling = dict(wording.sampling) | {"temperature": 0.0, "seed": wording.seed}
    return Request(wording.judge, [Message("user", content)], sampling, passage.id)


def exchange(passage: Passage, accepted: Accepted) -> Exchange:
    """The passage as the answer to the question that was accepted."""
    return answered(passage, accepted.question, accepted.reply.model, accepted.reply.key)


def edited(passage: Passage, edit: Edit) -> Exchange | Dropped:
    """The passage as a person wants it: asked otherwise, or left out."""
    if edit.drop or not edit.question:
        return Dropped(passage.id, "edited_out", f"{edit.by}: {edit.drop}")
    return answered(passage, edit.question.strip(), edit.by, None, edited_by=edit.by)


def answered(
    passage: Passage, question: str, asked_by: str, key: str | None, edited_by: str | None = None
) -> Exchange:
    """The exchange of a question and the passage."""
    return Exchange(
        passage=passage.id,
        document=passage.document,
        chapter=passage.chapter,
        first_page=passage.first_page,
        last_page=passage.last_page,
        question=question,
        answer=passage.text,
        asked_by=asked_by,
        reply=key,
        edited_by=edited_by,
    )
