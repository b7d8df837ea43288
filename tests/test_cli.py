"""The command line: help, unknown commands, and `askback check`."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from askback.check import sections
from tests import small_run
from tests.small_run import ROOT, run
from tests.speed import least_of_two, python

PARAMS = (ROOT / "params.yaml").read_text("utf-8")


def test_alone_it_prints_its_help() -> None:
    done = run(ROOT, "askback.cli")
    assert done.returncode == 0
    for word in ["check", "show", "exit codes"]:
        assert word in done.stdout


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    done = run(ROOT, "askback.cli", "shwo")
    assert done.returncode == 2
    assert done.stderr == "askback: no command shwo; did you mean show?\n"


@pytest.mark.parametrize("command", ["check", "show", "export", "diff"])
def test_each_command_explains_itself_with_an_example(command: str) -> None:
    done = run(ROOT, "askback.cli", command, "--help")
    assert done.returncode == 0
    assert f"  askback {command}" in done.stdout


def test_the_projects_own_params_are_good() -> None:
    done = run(ROOT, "askback.cli", "check")
    assert done.returncode == 0, done.stderr
    assert "next: dvc repro" in done.stdout


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_is_good(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(recipe.read_bytes())
    done = run(tmp_path, "askback.cli", "check")
    assert done.returncode == 0, done.stderr


def test_every_section_with_a_fault_is_named_at_once(tmp_path: Path) -> None:
    broken = PARAMS.replace("max_chars:", "max_char:").replace("stop_rate: 0.9", "stop_rate: often")
    (tmp_path / "params.yaml").write_text(broken + "\nsegmnt: {}\n", "utf-8")
    done = run(tmp_path, "askback.cli", "check")
    assert done.returncode == 2
    faults = done.stderr.splitlines()
    assert len(faults) == 3
    assert "segment.max_char: unknown key; did you mean max_chars?" in done.stderr
    assert "limits.stop_rate: " in done.stderr
    assert "`segmnt` is no section; did you mean segment?" in done.stderr


def test_without_params_it_says_where_to_run(tmp_path: Path) -> None:
    done = run(tmp_path, "askback.cli", "check")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "run from the project's folder" in done.stderr


def test_a_missing_pdftotext_comes_with_its_remedy(tmp_path: Path) -> None:
    done = run(ROOT, "askback.cli", "check", PATH=str(tmp_path))
    assert "install poppler" in done.stdout


def test_every_section_of_params_has_a_class_and_the_other_way_round() -> None:
    import yaml

    assert set(sections()) == set(yaml.safe_load(PARAMS))


def test_checking_takes_less_than_a_second() -> None:
    """On a slow or busy machine: less than ten times what importing pydantic takes."""
    ours, floor = least_of_two(
        lambda: python("-m", "askback.cli", "check"), lambda: python("-c", "import pydantic"), 10, 1
    )
    assert ours < max(1.0, 10 * floor)


def on_a_terminal(folder: Path, **more: str) -> str:
    """What `askback show` prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "askback.cli", "show"]
    environment = plain | {"PYTHONPATH": paths} | more
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=theirs)
    os.close(theirs)
    told = b"".join(iter(lambda: read_until_closed(ours), b""))
    assert process.wait() == 0
    return told.decode()


def read_until_closed(terminal: int) -> bytes:
    """The next bytes; none once the other side is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO there
        return b""


def test_colours_stay_on_terminals_and_follow_no_color(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    assert "\x1b[1m" in on_a_terminal(tmp_path)
    assert "\x1b" not in on_a_terminal(tmp_path, NO_COLOR="1")
    assert "\x1b" not in run(tmp_path, "askback.cli", "show").stdout


def test_a_terminal_without_utf_8_gets_escapes_instead_of_a_crash(tmp_path: Path) -> None:
    small_run.write(tmp_path, hostile=" Ωραία")
    done = run(tmp_path, "askback.cli", "show", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "\\u03a9" in done.stdout


def test_a_reader_that_stops_early_sees_no_traceback(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    command = f"{sys.executable} -m askback.cli show --tokens | head -1"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
