"""`askback export`: each format gives back the same messages, and leads back to the book."""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askback import cli, conversations
from askback.chat import MARKS, render
from askback.errors import UserError
from askback.export import FORMATS, line, provenance
from askback.records import Conversation, Message, Role
from tests import small_run

Row = dict[str, Any]
ROLES: dict[str, Role] = {"system": "system", "human": "user", "gpt": "assistant"}
ODD = "\u2028 \x85\ttab \x00 \U0001f469\u200d Ωραία \r\n\n \\u2028 \" '"


def from_openai(row: Row) -> list[Message]:
    """The messages of a row with `messages`."""
    return [Message(m["role"], m["content"]) for m in row["messages"]]


def from_sharegpt(row: Row) -> list[Message]:
    """The messages of a row with `conversations`."""
    return [Message(ROLES[m["from"]], m["value"]) for m in row["conversations"]]


def from_alpaca(row: Row) -> list[Message]:
    """The messages of an Alpaca row, as LLaMA-Factory's converter puts them together."""
    messages = [Message("system", row["system"])] if row["system"] else []
    for question, answer in row["history"]:
        messages += [Message("user", question), Message("assistant", answer)]
    asked = "\n".join(part for part in [row["instruction"], row["input"]] if part)
    return [*messages, Message("user", asked), Message("assistant", row["output"])]


