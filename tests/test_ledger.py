"""The ledger: kept and dropped add up, and equal runs write equal bytes."""

import json

from askback import files
from askback.ledger import Ledger
from askback.records import Dropped

ITEMS: list[str | Dropped] = [
    "one",
    Dropped("b", "verse", "four lines"),
    "two",
    Dropped("a", "short", "3 characters"),
    Dropped("c", "short", "5 characters"),
    "three",
]


def test_what_is_kept_passes_in_order_and_what_is_dropped_is_entered_by_its_reason():
    ledger = Ledger()

    assert list(ledger.sort(ITEMS)) == ["one", "two", "three"]
    assert ledger.kept == 3
    assert ledger.reasons() == {"short": 2, "verse": 1}


def test_every_item_is_either_kept_or_dropped():
    ledger = Ledger()
    list(ledger.sort(ITEMS))

    assert ledger.kept + sum(ledger.reasons().values()) == len(ITEMS)


def test_items_are_counted_as_they_are_drawn():
    """A stage streams: the ledger must not need all items at once."""
    ledger = Ledger()
    drawn = ledger.sort(ITEMS)
    next(drawn)

    assert (ledger.kept, ledger.reasons()) == (1, {})


def test_two_streams_add_up_in_one_ledger():
    ledger = Ledger()
    list(ledger.sort(ITEMS))
    list(ledger.sort(ITEMS))

    assert ledger.kept == 6
    assert ledger.reasons() == {"short": 4, "verse": 2}


def test_the_counts_are_written_with_the_stages_own_figures(tmp_path):
    ledger = Ledger()
    list(ledger.sort(ITEMS))
    ledger.figures["characters"] = {"median": 3, "longest": 5}
    ledger.save(tmp_path / "metrics.json", None)

    assert json.loads((tmp_path / "metrics.json").read_text("utf-8")) == {
        "kept": 3,
        "dropped": {"short": 2, "verse": 1},
        "characters": {"median": 3, "longest": 5},
    }


def test_the_dropped_are_written_with_their_reasons_and_details(tmp_path):
    ledger = Ledger()
    list(ledger.sort(ITEMS))
    ledger.save(None, tmp_path / "dropped.jsonl")

    assert list(files.read(tmp_path / "dropped.jsonl", Dropped)) == [
        Dropped("b", "verse", "four lines"),
        Dropped("a", "short", "3 characters"),
        Dropped("c", "short", "5 characters"),
    ]


def test_the_written_counts_do_not_depend_on_the_order_of_events(tmp_path):
    written = []
    for items, figures in [(ITEMS, ["x", "y"]), (ITEMS[::-1], ["y", "x"])]:
        ledger = Ledger()
        list(ledger.sort(items))
        ledger.figures |= dict.fromkeys(figures, 1)
        ledger.save(tmp_path / "metrics.json", None)
        written.append((tmp_path / "metrics.json").read_bytes())

    assert written[0] == written[1]


def test_the_files_are_written_though_nothing_was_counted(tmp_path):
    """DVC asks for every out."""
    Ledger().save(tmp_path / "metrics.json", tmp_path / "dropped.jsonl")

    assert json.loads((tmp_path / "metrics.json").read_text()) == {}
    assert (tmp_path / "dropped.jsonl").read_bytes() == b""


def test_people_are_told_the_sum_in_one_line(capsys):
    ledger = Ledger()
    list(ledger.sort(ITEMS))
    ledger.save(None, None)

    assert capsys.readouterr() == ("", "kept 3, dropped 2 short, 1 verse\n")


def test_people_are_told_when_nothing_was_left_out(capsys):
    ledger = Ledger()
    list(ledger.sort(["one"]))
    ledger.save(None, None)

    assert capsys.readouterr() == ("", "kept 1, dropped nothing\n")


def test_nothing_is_said_where_nothing_was_counted(capsys):
    ledger = Ledger()
    ledger.figures["loss"] = 1.5
    ledger.save(None, None)

    assert capsys.readouterr() == ("", "")
