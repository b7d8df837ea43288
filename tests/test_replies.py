"""The reply store, read: nothing damaged is believed, no money vanishes, unions commute."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askback.asking import lines
from askback.asking.lines import digest
from askback.asking.replies import Intent, Replies, Reply, encode, key, read
from askback.asking.store import Store
from askback.errors import WorldError
from askback.records import Message
from tests.paid import reply, state, store, texts, winners

MESSAGES = [Message("user", "What is salt?")]
HOSTILE = '\u2028\u0085\n\r\n\x00\x1e"}\n{\t"sum":"' + "\U0001f600\ud83d\ude00 \ud800"

text = st.text(st.characters() | st.sampled_from('\n\t\u2028\u0085\0"\\{}'), max_size=20)


def test_what_is_added_is_read_back_whole(tmp_path: Path) -> None:
    added = reply()
    store(tmp_path / "new" / "replies", added)
    found = read([tmp_path / "new" / "replies"])
    assert state(found) == ([added], {added.key: added}, [], 0.25, 1)
    assert found.get("0" * 32) is None


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert state(read([tmp_path / "nowhere"])) == ([], {}, [], 0.0, 0)


@given(text, text, text)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: str, question: str, nonce: str
) -> None:
    folder = tmp_path_factory.mktemp("store")
    intent = Intent(reply().key, 0.5, nonce + "!")
    added = [reply(content, nonce, question), reply(HOSTILE, "h", question + "?")]
    with Store(folder) as opened:
        opened.intend(intent)
        for one in added:
            opened.add(one)
    found = read([folder])
    assert winners(found) == {one.key: one for one in added}
    assert found.unanswered == [intent]


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


def test_a_line_does_not_change_over_releases() -> None:
    """Nor do these: what is in people's stores must be read for good."""
    assert encode(Intent(key(*BASE), 0.5, "00112233aabbccdd")) == (
        b'{\t"sum":"cce4824b73bec29edb200b906be0043c",'
        b'"intent":{"key":"76c9c6692f91d66225c3cac5353b1bec",'
        b'"nonce":"00112233aabbccdd","most":0.5}}\n'
    )
    assert encode(reply()) == (
        b'{\t"sum":"7c7e3c65678a19286d8f04be3af675f3",'
        b'"paid":{"key":"76c9c6692f91d66225c3cac5353b1bec","nonce":"n","price":0.25},'
        b'"whole":"f0e3fb4e25837ffa5dd8d9b22208b15b",'
        b'"reply":{"messages":[{"content":"What is salt?","role":"user"}],"model":"m",'
        b'"sampling":{"seed":1,"temperature":0.5},"text":"Salt?","time":"2026-01-01",'
        b'"usage":{"input":9,"output":2},"verdict":"answer"}}\n'
    )


def test_a_reply_under_another_questions_key_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, replace(reply(), key="0" * 32), reply("kept", question="Else?"))
    assert texts(read([tmp_path])) == ["kept"]
    assert capsys.readouterr().err == f"{path}:1: skipped: its key is not that of its question\n"


HEAD, _, BODY = encode(reply())[43:-2].partition(b',"whole":"')
BODY = BODY[34:]


def signed(head: bytes, body: bytes = b"") -> bytes:
    """A line with the right checksums, whatever is in it."""
    whole = b',"whole":"%b",%b' % (digest(head + body).encode(), body) if body else b""
    return lines.START + b'%b",%b%b}\n' % (digest(head).encode(), head, whole)


def test_a_line_is_its_head_and_body_signed() -> None:
    assert signed(HEAD, BODY) == encode(reply())


@pytest.mark.parametrize(
    "line",
    [
        signed(HEAD, BODY.replace(b'"answer"', b'"great"')),
        signed(HEAD, BODY.replace(b'"Salt?"', b"null")),
        signed(HEAD, BODY.replace(b'"seed":1', b'"seed":NaN')),
        signed(HEAD, b'"reply":{"text":"Salt?"}'),
        signed(HEAD, b'"reply":null'),
        signed(HEAD, b'"reply":' + b"[" * 100_000),
        signed(HEAD, b'"reply"'),
        signed(HEAD),
        signed(HEAD.replace(b"0.25", b"NaN"), BODY),
        signed(HEAD.replace(b"0.25", b'"0.25"'), BODY),
        signed(b'"paid":null', BODY),
        signed(b'"intent":{"key":"k","nonce":"n","most":NaN}'),
        signed(b'"intent":{"key":"k","nonce":"n","most":1e999}'),
        signed(b'"intent":{"key":1,"nonce":"n","most":1}'),
        signed(b'"intent":{"key":"k","most":1}'),
        signed(b'"verdict":"answer"'),
        signed(b'"reply"'),
        signed(b"[" * 100_000),
    ],
    ids=range(18),
)
def test_a_whole_line_that_is_no_record_is_skipped_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: bytes
) -> None:
    """Such as another version's, or one that a hand has changed: the others are still paid for."""
    path = store(tmp_path, reply("kept"))
    path.write_bytes(line + path.read_bytes())
    found = read([tmp_path])
    assert (texts(found), found.unanswered) == (["kept"], [])
    assert capsys.readouterr().err == f"{path}:1: skipped: neither an intent nor a reply\n"


