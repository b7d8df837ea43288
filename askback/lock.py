"""One writer per output, by a lock that the kernel drops when its process ends."""

import fcntl
import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from askback.errors import WorldError
from askback.home import home


@contextmanager
def locked(path: Path, patience: float = 60.0) -> Iterator[None]:
    """Holds the lock of `path` for the block; waits up to `patience` seconds for it.

    Raises WorldError when another process keeps it longer.
    """
    name = hashlib.blake2b(str(path.resolve()).encode(), digest_size=8).hexdigest()
    file = home("locks", name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        acquire(handle.fileno(), path, patience)
        yield


def acquire(handle: int, path: Path, patience: float) -> None:
    """Takes the lock, saying once that it waits."""
    start = time.monotonic()
    told = False
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() - start > patience:
                raise WorldError(f"another run still writes {path}; wait for it") from None
        if not told:
            print(f"waiting for the run that writes {path}", file=sys.stderr)
            told = True
        time.sleep(0.1)
