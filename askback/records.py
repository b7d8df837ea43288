"""What the stages hand on: plain records, each with the words a reader of the book would use."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Kind = Literal["para", "quote", "verse", "heading", "list", "caption", "note", "junk"]
Role = Literal["system", "user", "assistant"]

IGNORED = -100  # the label of a token that is context; torch's cross_entropy skips it


@dataclass(frozen=True, slots=True)
class Document:
    """A book or other single work, and who may use it how."""

    document: str  # its name in every id: the path below the books' folder, without the suffix
    path: str  # below the books' folder
    title: str
    author: str | None
    language: str  # ISO 639-1
    licence: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph as its author set it."""

    id: str
    document: str
    number: int  # its place in the document, from 1
    chapter: str  # the heading it stands under; empty before the first
    kind: Kind
    text: str
    first_page: int  # as the PDF counts, from 1; 0 where a format has no pages
    last_page: int


@dataclass(frozen=True, slots=True)
class Slice:
    """text[start:end] of the paragraph `id`, counted in characters."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """One or more paragraphs, or part of one, that can stand as an answer.

    Its text is the slices of its paragraphs, joined by a blank line: no other text is ever in it.
    """

    id: str
    document: str
    number: int
    chapter: str
    first_page: int
    last_page: int
    language: str
    text: str
    paragraphs: list[Slice]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the passage that answers it."""

    passage: str
    document: str
    chapter: str
    first_page: int
    last_page: int
    question: str
    answer: str
    asked_by: str  # the backend, the model or the person that wrote the question
    reply: str | None  # the key of the paid reply; none where nothing was paid
    edited_by: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A person's correction or verdict on one passage's exchange."""

    passage: str
    by: str
    question: str | None = None  # the question to ask instead
    drop: str | None = None  # why this passage is no answer


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to learn from, and where they come from."""

    id: str
    source: str
    document: str
    chapter: str
    passages: list[str]
    messages: list[Message]
    text: str  # its ChatML, for people to read; nothing parses it


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One conversation's ids, and the same as labels where it is supervised."""

    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """How many of its tokens are predicted; the first never is."""
        return sum(label != IGNORED for label in self.labels[1:])


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A conversation as data/tokens/ has it."""

    id: str
    document: str
    input_ids: list[int]
    labels: list[int]

    @property
    def row(self) -> Row:
        """What the model sees of it."""
        return Row(self.input_ids, self.labels)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tuned model said to a held-out question, beside what the author wrote."""

    id: str  # the conversation's
    document: str
    chapter: str
    question: str
    author: str
    answer: str
    stopped: bool  # by an end mark, not by the limit
    tokens: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model said to a held-out question when an epoch ended."""

    id: str  # of the conversation
    question: str
    answer: str
    stopped: bool  # whether it ended by itself
    tokens: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training side, and what the model had become by its end."""

    epoch: int  # from 1
    step: int  # optimizer steps until then
    held_out_loss: float  # nats per supervised token
    kept: bool  # whether its adapter is the one that is merged
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a stage left out, and under which name."""

    id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class DroppedRow(Dropped):
    """What was left out of a source of conversations, and where it stands there."""

    source: str
    place: str  # file and row, or the passage's id


class Ids:
    """Ids of texts: equal for equal (document, text, occurrence), whatever stands before or after.

    Inserting a page renames nothing but later copies of a text that is on it.
    """

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, document: str, text: str) -> str:
        """16 hex digits for the next occurrence of `text` in `document`."""
        occurrence = self._seen[document, text]
        self._seen[document, text] += 1
        name = "\x1f".join([document, text, str(occurrence)]).encode()
        return hashlib.blake2b(name, digest_size=8).hexdigest()
