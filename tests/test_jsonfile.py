"""JSON files: lists through a window, objects, and lines under the name of JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askback.errors import UserError
from askback.gathering import jsonwindow, tables
from askback.gathering.bounds import MAX_ROW
from askback.gathering.rows import RowError
from tests.test_jsonlines import read, told


def rows(tmp_path: Path, content: bytes | str) -> dict[int, Any]:
    """The rows of a file of these bytes, of errors their reasons."""
    path = tmp_path / "rows.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


def test_a_list_gives_its_rows_however_it_is_set(tmp_path):
    expected = {1: {"a": "é]"}, 2: {"b": ["\\", {}]}}
    for indent in (None, 0, 2):
        for ascii_only in (True, False):
            text = json.dumps(list(expected.values()), indent=indent, ensure_ascii=ascii_only)
            assert rows(tmp_path, f"\ufeff \n{text}\n ") == expected
    assert rows(tmp_path, " [ ] ") == {}


def test_a_damaged_row_costs_only_itself(tmp_path):
    damaged = [
        b'{"a": 1, "a": "\\"}]"}',
        b'{"a": NaN, "b": [1, {"c": "\\\\"}]}',
        b'{"a": "\xe9"}',
        b"[{}]",
        b"3",
        b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a": "\\ud83d"}',
        b'{"a": ' + b"7" * 5000 + b"}",
    ]
    text = b"[" + b'\n, {"good": "\xc3\xa9"},'.join(damaged) + b', {"good": 2}]'
    found = rows(tmp_path, text)
    assert [found[number] for number in range(1, 16, 2)] == [
        "duplicate_key",
        "not_json",
        "not_utf8",
        "not_an_object",
        "not_an_object",
        "too_deep",
        "lone_surrogate",
        "not_json",
    ]
    assert [found[number] for number in range(2, 17, 2)] == [{"good": "é"}] * 7 + [{"good": 2}]


@pytest.mark.parametrize("filling", [b"x", b"\\\\", b'\\"', b"],", "\U0001f600".encode()])
def test_a_row_that_is_too_large_costs_only_itself(tmp_path, filling):
    large = b'{"a": ["' + filling * (MAX_ROW // len(filling) + 1) + b'"], "b": {}}'
    found = rows(tmp_path, b'[{"a": 1}, ' + large + b", " + large + b', {"a": 2}]')
    assert found == {1: {"a": 1}, 2: "too_large", 3: "too_large", 4: {"a": 2}}


@pytest.mark.parametrize(
    ("text", "kept", "detail"),
    [
        ('[{"a": 1}, {"a" 2}, {}]', 1, "Expecting ':' delimiter at character 6"),
        ('[{"a": 1}, {"a": "2}', 1, "Unterminated string starting at at character 7"),
        ('[{"a": 1} {"a": 2}]', 1, "neither a comma nor the list's end after the row before"),
        ('[{"a": 1}', 1, "neither a comma nor the list's end after the row before"),
        ('[{"a": 1}, {"a": NaN, "b": "2}', 1, "a value without an end"),
        ('[{"a": 1}] [{"a": 2}]', 1, "it goes on after its end"),
        ("[", 0, "Expecting value at character 1"),
    ],
)
def test_what_follows_a_wrong_sign_in_a_list_is_lost_and_said_to_be(tmp_path, text, kept, detail):
    path = tmp_path / "rows.json"
    path.write_text(text)
    *good, (number, end) = tables.rows(path)
    assert good == [(1, {"a": 1})][:kept]
    assert number == kept + 1
    assert isinstance(end, RowError)
    assert (end.reason, end.detail) == ("not_json", f"{detail}; the rest of the file is lost")


def test_a_wrong_sign_is_found_where_it_stands_in_a_large_list(tmp_path):
    row = '{"a": "' + "x" * 1000 + '"}'
    found = rows(tmp_path, f"[{', '.join([row] * 2000)}, {row[:-2]}, {', '.join([row] * 2000)}]")
    assert len(found) == 2001
    assert found[2001] == "not_json"


def test_an_object_is_a_row(tmp_path):
    row = {"conversations": [{"from": "human", "value": "a"}], "id": 1}
    assert rows(tmp_path, json.dumps(row, indent=1)) == {1: row}
    assert rows(tmp_path, json.dumps(row)) == {1: row}
    assert rows(tmp_path, '{"a": 1, "a": 2}') == {1: "duplicate_key"}
    assert rows(tmp_path, '{"a": "' + "x" * MAX_ROW + '"}') == {1: "too_large"}


@pytest.mark.parametrize("name", ["conversations", "data", "examples", "rows", "train"])
def test_an_object_around_lists_of_rows_gives_these(tmp_path, name):
    items = [{"q": str(number) * 1000} for number in range(1000)]
    around = {"version": "1.0", "count": 3, name: items, "made": {"by": ["]"]}, "note": "}"}
    expected = dict(enumerate(items, 1))
    assert rows(tmp_path, json.dumps(around)) == expected
    around = {name: items[:2], "more": 1, "rows" if name == "data" else "data": items[2:]}
    assert rows(tmp_path, json.dumps(around)) == expected


def test_an_object_around_a_list_that_is_cut_off_gives_the_rows_before(tmp_path):
    assert rows(tmp_path, '{"data": [{"a": 1}, {"a"') == {1: {"a": 1}, 2: "not_json"}
    assert rows(tmp_path, '{"data": [{"a": 1}], "b') == {1: {"a": 1}, 2: "not_json"}
    assert rows(tmp_path, '{"data": [{"a": 1}]') == {1: {"a": 1}, 2: "not_json"}


def test_lines_under_the_name_of_json_are_read_as_lines(tmp_path):
    assert rows(tmp_path, '\n{"a": 1}\n\n{"a" 2}\n{"a": 3}\n') == {
        2: {"a": 1},
        4: "not_json",
        5: {"a": 3},
    }


@pytest.mark.parametrize("text", ["", "7", '"a"', "<html>"])
def test_what_is_neither_list_nor_object_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"rows\.json: neither a list nor an object of rows"):
        rows(tmp_path, text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\\n[]{},:é\U0001f600 '),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.dictionaries(st.text(max_size=3), values), max_size=6), st.integers(1, 40))
def test_a_window_of_any_size_sees_the_same(tmp_path_factory, items, size):
    path = tmp_path_factory.mktemp("window") / "rows.json"
    path.write_text(json.dumps(items, ensure_ascii=False, indent=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonwindow, "BUFFER", size)
        assert [row for _, row in tables.rows(path)] == items


@settings(deadline=None, max_examples=30)
@given(values, st.integers(1, 40))
def test_what_is_skipped_ends_where_the_value_ends(tmp_path_factory, value, size):
    path = tmp_path_factory.mktemp("skipped") / "rows.json"
    path.write_text(f'[{{"a": 1, "a": {json.dumps(value)}}}, {{"b": {size}}}]')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonwindow, "BUFFER", size)
        assert [told(row) for _, row in tables.rows(path)] == ["duplicate_key", {"b": size}]