def test_a_field_that_is_not_known_yet_is_read_over(tmp_path: Path) -> None:
    later = [
        signed(HEAD, BODY.replace(b'"text"', b'"finish":"stop","text"')),
        signed(b'"intent":{"key":"k","nonce":"n","most":1.5,"for":"us"}'),
    ]
    (tmp_path / "later.jsonl").write_bytes(b"".join(later))
    found = read([tmp_path])
    assert (texts(found), found.unanswered) == (["Salt?"], [Intent("k", 1.5, "n")])


few = st.sampled_from(["a", "b", "c"])
dollars = st.sampled_from([0.1, 0.2, 0.7, None])
some = st.lists(st.tuples(few, few, few, dollars), max_size=6)
intents = st.lists(st.builds(Intent, few.map(lambda q: reply(question=q).key), dollars, few))


@given(st.lists(st.tuples(some, intents), min_size=1, max_size=4), st.randoms())
@settings(max_examples=40, deadline=None)
def test_a_union_is_the_same_in_any_order_and_with_any_copies(
    tmp_path_factory: pytest.TempPathFactory,
    processes: list[tuple[list[tuple[str, str, str, float | None]], list[Intent]]],
    order: random.Random,
) -> None:
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    gained = Replies()
    for written, intended in processes:
        with Store(order.choice([one, other])) as opened:
            opened.intend(*intended)
            for content, nonce, question, price in written:
                added = replace(reply(content, nonce, question), price=price)
                opened.add(added)
                gained.add(added)
    found = state(read([one, other]))
    assert state(read([other, one])) == found
    assert state(gained)[:2] == found[:2]
    together = tmp_path_factory.mktemp("together")
    names = [path for folder in (one, other) for path in folder.iterdir()]
    order.shuffle(names)
    for number, path in enumerate([*names, *names[:2]]):
        shutil.copy(path, together / f"{number}.jsonl")
    assert state(read([together, one])) == found


def rank_of(one: Reply) -> str:
    """The hash by which a reply wins."""
    return digest(lines.dump([one.key, one.text, one.nonce]))


def test_of_several_replies_to_one_request_the_smallest_hash_wins(tmp_path: Path) -> None:
    rivals = [reply(content, nonce) for content in "abc" for nonce in "xyz"]
    store(tmp_path, *rivals)
    found = read([tmp_path])
    assert found.get(reply().key) == min(rivals, key=rank_of)
    one_a_call = [min((r for r in rivals if r.nonce == nonce), key=rank_of) for nonce in "xyz"]
    assert list(found) == one_a_call


def test_a_reply_gained_meanwhile_is_found_and_wins_where_it_would_in_the_file(
    tmp_path: Path,
) -> None:
    rivals = [reply(content, content) for content in "abcdef"]
    for stored in rivals:
        for gained in rivals:
            folder = tmp_path / f"{stored.text}{gained.text}"
            store(folder, stored)
            found = read([folder])
            found.add(gained)
            store(folder, gained)
            assert state(found) == state(read([folder]))


def test_an_intent_counts_as_spent_until_its_own_reply_is_there(tmp_path: Path) -> None:
    """The first call was killed; that a second one got its reply does not give the money back."""
    first, second = Intent(reply().key, 0.5, "1"), Intent(reply().key, 0.75, "2")
    with Store(tmp_path) as opened:
        opened.intend(first)
        opened.intend(second)
    found = read([tmp_path])
    assert (found.unanswered, found.spent) == ([first, second], 1.25)
    store(tmp_path, reply(nonce="2"))
    found.add(reply(nonce="2"))
    for one in (found, read([tmp_path])):
        assert (one.unanswered, one.spent) == ([first], 0.75)


def test_what_no_price_is_known_of_counts_as_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as opened:
        opened.intend(Intent("k", None, "1"), Intent("k", 0.5, "2"))
        opened.add(replace(reply(), price=None))
    found = read([tmp_path])
    assert found.unanswered == [Intent("k", None, "1"), Intent("k", 0.5, "2")]
    assert found.spent == 0.5


