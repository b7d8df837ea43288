"""Room on the disk that is kept for the moment when there is none."""

import errno
import fcntl
import os
from contextlib import suppress
from itertools import count
from pathlib import Path

SIZE = 8 << 20  # bytes; more than all calls in flight are ever answered with


class Reserve:
    """A file of zeros of one process's own, under a name that no reader of `folder` looks at.

    One that a killed process has left is taken over, by the lock that died with it. Raises OSError
    where there is no room.
    """

    def __init__(self, folder: Path) -> None:
        for number in count():
            self.path = folder / f".reserve-{number}"
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            if locked(self._handle, self.path):
                break
            os.close(self._handle)
        try:
            os.ftruncate(self._handle, 0)
            allocate(self._handle)
        except OSError:
            self.release()
            raise

    def become(self, path: Path) -> int:
        """Moves the file to `path`; returns its handle, to write over the zeros."""
        try:
            self.path.rename(path)
        except OSError:
            self.release()
            raise
        return self._handle

    def release(self) -> None:
        """Gives the room back."""
        with suppress(FileNotFoundError):
            self.path.unlink()  # before the lock goes, or it were another's by now
        os.close(self._handle)


def locked(handle: int, path: Path) -> bool:
    """Whether this process has the lock of the file, and the file is still the one at `path`."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def allocate(handle: int) -> None:
    """SIZE bytes of zeros for an empty file."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, SIZE)
    elif os.pwrite(handle, bytes(SIZE), 0) < SIZE:  # macOS
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
