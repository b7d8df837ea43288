"""Replaces a file or folder while its Nth operation goes wrong: N = 1, 2, 3 … until none does.

python -m tests.faults {fail,kill,full} {file,folder,records} FOLDER

Prints, as JSON, for each N what stood at the path afterwards, and what after one more, untouched
run. `fail`: the Nth call to the operating system raises; `kill`: SIGKILL instead of the Nth call;
`full`: the disk takes N - 1 bytes of a file.
"""

import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from askback import files
from askback.errors import UserError
from askback.records import Message

BEFORE, AFTER = ["old", "older"], ["new", "newer", "newest"]
CALLS = {
    "open", "os.fsync", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.scandir",
}  # fmt: skip


def put(kind: str, path: Path, words: list[str]) -> None:
    """The words at the path, through `files`: as a text, as records, or as a folder of files."""
    if kind == "records":
        files.write(path, [Message("user", word) for word in words])
        return
    with files.whole(path) as part:
        if kind == "file":
            part.write_text(" ".join(words))
        else:
            (part / "more").mkdir(parents=True)
            for number, word in enumerate(words):
                (part / "more" / str(number)).write_text(word)


def found(kind: str, path: Path) -> list[str] | str | None:
    """The words at the path; none where nothing is; a text where it is neither."""
    if not path.exists():
        return None
    try:
        if kind == "records":
            return [message.content for message in files.read(path, Message)]
        if kind == "file":
            return path.read_text().split(" ")
        return [file.read_text() for file in sorted((path / "more").iterdir())]
    except (UserError, OSError, ValueError) as error:  # a third state, neither old nor new
        return repr(error)


def arm(fault: str, number: int) -> Callable[[], bool]:
    """Sets the fault for this process; the returned function says whether it struck."""
    calls = count(1)
    struck = []

    def before(event: str, _: Any = ()) -> None:
        if event not in CALLS or next(calls) != number:
            return
        struck.append(event)
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, "injected", event)

    if fault == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (number - 1, number - 1))
    else:
        os.fsync = lambda fd: before("os.fsync")  # the one call that Python does not audit
        sys.addaudithook(before)
    return lambda: bool(struck)


def run_child(act: Callable[[], None], fault: str = "", number: int = 0) -> bool:
    """Whether `act` passed untouched, in a process of its own."""
    child = os.fork()
    if child == 0:
        struck = arm(fault, number) if fault else lambda: False
        try:
            act()
        except OSError:
            os._exit(1)
        os._exit(struck())
    return os.waitpid(child, 0)[1] == 0


def attempts(fault: str, kind: str, root: Path) -> Iterator[dict[str, Any]]:
    """What each attempt left behind, the untouched one last."""
    put(kind, root / "0" / "target", AFTER)  # imports what it needs before calls are counted
    for number in count(1):
        target = root / str(number) / "target"
        put(kind, target, BEFORE)
        replace = partial(put, kind, target, AFTER)
        passed = run_child(replace, fault, number)
        state = found(kind, target)
        run_child(replace)
        rest = sorted(p.name for p in target.parent.iterdir() if p != target)
        yield {"passed": passed, "found": state, "again": found(kind, target), "rest": rest}
        if passed:
            return


if __name__ == "__main__":
    os.fsync = lambda fd: None  # a power cut is not among these faults, and it takes 4 ms
    print(json.dumps(list(attempts(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
