"""Stages as programs: what they exit with, what they say, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from askback.lock import locked

FUTURE = "from __future__ import annotations\n"  # makes annotations strings, as some stages have
STAGE = '''
import errno, os, resource, signal, sys, time
from pathlib import Path
from askback import files
from askback.errors import LimitError, UserError, WorldError
from askback.ledger import Ledger
from askback.lock import locked
from askback.records import Dropped
from askback.stage import In, Out, run

def main(source: In, out: Out, ledger: Ledger) -> None:
    """Copies the source, 100 % of it."""
    with files.whole(out) as part:
        part.write_text(source.read_text())
        {body}

if __name__ == "__main__":
    run(main)
'''
WAIT = "print('begun', flush=True); time.sleep({seconds})"
STOPPED = "copy: stopped; what was gained is kept, run again\n"


class Folder:
    """A folder with a stage `copy`, its source, and what an earlier run made of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "stages_like").mkdir()
        (path / "source").write_text("new")
        (path / "out").write_text("old")

    def write(self, body: str, future: str = "") -> None:
        """Writes the stage; `body` runs when its output is half-written."""
        code = future + STAGE.replace("{body}", body.replace("\n", "\n        "))
        (self.path / "stages_like" / "copy.py").write_text(code)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The stage's end."""
        return subprocess.run(
            COPY + list(arguments or PATHS), cwd=self.path, env=environment(),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def start(self, command: list[str], **env: str) -> subprocess.Popen[str]:
        """A process in the folder, told apart by its pipes."""
        return subprocess.Popen(
            command, cwd=self.path, env=environment(**env),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def names(self) -> set[str]:
        """What lies in the folder besides the stage and the locks."""
        return {path.name for path in self.path.iterdir()} - {"stages_like", ".askback"}

    def unchanged(self) -> bool:
        """Whether the folder is as it was before the stage ran, with nothing half-written."""
        return self.names() == {"source", "out"} and (self.path / "out").read_text() == "old"


COPY = [sys.executable, "-m", "stages_like.copy"]
PATHS = ["source", "out"]


def environment(**more: str) -> dict[str, str]:
    """This environment, but outside DVC, and with Askback to import."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    return outside | {"PYTHONPATH": str(Path(__file__).parents[1])} | more


def line(stream: IO[str] | None) -> str:
    """The next line of a process's pipe; empty at its end."""
    assert stream is not None
    return stream.readline()


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("future", ["", FUTURE])
def test_a_stage_reads_and_writes_the_paths_of_its_command_line_and_exits_0(folder, future):
    folder.write("", future)
    ended = folder.run()

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert folder.names() == {"source", "out"}
    assert (folder.path / "out").read_text() == "new"


def test_threads_that_wait_for_one_another_soon_sleep_unless_the_user_has_it_otherwise(folder):
    folder.write("print(os.environ['GOMP_SPINCOUNT'])")
    assert folder.run().stdout == "3000\n"
    with folder.start(COPY + PATHS, GOMP_SPINCOUNT="0") as process:
        assert line(process.stdout) == "0\n"


def test_the_ledger_is_saved_where_the_command_line_says(folder):
    folder.write("list(ledger.sort(['a', Dropped('b', 'short', '1'), 'c']))")
    ended = folder.run(*PATHS, "--metrics", "m/copy.json", "--dropped", "d/copy.jsonl")

    assert (ended.returncode, ended.stderr) == (0, "kept 2, dropped 1 short\n")
    metrics = json.loads((folder.path / "m" / "copy.json").read_text())
    assert metrics == {"dropped": {"short": 1}, "kept": 2}
    dropped = (folder.path / "d" / "copy.jsonl").read_text()
    assert dropped == '{"id":"b","reason":"short","detail":"1"}\n'


@pytest.mark.parametrize("future", ["", FUTURE])
def test_help_shows_the_paths_in_order_and_what_the_stage_does(folder, future):
    folder.write("", future)
    ended = folder.run("--help")

    assert ended.returncode == 0
    usage = " ".join(ended.stdout.split())
    assert "[--metrics METRICS] [--dropped DROPPED] SOURCE OUT" in usage
    assert "Copies the source, 100 % of it." in usage


@pytest.mark.parametrize(
    "arguments", [["source"], ["source", "out", "more"], [*PATHS, "--metric", "m.json"]]
)
def test_a_command_line_that_does_not_fit_exits_2_and_changes_nothing(folder, arguments):
    folder.write("")
    ended = folder.run(*arguments)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert folder.unchanged()


def test_a_missing_input_is_named_with_what_makes_it(folder):
    folder.write("")
    ended = folder.run("sauce", "out")

    assert ended.returncode == 2
    assert ended.stderr == "copy: sauce is missing; `dvc repro` makes it\n"
    assert folder.unchanged()


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise UserError('key: remove it')", 2, "key: remove it"),
        ("raise WorldError('no answer; run again')", 3, "no answer; run again"),
        ("raise LimitError('loss_ratio is 1.2')", 4, "loss_ratio is 1.2"),
        (
            "raise OSError(errno.ENOSPC, 'No space left on device', 'data/x')",
            3,
            "[Errno 28] No space left on device: 'data/x'; make room and run again",
        ),
    ],
)
def test_an_end_that_users_are_told_about_is_one_line_and_leaves_the_old(
    folder, body, code, message
):
    folder.write(body)
    ended = folder.run()

    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", f"copy: {message}\n")
    assert folder.unchanged()


