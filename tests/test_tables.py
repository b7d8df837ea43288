"""Tables: found by their names, read whatever their format; damaged rows among good ones."""

import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from askback.errors import UserError
from askback.gathering import tables
from askback.gathering.rows import RowError
from tests import damaged_rows, spoilt_rows
from tests.project import ROOT
from tests.spoilt_rows import Damage, Rows
from tests.test_jsonlines import read

MEMORY = 400_000_000  # bytes, of which Python and Arrow have 60 million


def touch(folder: Path, *names: str) -> list[Path]:
    """Files of these names below the folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    return [folder / name for name in names]


def test_tables_are_found_below_a_folder_sorted_and_nothing_else(tmp_path):
    expected = touch(tmp_path, "B.JSONL", "a/rows.csv.gz", "a/z/x.parquet", "b.jsonl.zst", "c.tsv")
    touch(tmp_path, ".hidden.jsonl", ".cache/rows.jsonl", "rows.jsonl.dvc", "README.md", "a.txt")
    touch(tmp_path, "dataset_info.json", "a/state.json", "rows.parquet.gz")
    (tmp_path / "folder.json").mkdir()
    assert tables.find(tmp_path) == expected
    assert tables.find(expected[0]) == [expected[0]]


def test_a_folder_that_is_itself_hidden_is_searched(tmp_path):
    expected = touch(tmp_path / ".askback", "rows.jsonl")
    assert tables.find(tmp_path / ".askback") == expected


def test_links_are_followed_as_dvc_makes_them(tmp_path):
    (stored,) = touch(tmp_path, "cache/rows.jsonl")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.jsonl").symlink_to(stored)
    assert tables.find(tmp_path / "data") == [tmp_path / "data/rows.jsonl"]


def test_where_there_is_no_table_the_user_is_told_what_to_do(tmp_path):
    (text,) = touch(tmp_path, "rows.txt")
    for path, message in {
        text: "rows.txt: cannot be read; it must end in .arrow .csv",
        tmp_path: "has no file that can be read; they end in .arrow .csv",
        tmp_path / "missing": "missing is not there; run `dvc pull`, or correct the path",
    }.items():
        with pytest.raises(UserError) as caught:
            tables.find(path)
        assert message in str(caught.value)
    with pytest.raises(UserError, match=r"rows\.txt: cannot be read"):
        list(tables.rows(text))


def test_what_datasets_saved_is_found_and_read(tmp_path):
    rows = [{"text": f"row {number}"} for number in range(2500)]
    saved = DatasetDict(train=Dataset.from_list(rows), test=Dataset.from_list(rows[:3]))
    saved.save_to_disk(tmp_path / "saved")
    test, train = tables.find(tmp_path / "saved")
    assert read(train) == dict(enumerate(rows, 1))
    assert read(test) == dict(enumerate(rows[:3], 1))


def test_reading_starts_without_arrow():
    code = "import sys; from askback.gathering import tables; print('pyarrow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert told.stdout == b"False\n"


def check(path: Path, expected: Rows) -> None:
    """Every row of the file is what it must be, and there is no other."""
    found = dict(tables.rows(path))
    assert [*found] == sorted(found)
    assert found.keys() == expected.keys()
    for number, row in expected.items():
        if isinstance(row, Damage) and row.reason:
            error = found[number]
            assert isinstance(error, RowError), (row, number)
            assert error.reason == row.reason, (row, number)
            assert 0 < len(error.detail) < 160
        elif isinstance(row, Damage):
            assert isinstance(found[number], dict), (row, number)
        else:
            assert found[number] == row


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.prove)])
def test_damaged_rows_are_named_the_others_kept_and_memory_stays_small(tmp_path, count):
    expected = damaged_rows.write(tmp_path, count, seed=7)
    every = [row for rows in expected.values() for row in rows.values()]
    damages = [row for row in every if isinstance(row, Damage)]
    assert len(damages) == count
    assert {row.name for row in damages} >= {*spoilt_rows.SPOILT, *spoilt_rows.IN_CSV, "50 MB"}
    files = tables.find(tmp_path)
    assert sorted(str(file.relative_to(tmp_path)) for file in files) == sorted(expected)
    for file in files:
        check(file, expected[str(file.relative_to(tmp_path))])
    command = [sys.executable, "-m", "tests.damaged_rows", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    good, peak = map(int, told.split())
    named = sum(row.reason is not None for row in damages)
    assert good == len(every) - named
    assert peak < MEMORY


def test_the_same_seed_makes_the_same_damage(tmp_path, monkeypatch):
    monkeypatch.setattr(spoilt_rows, "HUGE", 5_000_000)
    one, two = (damaged_rows.write(tmp_path / name, 120, seed=3) for name in ("one", "two"))
    assert one == two
    assert one != damaged_rows.write(tmp_path / "three", 120, seed=4)
