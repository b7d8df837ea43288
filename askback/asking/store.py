"""The writer of the reply store: nothing that was paid for is lost, whatever the disk does."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from askback.asking.replies import Intent, Reply, encode, nonce
from askback.asking.reserve import Reserve
from askback.files import sync

SYNC_EVERY = 0.05  # seconds; half of what a power cut may take, for a sync takes time as well
RETRY_EVERY = 1.0  # seconds, while there is no room


class Store:
    """One process's new files in the store, and room on the disk for a rescue.

    A reply is safe from a kill once `add` returns and from a power cut 100 ms later. After a failed
    write or sync, that file is touched no more: Linux tells of a failed sync once, and whatever is
    written behind a torn line is lost. The replies that are not known to be on the disk are in
    memory as well, and go into a new file, in the room that was reserved or as soon as there is
    some. Leaving the block waits for that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failure: OSError | None = None  # the first; no call may be made after it
        self._syncing, self._writing = threading.Lock(), threading.Lock()  # taken in this order
        self._file: int | None = None  # none while it is written to, and after that has failed
        self._handles: list[int] = []
        self._written = self._synced = 0  # appends
        self._held: list[bytes] = []  # replies not known to be on the disk
        self._told = 0  # how many of them the user knows of
        self._retry_at = 0.0  # by the monotonic clock
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        above = [self.folder, *self.folder.parents]
        made = [path for path in above if not path.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in {*made, *above[:2]}:  # what holds the store may be new as well: locks lie there
            sync(path.parent)
        self._reserve: Reserve | None = Reserve(self.folder)
        try:
            self._file = self._open()
        except OSError:
            self._reserve.release()
            raise
        self._thread = threading.Thread(target=self._keep_settling, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()
        try:
            self._settle()
            while self._held:
                time.sleep(SYNC_EVERY)
                self._settle()
        finally:
            for handle in self._handles:
                close(handle)
            if self._reserve:
                self._reserve.release()

    def intend(self, *intents: Intent) -> None:
        """Writes and syncs that these calls are about to be made; those who wait share a sync.

        Raises OSError where that failed, or anything before it.
        """
        with self._writing:
            self._check()
            self._append(b"".join(map(encode, intents)))
        self._settle()
        with self._writing:
            self._check()

    def add(self, reply: Reply) -> None:
        """Writes a reply, to be synced with the next group; holds it where that fails."""
        line = encode(reply)
        with self._writing:
            self._append(line, line)
            failed = self._file is None
        if failed:
            self._move()

    def _check(self) -> None:
        if self.failure or self._file is None:
            raise self.failure or InterruptedError(errno.EINTR, "a write was interrupted")

    def _append(self, data: bytes, *held: bytes) -> None:
        """Writes at the end of the file, which is none from then on unless all goes well."""
        file, self._file = self._file, None
        self._written += 1
        self._held += held
        if file is None:
            return
        try:
            write(file, data)
        except OSError as error:
            self.failure = self.failure or error
        else:
            self._file = file

    def _settle(self) -> None:
        """Syncs what is written; where that fails, moves what is held."""
        self._sync()
        self._move()

    def _sync(self) -> None:
        goal = self._written
        with self._syncing:
            with self._writing:
                file, covered, count = self._file, self._written, len(self._held)
            if file is None or self._synced >= goal:
                return
            failure = fsync(file)
            with self._writing:
                self.failure = self.failure or failure
                if failure:
                    self._file = None
                else:
                    del self._held[:count]
                    self._synced = covered

    def _move(self) -> None:
        """Goes on in a new file where there is none, once there is room for what is held."""
        with self._syncing, self._writing:
            if self._file is not None or not self._held or time.monotonic() < self._retry_at:
                return
            try:
                self._file = self._open()
            except OSError as error:
                self._retry_at = time.monotonic() + RETRY_EVERY
                self._tell(error)
            else:
                self._held.clear()
                self._synced = self._written

    def _open(self) -> int:
        """A new file with what is held, synced; raises OSError where there is no room for it."""
        path = self.folder / new_name()
        reserve = self._reserve if self.failure else None
        if reserve:
            self._reserve = None
            file = reserve.become(path)
        else:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as a reserve has been; see packing
        try:
            sync(self.folder)  # the name first: a reserve with replies in it were lost
            write(file, b"".join(self._held))
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                path.unlink()
            close(file)
            raise
        self.path = path
        self._handles.append(file)
        return file

    def _tell(self, error: OSError) -> None:
        """Says what is held: at first, and again if it is more when nothing else is waited for."""
        if not self._told or (self._closing.is_set() and self._told < len(self._held)):
            self._told = len(self._held)
            print(
                f"{self.folder}: {error.strerror}; make room: paid replies that are held in memory "
                f"until there is some: {self._told}",
                file=sys.stderr,
            )

    def _keep_settling(self) -> None:
        while not self._closing.wait(SYNC_EVERY):
            self._settle()


def new_name() -> str:
    """A name for a file that no store anywhere has; older ones sort before it."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{nonce()}.jsonl"


def write(file: int, data: bytes) -> None:
    """Writes all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def fsync(file: int) -> OSError | None:
    """Syncs a file; returns how that failed."""
    try:
        os.fsync(file)
    except OSError as error:
        return error
    return None


def close(file: int) -> None:
    """Closes a file behind its last line; the rest of what was a reserve would do no harm."""
    with suppress(OSError):
        os.ftruncate(file, os.lseek(file, 0, os.SEEK_CUR))
    with suppress(OSError):
        os.close(file)
