import itertools
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from askback import sandbox
from askback.sandbox import (
    COMPLAINTS,
    CpuError,
    ExitError,
    Limits,
    OutputError,
    SpaceError,
    TimeError,
    output,
)
from tests.speed import least

NEEDED = ("cat", "env", "head", "ps", "sh", "sleep", "true", "yes")
LENGTHS = (f"{number}.{os.getpid()}" for number in itertools.count(4000))  # seconds, each once


@pytest.fixture(params=["sealed", "bare"], autouse=True)
def mode(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """Whether programs run in bubblewrap, or there is none on PATH."""
    sandbox.wrapper.cache_clear()
    if request.param == "bare":
        monkeypatch.setenv("PATH", str(path_without_bubblewrap(tmp_path)))
    elif not sandbox.wrapper():
        pytest.skip("bubblewrap is missing, or not allowed here")
    yield request.param
    sandbox.wrapper.cache_clear()


def path_without_bubblewrap(folder: Path) -> Path:
    """A folder with links to the programs that are run here."""
    found = folder / "bin"
    found.mkdir()
    for name in NEEDED:
        program = shutil.which(name)
        assert program, f"{name} is missing"
        (found / name).symlink_to(program)
    return found


def shell(script: str, limits: Limits | None = None) -> Iterator[bytes]:
    """What the shell script prints."""
    return output(["sh", "-c", script], limits)


def printed(script: str, limits: Limits | None = None) -> str:
    """All that the shell script prints."""
    return b"".join(shell(script, limits)).decode()


def is_left(seconds: str) -> bool:
    """Whether a `sleep` of that length still runs; what is killed gets a second to go."""
    for _ in range(100):
        found = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True)
        assert found.returncode == 0
        if f"sleep {seconds}" not in found.stdout.splitlines():
            return False
        time.sleep(0.01)
    return True


def test_output_comes_while_the_program_runs(tmp_path: Path) -> None:
    """It waits for a file that is made when its first line has been read."""
    flag = tmp_path / "flag"
    pieces = shell(f"echo one; until [ -e {flag} ]; do sleep 0.01; done; echo two", Limits(5))
    assert next(pieces) == b"one\n"
    flag.touch()
    assert b"".join(pieces) == b"two\n"


def test_much_output_comes_whole_and_in_order() -> None:
    numbers = printed("i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done")
    assert numbers.split() == [str(number) for number in range(100_000)]


def test_it_runs_in_the_folder_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("yes")
    assert b"".join(output(["cat", "here"], folder=tmp_path)) == b"yes"


def test_a_missing_program_is_not_found() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-reader"):
        list(output(["no-such-reader", "book.pdf"]))


def test_a_failure_has_its_status_and_what_was_said_first() -> None:
    with pytest.raises(ExitError) as caught:
        printed("echo; echo Syntax Error: bad >&2; echo more >&2; exit 3")
    assert caught.value.status == 3
    assert str(caught.value) == "failed (Syntax Error: bad)"
    assert caught.value.complaints == "Syntax Error: bad\nmore\n"


def test_a_silent_failure_gives_no_reason() -> None:
    with pytest.raises(ExitError, match=r"^failed \(no reason given\)$"):
        printed("exit 1")


def test_a_crash_has_its_signal() -> None:
    with pytest.raises(ExitError, match=r"^crashed \(signal 11\)$") as caught:
        printed("kill -11 $$")
    assert caught.value.status == -11


def test_an_exit_status_above_all_signals_is_none() -> None:
    with pytest.raises(ExitError) as caught:
        printed("exit 255")
    assert caught.value.status == 255


def test_what_is_printed_before_a_failure_is_handed_over() -> None:
    pieces = shell("echo one; exit 1")
    assert next(pieces) == b"one\n"
    with pytest.raises(ExitError):
        next(pieces)


def test_a_flood_of_warnings_blocks_nothing() -> None:
    assert printed("yes warning | head -c 5000000 >&2; echo done") == "done\n"


def test_the_beginning_of_a_flood_of_warnings_is_kept() -> None:
    with pytest.raises(ExitError) as caught:
        printed("echo first >&2; yes warning | head -c 5000000 >&2; exit 1")
    assert caught.value.complaints.startswith("first\nwarning\n")
    assert len(caught.value.complaints) == COMPLAINTS


def test_warnings_without_end_are_too_much_output() -> None:
    with pytest.raises(OutputError):
        printed("yes >&2", Limits(output=1 << 20))


def test_a_hang_ends_when_its_time_is_over() -> None:
    before = time.monotonic()
    with pytest.raises(TimeError, match=r"^took over 0\.3 s$"):
        printed("sleep 10", Limits(seconds=0.3))
    assert 0.3 <= time.monotonic() - before < 3