def test_a_disk_that_takes_no_more_exits_3_and_leaves_the_old(folder):
    folder.write(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\npart.write_text('x' * 5000)"
    )
    ended = folder.run()

    assert ended.returncode == 3
    assert ended.stderr == "copy: [Errno 27] File too large: 'out'; make room and run again\n"
    assert folder.unchanged()


@pytest.mark.parametrize("bug", ["1 / 0", "open('nowhere')", "raise PermissionError('no')"])
def test_a_bug_keeps_its_traceback_exits_1_and_leaves_the_old(folder, bug):
    folder.write(bug)
    ended = folder.run()

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert bug in ended.stderr
    assert folder.unchanged()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "body",
    [
        WAIT.format(seconds=30),
        # As libraries do that mean well.
        "try:\n    " + WAIT.format(seconds=30) + "\nexcept Exception:\n    time.sleep(30)",
    ],
    ids=["waiting", "swallowing"],
)
def test_a_signal_ends_a_stage_with_3_and_one_line_and_nothing_half_written(folder, body, number):
    folder.write(body)
    with folder.start(COPY + PATHS) as stage:
        assert line(stage.stdout) == "begun\n"
        stage.send_signal(number)
        assert stage.wait(3) == 3
        assert line(stage.stderr) == STOPPED
        assert line(stage.stderr) == ""

    assert folder.unchanged()


def test_a_second_sigterm_while_a_stage_ends_changes_nothing(folder):
    """The group got one, dvc with it, and then the stage notices that dvc is gone."""
    folder.write(
        "import atexit; atexit.register(lambda: time.sleep(0.5))\n" + WAIT.format(seconds=30)
    )
    with folder.start(COPY + PATHS) as stage:
        assert line(stage.stdout) == "begun\n"
        stage.terminate()
        assert line(stage.stderr) == STOPPED
        stage.terminate()
        assert stage.wait(3) == 3
        assert line(stage.stderr) == ""

    assert folder.unchanged()


# Starts the stage as DVC does, and waits for it as DVC does.
STARTER = """
import subprocess, sys
subprocess.run(sys.argv[1:])
"""
DIRECTLY = COPY + PATHS
BY_A_SHELL = ["/bin/sh", "-c", " ".join(COPY + PATHS) + "; true"]


def orphan(folder: Folder, command: list[str], **env: str) -> tuple[str, float]:
    """What a stage said whose starter was killed, and the seconds that it lived on."""
    starter = [sys.executable, "-c", STARTER, *command]
    with folder.start(starter, **env) as process:
        assert line(process.stdout) == "begun\n"
        process.kill()
        start = time.monotonic()
        assert process.stderr is not None
        said = process.stderr.read()  # ends when the last that can write to the pipe has ended
        return said, time.monotonic() - start