def test_what_was_spent_is_the_exact_sum_in_any_order(tmp_path: Path) -> None:
    """Ten times 0.1, added one by one, are 0.9999999999999999."""
    for number in range(10):
        store(tmp_path, replace(reply(question=str(number)), price=0.1))
    assert read([tmp_path]).spent == 1.0


def test_a_file_torn_at_any_byte_of_its_last_line_keeps_the_lines_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, reply("first"), reply("last", question="Else?"))
    whole = path.read_bytes()
    last = whole.index(b"\n") + 1
    for end in range(last, len(whole)):
        for zeros in (0, 1, 4096):
            path.write_bytes(whole[:end] + bytes(zeros))
            found = read([tmp_path])
            before = ["first"] if end < len(whole) - 1 else ["first", "last"]  # but for its newline
            assert (texts(found), len(found)) == (before, len(before))
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
    written = [reply("one", question="1"), reply("two", question="2"), reply("three", question="3")]
    path = store(tmp_path, *written)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for position in range(start, whole.index(b"\n", start)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        found = read([tmp_path])
        assert texts(found) == ["one", "three"]
        assert texts(found) == ["one", "three"]
        told = capsys.readouterr().err
        assert told.startswith(f"{path}:2: skipped: damaged line")
        assert told.count("\n") == 1


NONCES = "0123456789abcdef", "123456789abcdef0", "23456789abcdef01"
PAID = [reply(str(number), nonce, str(number)) for number, nonce in enumerate(NONCES)]
ANSWERED = b"".join(
    encode(record) for one in PAID[:2] for record in (Intent(one.key, 0.5, one.nonce), one)
)
UNANSWERED = encode(Intent(PAID[2].key, 0.5, PAID[2].nonce))


def check_flipped(path: Path, position: int, bit: int, told: Callable[[], str]) -> None:
    """That with this bit flipped no money is gone, and that it is named.

    But of a call whose intent is damaged, and that has no reply, nobody can know.
    """
    damaged = bytearray(ANSWERED + UNANSWERED)
    damaged[position] ^= 1 << bit
    path.write_bytes(damaged)
    found = read([path.parent])
    replies = list(found)
    assert all(one in PAID[:2] for one in replies)
    assert told() or position == len(damaged) - 1  # a tail with its line break damaged is whole
    if position < len(ANSWERED):
        assert found.spent in (1.0, 1.25)  # in full where the price of a reply is not to be seen
        assert len(replies) in (1, 2)
        assert NONCES[2] in [intent.nonce for intent in found.unanswered]
    else:
        assert found.spent in (0.5, 1.0)
        assert len(replies) == 2


def test_no_flipped_bit_makes_money_vanish_or_an_intent_look_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ANSWERED + UNANSWERED
    for position in range(len(whole)):
        for bit in range(8) if whole[position] == ord("\n") else [position % 8]:
            check_flipped(tmp_path / "1.jsonl", position, bit, lambda: capsys.readouterr().err)


@pytest.mark.prove
def test_nor_does_any_other_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for position in range(len(ANSWERED + UNANSWERED)):
        for bit in range(8):
            check_flipped(tmp_path / "1.jsonl", position, bit, lambda: capsys.readouterr().err)


def test_a_damaged_reply_is_replaced_by_any_sound_copy_or_rival(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best, other = sorted([reply("a", "1"), reply("b", "2")], key=rank_of)
    path = store(tmp_path, best, other)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(best.text.encode() + b'","time"', b'?","time"'))
    found = read([tmp_path])
    assert found.get(best.key) == other
    assert found.get(best.key) == other
    assert capsys.readouterr().err.count(f"{path}:1: skipped: damaged line") == 1
    assert found.spent == 0.5
    (tmp_path / "copy.jsonl").write_bytes(whole)
    assert read([tmp_path]).get(best.key) == best


def test_a_file_that_is_another_by_now_answers_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(tmp_path, reply())
    found = read([tmp_path])
    path.write_bytes(encode(reply(question="What is silk?")))
    assert found.get(reply().key) is None
    told = capsys.readouterr().err
    assert told == f"{path}:1: skipped: the file has changed since it was opened\n"


def test_a_file_that_goes_while_it_is_in_use_ends_the_run(tmp_path: Path) -> None:
    path = store(tmp_path, reply())
    found = read([tmp_path])
    path.unlink()
    for use in (lambda: found.get(reply().key), lambda: Replies([path])):
        with pytest.raises(WorldError, match="has gone since the store was opened; run again"):
            use()


def test_a_line_is_json_with_its_reply_in_it(tmp_path: Path) -> None:
    """For jq, and for readers of another make."""
    fields = json.loads(store(tmp_path, reply()).read_bytes())
    assert fields["paid"] == {"key": reply().key, "nonce": "n", "price": 0.25}
    assert fields["reply"]["text"] == "Salt?"
