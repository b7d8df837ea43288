"""The stage `questions` on a disk that fails, and under power that goes: power.py has both.

python -m tests.bad_disk fail
python -m tests.bad_disk power FOLDER

The first takes an order a line from its standard input, runs the stage in a process of its own for
each, and says how that ended; it has loaded what the stage needs, so a run takes little. The second
runs the stage in FOLDER, and writes what each sync has brought to the disk to SYNCED beside it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from askback.stage import run
from stages.questions import main as questions
from tests import power
from tests.endpoint import Endpoint
from tests.inquiries import ROOT, Inquiry, surroundings
from tests.power import Disk

ARGUMENTS = [
    "documents.jsonl", "passages.jsonl", "prompt.txt", "judge.txt", "edits", "interview.jsonl",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Which call to the operating system fails, and how."""

    call: str  # write or fsync
    number: int  # of the first that fails
    times: int  # how many do
    code: int


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    code: int
    told: str
    struck: float | None  # time.monotonic() at the first failure


class Runs:
    """A process that runs the stage on order, each time in a child of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, inquiry: Inquiry, endpoint: Endpoint, fault: Fault, **variables: str) -> End:
        """The end of a run in the inquiry's folder, on a disk that has the fault."""
        order = {
            "folder": str(inquiry.folder),
            "environment": surroundings((endpoint,), variables),
            "fault": asdict(fault),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        struck = inquiry.folder / "struck"
        return End(
            code=code,
            told=(inquiry.folder / "stderr").read_text(),
            struck=float(struck.read_text()) if struck.exists() else None,
        )


@contextmanager
def runs() -> Iterator[Runs]:
    """A process that runs the stage on order."""
    command = [sys.executable, "-m", "tests.bad_disk", "fail"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield Runs(process)


class FailingDisk(Disk):
    """A disk that writes down when it fails first."""

    def __init__(self, struck: Path, fault: Fault) -> None:
        super().__init__(**asdict(fault))
        self._struck_path = struck

    def _fails(self, call: str) -> bool:
        failed = super()._fails(call)
        if failed and not self._struck_path.exists():
            self._struck_path.write_text(str(time.monotonic()))
        return failed


def obey(order: Mapping[str, Any]) -> NoReturn:
    """Runs the stage as ordered, in this process, and ends it."""
    folder = Path(order["folder"])
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(order["environment"])
    errors = os.open("stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(errors, 2)
    sys.argv = ["questions", *ARGUMENTS]
    code = 1
    try:
        with FailingDisk(folder / "struck", Fault(**order["fault"])):
            run(questions)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Takes orders."""
    import aiohttp  # noqa: F401
    import openai  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            obey(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


SYNCED = "synced.jsonl"


class Power(power.Power):
    """Syncs that say of which folder they have brought the names to the disk."""

    def fsync(self, file: int) -> None:
        """Stands for os.fsync."""
        told = power.synced(file)
        if "names" in told:
            told["folder"] = os.fstat(file).st_ino
        time.sleep(power.SYNC)
        self._tell(**told)


def powered(folder: Path) -> NoReturn:
    """Runs the stage in the folder, and tells of its syncs."""
    lock = threading.Lock()
    with (folder / SYNCED).open("a", buffering=1) as synced:

        def tell(**line: Any) -> None:
            with lock:
                synced.write(json.dumps(line) + "\n")

        os.fsync = Power(tell).fsync  # type: ignore[assignment]
        os.chdir(folder)
        sys.argv = ["questions", *ARGUMENTS]
        run(questions)


def start(inquiry: Inquiry, *endpoints: Endpoint, **variables: str) -> subprocess.Popen[bytes]:
    """A run of the stage that tells of its syncs."""
    command = [sys.executable, "-m", "tests.bad_disk", "power", str(inquiry.folder)]
    return subprocess.Popen(
        command, cwd=ROOT, env=surroundings(endpoints, variables), stderr=subprocess.DEVNULL
    )


def cut(folder: Path, tail: str) -> None:
    """Leaves of the folder's store what was on the disk: see `power.cut`."""
    text = (folder / SYNCED).read_text()
    told = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    names = {line["folder"]: line["names"] for line in told if "folder" in line}
    store = folder / ".askback" / "replies"
    for path in (store.parent, store):
        at = names.get(path.parent.stat().st_ino, {})
        assert at.get(path.name) == path.stat().st_ino, f"the name of {path} is not on the disk"
    of_store = store.stat().st_ino
    power.cut(store, [one for one in told if one.get("folder", of_store) == of_store], tail)


if __name__ == "__main__":
    if sys.argv[1] == "fail":
        serve()
    else:
        powered(Path(sys.argv[2]))
