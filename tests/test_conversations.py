import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from askback import conversations, files
from askback.conversations import ROWS
from askback.errors import UserError
from askback.records import Conversation, Message


def talk(number: int) -> Conversation:
    """A conversation whose text has everything that a file could trip over."""
    messages = [
        Message("user", f"Why {number}?\u2028 \n\n"),
        Message("assistant", f"  Because.\r\n<|im_end|>\x00\U0001f469\u200d {number}"),
    ]
    return Conversation(f"{number:016x}", "interview", "book", "I", ["a", "b"], messages, "text")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three conversations."""
    path = tmp_path / "train.parquet"
    conversations.write(path, map(talk, range(3)))
    return path


def test_what_is_read_is_what_was_written(path: Path) -> None:
    assert list(conversations.read(path)) == [talk(0), talk(1), talk(2)]


def test_no_conversations_are_a_file_too(tmp_path: Path) -> None:
    conversations.write(tmp_path / "none.parquet", [])
    assert list(conversations.read(tmp_path / "none.parquet")) == []


def test_row_groups_have_one_size_and_lie_in_memory_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    conversations.write(path, map(talk, range(2 * ROWS + 1)))
    found = pq.read_metadata(path)
    sizes = [found.row_group(n).num_rows for n in range(found.num_row_groups)]
    assert sizes == [ROWS, ROWS, 1]
    assert [c.id for c in conversations.read(path)] == [talk(n).id for n in range(2 * ROWS + 1)]


def test_equal_conversations_give_equal_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    conversations.write(again, iter([talk(0), talk(1), talk(2)]))
    assert files.sha256(again) == files.sha256(path)
    assert pq.read_metadata(path).metadata is None


def test_a_write_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    def broken() -> Iterator[Conversation]:
        yield talk(7)
        raise RuntimeError

    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        conversations.write(path, broken())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_other_tools_read_roles_and_contents_as_a_chat(path: Path) -> None:
    row = pq.read_table(path)["messages"].to_pylist()[0]
    assert [message["role"] for message in row] == ["user", "assistant"]


def test_no_flipped_bit_changes_a_conversation_in_silence(path: Path) -> None:
    """Either the file is refused by name, or what is read is right."""
    whole, expected = path.read_bytes(), list(conversations.read(path))
    read = []
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            read.append(list(conversations.read(path)))
    assert all(found == expected for found in read)
    assert len(read) < len(whole) / 7 / 2


@pytest.mark.parametrize("kept", [0, 3, 100, 0.5, -1])
def test_a_cut_file_is_refused_by_name(path: Path, kept: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else int(kept)])
    with pytest.raises(UserError, match=r"train\.parquet: damaged"):
        list(conversations.read(path))


def test_a_parquet_file_of_something_else_is_refused_by_name(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop(["chapter"]), path)
    with pytest.raises(UserError, match=r"train\.parquet: damaged, or not"):
        list(conversations.read(path))


def test_a_missing_file_is_no_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(conversations.read(tmp_path / "none.parquet"))
