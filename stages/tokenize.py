"""Encodes conversations: reads data/chat/ and the base's tokenizer, writes data/tokens/.

python -m stages.tokenize data/chat models/base data/tokens --metrics metrics/tokenize.json

A conversation over `max_length` loses whole exchanges from its end, never part of one: an answer
without its end mark teaches the model not to stop.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pydantic import Field

from askback import conversations, files, tokens
from askback.chat import Chat, TrainOn
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import IGNORED, Conversation, Dropped, Message, Row, TokenRow
from askback.stage import In, Out, run

SIDES = ("train", "validation")
BATCH = 1000  # conversations encoded at once, on all cores
PERCENT = (50, 90, 99)  # of a side's rows, for its figures


class TokenizeParams(Section):
    """How long a row may be, and what of it is learned."""

    max_length: int = Field(gt=0)  # tokens
    train_on: TrainOn


def token_rows(
    conversations: Iterable[Conversation], chat: Chat, params: TokenizeParams, cut: list[str]
) -> Iterator[TokenRow | Dropped]:
    """Each conversation's row, or why it has none; the ids of those cut are added to `cut`."""
    for conversation, row in encoded(conversations, chat, params.train_on):
        length = len(row.ids)
        if length > params.max_length:
            ends = exchange_ends(conversation.messages, chat.ends(row.ids))
            length = max((end for end in ends if end <= params.max_length), default=0)
        if row.labels.count(IGNORED) == len(row.labels):
            yield Dropped(conversation.id, "nothing_supervised", "there is no answer in it")
        elif not length:
            detail = f"{len(row.ids)} tokens, and more than {params.max_length} in one exchange"
            yield Dropped(conversation.id, "too_long", detail)
        else:
            if length < len(row.ids):
                cut.append(conversation.id)
            kept = row.ids[:length], row.labels[:length]
            yield TokenRow(conversation.id, conversation.document, *kept)


def encoded(
    conversations: Iterable[Conversation], chat: Chat, train_on: TrainOn
) -> Iterator[tuple[Conversation, Row]]:
    """Each conversation with its ids and labels, at whatever length."""
    waiting = iter(conversations)
    while batch := list(islice(waiting, BATCH)):
        rows = chat.encode_batch([conversation.messages for conversation in batch], train_on)
        yield from zip(batch, rows, strict=True)


def exchange_ends(messages: Sequence[Message], ends: Sequence[int]) -> list[int]:
    """Of the ends of the messages those at which an exchange ends: the last answer in a row."""
    roles = [message.role for message in messages]
    turns = zip(roles, [*roles[1:], None], ends, strict=True)
    return [end for role, following, end in turns if role == "assistant" != following]


def write_side(path: Path, rows: Iterable[TokenRow]) -> dict[str, object]:
    """Writes the rows; returns how many they are and how long.

    Raises UserError where there are none: nothing can be learned from them, or measured by them.
    """
    counts = tokens.write(path, rows)
    if not counts.rows:
        raise UserError(f"no conversation is left for {path.name}; raise tokenize.max_length")
    lengths = sorted(tokens.read(path)["length"].to_pylist())
    return {
        "rows": counts.rows,
        "tokens": counts.tokens,
        "supervised": counts.supervised,
        "longest": lengths[-1],
        "quantiles": {str(p): lengths[-(-p * len(lengths) // 100) - 1] for p in PERCENT},
    }


def main(chat: In, base: In, tokens: Out, ledger: Ledger) -> None:
    """Encodes both sides with the base's tokenizer."""
    params = load("tokenize", TokenizeParams)
    vocabulary = Chat.load(base)
    ledger.figures["max_length"] = params.max_length
    with files.whole(tokens) as folder:
        folder.mkdir()
        for side in SIDES:
            cut: list[str] = []
            talks = conversations.read(chat / f"{side}.parquet")
            rows = ledger.sort(token_rows(talks, vocabulary, params, cut))
            figures = write_side(folder / f"{side}.arrow", rows)
            ledger.figures[side] = figures | {"cut": len(cut)}


if __name__ == "__main__":
    run(main)
