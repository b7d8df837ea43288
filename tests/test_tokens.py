"""Token files: what is written comes back, and what is damaged is named."""

import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from askback import files, tokens
from askback.errors import UserError
from askback.records import TokenRow
from askback.token_columns import columns

ROWS = [
    TokenRow("a", "book", [1, 2, 3, 4], [-100, -100, 3, 4]),
    TokenRow("b", "other", [1, 5], [-100, 5]),
]


def test_rows_come_back_in_their_order_with_their_lengths(tmp_path):
    tokens.write(tmp_path / "train.arrow", ROWS)
    assert tokens.read(tmp_path / "train.arrow").to_pylist() == [
        {
            "id": "a",
            "document": "book",
            "input_ids": [1, 2, 3, 4],
            "labels": [-100, -100, 3, 4],
            "length": 4,
        },
        {"id": "b", "document": "other", "input_ids": [1, 5], "labels": [-100, 5], "length": 2},
    ]


def test_rows_come_back_as_the_records_they_were(tmp_path):
    tokens.write(tmp_path / "train.arrow", iter(ROWS))
    assert list(tokens.rows(tmp_path / "train.arrow")) == ROWS


def test_the_manifest_counts_rows_tokens_and_different_answers_of_each_file(tmp_path):
    again = TokenRow("c", "book", [9, 3, 4], [-100, 3, 4])
    tokens.write(tmp_path / "train.arrow", [*ROWS, again])
    tokens.write(tmp_path / "validation.arrow", ROWS[1:])
    manifest = json.loads((tmp_path / tokens.MANIFEST).read_text())
    checksums = [entry.pop("checksum") for entry in manifest.values()]
    assert checksums[0] != checksums[1]
    assert manifest == {
        "train.arrow": {
            "rows": 3,
            "tokens": 9,
            "supervised": 5,
            "answers": 2,
            "size": (tmp_path / "train.arrow").stat().st_size,
            "sha256": files.sha256(tmp_path / "train.arrow"),
        },
        "validation.arrow": {
            "rows": 1,
            "tokens": 2,
            "supervised": 1,
            "answers": 1,
            "size": (tmp_path / "validation.arrow").stat().st_size,
            "sha256": files.sha256(tmp_path / "validation.arrow"),
        },
    }


def test_a_checksum_is_the_crc_of_a_row_after_that_of_the_row_before(tmp_path):
    tokens.write(tmp_path / "train.arrow", ROWS)
    first = zlib.crc32(b"0\na\nbook\n" + struct.pack("<8i", 1, 2, 3, 4, -100, -100, 3, 4))
    second = zlib.crc32(b"1\nb\nother\n" + struct.pack("<4i", 1, 5, -100, 5), first)
    table = pa.ipc.open_file(str(tmp_path / "train.arrow")).read_all()
    assert table["checksum"].to_pylist() == [first, second]
    assert tokens.Rows(tmp_path / "train.arrow").counts.checksum == second


def test_equal_rows_give_equal_bytes(tmp_path):
    many = [TokenRow(str(n), "book", list(range(n % 7)), list(range(n % 7))) for n in range(2500)]
    for name in ["one", "two"]:
        tokens.write(tmp_path / name / "train.arrow", iter(many))
    for name in ["train.arrow", tokens.MANIFEST]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    table = tokens.read(tmp_path / "one/train.arrow")
    assert table["id"].to_pylist() == [row.id for row in many]
    assert [len(batch) for batch in table.to_batches()] == [1000, 1000, 500]


def test_how_rows_are_parted_is_no_matter_to_the_bytes(tmp_path):
    many = [TokenRow(str(n), "book", list(range(n % 7)), list(range(n % 7))) for n in range(2500)]
    tokens.write(tmp_path / "one" / "train.arrow", many)
    edges = [0, 1, 3, 3, 1500, 1501, 2500]
    parts = [columns(many[start:end]) for start, end in pairwise(edges)]
    tokens.write_columns(tmp_path / "two" / "train.arrow", parts)
    for name in ["train.arrow", tokens.MANIFEST]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_rows_are_read_by_number_in_any_order(tmp_path):
    many = [TokenRow(str(n), "book", list(range(n % 7)), list(range(n % 7))) for n in range(2500)]
    tokens.write(tmp_path / "train.arrow", many)
    rows = tokens.Rows(tmp_path / "train.arrow")
    assert len(rows) == 2500
    for number in [2499, 0, 1000, 999, 2000]:
        assert rows.record(number) == many[number]
        assert rows[number].ids == rows[number].labels == many[number].input_ids
    assert rows.lengths.tolist() == [n % 7 for n in range(2500)]
    assert rows.find("1234") == 1234
    assert rows.find("2500") is None
    assert [rows[n].ids for n in range(2500)] == [row.input_ids for row in many]
    for number in [-1, 2500]:
        with pytest.raises(IndexError):
            rows[number]


def test_a_row_without_a_label_for_each_id_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a label for each"):
        tokens.write(tmp_path / "train.arrow", [TokenRow("a", "book", [1, 2], [1])])


def test_a_file_of_no_rows_is_read_as_no_rows(tmp_path):
    tokens.write(tmp_path / "train.arrow", [])
    assert tokens.read(tmp_path / "train.arrow").num_rows == 0
    rows = tokens.Rows(tmp_path / "train.arrow")
    assert (len(rows), rows.lengths.tolist(), rows.find("a")) == (0, [], None)


