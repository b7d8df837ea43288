"""JSON lines, and what JSON a row may be: every damage costs its own row, and is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from askback.errors import UserError
from askback.gathering import tables
from askback.gathering.bounds import MAX_DEPTH, MAX_ROW
from askback.gathering.jsontext import parse
from askback.gathering.rows import RowError


def told(row: Any) -> str | Any:
    """A row as it is, and of an error its reason."""
    return row.reason if isinstance(row, RowError) else row


def read(path: Path) -> dict[int, Any]:
    """The file's rows by number, of errors their reasons."""
    return {number: told(row) for number, row in tables.rows(path)}


def lines(tmp_path: Path, content: bytes) -> dict[int, Any]:
    """The rows of a file of these bytes."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    return read(path)


def test_lines_are_numbered_as_an_editor_does_and_empty_ones_left_out(tmp_path):
    assert lines(tmp_path, b'{"a": 1}\r\n\n  \t\n{"a": 2}') == {1: {"a": 1}, 4: {"a": 2}}


def test_only_newline_bytes_end_a_line(tmp_path):
    text = "one\u2028two\x85three\x0bfour".replace("\x0b", "\\u000b")
    found = lines(tmp_path, f'{{"a": "{text}"}}\n{{"a": 2}}'.encode())
    assert found == {1: {"a": "one\u2028two\x85three\x0bfour"}, 2: {"a": 2}}


def test_a_byte_order_mark_is_allowed_at_the_start_alone(tmp_path):
    row = b'\xef\xbb\xbf{"a": 1}\n'
    assert lines(tmp_path, row + row) == {1: {"a": 1}, 2: "not_json"}


def test_utf_16_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"rows\.jsonl: UTF-16; write it again as UTF-8"):
        lines(tmp_path, '{"a": 1}'.encode("utf-16"))


def test_an_empty_file_has_no_rows(tmp_path):
    assert lines(tmp_path, b"") == {}


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"a": "\xe9"}', "not_utf8", "at byte 8"),
        (b'{"a": "\xed\xa0\xbd"}', "not_utf8", "at byte 8"),
        (b'{"a": 1', "not_json", "Expecting ',' delimiter at character 8"),
        (b'{"a": 1} {}', "not_json", "it goes on after its end at character 9"),
        (b'{"a": NaN}', "not_json", "NaN"),
        (b'{"a": -Infinity}', "not_json", "-Infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json", "a number of thousands of digits"),
        (b'{"a": "\t"}', "not_json", "Invalid control character at at character 8"),
        (b'{"a": 1, "b": 2, "a": 3}', "duplicate_key", "'a'"),
        (b'{"m": [{"role": 1, "role": 1}]}', "duplicate_key", "'role'"),
        (b"[1]", "not_an_object", "it is a list"),
        (b'"a"', "not_an_object", "it is a string"),
        (b"7.5", "not_an_object", "it is a number"),
        (b"true", "not_an_object", "it is true or false"),
        (b"null", "not_an_object", "it is null"),
        (rb'{"a": "\ud83d"}', "lone_surrogate", "half a character, as an escape"),
        (rb'{"a": [{"\uDE00\ud83d": 1}]}', "lone_surrogate", "half a character, as an escape"),
    ],
)
def test_what_is_wrong_with_a_row_is_named_and_where(line, reason, detail):
    found = parse(line)
    assert isinstance(found, RowError)
    assert (found.reason, found.detail) == (reason, detail)


def test_what_only_looks_damaged_is_kept():
    assert parse(rb'{"a": "\ud83d\ude00 \\ud83d"}') == {"a": "\U0001f600 \\ud83d"}
    assert parse(b'{"a": {"b": 1}, "b": null, "c": "\\u0000"}') == {
        "a": {"b": 1},
        "b": None,
        "c": "\0",
    }
    assert parse(b'{"a": "' + b"[" * 1000 + b'"}') == {"a": "[" * 1000}


def nested(depth: int) -> bytes:
    """A row of `depth` objects and lists within each other."""
    return b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 1000, 1_000_000])
def test_a_row_nested_too_deeply_is_named_however_deep(depth):
    assert told(parse(nested(depth))) == "too_deep"
    assert told(parse(nested(depth)[: depth + 5])) in ("too_deep", "not_json")


def test_a_row_may_be_as_deep_as_the_bound_and_have_any_number_of_lists():
    assert parse(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))
    assert parse(b'{"a": [' + b"[]," * 1000 + b"[]]}") == {"a": [[]] * 1001}


def test_an_error_holds_on_to_nothing_of_its_row():
    for line in (b'{"a": 1, "a": 1}', b'{"a": NaN}', b"{", nested(100_000)):
        found = parse(line)
        assert isinstance(found, RowError)
        assert found.__traceback__ is None
        assert found.__context__ is None


def test_a_detail_has_no_more_of_a_key_than_a_line():
    key = b'"' + b"k" * 1000 + b'": 1'
    found = parse(b"{" + key + b"," + key + b"}")
    assert isinstance(found, RowError)
    assert len(found.detail) == 60


def test_a_row_of_the_largest_size_is_read_and_a_larger_one_costs_only_itself(tmp_path):
    frame = len('{"a": ""}')
    largest = b'{"a": "' + b"x" * (MAX_ROW - frame) + b'"}\n'
    larger = b'{"a": "' + b"x" * (MAX_ROW - frame + 1) + b'"}\n'
    found = lines(tmp_path, larger + largest + larger + b'{"a": 1}\n' + larger[:-1])
    assert found == {
        1: "too_large",
        2: {"a": "x" * (MAX_ROW - frame)},
        3: "too_large",
        4: {"a": 1},
        5: "too_large",
    }
