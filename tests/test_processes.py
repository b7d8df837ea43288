"""Training told to stop, by whoever may tell it, and run twice at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.processes import alive, descendants, wait_until
from tests.trained import CODE, PATHS, REACHED, ROOT, Workplace, surroundings, undisturbed

STOPPED = "train: stopped; what was gained is kept, run again\n"
SECONDS = 20  # in which a run that is told to stop has to end
BIN = Path(sys.executable).parent
COMMAND = [sys.executable, "-m", "tests.trained", *PATHS]
STAGE = {
    "deps": ["tokens", "base"],
    "params": ["train"],
    "outs": ["adapter", "epochs.jsonl", "curves"],
    "metrics": ["metrics.json"],
}
ACCELERATE = [
    str(BIN / "accelerate"),
    "launch",
    "--config_file",
    str(ROOT / "recipes/accelerate/cpu-2.yaml"),
    *COMMAND[1:],
]
MIDDLE = {"AT": "pack 5.1", "DO": "linger"}  # of a step of the second epoch

# Where a signal comes, and the steps that are kept of the run.
PLACES = [("pack 5.1", 4), ("evaluation", 3)]
MORE_PLACES = [
    *((f"pack {step}.{pack}", step - 1) for step in range(2, 7) for pack in (0, 1)),
    ("step 4", 4),
    ("seal checkpoint-3", 3),
    ("samples", 3),
    ("seal epoch-1", 3),
    ("seal epoch-2", 6),
    ("hand on", 6),
]


@pytest.fixture
def work(tmp_path: Path) -> Workplace:
    return Workplace.create(tmp_path / "work")


def check_stop(
    work: Workplace, place: str, steps: int, number: signal.Signals, processes: int = 1
) -> None:
    """Signalled at a place, all processes end with 3, and the next run does as if nothing was."""
    run = work.start(processes, AT=place, DO="linger")
    run.reaches(work.folder)
    run.signal(number)
    at = time.monotonic()
    assert run.ends(SECONDS) == [3] * processes, run.said
    assert time.monotonic() - at < SECONDS
    assert run.said.endswith(STOPPED)
    assert "Traceback" not in run.said
    check_going_on(work, steps, processes)


def check_going_on(work: Workplace, steps: int, processes: int = 1) -> None:
    """The steps so far are in a valid checkpoint, and the next run goes on from there."""
    work.check_checkpoint(steps)
    assert f"going on from step {steps}" in work.run(processes)
    assert work.made == undisturbed(processes).made


@pytest.mark.parametrize(("place", "steps"), PLACES)
def test_a_stage_that_is_told_to_stop_keeps_the_steps_so_far(work, place, steps):
    """With the 15 minutes between checkpoints that are the default."""
    check_stop(work, place, steps, signal.SIGTERM)


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("place", "steps"), [*PLACES, *MORE_PLACES])
def test_a_stage_keeps_the_steps_so_far_wherever_it_is_told_to_stop(work, place, steps, number):
    check_stop(work, place, steps, number)


@pytest.mark.parametrize("place", ["load", "pack 1.1"])
def test_a_stage_that_is_told_to_stop_before_its_first_step_ends_as_well(work, place):
    run = work.start(AT=place, DO="linger")
    run.reaches(work.folder)
    run.signal(signal.SIGTERM)
    assert run.ends(SECONDS) == [3]
    assert run.said.endswith(STOPPED)
    assert not list(work.folder.glob(".askback/checkpoints/*/checkpoint-*"))


def test_two_processes_that_are_told_to_stop_keep_the_steps_so_far(work):
    check_stop(work, "pack 5.1", 4, signal.SIGTERM, processes=2)


@pytest.mark.prove
@pytest.mark.parametrize(("place", "steps"), [*PLACES, *MORE_PLACES[:-1]])
def test_two_processes_keep_the_steps_so_far_wherever_they_are_told_to_stop(work, place, steps):
    check_stop(work, place, steps, signal.SIGTERM, processes=2)


@pytest.mark.parametrize("rank", [0, 1])
def test_where_one_of_two_processes_is_told_to_stop_in_a_step_both_do(work, rank):
    run = work.start(2, AT=f"pack 5.{rank}", DO="linger", RANKS=str(rank))
    run.reaches(work.folder)
    run.signal(signal.SIGTERM, rank)
    assert run.ends(SECONDS) == [3, 3], run.said
    check_going_on(work, 4, processes=2)


@pytest.mark.prove
@pytest.mark.parametrize("rank", [0, 1])
def test_where_one_of_two_is_told_to_stop_between_epochs_both_end(work, rank):
    """The other may learn of it by a connection that is gone."""
    run = work.start(2, AT="evaluation", DO="linger", RANKS=str(rank))
    run.reaches(work.folder)
    run.signal(signal.SIGTERM, rank)
    assert run.ends(SECONDS)[rank] == 3, run.said
    check_going_on(work, 3, processes=2)


# Under dvc.


def repro(work: Workplace, command: Sequence[str] = COMMAND) -> subprocess.Popen[str]:
    """`dvc repro` in a process group of its own, and its stage in the middle of a step."""
    (work.folder / ".dvc").mkdir()
    (work.folder / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    stage = {**STAGE, "cmd": " ".join(command)}
    (work.folder / "dvc.yaml").write_text(json.dumps({"stages": {"train": stage}}))
    dvc = [sys.executable, "-m", "dvc", "repro"]
    return launched(work, dvc, LINGERING="2.5")  # until the stage sees that dvc is gone


def launched(work: Workplace, command: list[str], **env: str) -> subprocess.Popen[str]:
    """What launches the stage, when that is in the middle of a step."""
    process = subprocess.Popen(
        command,
        cwd=work.folder,
        env=surroundings(**MIDDLE, **env),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((work.folder / REACHED).exists, 90)
    return process


def ended(process: subprocess.Popen[str], tell: Callable[[], None]) -> str:
    """What a launcher and its stage said, when all of them have ended since they were told to."""
    children = descendants(process.pid)
    assert children
    tell()
    at = time.monotonic()
    _, said = process.communicate(timeout=SECONDS)  # until the last that can write has ended
    wait_until(lambda: not any(map(alive, children)), SECONDS)
    assert time.monotonic() - at < SECONDS
    return said


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(9, marks=pytest.mark.prove)])
def test_a_stage_whose_dvc_is_ended_keeps_the_steps_so_far(work, number):
    process = repro(work)
    said = ended(process, lambda: process.send_signal(number))
    assert said.endswith(STOPPED)
    assert (work.folder / CODE).read_text() == "3"
    check_going_on(work, 4)


def test_a_stage_that_is_told_to_stop_with_its_dvc_keeps_the_steps_so_far(work):
    process = repro(work)
    said = ended(process, lambda: os.killpg(process.pid, signal.SIGTERM))
    assert STOPPED in said
    assert (work.folder / CODE).read_text() == "3"
    check_going_on(work, 4)


@pytest.mark.prove
def test_dvc_says_so_where_its_stage_alone_is_told_to_stop(work):
    process = repro(work)
    stage = descendants(process.pid)[-1]
    said = ended(process, lambda: os.kill(stage, signal.SIGTERM))
    assert STOPPED in said
    assert process.returncode != 0
    assert (work.folder / CODE).read_text() == "3"
    check_going_on(work, 4)


# Under accelerate.


@pytest.mark.prove
@pytest.mark.parametrize("whole", [False, True], ids=["the launcher", "the group"])
def test_processes_that_are_told_to_stop_by_their_launcher_keep_the_steps_so_far(work, whole):
    process = launched(work, ACCELERATE)
    ended(process, lambda: (os.killpg if whole else os.kill)(process.pid, signal.SIGTERM))
    check_going_on(work, 4, processes=2)


def kill(launcher: subprocess.Popen[str]) -> None:
    """Ends a launcher and what it has started, which torch gives groups of their own."""
    for pid in [launcher.pid, *descendants(launcher.pid)]:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.prove
def test_processes_that_are_killed_with_their_launcher_go_on_from_the_last_epoch(work):
    process = launched(work, ACCELERATE)
    ended(process, lambda: kill(process))
    work.check_checkpoint(3)
    again = subprocess.run(
        ACCELERATE, cwd=work.folder, env=surroundings(), capture_output=True, text=True, check=True
    )
    assert "going on from step 3" in again.stderr
    assert work.made == undisturbed(2).made


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_under_a_launcher_whose_dvc_is_ended_keep_the_steps_so_far(work, number):
    process = repro(work, ACCELERATE)
    said = ended(process, lambda: process.send_signal(number))
    assert STOPPED in said
    check_going_on(work, 4, processes=2)


# Two at once.


def test_of_two_runs_with_the_same_outputs_the_second_waits_and_trains_nothing(work):
    first = work.start(AT="pack 2.1", DO="hold")
    first.reaches(work.folder)
    second = work.start(AT="load", DO="kill")
    second.says("waiting for the run that writes adapter\n")
    assert not first.ended
    (work.folder / "go").touch()
    assert first.ends() == second.ends() == [0], second.said
    assert "nothing is left to train" in second.said
    assert work.made == undisturbed().made


def test_of_two_equal_runs_of_one_project_the_second_waits_and_goes_on_where_the_first_is_killed(
    work: Workplace, tmp_path: Path
) -> None:
    """As two experiments do: their folders are their own, the project's checkpoints are shared."""
    other = work.copy(tmp_path / "other")
    (tmp_path / "root").mkdir()
    shared = {"DVC_ROOT": str(tmp_path / "root"), "ASKBACK_CHECKPOINT_MINUTES": "0"}
    first = work.start(AT="pack 3.1", DO="hold", **shared)
    first.reaches(work.folder)
    second = other.start(**shared)
    second.says(f"waiting for the run that writes {tmp_path / 'root'}/.askback/checkpoints/")
    first.kill()
    assert second.ends() == [0], second.said
    assert "going on from step 2\n" in second.said
    assert other.made == undisturbed().made


@pytest.mark.prove
@pytest.mark.parametrize("shared", [False, True], ids=["outputs", "checkpoints"])
def test_a_second_run_that_has_waited_for_a_minute_is_refused(work, tmp_path, shared):
    other = work.copy(tmp_path / "other") if shared else work
    env = {"DVC_ROOT": str(tmp_path)}
    first = work.start(AT="pack 2.1", DO="hold", **env)
    first.reaches(work.folder)
    try:
        said = other.fail(3, **env)
    finally:
        first.kill()
    assert said.splitlines()[-1].startswith("train: another run still writes")
    assert said.endswith("; wait for it\n")