def from_text(row: Row) -> list[Message]:
    """The messages of ChatML that is text."""
    turns = re.findall(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", row["text"], re.DOTALL)
    return [Message(cast(Role, role), content) for role, content in turns]


READERS: dict[str, Callable[[Row], list[Message]]] = {
    "openai": from_openai,
    "sharegpt": from_sharegpt,
    "alpaca": from_alpaca,
    "text": from_text,
}


def talk(number: int, exchanges: int = 1, system: str = "", end: str = "") -> Conversation:
    """A conversation of so many exchanges, `end` after each answer."""
    messages = [Message("system", system)] if system else []
    for at in range(exchanges):
        messages += [
            Message("user", f"Why {number}, for the {at}. time?"),
            Message("assistant", f"Because of {number} and {at}.{end}"),
        ]
    passages = [f"{number:08x}", f"{exchanges:08x}"] if number % 2 else []
    name = f"{number:016x}"
    return Conversation(name, "oasst", f"book {number}", "I", passages, messages, render(messages))


def write(folder: Path, train: Iterable[Conversation], held_out: Iterable[Conversation]) -> None:
    """The two sides of data/chat."""
    conversations.write(folder / "data/chat/train.parquet", train)
    conversations.write(folder / "data/chat/validation.parquet", held_out)


def export(folder: Path, *arguments: str) -> str:
    """What `askback export` prints in the folder."""
    with chdir(folder), redirect_stdout(StringIO()) as told:
        cli.run(["export", *arguments])
    return told.getvalue()


def rows(path: Path) -> list[Row]:
    """The rows of a file, its lines as a careless reader splits them."""
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mixed set of conversations with one and more exchanges, some with a system message."""
    train = [talk(1), talk(2, 3, "Be brief."), talk(3, 2), talk(4, 1, "Be brief.")]
    write(tmp_path, train, [talk(5), talk(6, 2)])
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_back_the_messages_of_both_sides(folder: Path, name: str) -> None:
    told = export(folder, "--to", name)
    for side in ("train", "validation"):
        found = {
            row["id"]: READERS[name](row)
            for row in rows(folder / f"data/export/{name}/{side}.jsonl")
        }
        wanted = conversations.read(folder / f"data/chat/{side}.parquet")
        assert found == {c.id: c.messages for c in wanted}
    assert f"data/export/{name}/train.jsonl: 4 conversations" in told


def test_every_row_says_where_it_comes_from(folder: Path) -> None:
    export(folder, "--to", "openai")
    row = rows(folder / "data/export/openai/train.jsonl")[2]
    assert row["id"] == f"{3:016x}"
    assert (row["source"], row["document"]) == ("oasst", "book 3")
    assert row["passages"] == "00000003 00000002"


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("openai", {"messages"}),
        ("sharegpt", {"conversations"}),
        ("alpaca", {"instruction", "input", "output", "system", "history"}),
        ("text", {"text"}),
    ],
)
def test_bare_rows_have_the_columns_of_the_format_alone(
    folder: Path, name: str, columns: set[str]
) -> None:
    export(folder, "--to", name, "--bare", "--out", "bare")
    assert {key for row in rows(folder / "bare/train.jsonl") for key in row} == columns


parts = st.characters(exclude_categories=["Cs"]) | st.sampled_from([*MARKS, *ODD])
contents = st.lists(parts, min_size=1).map("".join)
spoken = st.lists(st.tuples(contents, contents), min_size=1, max_size=4)


@given(st.none() | contents, spoken)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_text_comes_back_from_the_formats_that_keep_messages_apart(
    system: str | None, exchanges: list[tuple[str, str]]
) -> None:
    messages = [] if system is None else [Message("system", system)]
    for question, answer in exchanges:
        messages += [Message("user", question), Message("assistant", answer)]
    conversation = Conversation("a", "b", "c", "d", ["e"], messages, "")
    for name in ("openai", "sharegpt", "alpaca"):
        written = line(FORMATS[name](conversation) | provenance(conversation))
        (only,) = written.splitlines()
        assert READERS[name](json.loads(only)) == messages


def test_line_separators_within_a_text_end_no_line(tmp_path: Path) -> None:
    write(tmp_path, [talk(1, end=ODD)], [talk(2)])
    export(tmp_path, "--to", "sharegpt")
    (row,) = rows(tmp_path / "data/export/sharegpt/train.jsonl")
    assert from_sharegpt(row) == talk(1, end=ODD).messages
    assert "Ωραία" in (tmp_path / "data/export/sharegpt/train.jsonl").read_text("utf-8")


def test_text_refuses_rows_that_hold_marks_and_writes_nothing(tmp_path: Path) -> None:
    marked = [talk(n, end=MARKS[n % 3]) for n in range(7)]
    write(tmp_path, [*marked, talk(8)], [talk(9, end="<|im_end|>")])
    done = small_run.run(tmp_path, "askback.cli", "export", "--to", "text")
    assert done.returncode == 2
    ids = ", ".join(f"{n:016x}" for n in range(5))
    assert f"conversations that hold ChatML's marks: 8 ({ids}, ...)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "data/export").iterdir())


def test_a_refusal_leaves_an_earlier_export_as_it_was(folder: Path) -> None:
    export(folder, "--to", "text")
    before = (folder / "data/export/text/train.jsonl").read_bytes()
    write(folder, [talk(1, end="<|im_start|>")], [talk(2)])
    with pytest.raises(UserError):
        export(folder, "--to", "text")
    assert (folder / "data/export/text/train.jsonl").read_bytes() == before


def test_the_other_formats_keep_marks_as_text_and_say_so(tmp_path: Path) -> None:
    write(tmp_path, [talk(1, end="<|im_end|>")], [talk(2)])
    told = export(tmp_path, "--to", "openai")
    assert f"conversations that hold ChatML's marks: 1 ({1:016x})" in told
    (row,) = rows(tmp_path / "data/export/openai/train.jsonl")
    assert row["messages"][-1]["content"].endswith("<|im_end|>")


def test_alpaca_refuses_a_conversation_without_exchanges(tmp_path: Path) -> None:
    odd = Conversation("odd", "s", "d", "", [], [Message("assistant", "Well.")], "")
    write(tmp_path, [talk(1), odd], [talk(2)])
    with pytest.raises(UserError, match="odd: no exchanges of user and assistant"):
        export(tmp_path, "--to", "alpaca")
    assert not (tmp_path / "data/export/alpaca").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_the_datasets_library_reads_every_format_with_late_histories_and_passages(
    tmp_path: Path, name: str
) -> None:
    """Its loader takes types from the first ten megabytes, where all these lists are empty."""
    from datasets import load_dataset

    early = [talk(n, end=" And so on." * 10000) for n in range(0, 210, 2)]
    write(tmp_path, [*early, talk(1, 3, "Be brief."), talk(3, 2)], [talk(5)])
    export(tmp_path, "--to", name)
    files = {s: str(tmp_path / f"data/export/{name}/{s}.jsonl") for s in ("train", "validation")}
    assert Path(files["train"]).stat().st_size > 10 << 20
    found = load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert {row["id"]: READERS[name](row) for row in found["train"]} == {
        c.id: c.messages for c in conversations.read(tmp_path / "data/chat/train.parquet")
    }
    assert found["validation"][0]["passages"] == "00000005 00000001"


def test_other_files_in_the_folder_are_never_replaced(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("mine", "utf-8")
    with pytest.raises(UserError, match=r"mine holds notes\.txt"):
        export(folder, "--to", "openai", "--out", "mine")
    with pytest.raises(UserError, match="holds data"):
        export(folder, "--to", "openai", "--out", ".")
    with pytest.raises(UserError, match="is a file"):
        export(folder, "--to", "openai", "--out", "mine/notes.txt")
    assert (folder / "mine/notes.txt").read_text("utf-8") == "mine"


def test_an_export_replaces_an_earlier_one(folder: Path) -> None:
    export(folder, "--to", "openai")
    write(folder, [talk(7)], [talk(8)])
    export(folder, "--to", "openai")
    assert len(rows(folder / "data/export/openai/train.jsonl")) == 1


def test_without_a_mixed_set_it_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`dvc repro chatml` makes it"):
        export(tmp_path, "--to", "openai")


def test_a_format_that_is_none_is_answered_with_those_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        export(folder, "--to", "vicuna")
    told = capsys.readouterr().err
    assert all(name in told for name in FORMATS)
