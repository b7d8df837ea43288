"""The reply store: nothing acknowledged is lost, nothing damaged is believed, unions commute."""

import errno
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askback.asking.replies import Intent, Replies, Reply, Store, digest, encode, key, read
from askback.records import Message

ROOT = Path(__file__).parents[1]
MESSAGES = [Message("user", "What is salt?")]
HOSTILE = '\u2028\u0085\n\r\n\x00\x1e"}\n{"sum":"' + "\U0001f600\ud83d\ude00 \ud800"

text = st.text(st.characters() | st.sampled_from('\n\u2028\u0085\0"\\{}'), max_size=20)


def reply(content: str = "Salt?", nonce: str = "n", question: str = "What is salt?") -> Reply:
    """A paid reply to `question`."""
    messages, sampling = [Message("user", question)], {"temperature": 0.5, "seed": 1}
    name = key("m", messages, sampling)
    usage = {"input": 9, "output": 2}
    return Reply(name, "m", messages, sampling, content, "answer", usage, 0.25, nonce, "2026-01-01")


def store(folder: Path, *written: Reply) -> Path:
    """The file of a process that added `written` and ended."""
    with Store(folder) as opened:
        for one in written:
            opened.add(one)
    return opened.path


def texts(found: Replies) -> list[str]:
    """The texts of the replies that won."""
    return sorted(one.text for one in found.by_key.values())


def test_what_is_added_is_read_back_whole(tmp_path: Path) -> None:
    added = reply()
    store(tmp_path / "new" / "replies", added)
    assert read([tmp_path / "new" / "replies"]) == Replies({added.key: added}, [])


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read([tmp_path / "nowhere"]) == Replies({}, [])


@given(text, text, text)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: str, question: str, nonce: str
) -> None:
    folder = tmp_path_factory.mktemp("store")
    added = [reply(content, nonce, question), reply(HOSTILE, "h", question + "?")]
    store(folder, *added)
    assert read([folder]).by_key == {one.key: one for one in added}


def test_each_process_writes_a_file_of_its_own(tmp_path: Path) -> None:
    assert store(tmp_path, reply()) != store(tmp_path, reply())
    assert len(list(tmp_path.iterdir())) == 2


BASE: tuple[str, list[Message], dict[str, Any]] = ("m", MESSAGES, {"temperature": 0.5, "seed": 1})


@pytest.mark.parametrize(
    "other",
    [
        ("n", *BASE[1:]),
        ("m", [Message("system", MESSAGES[0].content)], BASE[2]),
        ("m", [Message("user", "What is salt? ")], BASE[2]),
        ("m", [*MESSAGES, Message("assistant", "")], BASE[2]),
        ("m", MESSAGES, {"temperature": 0.6, "seed": 1}),
        ("m", MESSAGES, {"temperature": 0.5, "seed": 2}),
        ("m", MESSAGES, {"temperature": 0.5, "seed": 1, "top_p": 1.0}),
        ("m", MESSAGES, {"temperature": 0.5}),
    ],
)
def test_a_key_changes_with_each_ingredient(
    other: tuple[str, list[Message], dict[str, Any]],
) -> None:
    assert key(*BASE) != key(*other)


def test_a_key_does_not_change_with_the_order_of_a_dict_nor_over_releases() -> None:
    """Another value here means that every reply ever paid for is lost: do not change it."""
    assert key("m", MESSAGES, {"seed": 1, "temperature": 0.5}) == key(*BASE)
    assert key(*BASE) == "76c9c6692f91d66225c3cac5353b1bec"


def test_a_reply_under_another_questions_key_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, replace(reply(), key="0" * 32), reply("kept", question="Else?"))
    assert texts(read([tmp_path])) == ["kept"]
    assert capsys.readouterr().err == (f"{path}:1: skipped: its key is not that of its question\n")


def signed(body: bytes) -> bytes:
    """A line with the right checksum, whatever is in it."""
    return b'{"sum":"' + digest(body).encode() + b'",' + body + b"\n"


@pytest.mark.parametrize(
    "body",
    [
        b'"reply":' + encode(reply()).partition(b'"reply":')[2].replace(b'"answer"', b'"great"'),
        b'"reply":' + encode(reply()).partition(b'"reply":')[2].replace(b'"Salt?"', b"null"),
        b'"reply":' + encode(reply()).partition(b'"reply":')[2].replace(b'"seed":1', b'"seed":NaN'),
        b'"reply":{"text":"Salt?"}}',
        b'"reply":null}',
        b'"reply":' + b"[" * 100_000,
        b'"intent":{"key":"k","most":NaN,"nonce":"n"}}',
        b'"verdict":"answer"}',
        b'"reply"',
    ],
    ids=range(9),
)
def test_a_whole_line_that_is_no_record_is_skipped_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    """Such as another version's, or one that a hand has changed: the others are still paid for."""
    path = store(tmp_path, reply("kept"))
    path.write_bytes(signed(body.rstrip(b"\n")) + path.read_bytes())
    found = read([tmp_path])
    assert (texts(found), found.unanswered) == (["kept"], [])
    assert capsys.readouterr().err == f"{path}:1: skipped: neither an intent nor a reply\n"


def test_a_reply_with_a_field_that_is_not_known_yet_is_read(tmp_path: Path) -> None:
    body = encode(reply()).partition(b'"reply":{')[2].rstrip(b"\n")
    (tmp_path / "later.jsonl").write_bytes(signed(b'"reply":{"finish":"stop",' + body))
    assert texts(read([tmp_path])) == ["Salt?"]


