"""ChatML, and nothing else knows it: text for people, ids and labels to train on, prompts to answer.

    <|im_start|>user
    Why did you stay?<|im_end|>
    <|im_start|>assistant
    I had nowhere to be.<|im_end|>

Control ids stand only where this module puts them. The same characters in a book, a reply or a
public set are text and are encoded as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from askback.records import IGNORED, Message, Role, Row

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

IM_START, IM_END, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
MARKS = (IM_START, IM_END, PAD)
BOS = "{{ bos_token }}"

TrainOn = Literal["answers", "everything"]

# Jinja as transformers runs it drops the newline after a block, so each newline is an expression.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' ~ message.role) }}"
    "{% endif %}"
    "{{ ('' if loop.first else '\\n') ~ '<|im_start|>' ~ message.role ~ '\\n' }}"
    "{{ message.content | trim }}{{ '<|im_end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n<|im_start|>assistant\\n' }}{% endif %}"
)


def template(bos: bool) -> str:
    """The chat template for tokenizer_config.json; with BOS where the base was trained with it."""
    return (BOS if bos else "") + TEMPLATE


def render(messages: Iterable[Message]) -> str:
    """ChatML as text, for people to read."""
    return "\n".join(f"{IM_START}{headed(message)}{IM_END}" for message in messages)


def headed(message: Message) -> str:
    """What stands between a message's marks: its role, a newline, its content stripped.

    Raises ValueError for a role outside the closed list: a role could forge a turn as well.
    """
    if message.role not in get_args(Role):
        raise ValueError(f"unknown role: {message.role!r}")
    return f"{message.role}\n{message.content.strip()}"


def add_chatml(tokenizer: Tokenizer) -> list[str]:
    """Makes ChatML's marks special tokens of `tokenizer`; returns those that are new, in id order.

    Not normalised, or SentencePiece-style tokenizers would put a space before them.
    """
    from tokenizers import AddedToken

    new = [mark for mark in MARKS if tokenizer.token_to_id(mark) is None]
    marks = [AddedToken(mark, special=True, normalized=False) for mark in MARKS]
    tokenizer.add_special_tokens(marks)
    return new


@dataclass(frozen=True, slots=True)
class Span:
    """The ids of one message between its marks; the first `header` of them are its role."""

    ids: list[int]
    header: int


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token by its text; ValueError where there is none."""
    number = tokenizer.token_to_id(token)
    if number is None:
        raise ValueError(f"the tokenizer has no {token}")
    return int(number)


class Chat:
    """A tokenizer that knows ChatML."""

    def __init__(self, tokenizer: Tokenizer, bos: str | None) -> None:
        self.tokenizer = tokenizer
        self.control_ids = frozenset(tokenizer.get_added_tokens_decoder())
        self.start_id, self.end_id, self.pad_id = map(self.token_id, MARKS)
        self.bos_ids = [] if bos is None else [self.token_id(bos)]

    @classmethod
    def load(cls, folder: Path) -> Chat:
        """The tokenizer of a folder such as models/base/ or models/merged/."""
        from tokenizers import Tokenizer

        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        bos = settings["bos_token"] if settings["chat_template"].startswith(BOS) else None
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), bos)

    def encode(self, messages: Sequence[Message], train_on: TrainOn) -> Row:
        """The ids and labels of one conversation."""
        return next(self.encode_batch([messages], train_on))

    def encode_batch(
        self, conversations: Sequence[Sequence[Message]], train_on: TrainOn
    ) -> Iterator[Row]:
        """The ids and labels of conversations, their texts encoded side by side on all cores."""
        messages = [message for messages in conversations for message in messages]
        spans = iter(self.spans(messages))
        for conversation in conversations:
            yield self.join([(message, next(spans)) for message in conversation], train_on)

    def join(self, turns: Iterable[tuple[Message, Span]], train_on: TrainOn) -> Row:
        """Spans between their marks; supervised are contents with their end marks."""
        ids, labels = list(self.bos_ids), [IGNORED] * len(self.bos_ids)
        for number, (message, span) in enumerate(turns):
            head = [*(self.newline if number else []), self.start_id, *span.ids[: span.header]]
            content = [*span.ids[span.header :], self.end_id]
            wanted = train_on == "everything" or message.role == "assistant"
            ids += head + content
            labels += [IGNORED] * len(head) + (content if wanted else [IGNORED] * len(content))
        return Row(ids, labels)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids that an answer follows: the conversation so far and the assistant's header."""
        so_far = self.encode(messages, "answers").ids
        return [*so_far, *self.newline, self.start_id, *self.encode_text("assistant\n")]

    def spans(self, messages: Sequence[Message]) -> Iterator[Span]:
        """Each message's span: role and content in one text, as the template has them."""
        texts = [headed(message) for message in messages]
        encodings = self.text_tokenizer.encode_batch(texts, add_special_tokens=False)
        for message, text, encoding in zip(messages, texts, encodings, strict=True):
            yield self.span(text, len(message.role) + 1, encoding)

    def span(self, text: str, header: int, encoding: Encoding) -> Span:
        """The span of a text whose first `header` characters are its role and the newline."""
        before = sum(end <= header for _, end in encoding.offsets)
        if before < len(encoding.ids) and encoding.offsets[before][0] < header:
            # A token reaches from the newline into the content. It would be half context and
            # half answer, and no prompt ends within it: so the two are encoded apart.
            role = self.encode_text(text[:header])
            return Span(role + self.encode_text(text[header:]), len(role))
        safe_header = self.safe(encoding.ids[:before], encoding.offsets, text)
        rest = self.safe(encoding.ids[before:], encoding.offsets[before:], text)
        return Span(safe_header + rest, len(safe_header))

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text alone, none of them a control id."""
        encoding = self.text_tokenizer.encode(text, add_special_tokens=False)
        return self.safe(encoding.ids, encoding.offsets, text)

    def safe(self, ids: list[int], offsets: Sequence[tuple[int, int]], text: str) -> list[int]:
        """`ids` without control ids: one that merges have spelled is spelled by its characters.

        SentencePiece-style vocabularies hold `</s>` as a piece that merges can reach.
        """
        if self.control_ids.isdisjoint(ids):
            return ids
        result: list[int] = []
        for number, (start, end) in zip(ids, offsets, strict=False):
            token = self.token(number)
            if number in self.control_ids and text[start:end] == token:
                model = self.text_tokenizer.model
                result += [piece.id for letter in token for piece in model.tokenize(letter)]
            else:  # an unknown character of a tokenizer without bytes stays unknown
                result.append(number)
        return result

    @cached_property
    def text_tokenizer(self) -> Tokenizer:
        """The tokenizer without its added tokens, special or not: to it, all text is text."""
        from tokenizers import Tokenizer

        value = json.loads(self.tokenizer.to_str()) | {"added_tokens": []}
        return Tokenizer.from_str(json.dumps(value))

    @cached_property
    def newline(self) -> list[int]:
        """What stands between messages."""
        return self.encode_text("\n")

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, control ids left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def token_id(self, token: str) -> int:
        """The id of a token by its text; ValueError where there is none."""
        return token_id(self.tokenizer, token)

    def token(self, number: int) -> str:
        """The token of an id, as the vocabulary spells it."""
        return str(self.tokenizer.id_to_token(number))
