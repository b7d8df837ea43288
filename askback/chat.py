"""ChatML, and nothing else knows it: text for people, ids and labels to learn, prompts to answer.

    <|im_start|>user
    Why did you stay?<|im_end|>
    <|im_start|>assistant
    I had nowhere to be.<|im_end|>

Control ids stand only where this module puts them. The same characters in a book, a reply or a
public set are text and are encoded as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from askback.errors import UserError
from askback.records import IGNORED, Message, Role, Row

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TrainOn = Literal["answers", "everything"]

IM_START, IM_END, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
MARKS = (IM_START, IM_END, PAD)  # in the order in which a base gets those that it lacks

# As transformers sets Jinja up, a newline after a block is dropped: each stands in an expression.
# What serves a model by this template parses control tokens in a user's text, too; training and
# evaluation go through Chat, which does not.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('the roles are system, user and assistant') }}"
    "{% endif %}"
    "{{ '' if loop.first else '\\n' }}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] | trim) + '<|im_end|>' }}"
    "{% endfor %}"
    "{{ '\\n<|im_start|>assistant\\n' if add_generation_prompt else '' }}"
)


def template(bos: bool) -> str:
    """The chat template for tokenizer_config.json; `bos` where the base's texts begin with BOS."""
    return ("{{ bos_token }}" if bos else "") + TEMPLATE


def render(messages: Iterable[Message]) -> str:
    """ChatML as text, for people to read; nothing parses it."""
    return "\n".join(f"{IM_START}{turn(message)}{IM_END}" for message in messages)


def turn(message: Message) -> str:
    """What stands between a message's marks: its role, a newline, its content without margins.

    Raises ValueError for a role that is none, and for half a surrogate pair, which has no bytes.
    """
    if message.role not in get_args(Role):
        raise ValueError(f"{message.role!r} is no role: there are {', '.join(get_args(Role))}")
    text = f"{message.role}\n{message.content.strip()}"
    text.encode()
    return text


def add_chatml(tokenizer: Tokenizer) -> list[str]:
    """Makes ChatML's marks special tokens of `tokenizer`; returns those that are new, in id order.

    Not normalised, or a SentencePiece-style tokenizer would not find them after a space.
    """
    from tokenizers import AddedToken

    new = [mark for mark in MARKS if tokenizer.token_to_id(mark) is None]
    tokenizer.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in MARKS])
    return new


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token as the vocabulary spells it; ValueError where it has none."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"a tokenizer without {token}")
    return int(found)


