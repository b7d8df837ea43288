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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from askback.errors import UserError
from askback.records import IGNORED, Message, Role, Row
from askback.text_tokenizer import text_tokenizer, token_id

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

TrainOn = Literal["answers", "everything"]

IM_START, IM_END, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
MARKS = (IM_START, IM_END, PAD)  # in the order in which a base gets those that it lacks
ROLES: tuple[Role, ...] = get_args(Role)

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
    return "\n".join(f"{IM_START}{turn(m.role, m.content)}{IM_END}" for m in messages)


def render_batch(conversations: pa.ListArray) -> pa.StringArray:
    """The same for lists of messages whose contents have no margins, as Arrow has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    messages = conversations.flatten()
    turns = pc.binary_join_element_wise(
        IM_START, messages.field("role"), "\n", messages.field("content"), IM_END, ""
    )
    starts = pc.subtract(conversations.offsets, conversations.offsets[0])
    return pc.binary_join(pa.ListArray.from_arrays(starts, turns), "\n")


def turn(role: Role, content: str) -> str:
    """What stands between a message's marks: its role, a newline, its content without margins.

    Raises ValueError for a role that is none, and for half a surrogate pair, which has no bytes.
    """
    if role not in ROLES:
        raise ValueError(f"{role!r} is no role: there are {', '.join(ROLES)}")
    text = f"{role}\n{content.strip()}"
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


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Conversations' ids end to end, and the same as labels where they are supervised."""

    ids: NDArray[np.int32]  # [tokens]
    labels: NDArray[np.int32]  # [tokens]
    ends: NDArray[np.int64]  # [conversations]: how many tokens there are through each

    @property
    def starts(self) -> NDArray[np.int64]:
        """[conversations]: how many tokens there are before each."""
        return self.ends - self.lengths

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[conversations]: how many tokens each has."""
        import numpy as np

        return np.diff(self.ends, prepend=0)

    def row(self, number: int) -> Row:
        """One of the conversations."""
        return self._between(self.starts[number], self.ends[number])

    def rows(self) -> list[Row]:
        """All of them, one by one."""
        return list(map(self._between, self.starts, self.ends))

    def _between(self, start: int, end: int) -> Row:
        return Row(self.ids[start:end].tolist(), self.labels[start:end].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """What stands between the marks of conversations, end to end."""

    ids: list[int]
    lengths: list[int]  # of the turns, in ids
    headers: list[int]  # of these, in ids
    learned: list[bool]  # turns
    sizes: Sequence[int]  # of the conversations, in turns


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
        self._headers = {role: self.encode_text(f"{role}\n") for role in ROLES}

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
        messages = [message for messages in conversations for message in messages]
        roles = [message.role for message in messages]
        contents = [message.content for message in messages]
        sizes = [len(messages) for messages in conversations]
        return self.encode_columns(roles, contents, sizes, train_on).rows()

    def encode_columns(
        self,
        roles: Sequence[Role],
        contents: Sequence[str],
        sizes: Sequence[int],
        train_on: TrainOn,
    ) -> Encoded:
        """The same of messages end to end, of which each conversation has so many."""
        turns = list(map(turn, roles, contents))
        encodings = self._text.encode_batch_fast(turns, add_special_tokens=False)
        ids: list[int] = []
        lengths = []
        for role, content, encoding in zip(roles, contents, encodings, strict=True):
            encoded = self._turn(role, content, encoding.ids)
            ids += encoded
            lengths.append(len(encoded))
        headers = [len(self._headers[role]) for role in roles]
        learned = [train_on == "everything" or role == "assistant" for role in roles]
        return self._marked(Turns(ids, lengths, headers, learned, sizes))

    def _marked(self, turns: Turns) -> Encoded:
        """The turns between their marks; supervised are contents with the marks that end them."""
        import numpy as np

        bos, gap = len(self.bos_ids), len(self._newline)
        lengths, headers, sizes = (
            np.array(counts, np.int64) for counts in (turns.lengths, turns.headers, turns.sizes)
        )
        last = np.cumsum(sizes)  # turns through each conversation
        first = (last - sizes)[sizes > 0]
        before = np.full(len(lengths), gap + 1)
        before[first] = 1
        through = np.concatenate(([0], np.cumsum(before + lengths + 1)))
        starts = through[:-1] + before + bos * (1 + np.repeat(np.arange(len(sizes)), sizes))
        stops = starts + lengths
        ends = through[last] + bos * np.arange(1, len(sizes) + 1)
        ids = np.empty(int(through[-1]) + bos * len(sizes), np.int32)
        ids[np.repeat(stops - np.cumsum(lengths), lengths) + np.arange(len(turns.ids))] = turns.ids
        ids[starts - 1], ids[stops] = self.start_id, self.end_id
        later = np.delete(starts, first) - 1 - gap
        ids[later[:, None] + np.arange(gap)] = self._newline
        ids[(ends - np.diff(ends, prepend=0))[:, None] + np.arange(bos)] = self.bos_ids
        learned = np.array(turns.learned, bool)
        labels = within(ids, (starts + headers)[learned], (stops + 1)[learned])
        return Encoded(ids, labels, ends)

    def _turn(self, role: Role, content: str, encoded: list[int]) -> list[int]:
        """The ids of a turn, its header apart from its content.

        Header and content are one text, since SentencePiece puts a space before any text of its
        own. Only where a merge reaches across are they encoded apart: the token would be half
        context, half answer, and no prompt would end within it.
        """
        header = self._headers[role]
        if encoded[: len(header)] == header:
            return encoded
        return [*header, *self.encode_text(content.strip())]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids that an answer follows: the messages, then the header of the assistant's turn."""
        said = self.encode(messages, "answers").ids
        return [*said, *self._newline, self.start_id, *self._headers["assistant"]]

    def up_to_answer(self, ids: Sequence[int]) -> list[int]:
        """A conversation's ids through the header of its first answer; ValueError without one."""
        header = [self.start_id, *self._headers["assistant"]]
        for start in range(len(ids) - len(header) + 1):
            if list(ids[start : start + len(header)]) == header:
                return list(ids[: start + len(header)])
        raise ValueError("no turn of the assistant")

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


def within(
    ids: NDArray[np.int32], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The ids from each start to its end, and IGNORED elsewhere; no two stretches touch."""
    import numpy as np

    edges = np.zeros(len(ids) + 1, np.int8)
    edges[starts], edges[ends] = 1, -1
    return np.where(np.cumsum(edges[:-1], dtype=np.int8), ids, IGNORED).astype(np.int32)
