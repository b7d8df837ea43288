"""Tokenize: which conversations become rows, how long they are, and what a run leaves behind."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback import conversations, files, tokens
from askback.chat import Chat, add_chatml, render
from askback.records import IGNORED, Conversation, Dropped, Message, TokenRow
from askback.token_columns import Columns
from stages.tokenize import (
    AHEAD,
    TokenizeParams,
    exchange_ends,
    portions,
    talks_of,
    token_rows,
)
from tests import small_tokenizers

ROOT = Path(__file__).parents[1]


def made() -> Chat:
    tokenizer = small_tokenizers.make("byte-level")
    add_chatml(tokenizer)
    return Chat(tokenizer, "<s>")


CHAT = made()
SYSTEM = Message("system", "You are the author.")
EXCHANGE = [Message("user", "Why?"), Message("assistant", "I let it rain.")]


def talk(number: int, messages: Sequence[Message]) -> Conversation:
    text = render(messages)
    return Conversation(f"c{number}", "interview", "book", "I", [], list(messages), text)


def rows(
    *talks: Sequence[Message], max_length: int = 1024, train_on: str = "answers"
) -> tuple[list[TokenRow | Dropped], list[str]]:
    params = TokenizeParams.model_validate({"max_length": max_length, "train_on": train_on})
    batches = [conversations.record_batch([talk(n, said)]) for n, said in enumerate(talks)]
    made = list(token_rows(batches, CHAT, params))
    found: list[TokenRow | Dropped] = []
    for batch in made:
        found += [*records(batch.rows), *batch.dropped]
    return found, [name for batch in made for name in batch.cut]


def records(part: Columns) -> list[TokenRow]:
    """The rows one by one."""
    ids, labels = part.input_ids.tolist(), part.labels.tolist()
    edges = pairwise(part.edges.tolist())
    return [
        TokenRow(name, document, ids[start:end], labels[start:end])
        for name, document, (start, end) in zip(part.ids, part.documents, edges, strict=True)
    ]


def length(*messages: Message) -> int:
    return len(CHAT.encode(messages, "answers").ids)


def test_a_conversation_that_fits_is_one_row_whole():
    (row,), cut = rows([SYSTEM, *EXCHANGE])
    expected = CHAT.encode([SYSTEM, *EXCHANGE], "answers")
    assert row == TokenRow("c0", "book", expected.ids, expected.labels)
    assert cut == []


def test_what_is_too_long_keeps_the_system_line_and_the_exchanges_that_fit():
    fits = [SYSTEM, *EXCHANGE, *EXCHANGE]
    (row,), cut = rows([*fits, *EXCHANGE, *EXCHANGE], max_length=length(*fits) + 1)
    assert row == TokenRow("c0", "book", *ids_and_labels(fits))
    assert cut == ["c0"]


def ids_and_labels(messages: Sequence[Message]) -> tuple[list[int], list[int]]:
    row = CHAT.encode(messages, "answers")
    return row.ids, row.labels


@pytest.mark.parametrize(("room", "kept"), [(0, 1), (-1, 0)])
def test_the_limit_itself_is_not_too_long(room, kept):
    found, _ = rows([SYSTEM, *EXCHANGE], max_length=length(SYSTEM, *EXCHANGE) + room)
    assert sum(isinstance(row, TokenRow) for row in found) == kept


def test_a_first_exchange_that_does_not_fit_is_dropped_as_too_long():
    found, cut = rows([SYSTEM, *EXCHANGE], EXCHANGE, max_length=length(*EXCHANGE))
    whole = length(SYSTEM, *EXCHANGE)
    detail = f"{whole} tokens, and more than {length(*EXCHANGE)} in one exchange"
    assert found[0] == Dropped("c0", "too_long", detail)
    assert isinstance(found[1], TokenRow)
    assert cut == []


@pytest.mark.parametrize("max_length", [1, 1024])
def test_a_conversation_without_an_answer_is_dropped_by_that_name_at_any_length(max_length):
    found, _ = rows([SYSTEM, EXCHANGE[0]], [], max_length=max_length)
    assert [(d.id, d.reason) for d in found if isinstance(d, Dropped)] == [
        ("c0", "nothing_supervised"),
        ("c1", "nothing_supervised"),
    ]


def test_with_everything_a_lone_question_is_learned():
    (row,), _ = rows([EXCHANGE[0]], train_on="everything")
    assert isinstance(row, TokenRow)


def test_answers_in_a_row_belong_to_one_exchange():
    question, answer = EXCHANGE
    messages = [SYSTEM, question, answer, answer, question, answer, question]
    roles = [message.role for message in messages]
    assert exchange_ends(roles, [1, 2, 3, 4, 5, 6, 7]) == [4, 6]


def test_conversations_keep_their_order_whether_they_are_kept_cut_or_dropped_together():
    """In one batch; elsewhere each is one of its own."""
    long, lone = [SYSTEM, *EXCHANGE * 9], [EXCHANGE[0]]
    said = [EXCHANGE, lone, long, [SYSTEM, *EXCHANGE], [], long, EXCHANGE]
    limit = length(SYSTEM, *EXCHANGE)
    apart, cut = rows(*said, max_length=limit)
    batch = conversations.record_batch([talk(n, messages) for n, messages in enumerate(said)])
    params = TokenizeParams(max_length=limit, train_on="answers")
    (together,) = token_rows([batch], CHAT, params)
    assert records(together.rows) == [item for item in apart if isinstance(item, TokenRow)]
    assert together.dropped == [item for item in apart if isinstance(item, Dropped)]
    assert together.cut == cut == ["c2", "c5"]
    assert [item.id for item in together.dropped] == ["c1", "c4"]


def test_long_conversations_are_encoded_fewer_at_once():
    said = [Message("user", "Why?"), Message("assistant", "It rained. " * 100_000)]
    batch = conversations.record_batch([talk(number, said) for number in range(5)])
    parts = list(portions([batch]))
    assert [part.num_rows for part in parts] == [1] * 5
    assert [name for part in parts for name in part["id"].to_pylist()] == batch["id"].to_pylist()
    assert all(talks_of(part).contents == [message.content for message in said] for part in parts)
    short = conversations.record_batch([talk(number, EXCHANGE) for number in range(500)])
    assert [part.num_rows for part in portions([short])] == [500]


def test_what_is_encoded_ahead_comes_in_its_order_and_not_far_ahead():
    taken = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(20):
            taken.append(number)
            yield conversations.record_batch([talk(number, EXCHANGE * (1 + 37 * (number % 3)))])

    params = TokenizeParams(max_length=10_000, train_on="answers")
    for number, made in enumerate(token_rows(batches(), CHAT, params)):
        assert made.rows.ids == [f"c{number}"]
        assert len(taken) <= number + AHEAD


messages = st.builds(
    Message, st.sampled_from(["system", "user", "assistant"]), st.text(max_size=8) | st.just("</s>")
)


@given(talks=st.lists(st.lists(messages, max_size=8), max_size=4), limit=st.integers(1, 120))
def test_every_row_ends_whole_within_the_limit_and_every_conversation_is_accounted_for(
    talks, limit
):
    found, cut = rows(*talks, max_length=limit)
    assert [item.id for item in found] == [f"c{number}" for number in range(len(talks))]
    for item, said in zip(found, talks, strict=True):
        if isinstance(item, TokenRow):
            whole = CHAT.encode(said, "answers").ids
            assert item.input_ids == whole[: len(item.input_ids)]
            assert len(item.input_ids) <= limit
            assert item.input_ids[-1] in CHAT.stop_ids
            assert any(label != IGNORED for label in item.labels)
            assert (item.id in cut) == (len(item.input_ids) < len(whole))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_tokenizers.write(tmp_path / "base", small_tokenizers.make("byte-level"))
    (tmp_path / "params.yaml").write_text("tokenize: {max_length: 64, train_on: answers}\n")
    long = [SYSTEM, *EXCHANGE * 9]
    write_chat(tmp_path, "train", [EXCHANGE, long, [SYSTEM]])
    write_chat(tmp_path, "validation", [EXCHANGE])
    return tmp_path


def write_chat(folder: Path, side: str, talks: list[list[Message]]) -> None:
    numbered = [talk(number, messages) for number, messages in enumerate(talks)]
    conversations.write(folder / "chat" / f"{side}.parquet", numbered)


def tokenize(folder: Path) -> subprocess.CompletedProcess[str]:
    options = ["--metrics", "tokenize.json", "--dropped", "dropped.jsonl"]
    command = [sys.executable, "-m", "stages.tokenize", "chat", "base", "tokens", *options]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )


def test_a_run_writes_both_sides_their_counts_and_what_was_dropped(folder):
    result = tokenize(folder)
    assert result.returncode == 0, result.stderr
    table = tokens.read(folder / "tokens/train.arrow")
    assert table["id"].to_pylist() == ["c0", "c1"]
    whole, cut = table["length"].to_pylist()
    one = length(*EXCHANGE)
    assert whole == one
    assert cut <= 64 < cut + one
    figures = json.loads((folder / "tokenize.json").read_text())
    answers = [label for row in table["labels"].to_pylist() for label in row if label != IGNORED]
    assert figures == {
        "kept": 3,
        "dropped": {"nothing_supervised": 1},
        "max_length": 64,
        "train": {
            "rows": 2,
            "tokens": whole + cut,
            "supervised": len(answers),
            "longest": cut,
            "quantiles": {"50": whole, "90": cut, "99": cut},
            "cut": 1,
        },
        "validation": {
            "rows": 1,
            "tokens": one,
            "supervised": len(CHAT.encode_text("I let it rain.")) + 1,
            "longest": one,
            "quantiles": {"50": one, "90": one, "99": one},
            "cut": 0,
        },
    }
    assert list(files.read(folder / "dropped.jsonl", Dropped)) == [
        Dropped("c2", "nothing_supervised", "there is no answer in it")
    ]


def test_two_runs_write_the_same_bytes(folder):
    made = []
    for _ in range(2):
        tokenize(folder)
        made.append({file.name: file.read_bytes() for file in (folder / "tokens").iterdir()})
    assert made[0] == made[1]
    assert sorted(made[0]) == ["tokens.json", "train.arrow", "validation.arrow"]


def test_a_side_without_a_row_is_an_error_and_nothing_is_written(folder):
    (folder / "params.yaml").write_text("tokenize: {max_length: 8, train_on: answers}\n")
    result = tokenize(folder)
    assert result.returncode == 2
    expected = "tokenize: no conversation is left for train.arrow; raise tokenize.max_length\n"
    assert result.stderr == expected
    assert not (folder / "tokens").exists()
    assert not (folder / "tokenize.json").exists()


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (
            "{max_length: 0, train_on: answers}",
            "tokenize.max_length: input should be greater than 0",
        ),
        ("{max_length: 8, train_on: all}", "tokenize.train_on: input should be 'answers' or"),
        ("{max_len: 8, train_on: answers}", "tokenize.max_len: unknown key"),
    ],
)
def test_a_mistaken_param_is_one_line_and_exit_code_2(folder, section, complaint):
    (folder / "params.yaml").write_text(f"tokenize: {section}\n")
    result = tokenize(folder)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
