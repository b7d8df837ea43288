"""The reply store, written: nothing that was paid for is lost, whatever the disk does."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from askback.asking import store as module
from askback.asking.replies import Intent, encode, read
from askback.asking.reserve import SIZE, locked
from askback.asking.store import Store
from tests.paid import reply, store, texts
from tests.power import Disk, cut

ROOT = Path(__file__).parents[1]


def names(folder: Path) -> list[str]:
    """The files in the folder, each process's file as `*`."""
    return sorted("*" if path.suffix == ".jsonl" else path.name for path in folder.iterdir())


def test_each_process_writes_a_file_of_its_own(tmp_path: Path) -> None:
    assert store(tmp_path, reply()) != store(tmp_path, reply())
    assert names(tmp_path) == ["*", "*"]


WRITER = """
import sys
from pathlib import Path
from askback.asking.replies import Intent
from askback.asking.store import Store
from tests.paid import reply

with Store(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[3])):
        name = f"{sys.argv[2]}{number}"
        paid = reply(name, name, question=name)
        store.intend(Intent(paid.key, 0.5, name))
        store.add(paid)
        print(name, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that adds `count` replies and acknowledges each by its name."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_has_left_all_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    after = random.Random(seed).randint(1, 60)
    with writer(tmp_path, "w", 1_000_000) as process:
        assert process.stdout
        told = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        told += process.stdout.read().split("\n")[:-1]
    found = read([tmp_path])
    assert set(told) <= set(texts(found))
    assert len(texts(found)) <= len(told) + 1
    assert len(found.unanswered) <= 1


def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    with writer(tmp_path, "a", 50) as one, writer(tmp_path, "b", 50) as other:
        assert one.wait() == other.wait() == 0
    found = read([tmp_path])
    assert texts(found) == sorted(f"{name}{n}" for name in "ab" for n in range(50))
    assert found.unanswered == []
    assert names(tmp_path) == ["*", "*"]


def test_threads_share_one_store(tmp_path: Path) -> None:
    with Store(tmp_path) as opened:

        def work(name: str) -> None:
            for number in range(20):
                paid = reply(f"{name}{number}", question=f"{name}{number}")
                opened.intend(Intent(paid.key, 0.5))
                opened.add(paid)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts(read([tmp_path])) == sorted(f"{name}{n}" for name in "abcd" for n in range(20))


def test_what_is_added_is_synced_within_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.set()

    with Store(tmp_path) as opened:
        monkeypatch.setattr(os, "fsync", fsync)
        opened.add(reply())
        assert synced.wait(5)


def test_intents_that_wait_together_share_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's sync is under way while seven more are written."""
    syncs = []

    def fsync(handle: int) -> None:
        syncs.append(handle)
        time.sleep(0.3)

    with Store(tmp_path) as opened:
        monkeypatch.setattr(os, "fsync", fsync)
        threads = [
            threading.Thread(target=opened.intend, args=(Intent(reply().key, 0.5),))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(syncs) == 2
    assert len(read([tmp_path]).unanswered) == 8


SLACK = 0.1  # seconds that a thread may wait for one of two cores that other tests use as well


def power_cut(folder: Path, seed: int, full: int, tail: str) -> int:
    """Cuts the power at a random moment, checks what is left; returns how many replies are lost.

    Each of those was acknowledged in the last 100 ms.
    """
    order = random.Random(seed)
    folder.mkdir()
    log = folder.with_suffix(".log")
    command = [sys.executable, "-m", "tests.power", str(folder), str(seed), str(full)]
    with log.open("w") as out, subprocess.Popen(command, cwd=ROOT, stdout=out) as process:
        while b'"reply"' not in log.read_bytes():
            time.sleep(0.01)
        time.sleep(0.3 + order.random() * 0.5)
        at = time.monotonic()
        process.kill()
    told = [
        json.loads(line) for line in log.read_text().splitlines(keepends=True) if line[-1:] == "\n"
    ]
    cut(folder, told, tail)
    found = read([folder])
    replies = {one.nonce for one in found}
    known = replies | {intent.nonce for intent in found.unanswered}
    for line in told:
        assert set(line.get("intents", ())) <= known
        assert "reply" not in line or line["reply"] in replies or line["at"] > at - 0.1 - SLACK
    return sum("reply" in line and line["reply"] not in replies for line in told)


def test_a_power_cut_loses_no_reply_that_is_older_than_a_tenth_of_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [
        power_cut(tmp_path / f"{seed}{tail}{full}", seed, full, tail)
        for seed, (tail, full) in enumerate([("cut", 0), ("zeros", 0), ("zeros", 20)])
    ]
    assert capsys.readouterr().err == ""
    assert sum(lost) > 0  # or nothing was cut off


@pytest.mark.prove
@pytest.mark.parametrize("tail", ["cut", "zeros"])
@pytest.mark.parametrize("full", [0, 20])
def test_fifty_power_cuts_lose_no_reply_that_is_older_than_a_tenth_of_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tail: str, full: int
) -> None:
    lost = [power_cut(tmp_path / str(seed), seed, full, tail) for seed in range(50)]
    with capsys.disabled():
        print(f"\n50 power cuts, {tail}: {sum(lost)} replies younger than 100 ms lost, none older")
    assert capsys.readouterr().err == ""
    assert sum(lost) > 0


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that tries again at once, as far as a test can tell."""
    monkeypatch.setattr(module, "SYNC_EVERY", 0.001)
    monkeypatch.setattr(module, "RETRY_EVERY", 0.001)


def survive(folder: Path, disk: Disk) -> None:
    """Asks and gains on a failing disk; checks that nothing is lost, and no call made in vain.

    What a failed sync left in memory is gone in the end, and all else that was not synced.
    """
    added, intended, refused = [], [], 0
    try:
        with disk, Store(folder) as opened:
            for number in range(210):
                one = reply(f"{number}", f"{number:016}", f"{number}")
                struck = disk.struck
                try:
                    opened.intend(Intent(one.key, 0.5, one.nonce))
                    assert not struck
                    intended.append(one.nonce)
                except OSError:
                    assert disk.struck
                    refused += 1
                opened.add(one)  # of a call that was under way
                added.append(one.nonce)
                if refused == 20:
                    break
            assert bool(opened.failure) == bool(refused)
    except OSError:
        assert not added  # it was not entered, so nothing was asked
    cut(folder, disk.told, "cut")
    found = read([folder])
    assert sorted(one.nonce for one in found) == added
    assert set(intended) <= set(added)
    assert found.unanswered == []
    assert names(folder) in (["*"] * count for count in range(5))


def survive_all(folder: Path, numbers: Iterator[int], times: int) -> None:
    """Lets each of these writes and syncs fail, for two reasons each, so many times."""
    for number in numbers:
        for call in ("write", "fsync"):
            for code in (errno.ENOSPC, errno.EIO):
                survive(folder / f"{number}{call}{code}", Disk(call, number, times, code))


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("times", [1, 2, 40])
def test_whatever_write_or_sync_fails_nothing_is_lost_and_no_further_call_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], times: int
) -> None:
    survive_all(tmp_path, iter([1, 2, 3, *random.Random(times).sample(range(4, 201), 3)]), times)
    told = capsys.readouterr().err.splitlines()
    assert all("make room: paid replies that are held in memory" in line for line in told)


@pytest.mark.prove
@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("times", [1, 2, 40])
def test_whichever_of_the_first_two_hundred_writes_and_syncs_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], times: int
) -> None:
    survive_all(tmp_path, iter(range(1, 201)), times)
    told = capsys.readouterr().err.splitlines()
    assert all("make room: paid replies that are held in memory" in line for line in told)


def test_a_write_that_is_interrupted_tears_no_other_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.write

    def write(file: int, data: bytes) -> int:
        real(file, data[:9])
        raise KeyboardInterrupt

    opened = Store(tmp_path).__enter__()
    opened.intend(Intent("k", 0.5, "n"))
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(KeyboardInterrupt):
        opened.add(reply("interrupted"))
    monkeypatch.undo()
    with pytest.raises(InterruptedError):
        opened.intend(Intent("k", 0.5, "m"))
    opened.add(reply("next", question="Else?"))
    opened.__exit__(None, None, None)
    found = read([tmp_path])
    assert texts(found) == ["interrupted", "next"]
    assert found.unanswered == [Intent("k", 0.5, "n")]
    assert capsys.readouterr().err == ""


def test_after_a_failed_sync_that_file_is_touched_no_more_and_its_replies_move(
    tmp_path: Path,
) -> None:
    """Linux tells of a failed sync once; the next one succeeds though the bytes are gone."""
    with Store(tmp_path) as opened, Disk("fsync", 1, 1, errno.EIO):
        first = opened.path
        opened.add(reply("held"))
        with pytest.raises(OSError, match="Input/output error"):
            opened.intend(Intent("k", 0.5))
        size = first.stat().st_size
        opened.add(reply("later", question="Else?"))
        with pytest.raises(OSError, match="Input/output error"):
            opened.intend(Intent("k", 0.5))
        assert opened.failure
        assert first.stat().st_size == size
    first.unlink()
    assert texts(read([tmp_path])) == ["held", "later"]


def test_a_reply_that_lands_while_others_are_synced_is_held_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, landed = threading.Event(), threading.Event()

    def fsync(file: int) -> None:
        if begun.is_set():
            raise OSError(errno.EIO, "the second sync fails")
        begun.set()
        assert landed.wait(5)

    with Store(tmp_path) as opened:
        first = opened.path
        monkeypatch.setattr(os, "fsync", fsync)
        opened.add(reply("first"))
        assert begun.wait(5)
        opened.add(reply("second", question="Else?"))
        landed.set()
        while not opened.failure:
            time.sleep(0.001)
        monkeypatch.undo()
    first.unlink()
    assert texts(read([tmp_path])) == ["second"]


@pytest.mark.parametrize("there", ["", "new", "new/.askback", "new/.askback/replies"])
def test_the_folders_of_a_store_are_on_the_disk_as_well(tmp_path: Path, there: str) -> None:
    """Those that the store makes, and `.askback`, which a lock may have made just before."""
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    folder = tmp_path / "new" / ".askback" / "replies"
    with Disk("fsync", 0, 0, 0) as disk, Store(folder) as opened:
        pass
    synced = [name for sync in disk.told for name in sync.get("names", {})]
    assert {".askback", "replies", opened.path.name} <= {*synced}
    assert there or "new" in synced


def test_the_rescue_is_on_the_disk_when_the_call_that_failed_returns(tmp_path: Path) -> None:
    """And not 50 ms later, when the process may have been killed."""
    with Store(tmp_path) as opened, Disk("write", 1, 1, errno.ENOSPC):
        opened.add(reply())
        assert texts(read([tmp_path])) == ["Salt?"]


def test_a_store_takes_room_for_a_rescue_and_gives_it_back(tmp_path: Path) -> None:
    with Store(tmp_path):
        (reserve,) = (path for path in tmp_path.iterdir() if path.suffix != ".jsonl")
        assert (reserve.stat().st_size, reserve.stat().st_blocks * 512) == (SIZE, SIZE)
    assert names(tmp_path) == ["*"]


def reserves(folder: Path) -> list[str]:
    """The reserves in the folder."""
    return [name for name in names(folder) if name != "*"]


def test_processes_have_a_reserve_each_and_take_over_what_killed_ones_left(
    tmp_path: Path,
) -> None:
    with writer(tmp_path, "a", 1_000_000) as one, writer(tmp_path, "b", 1_000_000) as other:
        for process in (one, other):
            assert process.stdout
            process.stdout.readline()
        assert reserves(tmp_path) == [".reserve-0", ".reserve-1"]
        one.kill()
        other.kill()
    for _ in range(3):
        with Store(tmp_path), Store(tmp_path):
            assert reserves(tmp_path) == [".reserve-0", ".reserve-1"]
    assert reserves(tmp_path) == []


def test_what_a_reserve_held_before_is_never_read(tmp_path: Path) -> None:
    """Such as a rescue of which a power cut has taken the new name."""
    old = store(tmp_path / "old", reply("old")).read_bytes()
    (folder := tmp_path / "new").mkdir()
    (folder / ".reserve-0").write_bytes(old * 9)
    with Store(folder) as opened, Disk("write", 1, 1, errno.ENOSPC):
        opened.add(reply("new", question="Else?"))
        assert reserves(folder) == []
        assert texts(read([folder])) == ["new"]


def test_the_lock_of_a_reserve_that_has_gone_or_was_replaced_is_worth_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / ".reserve-0"
    with path.open("wb") as file:
        assert locked(file.fileno(), path)
        path.unlink()
        assert not locked(file.fileno(), path)
        path.touch()
        assert not locked(file.fileno(), path)


FULL = """
import os, resource, sys
from pathlib import Path
from askback.asking.replies import Intent
from askback.asking.store import Store
from tests.paid import reply