class Chat:
    """A base's tokenizer, speaking ChatML."""

    def __init__(self, tokenizer: Tokenizer, bos: str | None) -> None:
        """`bos` is what a conversation begins with; raises ValueError as `text_tokenizer` does."""
        self._tokenizer = tokenizer
        self._text, self.control_ids = text_tokenizer(tokenizer)
        self.start_id, self.end_id, self.pad_id = map(self.token_id, MARKS)
        self.stop_ids = frozenset({self.end_id})
        self.bos_ids = [self.token_id(bos)] if bos else []
        self._newline = self.encode_text("\n")
        self._headers = {role: self.encode_text(f"{role}\n") for role in get_args(Role)}

    @classmethod
    def load(cls, folder: Path) -> Chat:
        """The tokenizer of a folder that `base` or `merge` wrote; UserError where it is another."""
        from tokenizers import Tokenizer

        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        begins = {template(True): settings.get("bos_token"), template(False): None}
        if settings.get("chat_template") not in begins:
            raise UserError(f"{folder}: another chat template than Askback's; `dvc repro base`")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        try:
            return cls(tokenizer, begins[settings["chat_template"]])
        except ValueError as error:
            raise UserError(f"{folder}/tokenizer.json: {error}; choose another base") from None

    def encode(self, messages: Sequence[Message], train_on: TrainOn) -> Row:
        """The ids and labels of one conversation; ValueError as `turn`."""
        return self.encode_batch([messages], train_on)[0]

    def encode_batch(
        self, conversations: Sequence[Sequence[Message]], train_on: TrainOn
    ) -> list[Row]:
        """The ids and labels of each conversation, the texts encoded on all cores."""
        turns = [turn(message) for messages in conversations for message in messages]
        encodings = iter(self._text.encode_batch_fast(turns, add_special_tokens=False))
        return [
            self._row([(message, next(encodings).ids) for message in messages], train_on)
            for messages in conversations
        ]

    def _row(self, turns: Iterable[tuple[Message, list[int]]], train_on: TrainOn) -> Row:
        """Turns between their marks; supervised are contents with the marks that end them."""
        ids, labels = [*self.bos_ids], [IGNORED] * len(self.bos_ids)
        for number, (message, encoded) in enumerate(turns):
            header = self._headers[message.role]
            context = [*(self._newline if number else ()), self.start_id, *header]
            content = [*self._content(message, encoded), self.end_id]
            learned = train_on == "everything" or message.role == "assistant"
            ids += context + content
            labels += [IGNORED] * len(context)
            labels += content if learned else [IGNORED] * len(content)
        return Row(ids, labels)

    def _content(self, message: Message, encoded: list[int]) -> list[int]:
        """The ids of a turn after its header.

        Header and content are one text, since SentencePiece puts a space before any text of its
        own. Only where a merge reaches across are they encoded apart: the token would be half
        context, half answer, and no prompt would end within it.
        """
        header = self._headers[message.role]
        if encoded[: len(header)] == header:
            return encoded[len(header) :]
        return self.encode_text(message.content.strip())

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids that an answer follows: the messages, then the header of the assistant's turn."""
        said = self.encode(messages, "answers").ids
        return [*said, *self._newline, self.start_id, *self._headers["assistant"]]

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text without ChatML, no control id among them."""
        return list(self._text.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, control tokens spelled out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def ends(self, ids: Sequence[int]) -> list[int]:
        """How many ids there are through the end mark of each message."""
        return [number for number, token in enumerate(ids, 1) if token == self.end_id]

    def token_id(self, token: str) -> int:
        """The id of a token as the vocabulary spells it; ValueError where it has none."""
        return token_id(self._tokenizer, token)

    def token(self, number: int) -> str:
        """The token of an id, as the vocabulary spells it."""
        return str(self._tokenizer.id_to_token(number))


def text_tokenizer(tokenizer: Tokenizer) -> tuple[Tokenizer, frozenset[int]]:
    """What encodes the text of a turn, and the control ids that it can never yield.

    It is `tokenizer` without its added tokens, special or not, and without the vocabulary and
    merges that spell one: `</s>` in a text becomes `</s` and `>`, whatever stands around it. All
    other text gets the ids that it has after a control token. Raises ValueError unless the
    tokenizer is a BPE with a token for each byte, so that no character is ever lost.
    """
    from tokenizers import Tokenizer

    spec = json.loads(tokenizer.to_str(), object_hook=not_first)
    model = spec["model"]
    if model["type"] != "BPE":
        raise ValueError(f"a tokenizer of type {model['type']}, not BPE")
    control = {token["content"] for token in spec["added_tokens"]} | {model["unk_token"]}
    vocabulary = {token: id_ for token, id_ in model["vocab"].items() if token not in control}
    if not byte_tokens(model["byte_fallback"]) <= vocabulary.keys():
        raise ValueError("a tokenizer without a token for each byte, which would lose characters")
    merges = [(a, b) for a, b in model["merges"] if control.isdisjoint((a, b, a + b))]
    model |= {"vocab": vocabulary, "merges": merges, "unk_token": None}
    spec |= {"added_tokens": [], "truncation": None, "padding": None}
    ids = frozenset(token_id(tokenizer, token) for token in control - {None})
    return Tokenizer.from_str(json.dumps(spec)), ids


def not_first(part: dict[str, Any]) -> dict[str, Any]:
    """A tokenizer's part as it works on text that stands after a control token, as turns do."""
    if part.get("type") == "Metaspace" and part.get("prepend_scheme") == "first":
        return part | {"prepend_scheme": "never"}
    return part


def byte_tokens(fallback: bool) -> set[str]:
    """The 256 tokens for bytes, as SentencePiece (`fallback`) or byte-level BPE spells them."""
    from tokenizers.pre_tokenizers import ByteLevel

    return {f"<0x{byte:02X}>" for byte in range(256)} if fallback else set(ByteLevel.alphabet())
