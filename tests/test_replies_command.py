"""`askback replies`: what is stored, whether it is sound, and all of it in one file."""

import json
import os
import stat
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from askback import replies as command
from askback.asking.replies import Intent, key, read
from askback.asking.store import Store
from askback.errors import WorldError
from askback.lock import locked
from askback.packing import pack
from tests.pack_faults import several
from tests.paid import reply, state, store

ROOT = Path(__file__).parents[1]
STORE = Path(".askback", "replies")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is below the working folder, or DVC_ROOT where it is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


def run(action: str) -> None:
    """Runs `askback replies ACTION`."""
    parser = ArgumentParser()
    command.arguments(parser)
    command.run(parser.parse_args([action]))


def test_stats_count_replies_tokens_dollars_and_what_is_unanswered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Store(STORE) as opened:
        opened.intend(Intent("k", 0.5, "1"), Intent("k", None, "2"), Intent(reply().key, 9.0, "n"))
        opened.add(reply())
        opened.add(replace(reply("No.", "m", "Why?"), verdict="refusal", price=None))
        opened.add(replace(reply("Why?", "o", "Else?"), price=0.125))
    size = opened.path.stat().st_size
    run("stats")
    assert capsys.readouterr().out.splitlines() == [
        "          2 answer of m",
        "          1 refusal of m",
        "tokens      27 input, 6 output",
        "paid        $0.3750 and 1 of unknown price for 3 replies",
        "unanswered  2 calls, which may have cost $0.5000 and 1 of unknown price",
        "spent       $0.8750 in the eyes of ASKBACK_BUDGET",
        f"stored      1 file, {size:,} bytes in .askback/replies",
    ]


def test_stats_say_that_a_damaged_reply_was_paid_for(capsys: pytest.CaptureFixture[str]) -> None:
    several(STORE)
    run("stats")
    told = capsys.readouterr()
    assert "damaged     1 reply; see `askback replies verify`" in told.out.splitlines()
    assert told.err.count(f"{STORE / 'damaged.jsonl'}:1: skipped: damaged line") == 1


@pytest.mark.parametrize("action", ["stats", "verify", "compact"])
def test_where_nothing_was_asked_it_says_so(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(action)
    assert capsys.readouterr().out == "no replies in .askback/replies\n"


def test_a_model_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = key("m\x1b[2J", reply().messages, reply().sampling)
    store(STORE, replace(reply(), model="m\x1b[2J", key=name))
    run("stats")
    assert "1 answer of m\\x1b[2J" in capsys.readouterr().out


def test_verify_is_content_with_sound_lines_and_the_tails_of_crashes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = store(STORE, reply(), reply("Else?", "e", "Else?")).read_bytes()
    (STORE / "torn.jsonl").write_bytes(whole[:-9] + bytes(20))
    (STORE / "zeros.jsonl").write_bytes(whole + bytes(4096))
    run("verify")
    assert capsys.readouterr().out == "5 sound lines; 1 torn tail, as a crash leaves them\n"


def test_verify_names_every_damaged_line_and_exits_3(capsys: pytest.CaptureFixture[str]) -> None:
    sound, wrong = reply(), replace(reply("wrong"), key="0" * 32)
    path = store(STORE, sound, wrong, sound, sound, sound)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"Salt?", b"Malt?")
    lines[4] = b'{"sum":"older"}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(WorldError) as caught:
        run("verify")
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("3 damaged lines in .askback/replies; put a sound copy")
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:2: its key is not that of its question",
        f"{path}:3: damaged line; a copy of the file may have it whole",
        f"{path}:5: damaged line; a copy of the file may have it whole",
        "2 sound lines",
    ]


