"""gz and zst: what is whole is read, what is cut off gives the rows before, bombs are stopped."""

import gzip
import json
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from askback.errors import UserError
from askback.gathering import tables
from askback.gathering.bounds import FREE
from askback.gathering.rows import RowError
from tests.damaged_rows import lines
from tests.test_jsonlines import read

ROWS = {number: {"a": f"{number} " * 50} for number in range(1, 5001)}
TEXT = lines(ROWS)  # 1.2 MB


def zstd(data: bytes) -> bytes:
    """A frame of zstd."""
    return bytes(pa.compress(data, "zstd", asbytes=True))


PACKINGS = pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd)])


@PACKINGS
def test_packed_rows_come_out_whatever_their_format(tmp_path, suffix, pack):
    texts = {
        "rows.jsonl": TEXT,
        "rows.ndjson": TEXT,
        "rows.json": json.dumps(list(ROWS.values())).encode(),
        "rows.csv": b"a\n" + b"".join(row["a"].encode() + b"\n" for row in ROWS.values()),
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(pack(b"\xef\xbb\xbf" + text))
        assert read(path) == ROWS


@PACKINGS
def test_several_packed_files_in_one_are_one(tmp_path, suffix, pack):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(pack(TEXT[:70_001]) + pack(b"") + pack(TEXT[70_001:]))
    assert read(path) == ROWS


def test_gzip_padded_with_zeros_is_whole(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT) + bytes(5000))
    assert read(path) == ROWS


def unpacked_rows(data: bytes) -> int:
    """How many rows zlib gets out of cut data."""
    return zlib.decompressobj(31).decompress(data).count(b"\n")


@pytest.mark.parametrize("left", [0.01, 0.3, 0.5, 0.999])
def test_gzip_that_is_cut_off_gives_all_rows_before(tmp_path, left):
    data = gzip.compress(TEXT)
    data = data[: int(left * len(data))]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(data)
    whole = unpacked_rows(data)
    kept = {number: ROWS[number] for number in range(1, whole + 1)}
    assert read(path) == {**kept, whole + 1: "cut_off"}
    assert (left < 0.1) == (whole == 0) or whole > 0


@PACKINGS
@pytest.mark.parametrize("missing", [1, 4, 7])
def test_a_last_byte_that_is_missing_is_told_after_the_last_row(tmp_path, suffix, pack, missing):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(pack(TEXT)[:-missing])
    found = list(tables.rows(path))
    number, end = found[-1]
    assert isinstance(end, RowError)
    assert (number, end.reason) == (len(found), "cut_off")
    assert dict(found[:-1]) == {n: ROWS[n] for n in range(1, number)}
    if suffix == ".gz":
        assert number == 5001


def test_zstd_that_is_cut_off_gives_all_rows_of_the_blocks_before(tmp_path):
    path = tmp_path / "rows.jsonl.zst"
    data = zstd(TEXT)
    for size in range(5, len(data), len(data) // 9):
        path.write_bytes(data[:size])
        found = list(tables.rows(path))
        number, end = found[-1]
        assert isinstance(end, RowError)
        assert (number, end.reason) == (len(found), "cut_off")
        assert dict(found[:-1]) == {n: ROWS[n] for n in range(1, number)}
    assert number > 3500  # a block has 128 KiB of the 1.2 MB


def test_zstd_between_two_frames_is_cut_off_without_a_loss(tmp_path):
    path = tmp_path / "rows.jsonl.zst"
    path.write_bytes(zstd(TEXT) + zstd(TEXT)[:9])
    assert read(path) == {**ROWS, 5001: "cut_off"}


@PACKINGS
def test_what_is_damaged_in_the_middle_is_told_and_the_rows_before_kept(tmp_path, suffix, pack):
    data = bytearray(pack(TEXT) + pack(TEXT))
    middle = len(data) // 2 + 3  # the second one's head
    data[middle : middle + 40] = b"\xff" * 40
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(data)
    found = list(tables.rows(path))
    number, end = found[-1]
    assert isinstance(end, RowError)
    assert end.reason == "cut_off"
    assert number >= 4990


def test_a_list_that_is_cut_off_tells_so_rather_than_of_its_syntax(tmp_path):
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(json.dumps(list(ROWS.values())).encode())[:-200])
    found = read(path)
    assert found.pop(len(found)) == "cut_off"
    assert len(found) > 4000
    assert found == {number: ROWS[number] for number in range(1, len(found) + 1)}


def test_a_csv_that_is_cut_off_within_quotes_tells_so(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b'a\nx\n"' + TEXT.replace(b'"', b""))[:-20])
    assert read(path) == {1: {"a": "x"}, 2: "cut_off"}


@PACKINGS
def test_what_is_not_packed_is_refused_by_name(tmp_path, suffix, pack):
    path = tmp_path / f"rows.jsonl{suffix}"
    for text in (b"", TEXT):
        path.write_bytes(text)
        with pytest.raises(UserError, match=rf"rows\.jsonl\{suffix}: no {suffix[1:]} file"):
            read(path)


@PACKINGS
@pytest.mark.parametrize("line", [b" " * 9999 + b"\n", b"x" * 9999 + b"\n"])
def test_a_bomb_is_stopped(tmp_path, suffix, pack, line):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(pack(line * (2 * FREE // len(line))))
    assert path.stat().st_size < 2 * FREE / 200
    *_, (_, end) = tables.rows(path)
    assert isinstance(end, RowError)
    assert end.reason == "too_large"
    assert end.detail == "over 200 bytes in each packed one; the rest is lost"


def test_files_left_halfway_are_closed(tmp_path: Path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT))
    found = tables.rows(path)
    assert next(found) == (1, ROWS[1])
    del found  # a warning would fail the test
