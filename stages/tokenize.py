"""Encodes conversations: reads data/chat/ and the base's tokenizer, writes data/tokens/.

python -m stages.tokenize data/chat models/base data/tokens --metrics metrics/tokenize.json

A conversation over `max_length` loses whole exchanges from its end, never part of one: an answer
without its end mark teaches the model not to stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from askback import conversations, files, tokens
from askback.chat import Chat, Encoded, TrainOn
from askback.errors import UserError
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import IGNORED, Dropped, Role
from askback.stage import In, Out, run
from askback.token_columns import Columns

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SIDES = ("train", "validation")
BYTES = 4_000_000  # of conversations encoded at once, on all cores: bounds memory, not the result
THREADS = 2  # one has its texts in Rust while the other makes columns of what came from there
AHEAD = 3  # batches under way
PERCENT = (50, 90, 99)  # of a side's rows, for its figures


class TokenizeParams(Section):
    """How long a row may be, and what of it is learned."""

    max_length: int = Field(gt=0)  # tokens
    train_on: TrainOn


@dataclass(frozen=True, slots=True)
class Talks:
    """Some conversations, their messages end to end."""

    ids: list[str]
    documents: list[str]
    sizes: list[int]  # messages of each
    roles: list[Role]  # [messages]
    contents: list[str]  # [messages]


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some conversations."""

    rows: Columns
    dropped: list[Dropped]
    cut: list[str]  # the ids of the rows that are not whole


def token_rows(
    batches: Iterable[pa.RecordBatch], chat: Chat, params: TokenizeParams
) -> Iterator[Batch]:
    """The rows of all conversations in their order, and why some have none."""
    for talks, encoded in encoded_ahead(map(talks_of, portions(batches)), chat, params.train_on):
        yield fitted(talks, encoded, chat, params.max_length)


def portions(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same conversations, fewer at once where they are long."""
    for batch in batches:
        size = max(1, min(batch.num_rows, batch.num_rows * BYTES // batch.nbytes))
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def talks_of(batch: pa.RecordBatch) -> Talks:
    """The conversations without what tokens need not know."""
    messages = batch["messages"].flatten()
    return Talks(
        batch["id"].to_pylist(),
        batch["document"].to_pylist(),
        batch["messages"].value_lengths().to_pylist(),
        messages.field("role").to_pylist(),
        messages.field("content").to_pylist(),
    )


def encoded_ahead(
    batches: Iterable[Talks], chat: Chat, train_on: TrainOn
) -> Iterator[tuple[Talks, Encoded]]:
    """Each batch with its ids and labels, at whatever length; the next ones are under way."""

    def encode(talks: Talks) -> tuple[Talks, Encoded]:
        return talks, chat.encode_columns(talks.roles, talks.contents, talks.sizes, train_on)

    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[tuple[Talks, Encoded]]] = deque()
        for batch in batches:
            waiting.append(pool.submit(encode, batch))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def fitted(talks: Talks, encoded: Encoded, chat: Chat, max_length: int) -> Batch:
    """The rows, where they are too long without the exchanges that do not fit."""
    import numpy as np

    lengths, learned = encoded.lengths, supervised(encoded)
    room = lengths.copy()
    for n in np.flatnonzero(lengths > max_length).tolist():
        first = sum(talks.sizes[:n])
        roles = talks.roles[first : first + talks.sizes[n]]
        ends = exchange_ends(roles, chat.ends(encoded.row(n).ids))
        room[n] = max((end for end in ends if end <= max_length), default=0)
    dropped = []
    for n in np.flatnonzero((learned == 0) | (room == 0)).tolist():
        room[n] = 0
        reason, detail = "nothing_supervised", "there is no answer in it"
        if learned[n]:
            reason = "too_long"
            detail = f"{lengths[n]} tokens, and more than {max_length} in one exchange"
        dropped.append(Dropped(talks.ids[n], reason, detail))
    cut = [talks.ids[n] for n in np.flatnonzero((room > 0) & (room < lengths)).tolist()]
    return Batch(shortened(talks, encoded, room), dropped, cut)


def supervised(encoded: Encoded) -> NDArray[np.int64]:
    """[conversations]: how many tokens of each are supervised."""
    import numpy as np

    through = np.concatenate(([0], np.cumsum(encoded.labels != IGNORED)))
    return through[encoded.ends] - through[encoded.starts]


def shortened(talks: Talks, encoded: Encoded, room: NDArray[np.int64]) -> Columns:
    """The conversations' first tokens, as many as there is room for; no row where there is none."""
    import numpy as np

    places = np.arange(len(encoded.ids)) - np.repeat(encoded.starts, encoded.lengths)
    fits = places < np.repeat(room, encoded.lengths)
    stay = np.flatnonzero(room).tolist()
    return Columns(
        [talks.ids[n] for n in stay],
        [talks.documents[n] for n in stay],
        room[stay],
        encoded.ids[fits],
        encoded.labels[fits],
    )


def exchange_ends(roles: Sequence[Role], ends: Sequence[int]) -> list[int]:
    """Of the ends of the messages those at which an exchange ends: the last answer in a row."""
    turns = zip(roles, [*roles[1:], None], ends, strict=True)
    return [end for role, following, end in turns if role == "assistant" != following]


def accounted(batches: Iterable[Batch], ledger: Ledger, cut: list[str]) -> Iterator[Columns]:
    """The rows, after all is entered in the ledger; the ids of those cut are added to `cut`."""
    for batch in batches:
        ledger.kept += len(batch.rows.ids)
        for item in batch.dropped:
            ledger.drop(item)
        cut += batch.cut
        yield batch.rows


def write_side(path: Path, rows: Iterable[Columns]) -> dict[str, object]:
    """Writes the rows; returns how many they are and how long.

    Raises UserError where there are none: nothing can be learned from them, or measured by them.
    """
    counts = tokens.write_columns(path, rows)
    if not counts.rows:
        raise UserError(f"no conversation is left for {path.name}; raise tokenize.max_length")
    lengths = sorted(tokens.Rows(path).lengths.tolist())
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
            talks = conversations.read_batches(chat / f"{side}.parquet")
            rows = accounted(token_rows(talks, vocabulary, params), ledger, cut)
            figures = write_side(folder / f"{side}.arrow", rows)
            ledger.figures[side] = figures | {"cut": len(cut)}


if __name__ == "__main__":
    run(main)
