"""How fast conversations become token rows, and how soon these are there to be learned from."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from askback import conversations, tokens
from askback.chat import Chat, add_chatml, render
from askback.records import IGNORED, Conversation, Message
from askback.token_columns import Columns
from stages.tokenize import TokenizeParams, token_rows

WORDS = 120_000  # in all; rare ones are long
TALKS = 6000
PARAMS = TokenizeParams(max_length=4096, train_on="answers")


def vocabulary(draw: np.random.Generator) -> list[str]:
    """Made-up words, the frequent ones first and rather short."""
    sounds = [c + v for c in "bcdfghklmnprstvwz" for v in ["a", "e", "i", "o", "u", "ea", "er"]]
    sizes = 1 + draw.poisson(np.linspace(0.5, 3, 2 * WORDS))
    made = ("".join(draw.choice(sounds, size)) for size in sizes)
    return list(dict.fromkeys(made))[:WORDS]


def stream(draw: np.random.Generator, count: int) -> list[str]:
    """So many words in a row, as often as words are in a language (Zipf), some with a comma."""
    words = np.array(vocabulary(draw), object)
    odds = 1 / np.arange(1, len(words) + 1)
    found = draw.choice(words, count, p=odds / odds.sum())
    commas = draw.random(count) < 0.08
    return (found + np.where(commas, ",", "").astype(object)).tolist()  # type: ignore[no-any-return]


def talks(count: int) -> Iterator[Conversation]:
    """Conversations as long as those of Open Assistant: 4 messages and 1.3 kB in the mean."""
    draw = np.random.default_rng(1)
    words = iter(stream(draw, count * 400))
    for number in range(count):
        messages = []
        for turn in range(2 * int(draw.integers(1, 4))):
            size = 3 + int(draw.gamma(1.5, 50 if turn % 2 else 18))
            text = " ".join(next(words) for _ in range(size)).capitalize() + "."
            messages.append(Message("assistant" if turn % 2 else "user", text))
        text = render(messages)
        yield Conversation(f"{number:016x}", "forum", "forum", "", [], messages, text)


def trained(texts: list[str]) -> Tokenizer:
    """A byte-level BPE of 32,000 tokens, with ChatML's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=32_000,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.get_vocab_size() == 32_000
    add_chatml(tokenizer)
    return tokenizer


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


WAYS = ["encode_batch", "encode_batch_fast", "encode_batch_fast, 4000 at once"]


@pytest.fixture(scope="module")
def ratios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What each way of the tokenizer alone takes over what all of tokenize takes, in the median.

    From Parquet to Arrow, labels and checksums included, against ids that nobody reads.
    """
    folder = tmp_path_factory.mktemp("speed")
    source, out = folder / "train.parquet", folder / "tokens" / "train.arrow"
    conversations.write(source, talks(TALKS))
    texts = [m.content for talk in conversations.read(source) for m in talk.messages]
    tokenizer = trained(texts[: len(texts) // 4])
    chat = Chat(tokenizer, "<s>")

    def stage() -> None:
        made = token_rows(conversations.read_batches(source), chat, PARAMS)
        tokens.write_columns(out, (batch.rows for batch in made))

    ways: dict[str, Callable[[], object]] = {
        "encode_batch": lambda: tokenizer.encode_batch(texts),
        "encode_batch_fast": lambda: tokenizer.encode_batch_fast(texts),
        "encode_batch_fast, 4000 at once": lambda: [
            tokenizer.encode_batch_fast(texts[n : n + 4000]) and None
            for n in range(0, len(texts), 4000)
        ],
        "all of tokenize": stage,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENIZERS_PARALLELISM", "true")
        stage()  # what is slow the first time
        rounds = [{name: seconds(work) for name, work in ways.items()} for _ in range(5)]
    counts = tokens.Rows(out).counts
    assert counts.rows == TALKS
    characters = sum(map(len, texts)) / TALKS
    print(f"\n{TALKS} conversations of {characters:.0f} characters,", end=" ")
    print(f"{len(texts) / TALKS:.1f} messages, {counts.tokens / TALKS:.0f} tokens")
    for name in ways:
        each = statistics.median(times[name] for times in rounds) / TALKS
        print(f"{name:32} {each * 1e6:6.0f} microseconds each")
    return {
        name: statistics.median(times[name] / times["all of tokenize"] for times in rounds)
        for name in WAYS
    }


@pytest.mark.prove
@pytest.mark.parametrize("way", WAYS)
def test_rows_are_made_at_four_fifths_of_the_speed_of_the_tokenizer_alone(
    ratios: dict[str, float], way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{way}: ratio {ratios[way]:.2f}")
    assert ratios[way] >= 0.8


def long_file(path: Path, rows: int, length: int = 330) -> Path:
    """So many rows, cheaply: as long as conversations are in the mean, all alike."""
    ids = np.tile(np.arange(length, dtype=np.int32), 1000)
    labels = np.where(ids % 4 > 0, ids, IGNORED).astype(np.int32)
    lengths = np.full(1000, length)
    starts = range(0, rows, 1000)
    names = ([f"{start + n:016x}" for n in range(1000)] for start in starts)
    tokens.write_columns(path, (Columns(n, [""] * 1000, lengths, ids, labels) for n in names))
    return path


def first_batch(path: Path) -> float:
    """Seconds until the first eight rows of a shuffled epoch are there."""
    start = time.perf_counter()
    rows = tokens.Rows(path)
    chosen = np.random.default_rng(0).integers(0, len(rows), 8)
    assert all(len(rows[int(number)].ids) == 330 for number in chosen)
    return time.perf_counter() - start


def test_the_first_rows_of_a_long_file_are_there_as_soon_as_those_of_a_short_one(tmp_path):
    short = long_file(tmp_path / "short" / "train.arrow", 2000)
    long = long_file(tmp_path / "long" / "train.arrow", 20_000)
    assert min(first_batch(long) for _ in range(5)) < 0.1
    assert min(first_batch(short) for _ in range(5)) < 0.1


@pytest.mark.prove
def test_the_first_rows_of_a_million_are_there_in_under_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {}
    for count in [2000, 200_000, 1_000_000]:
        path = long_file(tmp_path / str(count) / "train.arrow", count)
        times[count] = min(first_batch(path) for _ in range(5))
        size = path.stat().st_size / 1e9
        took = seconds(lambda path=path: tokens.Rows(path).lengths)  # type: ignore[misc]
        with capsys.disabled():
            print(f"\n{count} rows, {size:.2f} GB: {times[count] * 1000:.1f} ms", end="")
            print(f", all lengths {took * 1000:.0f} ms", end="")
        path.unlink()
    assert max(times.values()) < 0.1