few = st.sampled_from(["a", "b", "c"])
some = st.lists(st.tuples(few, few, few, st.sampled_from([0.25, 0.5])), max_size=6)
intents = st.lists(st.builds(Intent, few, st.sampled_from([1.0, 2.0]), few), max_size=4)


@given(st.lists(st.tuples(some, intents), min_size=1, max_size=4), st.randoms())
@settings(max_examples=40, deadline=None)
def test_a_union_is_the_same_in_any_order_and_with_any_copies(
    tmp_path_factory: pytest.TempPathFactory,
    processes: list[tuple[list[tuple[str, str, str, float]], list[Intent]]],
    order: random.Random,
) -> None:
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    for written, intended in processes:
        with Store(order.choice([one, other])) as opened:
            opened.intend(*intended)
            for content, nonce, question, price in written:
                opened.add(replace(reply(content, nonce, question), price=price))
    found = read([one, other])
    assert read([other, one]) == found
    together = tmp_path_factory.mktemp("together")
    names = [path for folder in (one, other) for path in folder.iterdir()]
    order.shuffle(names)
    for number, path in enumerate([*names, *names[:2]]):
        shutil.copy(path, together / f"{number}.jsonl")
    assert read([together, one]) == found


def test_an_intent_counts_as_spent_until_its_own_reply_is_there(tmp_path: Path) -> None:
    """The first call was killed; that a second one got its reply does not give the money back."""
    first, second = Intent(reply().key, 0.5, "1"), Intent(reply().key, 0.5, "2")
    with Store(tmp_path) as opened:
        opened.intend(first)
        opened.intend(second)
    assert read([tmp_path]).unanswered == [first, second]
    store(tmp_path, reply(nonce="2"))
    assert read([tmp_path]).unanswered == [first]


def test_a_file_torn_at_any_byte_of_its_last_line_keeps_the_lines_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, reply("first"), reply("last", question="Else?"))
    whole = path.read_bytes()
    last = whole.index(b"\n") + 1
    for end in range(last, len(whole)):
        for zeros in (0, 1, 4096):
            path.write_bytes(whole[:end] + bytes(zeros))
            before = ["first"] if end < len(whole) - 1 else ["first", "last"]  # but for its newline
            assert texts(read([tmp_path])) == before
    assert capsys.readouterr().err == ""


def test_zeros_behind_a_whole_line_are_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, reply())
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert texts(read([tmp_path])) == ["Salt?"]
    assert capsys.readouterr().err == ""


def test_a_flipped_bit_anywhere_in_the_middle_costs_that_line_alone_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [reply("one", question="1"), reply("two", question="2"), reply("three", question="3")]
    path = store(tmp_path, *lines)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for position in range(start, whole.index(b"\n", start)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        assert texts(read([tmp_path])) == ["one", "three"]
        assert capsys.readouterr().err.startswith(f"{path}:2: skipped: damaged line")


WRITER = """
import sys
from pathlib import Path
from askback.asking.replies import Intent, Store
from tests.test_replies import reply

with Store(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[3])):
        name = f"{sys.argv[2]}{number}"
        paid = reply(name, name, question=name)
        store.intend(Intent(paid.key, 0.5, name))
        store.add(paid)
        print(name, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that adds `count` replies and acknowledges each by its name."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_has_left_all_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    after = random.Random(seed).randint(1, 60)
    with writer(tmp_path, "w", 1_000_000) as process:
        assert process.stdout
        told = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        told += process.stdout.read().split("\n")[:-1]
    found = read([tmp_path])
    assert set(told) <= set(texts(found))
    assert len(texts(found)) <= len(told) + 1
    assert len(found.unanswered) <= 1


def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    with writer(tmp_path, "a", 50) as one, writer(tmp_path, "b", 50) as other:
        assert one.wait() == other.wait() == 0
    found = read([tmp_path])
    assert texts(found) == sorted(f"{name}{n}" for name in "ab" for n in range(50))
    assert found.unanswered == []


def test_threads_share_one_store(tmp_path: Path) -> None:
    with Store(tmp_path) as opened:

        def work(name: str) -> None:
            for number in range(20):
                paid = reply(f"{name}{number}", question=f"{name}{number}")
                opened.intend(Intent(paid.key, 0.5))
                opened.add(paid)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts(read([tmp_path])) == sorted(f"{name}{n}" for name in "abcd" for n in range(20))


def test_what_is_added_is_synced_within_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.set()

    with Store(tmp_path) as opened:
        monkeypatch.setattr(os, "fsync", fsync)
        opened.add(reply())
        assert synced.wait(5)


def test_after_a_failed_sync_nothing_more_is_written_or_called_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux tells of a failed sync once; the next one succeeds though the bytes are gone."""

    def fails(handle: int) -> None:
        raise OSError(errno.EIO, "the disk is failing")

    opened = Store(tmp_path).__enter__()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="the disk is failing"):
            opened.intend(Intent("k", 0.5))
    with pytest.raises(OSError, match="the disk is failing"):
        opened.add(reply())
    with pytest.raises(OSError, match="the disk is failing"):
        opened.__exit__(None, None, None)
    assert read([tmp_path]).by_key == {}
