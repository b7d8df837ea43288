"""Programs that read strangers' files, kept from the rest of the machine.

Poppler and PDFium are big C++ programs, and a small file can make either run for minutes, fill the
memory, or do as its author likes. So they run with limits, without our environment (it holds API
keys), and, where bubblewrap is there, without network, without our processes in sight and with all
disks read-only.
"""

import contextlib
import functools
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 1 << 16  # bytes; all that a pipe holds
COMPLAINTS = 1 << 16  # bytes of stderr that are kept; the rest is read and forgotten
GRACE = 2  # seconds of CPU between the signal that names the limit and SIGKILL
OUT_OF_MEMORY = ("bad_alloc", "out of memory", "memoryerror", "cannot allocate", "failed to map")

# In a shell, because a function run between fork and exec may hang where there are threads. A limit
# that cannot be set (macOS has none on address space) or is lower already stays as it is.
LIMITED = """
{ ulimit -c 0; ulimit -S -t "$1"; ulimit -H -t "$2"; ulimit -f "$3"; ulimit -v "$4"; } 2>/dev/null
shift 4; exec "$@"
"""
SEALED = (
    *("--ro-bind", "/", "/", "--dev", "/dev"),
    *("--tmpfs", "/proc"),  # other processes' environments are there
    *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
    *("--cap-drop", "ALL", "--cap-add", "CAP_DAC_READ_SEARCH"),  # root reads everybody's books
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use."""

    seconds: float = 60.0  # that we wait for it; what its reader does meanwhile does not count
    cpu_seconds: int = 60
    memory: int = 1 << 30  # bytes of address space
    output: int = 1 << 30  # bytes, stderr among them


class ReaderError(Exception):
    """How a program ended that did not end well, as words that follow its name."""

    def __init__(self, said: str, complaints: str = "") -> None:
        super().__init__(said)
        self.complaints = complaints  # the beginning of its stderr


class ExitError(ReaderError):
    """It gave up by itself (status from 1) or crashed (status below 0: the signal)."""

    def __init__(self, status: int, complaints: str) -> None:
        first = next(filter(None, map(str.strip, complaints.splitlines())), "no reason given")
        said = f"failed ({first})" if status > 0 else f"crashed (signal {-status})"
        super().__init__(said, complaints)
        self.status = status


class TimeError(ReaderError):
    """It ran for too long, busy or not."""


class CpuError(ReaderError):
    """It computed for too long."""


class SpaceError(ReaderError):
    """It asked for too much memory, or the machine has too little."""


class OutputError(ReaderError):
    """It wrote too much."""


@dataclass(slots=True)
class Running:
    """A program that runs, and what is known of it so far."""

    process: subprocess.Popen[bytes]
    limits: Limits
    deadline: float  # on the monotonic clock; it moves on while nobody waits
    written: int = 0  # bytes
    complaints: bytearray = field(default_factory=bytearray)


def output(
    command: Sequence[str], limits: Limits | None = None, folder: Path | None = None
) -> Iterator[bytes]:
    """What `command` prints, piece by piece while it runs in `folder`.

    However this ends, nothing of the program is left running; close the iterator if you leave it
    early. Raises FileNotFoundError where there is no such program, else a ReaderError. The caller's
    thread must live as long: bubblewrap goes with the thread that started it.
    """
    limits = limits or Limits()
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(command[0])
    with start(command, limits, folder) as process:
        running = Running(process, limits, time.monotonic() + limits.seconds)
        try:
            yield from pieces(running)
            await_end(running)
        finally:
            kill(process)
    require_success(running)


def start(command: Sequence[str], limits: Limits, folder: Path | None) -> subprocess.Popen[bytes]:
    """The program, started in a process group of its own."""
    cpu = (limits.cpu_seconds, limits.cpu_seconds + GRACE)
    sizes = (limits.output // 512, limits.memory // 1024)  # in the units of ulimit
    return subprocess.Popen(
        ["/bin/sh", "-c", LIMITED, "sh", *map(str, (*cpu, *sizes)), *wrapper(), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(),
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """All that the program learns of our environment."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


@functools.cache
def wrapper() -> tuple[str, ...]:
    """The command that seals a program off; none where bubblewrap is missing or not allowed."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return ()
    command = (bwrap, *SEALED, "--")
    tried = subprocess.run(
        [*command, "true"], env=environment(), stdin=subprocess.DEVNULL, capture_output=True
    )
    return command if tried.returncode == 0 else ()


def pieces(running: Running) -> Iterator[bytes]:
    """What it prints until it ends or closes stdout and stderr; its complaints are kept aside.

    Raises TimeError and OutputError.
    """
    with selectors.DefaultSelector() as selector:
        for stream in (running.process.stdout, running.process.stderr):
            assert stream is not None
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(min(left(running), 1.0))
            if not ready and has_ended(running.process):
                return  # what it started holds the pipes open
            for key, _ in ready:
                piece = os.read(key.fd, CHUNK)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.fileobj is running.process.stderr:
                    complain(running, piece)
                else:
                    yield from handed_over(running, piece)


def left(running: Running) -> float:
    """Seconds until its time is over; raises TimeError when it is."""
    seconds = running.deadline - time.monotonic()
    if seconds <= 0:
        raise TimeError(f"took over {running.limits.seconds:g} s")
    return seconds


def complain(running: Running, piece: bytes) -> None:
    """Keeps the beginning of what it complains of."""
    count(running, piece)
    running.complaints += piece[: COMPLAINTS - len(running.complaints)]


def handed_over(running: Running, piece: bytes) -> Iterator[bytes]:
    """The piece; the time that its reader takes for it is none of the program's."""
    count(running, piece)
    before = time.monotonic()
    yield piece
    running.deadline += time.monotonic() - before


def count(running: Running, piece: bytes) -> None:
    """Counts what was written; raises OutputError where it is too much."""
    running.written += len(piece)
    if running.written > running.limits.output:
        raise OutputError(f"printed over {running.limits.output / 2**20:g} MiB")


def await_end(running: Running) -> None:
    """Returns when it has ended; raises TimeError where it lingers with its pipes closed."""
    while not has_ended(running.process):
        time.sleep(min(0.001, left(running)))


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has. It is not reaped yet where the system allows, so its id remains ours."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, options) is not None


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of its process group; what it has printed since is lost."""
    if process.returncode is None:  # not reaped, so no other process has this id
        assert process.pid > 1
        with contextlib.suppress(PermissionError):  # macOS, where all of it has ended
            os.killpg(process.pid, signal.SIGKILL)


def require_success(running: Running) -> None:
    """Raises the ReaderError that says how it ended, unless it ended well."""
    status, limits = running.process.returncode, running.limits
    if 128 < status <= 128 + 64:  # as bubblewrap passes on a signal
        status = 128 - status
    complaints = running.complaints.decode("utf-8", "replace")
    if status == -signal.SIGXCPU:
        raise CpuError(f"took over {limits.cpu_seconds} s of CPU time", complaints)
    if status == -signal.SIGXFSZ:
        raise OutputError(f"wrote over {limits.output / 2**20:g} MiB", complaints)
    if status == -signal.SIGKILL or (status and is_out_of_memory(complaints)):
        raise SpaceError(f"needed over {limits.memory / 2**20:g} MiB of memory", complaints)
    if status:
        raise ExitError(status, complaints)


def is_out_of_memory(complaints: str) -> bool:
    """Whether it complains of that, in the words of C++, poppler, Python or the linker."""
    return any(map(complaints.lower().count, OUT_OF_MEMORY))