def test_a_tail_with_more_than_one_line_in_it_was_not_torn_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its first line may be sound but for the line break; packing must not throw it away."""
    path = store(STORE, reply(), reply("Else?", "e", "Else?"))
    path.write_bytes(path.read_bytes().replace(b"\n", b" ", 1)[:-9])
    run("compact")
    with pytest.raises(WorldError):
        run("verify")
    assert f"{path}:1: damaged line" in capsys.readouterr().out
    assert len(read([STORE])) == 2  # their heads say what was paid


def test_compact_packs_sound_files_into_one_that_says_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    several(STORE)
    before = state(read([STORE]))
    damaged = (STORE / "damaged.jsonl").read_bytes()
    capsys.readouterr()
    run("compact")
    assert capsys.readouterr().out.splitlines() == [
        f"{STORE / 'damaged.jsonl'}: not packed: it has damaged lines, or is being written to",
        "3 files are one now, of 4 lines; 3 lines left out: copies, and intents whose reply is "
        "there",
    ]
    assert state(read([STORE])) == before
    packed, left = sorted(STORE.iterdir())
    assert left.read_bytes() == damaged
    assert len(packed.read_bytes().splitlines()) == 4


def test_compact_once_more_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    store(STORE, reply())
    store(STORE, reply("Else?", "e", "Else?"))
    run("compact")
    (packed,) = STORE.iterdir()
    run("compact")
    assert list(STORE.iterdir()) == [packed]
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to pack"


def test_compact_drops_answered_intents_of_a_single_file() -> None:
    with Store(STORE) as opened:
        opened.intend(Intent(reply().key, 0.5, "n"), Intent(reply().key, 0.5, "m"))
        opened.add(reply())
    run("compact")
    (packed,) = STORE.iterdir()
    assert len(packed.read_bytes().splitlines()) == 2
    found = read([STORE])
    assert (found.unanswered, found.spent) == ([Intent(reply().key, 0.5, "m")], 0.75)


def test_an_intent_that_only_a_damaged_reply_answers_is_kept() -> None:
    """Who throws the damaged file away has still spent the money."""
    with Store(STORE) as opened:
        opened.intend(Intent(reply().key, 0.5, "n"))
    path = store(STORE, reply())
    path.write_bytes(path.read_bytes().replace(b"Salt?", b"Malt?"))
    store(STORE, reply("Else?", "e", "Else?"))
    run("compact")
    path.unlink()
    assert read([STORE]).unanswered == [Intent(reply().key, 0.5, "n")]


def test_compact_waits_for_no_run_that_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """Here one that does not even hold the lock."""
    store(STORE, reply())
    store(STORE, reply("Else?", "e", "Else?"))
    with Store(STORE) as opened:
        run("compact")
        opened.add(reply("Late?", "l", "Late?"))
        assert f"{opened.path}: not packed" in capsys.readouterr().out
    assert len(list(read([STORE]))) == 3


PACKER = "from pathlib import Path; from askback.replies import compact; compact(Path({!r}))"


def test_compact_holds_the_lock_of_the_store() -> None:
    store(STORE, reply())
    with locked(STORE), pytest.raises(subprocess.TimeoutExpired) as caught:
        subprocess.run(
            [sys.executable, "-c", PACKER.format(str(STORE))],
            env={"PYTHONPATH": str(ROOT)},
            timeout=3,
            capture_output=True,
            check=False,
        )
    assert b"waiting for the run that writes" in (caught.value.stderr or b"")


@pytest.mark.parametrize(("fault", "least"), [("fail", 15), ("kill", 15), ("full", 5)])
def test_whatever_goes_wrong_in_packing_the_union_stays_the_same(
    tmp_path: Path, fault: str, least: int
) -> None:
    step = 150 if fault == "full" else 1
    words = [sys.executable, "-m", "tests.pack_faults", fault, str(tmp_path / fault), str(step)]
    tried = json.loads(
        subprocess.check_output(words, cwd=ROOT, timeout=100, stderr=subprocess.DEVNULL)
    )
    assert len(tried) >= least
    assert tried[-1]["passed"]
    assert not any(attempt["passed"] for attempt in tried[:-1])
    unions = {attempt["union"] for attempt in tried} | {attempt["again"] for attempt in tried}
    assert len(unions) == 1
    for attempt in tried:
        assert attempt["names"] in (["*", "damaged.jsonl"], ["damaged.jsonl", "*"])


def test_a_power_cut_at_any_sync_of_packing_leaves_the_union_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not synced is gone, and so are, or are not, the files that were removed."""
    several(STORE)
    before = state(read([STORE]))
    names = {path.name: path.stat().st_ino for path in STORE.iterdir()}
    contents = {path.stat().st_ino: path.read_bytes() for path in STORE.iterdir()}
    cuts: list[dict[str, bytes]] = []

    def power_goes() -> None:
        left = {name: contents.get(inode, b"") for name, inode in names.items()}
        cuts.append(left)
        cuts.append({name: left[name] for name in left if (STORE / name).exists()})

    def fsync(file: int) -> None:
        power_goes()
        about = os.fstat(file)
        if stat.S_ISDIR(about.st_mode):
            names.clear()
            names.update({entry.name: entry.inode() for entry in os.scandir(file)})
        else:
            contents[about.st_ino] = os.pread(file, about.st_size, 0)
        power_goes()

    monkeypatch.setattr(os, "fsync", fsync)
    pack(STORE)
    power_goes()
    monkeypatch.undo()
    for number, files in enumerate(cuts):
        (left := tmp_path / str(number)).mkdir()
        for name, data in files.items():
            (left / name).write_bytes(data)
        assert state(read([left])) == before
    assert cuts[-1] != cuts[0]


def test_bytes_that_the_disk_gives_back_changed_are_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here they are changed when all is written and nothing read back."""
    several(STORE)
    before = {path.name: path.read_bytes() for path in STORE.iterdir()}
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        for part in STORE.glob(".*.part"):
            part.write_bytes(part.read_bytes().replace(b"Rival?", b"Rivel?"))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(WorldError, match="gave back other bytes"):
        pack(STORE)
    assert {path.name: path.read_bytes() for path in STORE.iterdir()} == before
