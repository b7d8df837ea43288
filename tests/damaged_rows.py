"""Files of conversations in which some rows are damaged, each in a known way.

python -m tests.damaged_rows FOLDER

reads all of them, and prints how many rows are good and how much memory that took, in bytes.
"""

import gzip
import io
import json
import random
import sys
import zlib
from collections.abc import Iterable, Mapping
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from askback.gathering import tables
from askback.gathering.rows import Row
from tests import spoilt_rows
from tests.spoilt_rows import Damage, Rows, columns, record, talk, text

GROUP = 64  # rows in a row group


def write(folder: Path, count: int, seed: int) -> dict[str, Rows]:
    """Writes files with `count` damaged rows below `folder`, and about as many good ones.

    Returns for each file, by its path below the folder, all its rows: the good ones as they must
    come out, the others as their damage. In `messages/` are rows of `messages`, in `instructions/`
    rows of `instruction` and `output`. At least 100 are damaged.
    """
    drawn = random.Random(seed)
    (folder / "messages").mkdir(parents=True)
    (folder / "instructions").mkdir()
    single = {
        "messages/cut.jsonl.gz": write_cut_gzip,
        "messages/cut.jsonl.zst": write_cut_zstandard,
        "messages/cut.arrow": write_cut_stream,
        "messages/cut.json": write_cut_list,
        "messages/torn.parquet": write_torn,
        "instructions/open.csv": write_open_quote,
    }
    shares = {
        "messages/rows.jsonl": (write_lines, [*spoilt_rows.SPOILT, *spoilt_rows.CUT], 0.3),
        "messages/rows.jsonl.gz": (write_lines, [*spoilt_rows.SPOILT, *spoilt_rows.CUT], 0.1),
        "messages/rows.json": (write_list, [*spoilt_rows.SPOILT], 0.2),
        "messages/rows.parquet": (write_parquet, [*spoilt_rows.IN_COLUMNS], 0.2),
    }
    expected = {name: make(folder / name, drawn) for name, make in single.items()}
    for name, (make_many, kinds, share) in shares.items():
        damages = [*spoilt_rows.TOO_LARGE, *islice(cycle(kinds), int(share * count) - 1)]
        expected[name] = make_many(folder / name, damages, drawn)
    left = count - sum(
        isinstance(row, Damage) for rows in expected.values() for row in rows.values()
    )
    damages = [*spoilt_rows.TOO_LARGE, *islice(cycle(spoilt_rows.IN_CSV), left - 1)]
    expected["instructions/rows.csv"] = write_csv(folder / "instructions/rows.csv", damages, drawn)
    return expected


def mixed(damages: Iterable[str], drawn: random.Random) -> list[str | None]:
    """The damages in a random order, among as many good rows."""
    damages = list(damages)
    order = [*damages, *[None] * len(damages)]
    drawn.shuffle(order)
    return order


def written(damage: str | None, drawn: random.Random) -> tuple[bytes, Row | Damage]:
    """A row's JSON, and what must come of it."""
    row = talk(drawn)
    if damage is None:
        return json.dumps(row, ensure_ascii=drawn.random() < 0.5).encode(), row
    reasons = spoilt_rows.SPOILT | spoilt_rows.CUT | spoilt_rows.TOO_LARGE
    return spoilt_rows.spoilt(damage, row), Damage(damage, reasons[damage])


def write_lines(path: Path, damages: list[str], drawn: random.Random) -> Rows:
    """JSON lines, every seventh line empty; packed where the name says so."""
    expected: Rows = {}
    packed = path.suffix == ".gz"
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
        number = 0
        for damage in mixed(damages, drawn):
            number += 1
            if number % 7 == 0:
                file.write(b"\r\n")
                number += 1
            line, expected[number] = written(damage, drawn)
            file.write(line + b"\n")
    return expected


def write_list(path: Path, damages: list[str], drawn: random.Random) -> Rows:
    """A JSON list."""
    expected: Rows = {}
    with path.open("wb") as file:
        for number, damage in enumerate(mixed(damages, drawn), 1):
            row, expected[number] = written(damage, drawn)
            file.write((b"[\n  " if number == 1 else b",\n  ") + row)
        file.write(b"\n]\n")
    return expected


def good(count: int, drawn: random.Random) -> Rows:
    """Good rows by their number."""
    return {number: talk(drawn) for number in range(1, count + 1)}


