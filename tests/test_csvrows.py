"""CSV and TSV: line ends within fields, and damage that costs its own record."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from askback.errors import UserError
from askback.gathering import tables
from askback.gathering.bounds import MAX_ROW
from askback.gathering.rows import RowError
from tests.test_jsonlines import read


def records(tmp_path: Path, content: bytes, name: str = "rows.csv") -> dict[int, Any]:
    """The rows of a file of these bytes, of errors their reasons."""
    path = tmp_path / name
    path.write_bytes(content)
    return read(path)


def test_what_a_writer_wrote_is_read_back(tmp_path):
    rows = [["one\ntwo\r\nthree", 'say "no", please'], ["", "  é\t\u2028 "], ['"', "\n"]]
    for name, delimiter in {"rows.csv": ",", "rows.tsv": "\t", "ROWS.CSV": ","}.items():
        sink = io.StringIO()
        csv.writer(sink, delimiter=delimiter).writerows([["a", "b"], *rows])
        found = records(tmp_path, sink.getvalue().encode(), name)
        assert found == {n: dict(zip("ab", row, strict=True)) for n, row in enumerate(rows, 1)}


def test_a_byte_order_mark_and_empty_lines_are_no_records(tmp_path):
    assert records(tmp_path, b"\xef\xbb\xbfa,b\n\n1,2\r\n\n") == {1: {"a": "1", "b": "2"}}


@pytest.mark.parametrize(
    ("damaged", "reason", "detail"),
    [
        (b"1\n", "wrong_columns", "1 fields, and the header has 2"),
        (b"1,2,3\n", "wrong_columns", "3 fields, and the header has 2"),
        (b"1,\xe9\n", "not_utf8", "at byte 3"),
        (b"1,\0\n", "not_csv", "line 3: a NUL byte"),
        (b'"1"x,2\n', "not_csv", "line 3: ',' expected after '\"'"),
        (b"1,2\r3,4\n", "not_csv", "line 3: new-line character seen in unquoted field"),
    ],
)
def test_a_damaged_record_is_named_and_the_next_one_read(tmp_path, damaged, reason, detail):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n" + damaged + b"5,6\n")
    (_, first), (_, found), (number, last) = tables.rows(path)
    assert first == {"a": "1", "b": "2"}
    assert isinstance(found, RowError)
    assert found.reason == reason
    assert found.detail.startswith(detail)
    assert (number, last) == (3, {"a": "5", "b": "6"})


def test_a_quote_that_is_never_closed_is_named(tmp_path):
    assert records(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n') == {1: {"a": "1", "b": "2"}, 2: "not_csv"}


@pytest.mark.parametrize(
    "large",
    [
        b"x" * MAX_ROW,
        b'"' + b"x" * MAX_ROW + b'"',
        b'"' + b"line\n" * (MAX_ROW // 4) + b'"',
        b'"' + b'say ""no"",\n' * (MAX_ROW // 8) + b'"',
        b'"' + b"x" * (MAX_ROW - 5) + b'""\n\n"',
    ],
    ids=["bare", "quoted", "lines", "quotes", "at the bound"],
)
def test_a_record_that_is_too_large_costs_only_itself(tmp_path, large):
    found = records(tmp_path, b"a,b\n1,2\n" + large + b",4\n5,6\n" + large + b",4\n7,8\n")
    good = {1: {"a": "1", "b": "2"}, 3: {"a": "5", "b": "6"}, 5: {"a": "7", "b": "8"}}
    assert found == {**good, 2: "too_large", 4: "too_large"}


def test_a_field_may_be_as_large_as_a_row(tmp_path):
    field = "x" * (MAX_ROW - 3)
    assert records(tmp_path, f"a,b\n{field},4\n".encode()) == {1: {"a": field, "b": "4"}}


def test_a_quote_open_for_too_long_is_too_large_and_the_end(tmp_path):
    found = records(tmp_path, b'a,b\n1,2\n3,"' + b"5,6\n" * (MAX_ROW // 3))
    assert found == {1: {"a": "1", "b": "2"}, 2: "too_large"}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"", "empty; its first line must name the columns"),
        (b"a,,b\n", "a column without a name; name it in the first line"),
        (b"a,b,a\n", "two columns are named 'a'; rename one"),
        (b"a,\xff\n", "no header: not_utf8: at byte 3; write it again as CSV in UTF-8"),
    ],
)
def test_a_header_that_names_no_columns_is_refused(tmp_path, header, message):
    with pytest.raises(UserError) as caught:
        records(tmp_path, header + b"1,2,3\n" * bool(header))
    assert str(caught.value) == f"{tmp_path / 'rows.csv'}: {message}"
