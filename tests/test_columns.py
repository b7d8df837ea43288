"""Parquet and Arrow: all types of text come out; damage costs a row, a row group or a batch."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from askback.errors import UserError
from askback.gathering import parquet, tables
from askback.gathering.bounds import MAX_ROW
from askback.gathering.rows import RowError
from tests.spoilt_rows import columns, schema, spoilt_columns
from tests.test_jsonlines import read

TALK = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "é \u2028\0 👋"}]
FORMATS = pytest.mark.parametrize("name", ["rows.parquet", "file.arrow", "stream.arrow"])


def write(folder: Path, name: str, table: pa.Table, rows: int = 1000, **options: Any) -> Path:
    """A file of the table in the format of its name, with so many rows in a group or batch."""
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(table, path, row_group_size=rows, write_page_checksum=True, **options)
        return path
    new = pa.ipc.new_file if name.startswith("file") else pa.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table, rows)
    return path


@FORMATS
def test_rows_come_out_as_they_went_in_over_groups_and_batches(tmp_path, name):
    rows = [{"messages": [*TALK, {"role": "user", "content": f"{n}"}]} for n in range(1000)]
    path = write(tmp_path, name, pa.Table.from_pylist(rows, schema()), 300)
    assert read(path) == dict(enumerate(rows, 1))


@FORMATS
def test_a_file_without_rows_is_read_as_such(tmp_path, name):
    assert read(write(tmp_path, name, schema().empty_table())) == {}


@FORMATS
def test_all_types_of_text_and_lists_come_out_as_pythons_own(tmp_path, name):
    values = ["a", None, "é👋", ""] * 100
    talks = [TALK, None, [], [{"role": None, "content": "x"}, None]] * 100
    kind = schema().field(0).type
    dictionary = pa.array(values).dictionary_encode()
    table = pa.table(
        {
            "string": values,
            "large": pa.array(values, pa.large_string()),
            "dictionary": dictionary,
            "talk": pa.array(talks, kind),
            "large_talk": pa.array(talks, pa.large_list(kind.value_type)),
            "number": pa.array([1, None, 2.5, 3] * 100),
            "nothing": pa.nulls(400),
            "day": pa.array([datetime.date(2023, 8, 25), None] * 200),
            "time": pa.array([0, -(2**62)] * 200, pa.timestamp("ns")),
        }
    )
    found = read(write(tmp_path, name, table, 150))
    assert [row["string"] for row in found.values()] == values
    assert [row["large"] for row in found.values()] == values
    assert [row["dictionary"] for row in found.values()] == values
    assert [row["talk"] for row in found.values()] == talks
    assert [row["large_talk"] for row in found.values()] == talks
    assert [row["number"] for row in found.values()] == [1, None, 2.5, 3] * 100
    assert {row["nothing"] for row in found.values()} == {None}
    assert [row["day"] for row in found.values()] == ["2023-08-25", None] * 200
    assert found[1]["time"].startswith("1970-01-01 00:00:00")


def test_what_pandas_wrote_is_read(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": ["a", None, "é"], "kind": pd.Categorical(["x", "y", "x"])})
    frame.to_parquet(tmp_path / "rows.parquet")
    assert read(tmp_path / "rows.parquet") == {
        1: {"text": "a", "kind": "x"},
        2: {"text": None, "kind": "y"},
        3: {"text": "é", "kind": "x"},
    }


@FORMATS
def test_text_that_is_no_utf_8_costs_its_row(tmp_path, name):
    rows = [{"messages": TALK} for _ in range(500)]
    for at in (0, 77, 499):
        rows[at] = spoilt_columns("not UTF-8", rows[at])
    path = write(tmp_path, name, columns(rows), 200)
    found = dict(tables.rows(path))
    errors = {number: row for number, row in found.items() if isinstance(row, RowError)}
    assert [*errors] == [1, 78, 500]
    assert {str(row) for row in errors.values()} == {"not_utf8: 'messages': at byte 2"}
    assert all(row == {"messages": TALK} for n, row in found.items() if n not in errors)
    assert len(found) == 500


@FORMATS
def test_a_row_that_is_too_large_costs_only_itself(tmp_path, name):
    sizes = [MAX_ROW + 1, 10, 3 * MAX_ROW, MAX_ROW // 2, MAX_ROW // 2, MAX_ROW // 2, 10]
    texts = ["x" * size for size in sizes]
    found = read(write(tmp_path, name, pa.table({"text": texts})))
    assert [found[n] for n in (1, 3)] == ["too_large"] * 2
    assert [found[n] for n in (2, 4, 5, 6, 7)] == [{"text": texts[n - 1]} for n in (2, 4, 5, 6, 7)]


def test_a_row_group_of_nothing_but_long_rows_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LARGE", 10_000_000)
    table = pa.table({"text": ["x" * 999, *["y" * 1_000_000] * 20, "z"]})
    with pq.ParquetWriter(tmp_path / "rows.parquet", table.schema, use_dictionary=False) as writer:
        for part in (table[:1], table[1:21], table[21:]):
            writer.write_table(part)
    found = dict(tables.rows(tmp_path / "rows.parquet"))
    assert str(found[2]) == "too_large: row group 1 of 20 rows, 1.0 MB each"
    assert found == {1: {"text": "x" * 999}, 2: found[2], 22: {"text": "z"}}


def test_a_changed_bit_in_a_page_is_named_or_harmless(tmp_path):
    rows = [{"messages": [{"role": "user", "content": f"{n} " * 20}]} for n in range(90)]
    path = write(tmp_path, "rows.parquet", columns(rows), 30, compression="none")
    page = pq.read_metadata(path).row_group(1).column(1)
    start, size = page.dictionary_page_offset, page.total_compressed_size
    whole, ends = path.read_bytes(), set()
    for at in range(start, start + size, 13):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        found = dict(tables.rows(path))
        if isinstance(error := found.get(31), RowError):
            assert (found.pop(31), error.reason) == (error, "damaged")
            assert error.detail.startswith("30 rows of row group 1 are lost: ")
            assert "\n" not in error.detail
            assert [*found] == [*range(1, 31), *range(61, 91)]
        ends.add(len(found))
        assert found == {number: rows[number - 1] for number in found}
    assert ends == {60, 90}  # not all of a page's head matters


@pytest.mark.parametrize("name", ["file.arrow", "stream.arrow"])
def test_arrow_cut_off_anywhere_gives_the_batches_before_and_tells(tmp_path, name):
    rows = [{"text": f"{n} " * 20} for n in range(40)]
    whole = write(tmp_path, name, pa.Table.from_pylist(rows), 10).read_bytes()
    path, kept = tmp_path / "cut.arrow", set()
    for size in range(400, len(whole), 37):
        path.write_bytes(whole[:size])
        found = read(path)
        last = len(found)
        assert found.pop(last) == "cut_off"
        assert found == {n: rows[n - 1] for n in range(1, last)}
        kept.add(last - 1)
    assert kept == {0, 10, 20, 30, 40}


def test_arrow_whose_offsets_lead_out_of_it_is_named(tmp_path):
    good = pa.array(["abc", "def"])
    offsets = pa.py_buffer(b"\0\0\0\0\xff\xff\xff\x7f\6\0\0\0")
    bad = pa.Array.from_buffers(pa.string(), 2, [None, offsets, good.buffers()[2]])
    path = tmp_path / "rows.arrow"
    with pa.ipc.new_stream(str(path), pa.schema({"text": pa.string()})) as writer:
        for array in (good, bad, good):
            writer.write_batch(pa.record_batch({"text": array}))
    found = dict(tables.rows(path))
    assert [found[n] for n in (1, 2, 4, 5)] == [{"text": "abc"}, {"text": "def"}] * 2
    assert str(found[3]).startswith("damaged: 2 rows are lost: ")


def test_arrow_whose_offsets_lead_out_of_it_is_named_behind_bad_text_too(tmp_path):
    kind = pa.struct({"a": pa.string(), "b": pa.string()})
    bad_text = pa.array([b"\xff\xff\xff", b"def"]).view(pa.string())
    offsets = pa.py_buffer(b"\0\0\0\0\xff\xff\xff\x7f\6\0\0\0")
    bad = pa.Array.from_buffers(pa.string(), 2, [None, offsets, bad_text.buffers()[2]])
    both = pa.Array.from_buffers(kind, 2, [None], children=[bad_text, bad])
    path = tmp_path / "rows.arrow"
    with pa.ipc.new_stream(str(path), pa.schema({"both": kind})) as writer:
        writer.write_batch(pa.record_batch({"both": both}))
    assert read(path) == {1: "damaged"}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and PAR1", b"no table\n" * 99])
@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_what_is_no_table_is_refused_by_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: .*get it again") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_that_is_cut_off_is_refused_by_name(tmp_path):
    path = write(tmp_path, "rows.parquet", columns([{"messages": TALK}] * 99))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"rows\.parquet: damaged, or no Parquet file: .*again"):
        read(path)


@FORMATS
def test_two_columns_of_one_name_are_refused(tmp_path, name):
    table = pa.table([pa.array(["a"]), pa.array(["b"])], ["text", "text"])
    with pytest.raises(UserError, match="two columns of one name; rename one"):
        read(write(tmp_path, name, table))