def lines(rows: Mapping[int, Any]) -> bytes:
    """Good rows as JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows.values())


def write_cut_gzip(path: Path, drawn: random.Random) -> Rows:
    """Eight rows, and no more than some bytes of the ninth."""
    rows = good(8, drawn)
    packer = zlib.compressobj(wbits=31)
    start = packer.compress(lines(rows)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(lines(good(9, drawn))) + packer.flush()
    path.write_bytes(start + rest[:9])
    return {**rows, 9: Damage("gzip cut off", "cut_off")}


def write_cut_zstandard(path: Path, drawn: random.Random) -> Rows:
    """A frame of eight rows, and the start of another."""
    rows = good(8, drawn)
    frames = [pa.compress(lines(part), "zstd", asbytes=True) for part in (rows, good(9, drawn))]
    path.write_bytes(frames[0] + frames[1][:40])
    return {**rows, 9: Damage("zstd cut off", "cut_off")}


def write_cut_list(path: Path, drawn: random.Random) -> Rows:
    """A JSON list whose third row ends too early."""
    rows = good(2, drawn)
    path.write_bytes(json.dumps([*rows.values(), talk(drawn)]).encode()[:-9])
    return {**rows, 3: Damage("list cut off", "not_json")}


def write_cut_stream(path: Path, drawn: random.Random) -> Rows:
    """Two batches of four rows; the end mark and some bytes of the third batch are missing."""
    rows = good(12, drawn)
    sink = io.BytesIO()
    table = columns(rows.values())
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table[:8], 4)
        whole = sink.tell()
        stream.write_table(table[8:], 4)
    path.write_bytes(sink.getvalue()[: whole + 500])
    return {**{n: rows[n] for n in range(1, 9)}, 9: Damage("stream cut off", "cut_off")}


def write_torn(path: Path, drawn: random.Random) -> Rows:
    """Three row groups of ten rows, one bit of the second changed."""
    rows = good(30, drawn)
    table, options = columns(rows.values()), {"use_dictionary": False, "write_page_checksum": True}
    pq.write_table(table, path, row_group_size=10, compression="none", **options)
    second = pq.read_metadata(path).row_group(1).column(1)
    data = bytearray(path.read_bytes())
    data[second.data_page_offset + second.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    kept = {number: row for number, row in rows.items() if not 11 <= number <= 20}
    return {**kept, 11: Damage("a bit changed", "damaged")}


def write_open_quote(path: Path, drawn: random.Random) -> Rows:
    """Two records, and one whose quote is never closed."""
    rows: Rows = {n: {"instruction": text(drawn), "output": text(drawn)} for n in (1, 2)}
    path.write_bytes(
        b"".join(map(record, [spoilt_rows.HEADER, *rows.values()])) + b'x,"never closed\nfor all,'
    )
    return {**rows, 3: Damage("a quote never closed", "not_csv")}


def write_csv(path: Path, damages: list[str], drawn: random.Random) -> Rows:
    """CSV, line ends within its fields."""
    expected: Rows = {}
    with path.open("wb") as file:
        file.write(record(spoilt_rows.HEADER))
        for number, damage in enumerate(mixed(damages, drawn), 1):
            row = {"instruction": text(drawn), "output": text(drawn)}
            expected[number] = (
                Damage(damage, (spoilt_rows.IN_CSV | spoilt_rows.TOO_LARGE)[damage])
                if damage
                else row
            )
            file.write(spoilt_rows.spoilt_record(damage, row))
    return expected


def write_parquet(path: Path, damages: list[str], drawn: random.Random) -> Rows:
    """Parquet of small row groups; a row of 50 MB has one for itself."""
    expected: Rows = {}
    with pq.ParquetWriter(path, spoilt_rows.schema(), write_page_checksum=True) as writer:
        waiting: list[Row] = []
        for number, damage in enumerate(mixed(damages, drawn), 1):
            row = talk(drawn)
            reason = (spoilt_rows.IN_COLUMNS | spoilt_rows.TOO_LARGE)[damage] if damage else None
            expected[number] = Damage(damage, reason) if damage else row
            alone = damage == "50 MB"
            if waiting and (alone or len(waiting) == GROUP):
                writer.write_table(columns(waiting))
                waiting = []
            waiting.append(spoilt_rows.spoilt_columns(damage, row))
            if alone:
                writer.write_table(columns(waiting))
                waiting = []
        writer.write_table(columns(waiting))
    return expected


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) * 1024


if __name__ == "__main__":
    found = chain.from_iterable(map(tables.rows, tables.find(Path(sys.argv[1]))))
    print(sum(isinstance(row, dict) for _, row in found), peak())
