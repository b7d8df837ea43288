"""What a row of tokens says, and which part of it the model learns to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from askback.records import IGNORED

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text, of one kind as a whole."""

    text: str
    supervised: bool
    control: bool  # a mark of its own, and no text that looks like one


def pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> Iterator[str]:
    """The text that each id adds; a character of several tokens comes with its last one."""
    from tokenizers.decoders import DecodeStream

    stream = DecodeStream(skip_special_tokens=False)
    for token in ids:
        yield stream.step(tokenizer, token) or ""


def spans(tokenizer: Tokenizer, ids: Sequence[int], labels: Sequence[int]) -> list[Span]:
    """The row's text in as few spans as its labels and its control tokens allow."""
    marks = tokenizer.get_added_tokens_decoder()
    kinds = [(label != IGNORED, token in marks) for token, label in zip(ids, labels, strict=True)]
    told = zip(kinds, pieces(tokenizer, ids), strict=True)
    return [
        Span("".join(text for _, text in run), *kind)
        for kind, run in groupby(told, key=lambda piece: piece[0])
    ]