with Store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    for number in range(100):
        paid = reply(str(number), str(number), question=str(number))
        try:
            store.intend(Intent(paid.key, 0.5, paid.nonce))
            print("call", flush=True)
        except OSError as error:
            print(error.strerror, flush=True)
        store.add(paid)
"""


def test_files_may_end_anywhere(tmp_path: Path) -> None:
    """The operating system itself takes 10,000 bytes of each; the reserve is longer than that."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    told = done.stdout.splitlines()
    calls = told.index("File too large")
    assert told == ["call"] * calls + ["File too large"] * (100 - calls)
    assert 0 < calls < 100
    assert len(list(read([tmp_path]))) == 100
    assert done.stderr == ""
    assert all(path.stat().st_size <= 10_000 for path in tmp_path.iterdir())


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    path = disk / "other"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def long_replies(count: int, kilobytes: int) -> list[Any]:
    """Replies of a length."""
    return [reply(f"{n} " + "x" * 1000 * kilobytes, f"{n:016}", str(n)) for n in range(count)]


@pytest.mark.usefixtures("_hasty")
def test_on_a_full_disk_the_reserve_takes_what_comes(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paid = long_replies(70, kilobytes=100)  # 7 MB
    with Store(small_disk / "store") as opened:
        fill(small_disk)
        for one in paid:
            opened.add(one)
        with pytest.raises(OSError, match="No space left"):
            opened.intend(Intent("k", 0.5))
        assert sorted(read([small_disk / "store"]), key=nonce_of) == paid
    assert capsys.readouterr().err == ""


def nonce_of(one: Any) -> str:
    """For sorting."""
    return str(one.nonce)


def test_what_no_reserve_can_take_is_held_until_there_is_room(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paid = long_replies(100, kilobytes=100)  # 10 MB
    with Store(small_disk / "store") as opened:
        other = fill(small_disk)
        for one in paid:
            opened.add(one)
        left = threading.Timer(2.0, other.unlink)
        left.start()
    left.join()
    assert sorted(read([small_disk / "store"]), key=nonce_of) == paid
    told = capsys.readouterr().err.splitlines()
    assert 1 <= len(told) <= 2
    start = (
        f"{small_disk / 'store'}: No space left on device; make room: paid replies that are held"
    )
    assert told[-1].startswith(start)
    fit = SIZE // len(encode(paid[0]))  # into the reserve, and may be known to be on the disk
    assert fit == 83
    assert len(paid) - fit <= int(told[-1].split()[-1]) <= len(paid)


def test_a_disk_that_has_no_room_for_the_reserve_is_refused_before_any_call(
    small_disk: Path,
) -> None:
    (small_disk / "other").write_bytes(bytes(13 << 20))
    with pytest.raises(OSError, match="No space left"), Store(small_disk / "store"):
        pytest.fail("entered")
    assert names(small_disk / "store") == []


def test_room_is_looked_for_once_a_second_and_that_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Disk("write", 1, 3, errno.ENOSPC) as disk:
        with Store(tmp_path) as opened:  # to its file, to the reserve
            opened.add(reply())
            start = time.monotonic()
        assert 1.9 < time.monotonic() - start < 4  # in vain after one second, then after two
        assert disk.calls == 4
    assert texts(read([tmp_path])) == ["Salt?"]
    assert capsys.readouterr().err == (
        f"{tmp_path}: No space left on device; make room: paid replies that are held in memory "
        "until there is some: 1\n"
    )


WAITER = """
import errno, sys
from pathlib import Path
from askback.asking.store import Store
from tests.paid import reply
from tests.power import Disk

with Disk("write", 1, 1_000_000, errno.ENOSPC), Store(Path(sys.argv[1])) as store:
    store.add(reply("one", "1"))
    store.add(reply("two", "2"))
    print("leaving", flush=True)
"""


def test_only_the_user_ends_the_wait_for_room(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITER, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "leaving\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=10)
    lines = told.splitlines()
    assert [line.rpartition(" ")[2] for line in lines[:2]] == ["1", "2"]
    assert lines[-1] == "KeyboardInterrupt"
    assert sum("make room" in line for line in lines) == 2


HOLDER = """
import resource, sys, time
from dataclasses import replace
from pathlib import Path
from askback.asking.store import Store
from tests.paid import reply

with Store(Path(sys.argv[1])) as store:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(200):
        store.add(reply(chr(97 + number % 26) * 1_000_000, str(number)))
        time.sleep(0.01)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_what_is_on_the_disk_is_not_held_in_memory(tmp_path: Path) -> None:
    """Of 200 MB, what comes in 50 ms and the time of two syncs is: some 10 MB."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) / (1 if sys.platform == "linux" else 1024) < 100_000  # kB
