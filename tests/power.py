"""Disks that fail, and power that goes: what the store must outlive.

python -m tests.power FOLDER SEED FULL

asks and gains without end, and prints a JSON line for each sync (what is on the disk from now on)
and for each intent and reply that the store has taken. The write of number FULL fails.
"""

import errno
import json
import os
import random
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from askback.asking.replies import Intent
from askback.asking.store import Store
from tests.paid import reply

SYNC = 0.004  # seconds that a sync takes


class Disk:
    """A disk on which writes or syncs fail, from the one of a number on, so many times.

    A failing write takes half of what it is given. A sync only notes what it would have brought to
    the disk: `told` is for `cut`.
    """

    def __init__(self, call: str, number: int, times: int, code: int) -> None:
        self.call, self.number, self.times, self.code = call, number, times, code
        self.calls = 0
        self.told: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._write, self._fsync = os.write, os.fsync

    @property
    def struck(self) -> bool:
        """Whether a call has failed."""
        return self.number <= self.calls

    def __enter__(self) -> Self:
        os.write, os.fsync = self.write, self.fsync  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        os.write, os.fsync = self._write, self._fsync

    def write(self, file: int, data: Any) -> int:
        """Stands for os.write."""
        if self._fails("write"):
            self._write(file, data[: len(data) // 2])
            raise OSError(self.code, os.strerror(self.code))
        return self._write(file, data)

    def fsync(self, file: int) -> None:
        """Stands for os.fsync."""
        if self._fails("fsync"):
            raise OSError(self.code, os.strerror(self.code))
        self.told.append(synced(file))

    def _fails(self, call: str) -> bool:
        with self._lock:
            self.calls += call == self.call
            return call == self.call and 0 <= self.calls - self.number < self.times


class Power:
    """Syncs that say what they have brought to the disk."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    def fsync(self, file: int) -> None:
        """Stands for os.fsync, and takes as long on no disk at all."""
        told = synced(file)
        time.sleep(SYNC)
        self._tell(**told)


def synced(file: int) -> dict[str, Any]:
    """What a sync of a file or folder that begins now brings to the disk."""
    about = os.fstat(file)
    if stat.S_ISDIR(about.st_mode):
        return {"names": {entry.name: entry.inode() for entry in os.scandir(file)}}
    return {"inode": about.st_ino, "bytes": os.lseek(file, 0, os.SEEK_CUR)}


def cut(folder: Path, told: Iterable[Mapping[str, Any]], tail: str) -> None:
    """Leaves in the folder what was on the disk, and of what was not its length, as zeros."""
    names: dict[str, int] = {}
    lengths: dict[int, int] = {}
    for line in told:
        names = line.get("names", names)
        if "inode" in line:
            lengths[line["inode"]] = line["bytes"]
    found = {path.stat().st_ino: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    for name, inode in names.items():
        if inode in found:
            kept = found[inode][: lengths.get(inode, 0)]
            zeros = bytes(len(found[inode]) - len(kept))
            (folder / name).write_bytes(kept + (zeros if tail == "zeros" else b""))


def work(folder: Path, seed: int, tell: Callable[..., None]) -> None:
    """Asks and gains, without end."""
    order = random.Random(seed)
    number = 0
    with Store(folder) as store:
        while True:
            numbers = range(number, number + order.randint(1, 300))
            number = numbers.stop
            group = [reply(f"{n}", f"{n:016}", f"{n}") for n in numbers]
            try:
                store.intend(*(Intent(one.key, 0.5, one.nonce) for one in group))
                tell(intents=[one.nonce for one in group])
            except OSError:
                assert store.failure
            for one in group:
                time.sleep(order.random() * 0.01)
                store.add(one)
                tell(reply=one.nonce)


def main() -> None:
    """Works until it is killed."""
    folder, seed, full = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    lock = threading.Lock()

    def tell(**line: Any) -> None:
        with lock:
            sys.stdout.write(json.dumps({"at": time.monotonic()} | line) + "\n")
            sys.stdout.flush()

    with Disk("write", full, 1, errno.ENOSPC):
        os.fsync = Power(tell).fsync  # type: ignore[assignment]
        work(folder, seed, tell)


if __name__ == "__main__":
    main()
