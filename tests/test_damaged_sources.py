"""Sources in which half of the rows are damaged: each is named, and every other one is kept."""

from pathlib import Path

import pytest

from askback.gathering import messages
from tests import damaged_rows
from tests.gathered import Gathering
from tests.spoilt_rows import Damage

SOURCES = [
    {"name": "messages", "kind": "messages", "path": "messages"},
    {"name": "instructions", "kind": "instructions", "path": "instructions"},
]


# What a kind, or the rules for all, say of a row that is sound as a row.
OF_KINDS = {"missing_field", "wrong_type", "no_answer", "empty_turn"}


def said(row: dict[str, object]) -> tuple[str, ...]:
    """What a good row says."""
    if "messages" in row:
        return tuple(m.content.strip() for m in messages.messages(row, {}, "refuse"))
    return str(row["instruction"]).strip(), str(row["output"]).strip()


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.prove)])
def test_every_damaged_row_is_in_the_ledger_with_its_place_and_the_others_are_kept(
    tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Gathering(tmp_path)
    here.write()
    expected = damaged_rows.write(tmp_path / "sources", count, seed=count)
    here.run(*SOURCES, system="", near_duplicates=False)
    bad = {
        f"{name} row {number}": row.reason
        for name, rows in expected.items()
        for number, row in rows.items()
        if isinstance(row, Damage)
    }
    assert len(bad) == count
    dropped = [row for row in here.dropped if row.reason != "duplicate"]
    assert {row.place for row in dropped} == set(bad)
    assert len(dropped) == count
    for row in dropped:
        assert row.reason in ([bad[row.place]] if bad[row.place] else OF_KINDS)
    good = {
        said(row)
        for rows in expected.values()
        for row in rows.values()
        if not isinstance(row, Damage)
    }
    assert here.said() == good
    printed = capsys.readouterr().err.splitlines()
    assert sum(" row " in line for line in printed) == 20
    assert f"and {count - 20:,} more rows" in printed[20]
    rows = sum(map(len, expected.values()))
    assert here.metrics["bad_rows"] == count / rows
    assert here.metrics["kept"] + sum(here.metrics["dropped"].values()) == rows
