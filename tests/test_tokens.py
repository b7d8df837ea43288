"""Token files: what is written comes back, and what is damaged is named."""

import json

import pyarrow as pa
import pytest

from askback import files, tokens
from askback.errors import UserError
from askback.records import TokenRow

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


def test_the_manifest_counts_rows_and_tokens_of_each_file(tmp_path):
    tokens.write(tmp_path / "train.arrow", ROWS)
    tokens.write(tmp_path / "validation.arrow", ROWS[1:])
    manifest = json.loads((tmp_path / tokens.MANIFEST).read_text())
    assert manifest == {
        "train.arrow": {
            "rows": 2,
            "tokens": 6,
            "supervised": 3,
            "sha256": files.sha256(tmp_path / "train.arrow"),
        },
        "validation.arrow": {
            "rows": 1,
            "tokens": 2,
            "supervised": 1,
            "sha256": files.sha256(tmp_path / "validation.arrow"),
        },
    }


def test_equal_rows_give_equal_bytes(tmp_path):
    many = [TokenRow(str(n), "book", list(range(n % 7)), list(range(n % 7))) for n in range(2500)]
    for name in ["one", "two"]:
        tokens.write(tmp_path / name / "train.arrow", iter(many))
    for name in ["train.arrow", tokens.MANIFEST]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    table = tokens.read(tmp_path / "one/train.arrow")
    assert table["id"].to_pylist() == [row.id for row in many]
    assert [len(batch) for batch in table.to_batches()] == [1000, 1000, 500]


def test_a_file_of_no_rows_is_read_as_no_rows(tmp_path):
    tokens.write(tmp_path / "train.arrow", [])
    assert tokens.read(tmp_path / "train.arrow").num_rows == 0


def test_a_file_without_its_last_byte_is_refused_by_name(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"train\.arrow: missing or damaged"):
        tokens.read(path)


def test_a_file_with_a_changed_byte_is_refused_by_name(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"train\.arrow: missing or damaged"):
        tokens.read(path)


def test_another_number_of_rows_than_counted_is_refused(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    manifest = tmp_path / tokens.MANIFEST
    manifest.write_text(manifest.read_text().replace('"rows": 2', '"rows": 3'))
    with pytest.raises(UserError, match=r"train\.arrow: 2 rows, but 3 in tokens\.json"):
        tokens.read(path)


def test_a_file_that_no_manifest_lists_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"tokens\.json has no train\.arrow"):
        tokens.read(tmp_path / "train.arrow")


def test_a_manifest_that_is_no_json_is_refused_by_name(tmp_path):
    tokens.write(tmp_path / "train.arrow", ROWS)
    (tmp_path / tokens.MANIFEST).write_text("{")
    with pytest.raises(UserError, match=r"tokens\.json: damaged"):
        tokens.read(tmp_path / "train.arrow")


def test_a_failing_row_leaves_the_file_before_it_as_it_was(tmp_path):
    path = tmp_path / "train.arrow"
    tokens.write(path, ROWS)
    before = path.read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        tokens.write(path, [TokenRow("c", "book", [2**40], [2**40])])
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [tokens.MANIFEST, "train.arrow"]