def test_a_hang_with_closed_pipes_ends_too() -> None:
    with pytest.raises(TimeError):
        printed("exec >&- 2>&-; sleep 10", Limits(seconds=0.3))


def test_time_that_the_reader_takes_is_not_the_programs() -> None:
    pieces = shell("echo one; sleep 0.1; echo two", Limits(seconds=0.5))
    assert next(pieces) == b"one\n"
    time.sleep(0.6)
    assert b"".join(pieces) == b"two\n"


def test_computing_ends_when_the_cpu_time_is_over() -> None:
    with pytest.raises(CpuError, match=r"^took over 1 s of CPU time$"):
        printed("while :; do :; done", Limits(cpu_seconds=1))


def test_more_memory_than_allowed_is_refused() -> None:
    command = [sys.executable, "-c", "bytearray(1 << 30)"]
    with pytest.raises(SpaceError, match="needed over 512 MiB of memory"):
        list(output(command, Limits(memory=512 << 20)))


def test_output_ends_at_its_limit() -> None:
    pieces, read = shell("yes", Limits(output=1 << 20)), 0
    with pytest.raises(OutputError, match="printed over 1 MiB"):  # noqa: PT012
        for piece in pieces:
            read += len(piece)
    assert (1 << 20) - sandbox.CHUNK < read <= 1 << 20


def test_files_that_it_writes_are_limited_or_forbidden(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "file"
    with pytest.raises(OutputError if mode == "bare" else ExitError):
        printed(f"exec cat /dev/zero > {file}", Limits(output=1 << 20))
    assert not file.exists() if mode == "sealed" else file.stat().st_size == 1 << 20


def test_it_dumps_no_core() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        assert printed("ulimit -c") == "0\n"
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_its_environment_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """PWD and such are the shell's own."""
    monkeypatch.setenv("ASKBACK_TEST_API_KEY", "sk-secret")
    lines = b"".join(output(["env"])).decode().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found.keys() - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LANG"}
    assert found["LANG"] == "C.UTF-8"
    assert "sk-secret" not in str(found)


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
def test_our_own_environment_is_out_of_sight() -> None:
    assert Path(f"/proc/{os.getpid()}/environ").exists()
    assert printed("echo /proc/*") == "/proc/*\n"


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
def test_it_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        script = f"import socket; socket.create_connection({address}, 5)"
        subprocess.run([sys.executable, "-c", script], check=True)
        with pytest.raises(ExitError) as caught:
            list(output([sys.executable, "-c", script]))
    assert "ConnectionRefusedError" in caught.value.complaints  # its loopback is not ours


ENDS = {
    "well": ("echo fine", Limits(), None),
    "with a status": ("exit 3", Limits(), ExitError),
    "in a hang": ("sleep 10", Limits(seconds=0.3), TimeError),
    "computing": ("while :; do :; done", Limits(cpu_seconds=1), CpuError),
    "in a flood": ("yes", Limits(output=1 << 20), OutputError),
    "by a signal": ("kill -9 $$", Limits(), SpaceError),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_of_its_group(end: str) -> None:
    script, limits, error = ENDS[end]
    length = next(LENGTHS)
    pieces = shell(f"sleep {length} >/dev/null 2>&1 & {script}", limits)
    if error:
        with pytest.raises(error):
            list(pieces)
    else:
        assert list(pieces) == [b"fine\n"]
    assert not is_left(length)


def test_nothing_is_left_when_the_reader_goes() -> None:
    length = next(LENGTHS)
    with closing(shell(f"sleep {length} & echo one; wait")) as pieces:  # type: ignore[type-var]
        assert next(pieces) == b"one\n"
        assert is_left(length)
    assert not is_left(length)


def test_nothing_is_left_when_the_reader_is_interrupted() -> None:
    length = next(LENGTHS)
    pieces = shell(f"sleep {length} & echo one; wait")
    assert next(pieces) == b"one\n"
    with pytest.raises(KeyboardInterrupt):
        pieces.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not is_left(length)


def test_a_child_that_holds_the_pipes_does_not_hold_us() -> None:
    length = next(LENGTHS)
    assert printed(f"sleep {length} & echo fine", Limits(seconds=10)) == "fine\n"
    assert not is_left(length)


def test_programs_run_side_by_side_in_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(printed, (f"sleep 0.1; echo {number}" for number in range(12))))
    assert found == [f"{number}\n" for number in range(12)]


def test_starting_takes_no_time_to_speak_of(mode: str) -> None:
    """A new process and its end included."""

    def seconds() -> float:
        before = time.perf_counter()
        assert printed("true") == ""
        return time.perf_counter() - before

    limit = 0.04 if mode == "sealed" else 0.015  # seconds
    assert least(seconds, limit) < limit
