"""Encodes conversations: reads data/chat/ and models/base/'s tokenizer, writes data/tokens/.

python -m stages.tokenize data/chat models/base data/tokens --metrics metrics/tokenize.json

A row is never cut within an exchange: what is too long loses whole exchanges from its end, and a
row whose first exchange alone is too long is dropped by that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import quantiles

from askback import conversations, files, tokens
from askback.chat import Chat, TrainOn
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import Conversation, Dropped, Message, TokenRow
from askback.stage import In, Out, run

SIDES = ["train", "validation"]
BATCH = 1000  # conversations encoded side by side


class TokenizeParams(Section):
    """How long a row may be, and what in it is learned."""

    max_length: int  # tokens
    train_on: TrainOn


def token_rows(
    conversations: Iterable[Conversation], chat: Chat, params: TokenizeParams
) -> Iterator[TokenRow | Dropped]:
    """One row for each conversation, in order, or the reason why there is none."""
    waiting = iter(conversations)
    while batch := list(islice(waiting, BATCH)):
        encoded = chat.encode_batch([c.messages for c in batch], params.train_on)
        for conversation, row in zip(batch, encoded, strict=True):
            messages = conversation.messages
            while len(row.ids) > params.max_length and (messages := shorter(messages)):
                row = chat.encode(messages, params.train_on)
            if not messages:
                detail = f"{len(row.ids)} tokens, {params.max_length} at most"
                yield Dropped(conversation.id, "too_long", detail)
            elif not row.supervised:
                yield Dropped(conversation.id, "nothing_supervised", "no answer in it")
            else:
                yield TokenRow(conversation.id, conversation.document, row.ids, row.labels)


def shorter(messages: list[Message]) -> list[Message]:
    """The messages without their last exchange; empty where only one is left."""
    answers = [number for number, message in enumerate(messages) if message.role == "assistant"]
    return messages[: answers[-2] + 1] if len(answers) > 1 else []


def encode_side(
    chat: Path, tokens_file: Path, vocabulary: Chat, params: TokenizeParams, ledger: Ledger
) -> dict[str, object]:
    """Writes one side's rows; returns how long they are."""
    lengths: list[int] = []

    def measured(rows: Iterable[TokenRow]) -> Iterator[TokenRow]:
        for row in rows:
            lengths.append(len(row.input_ids))
            yield row

    rows = token_rows(conversations.read(chat), vocabulary, params)
    tokens.write(tokens_file, measured(ledger.sort(rows)))
    described = tokens.manifest(tokens_file.parent)[tokens_file.name]
    counts = {key: value for key, value in described.items() if key != "sha256"}
    deciles = [round(cut) for cut in quantiles(lengths, n=10)] if len(lengths) > 1 else lengths
    return {**counts, "longest": max(lengths, default=0), "deciles": deciles}


def main(chat: In, base: In, tokens: Out, ledger: Ledger) -> None:
    """Encodes both sides."""
    params = load("tokenize", TokenizeParams)
    vocabulary = Chat.load(base)
    with files.whole(tokens) as folder:
        folder.mkdir()
        ledger.figures["max_length"] = params.max_length
        for side in SIDES:
            ledger.figures[side] = encode_side(
                chat / f"{side}.parquet", folder / f"{side}.arrow", vocabulary, params, ledger
            )


if __name__ == "__main__":
    run(main)