def read_all(path: Path) -> tuple[list[TokenRow], list[int]] | str:
    """All that can be read of a file, or why it is refused."""
    try:
        rows = tokens.Rows(path)
        return [rows.record(n) for n in range(len(rows))], rows.lengths.tolist()
    except UserError as error:
        return str(error)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_no_changed_byte_yields_another_row(tmp_path, mask):
    """Either the file or a row is refused by name, or what is read is right."""
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    sound, refused = path.read_bytes(), 0
    for position in range(len(sound)):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ mask]) + sound[position + 1 :])
        found = read_all(path)
        if isinstance(found, str):
            refused += 1
            assert found.startswith(f"{path}: "), position
            assert found.endswith("delete it and run `dvc repro`"), position
        else:
            assert found == (ROWS, [4, 2]), position
    assert refused > 12 * 4  # the tokens' bytes at the least; most of a small file is padding


def test_a_batch_in_anothers_place_is_refused_row_by_row(tmp_path):
    """The footer says where each batch lies, and has no checksum."""
    path = tmp_path / "train.arrow"
    tokens.write(path, [TokenRow(str(n % 1000), "book", [7], [7]) for n in range(3000)])
    found = bytearray(path.read_bytes())
    blocks = footer_blocks(found)
    found[blocks[0] : blocks[0] + 24], found[blocks[1] : blocks[1] + 24] = (
        found[blocks[1] : blocks[1] + 24],
        found[blocks[0] : blocks[0] + 24],
    )
    path.write_bytes(found)
    rows = tokens.Rows(path)
    for number in [0, 1, 999, 1000, 1001, 1999]:
        with pytest.raises(UserError, match=rf"row {number + 1} is damaged"):
            rows[number]
    assert rows[2999].ids == [7]


def footer_blocks(data: bytes | bytearray) -> list[int]:
    """Where the footer tells of each batch: its place (8 bytes), and the sizes of its parts."""
    reader = pa.ipc.open_file(pa.py_buffer(bytes(data)))
    size = len(pa.ipc.MessageReader.open_stream(bytes(data)[8:]).read_next_message().metadata)
    first = struct.pack("<q", 8 + 8 + -(-size // 8) * 8)
    place = bytes(data).rindex(first)
    return [place + 24 * number for number in range(reader.num_record_batches)]


def test_a_file_of_other_rows_with_the_same_shape_is_refused_at_once(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(tmp_path / "other" / "train.arrow", ROWS[:1])
    tokens.write(path, [TokenRow("a", "book", [1, 2, 3, 4], [-100, -100, -100, 4])])
    path.write_bytes((tmp_path / "other" / "train.arrow").read_bytes())
    with pytest.raises(UserError, match=r"train\.arrow: other rows than tokens\.json says"):
        tokens.Rows(path)


def test_an_arrow_file_of_something_else_is_refused_at_once(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    size = path.stat().st_size
    with pa.ipc.new_file(str(path), pa.schema({"id": pa.string()})) as writer:
        writer.write_batch(pa.record_batch({"id": ["a", "b"]}))
    with path.open("ab") as file:
        file.truncate(size)
    with pytest.raises(UserError, match=r"train\.arrow: missing or damaged"):
        tokens.Rows(path)


@pytest.mark.parametrize("read", [tokens.read, tokens.Rows])
@pytest.mark.parametrize("kept", [0, 10, 0.5, -1])
def test_a_cut_file_is_refused_at_once(tmp_path, read, kept):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    sound = path.read_bytes()
    path.write_bytes(sound[: int(kept * len(sound)) if kept == 0.5 else int(kept)])
    with pytest.raises(UserError, match=r"train\.arrow: missing or damaged"):
        read(path)


def test_a_file_with_a_changed_byte_is_refused_by_name(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"train\.arrow: missing or damaged"):
        tokens.read(path)


@pytest.mark.parametrize("read", [tokens.read, tokens.Rows])
def test_another_number_of_rows_than_counted_is_refused(tmp_path, read):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    manifest = tmp_path / tokens.MANIFEST
    manifest.write_text(manifest.read_text().replace('"rows": 2', '"rows": 3'))
    with pytest.raises(UserError, match=r"train\.arrow: 2 rows, but 3 in tokens\.json"):
        read(path)


@pytest.mark.parametrize("read", [tokens.read, tokens.Rows])
def test_a_file_that_no_manifest_lists_is_refused(tmp_path, read):
    with pytest.raises(UserError, match=r"tokens\.json has no train\.arrow"):
        read(tmp_path / "train.arrow")


def test_a_manifest_that_is_no_json_is_refused_by_name(tmp_path):
    tokens.write(tmp_path / "train.arrow", ROWS)
    (tmp_path / tokens.MANIFEST).write_text("{")
    with pytest.raises(UserError, match=r"tokens\.json: damaged"):
        tokens.read(tmp_path / "train.arrow")


def test_a_failing_row_leaves_the_file_before_it_as_it_was(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    before = path.read_bytes()
    with pytest.raises(OverflowError):
        tokens.write(path, [TokenRow("c", "book", [2**40], [2**40])])
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [tokens.MANIFEST, "train.arrow"]