@pytest.mark.parametrize("command", [DIRECTLY, BY_A_SHELL], ids=["directly", "by a shell"])
def test_a_stage_whose_dvc_is_killed_ends_and_leaves_nothing_half_written(folder, command):
    folder.write(WAIT.format(seconds=10))
    said, seconds = orphan(folder, command, DVC_STAGE="copy")

    assert said == STOPPED
    assert seconds < 3
    assert folder.unchanged()


def test_a_stage_whose_dvc_is_killed_while_it_waits_for_another_run_ends(folder, monkeypatch):
    monkeypatch.chdir(folder.path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    folder.write("")
    starter = [sys.executable, "-c", STARTER, *COPY, *PATHS]
    with locked(Path("out")), folder.start(starter, DVC_STAGE="copy") as process:
        assert line(process.stderr) == "waiting for the run that writes out\n"
        process.kill()
        start = time.monotonic()
        assert line(process.stderr) == STOPPED
        assert time.monotonic() - start < 3

    assert folder.unchanged()


@pytest.mark.parametrize("command", [DIRECTLY, BY_A_SHELL], ids=["directly", "by a shell"])
def test_a_stage_started_outside_dvc_lives_on_when_its_starter_is_killed(folder, command):
    folder.write(WAIT.format(seconds=1.5))
    said, seconds = orphan(folder, command)

    assert said == ""
    assert seconds > 1
    assert (folder.path / "out").read_text() == "new"


@pytest.mark.parametrize("command", [DIRECTLY, BY_A_SHELL], ids=["directly", "by a shell"])
def test_a_stage_whose_dvc_lives_runs_to_its_end(folder, command):
    folder.write(WAIT.format(seconds=1.5))
    starter = [sys.executable, "-c", STARTER, *command]
    with folder.start(starter, DVC_STAGE="copy") as process:
        assert process.wait(30) == 0
        assert line(process.stderr) == ""

    assert (folder.path / "out").read_text() == "new"


def test_a_second_run_waits_for_the_first_and_then_goes_on(folder):
    folder.write("print('begun', flush=True)\nwhile not Path('go').exists(): time.sleep(0.02)")
    with folder.start(COPY + PATHS) as first:
        assert line(first.stdout) == "begun\n"
        with folder.start(COPY + PATHS) as second:
            assert line(second.stderr) == "waiting for the run that writes out\n"
            assert (folder.path / "out").read_text() == "old"
            (folder.path / "go").touch()
            assert first.wait(10) == 0
            assert line(second.stdout) == "begun\n"
            assert second.wait(10) == 0

    assert folder.names() == {"source", "out", "go"}
    assert (folder.path / "out").read_text() == "new"


def test_a_second_run_takes_over_when_the_first_is_killed(folder):
    folder.write(WAIT.format(seconds=1))
    with folder.start(COPY + PATHS) as first:
        assert line(first.stdout) == "begun\n"
        with folder.start(COPY + PATHS) as second:
            assert line(second.stderr) == "waiting for the run that writes out\n"
            first.kill()
            assert second.wait(10) == 0

    assert folder.names() == {"source", "out"}
    assert (folder.path / "out").read_text() == "new"


def test_a_run_that_writes_elsewhere_does_not_wait(folder):
    folder.write(WAIT.format(seconds=1))
    with folder.start(COPY + PATHS) as first:
        assert line(first.stdout) == "begun\n"
        ended = folder.run("source", "out2")
        assert (ended.returncode, ended.stderr) == (0, "")


def test_patience_ends_with_3(folder):
    folder.write("with locked(Path('out'), patience=0.3): pass")
    ended = folder.run()

    assert ended.returncode == 3
    assert ended.stderr == (
        "waiting for the run that writes out\ncopy: another run still writes out; wait for it\n"
    )
    assert folder.unchanged()
