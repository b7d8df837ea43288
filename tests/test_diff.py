"""`askback diff`: what became of each conversation between commits, experiments, the workspace."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from askback import cli
from askback.errors import UserError
from tests.project import Project
from tests.small_run import ROOT
from tests.talks import PIPELINE, Talk, make

# DVC uses what a library of its own deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

LAST_YEAR: list[Talk] = [
    ("train", "interview", "p1", "Why the ferry?: My father kept it for thirty long years."),
    ("train", "interview", "p2", "Why salt?: It gets into everything, the locks and the bread."),
    ("train", "interview", "p3", "Who came?: Nobody came."),
    ("train", "oasst", "", "What is tea?: A drink."),
    ("validation", "interview", "p4", "And winter?: It was quiet."),
    ("validation", "oasst", "", "What is rye?: A grain."),
]
THIS_YEAR: list[Talk] = [
    ("train", "interview", "p1", "Why the ferry?: My father kept it for forty years."),  # changed
    ("validation", "interview", "p2", LAST_YEAR[1][3]),  # moved
    ("train", "oasst", "", "What is tea?: A hot drink."),  # changed
    ("train", "oasst", "", "What is fog?: A cloud."),  # added
    ("validation", "interview", "p4", LAST_YEAR[4][3]),
    ("validation", "oasst", "", LAST_YEAR[5][3]),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Tag v1, two commits, and the experiment `louder` on the second."""
    made = Project(tmp_path_factory.mktemp("project"))
    (made.folder / "dvc.yaml").write_text(PIPELINE, "utf-8")
    (made.folder / "params.yaml").write_text("end: ''\n", "utf-8")
    made.run("git", "init", "-q")
    made.dvc("init", "-q")
    for tag, talks in [("v1", LAST_YEAR), ("v2", THIS_YEAR)]:
        (made.folder / "talks.json").write_text(json.dumps(talks), "utf-8")
        made.dvc("repro", "-q", PYTHONPATH=str(ROOT))
        made.commit(tag)
        made.run("git", "tag", tag)
    made.dvc("exp", "run", "-q", "--name", "louder", "-S", "end='!'", PYTHONPATH=str(ROOT))
    made.run("git", "checkout", "-q", ".")
    made.dvc("checkout", "-q")
    return made


def compared(folder: Path, *arguments: str) -> str:
    """What `askback diff` prints in the folder."""
    with chdir(folder), redirect_stdout(StringIO()) as told:
        cli.run(["diff", *arguments])
    return told.getvalue()


def found(folder: Path, *arguments: str) -> dict[str, Any]:
    """What `askback diff --json` prints in the folder."""
    told: dict[str, Any] = json.loads(compared(folder, *arguments, "--json"))
    return told


def questions(items: Sequence[Any]) -> list[str]:
    """What is asked first in each conversation."""
    return [item["messages"][0]["content"] for item in items]


def test_between_two_tags_every_conversation_is_accounted_for(project: Project) -> None:
    told = found(project.folder, "v1", "v2")
    assert (told["before"], told["after"]) == ("v1", "v2")
    assert told["sources"]["interview"] == {
        "before": 4, "dropped": 1, "added": 0, "after": 3, "changed": 1, "moved": 1,
        "characters_before": sum(len(t[3]) - 2 for t in LAST_YEAR if t[1] == "interview"),
        "characters_after": sum(len(t[3]) - 2 for t in THIS_YEAR if t[1] == "interview"),
    }  # fmt: skip
    assert told["sources"]["oasst"] | {"characters_before": 0, "characters_after": 0} == {
        "before": 2, "dropped": 0, "added": 1, "after": 3, "changed": 1, "moved": 0,
        "characters_before": 0, "characters_after": 0,
    }  # fmt: skip


def test_each_kind_is_listed_with_its_texts_and_side(project: Project) -> None:
    told = found(project.folder, "v1", "v2")
    assert questions(told["added"]) == ["What is fog?"]
    assert questions(told["dropped"]) == ["Who came?"]
    assert questions([c["after"] for c in told["changed"]]) == ["Why the ferry?", "What is tea?"]
    (couple,) = told["moved"]
    assert couple["before"]["id"] == couple["after"]["id"]
    assert (couple["before"]["side"], couple["after"]["side"]) == ("trained on", "held out")


def test_drops_and_figures_are_told_before_and_after(project: Project) -> None:
    told = found(project.folder, "v1", "louder")
    assert told["dropped_by_reason"] == {"late": [None, 2], "short": [1, 1]}
    assert told["figures"] == {
        "sources.interview.conversations": [4, 3],
        "sources.oasst.conversations": [2, 3],
    }


def test_lengths_are_told_by_quantiles(project: Project) -> None:
    told = found(project.folder, "v1", "v2")["lengths"]
    sizes = [sorted(len(talk[3]) - 2 for talk in talks) for talks in (LAST_YEAR, THIS_YEAR)]
    assert told["50 %"] == [sizes[0][2], sizes[1][2]]
    assert told["99 %"] == [sizes[0][5], sizes[1][5]]
    assert told["total"] == [sum(sizes[0]), sum(sizes[1])]


def test_an_experiment_goes_by_its_name(project: Project) -> None:
    told = found(project.folder, "HEAD", "louder")
    assert sum(counts["changed"] for counts in told["sources"].values()) == 6
    assert all(c["after"]["messages"][1]["content"].endswith("!") for c in told["changed"])


def test_alone_it_compares_the_last_commit_with_the_workspace(
    project: Project, tmp_path: Path
) -> None:
    copy = project.copy(tmp_path / "copy").folder
    told = found(copy)
    assert (told["before"], told["after"]) == ("HEAD", "workspace")
    assert all(c["before"] == c["after"] and not c["changed"] for c in told["sources"].values())
    shutil.rmtree(copy / "data/chat")
    make([*THIS_YEAR, ("train", "talks", "", "New?: Yes.")], copy)
    told = found(copy)
    assert told["sources"]["talks"]["added"] == 1
    assert found(copy, "v1")["sources"] == found(copy, "v1", "workspace")["sources"]


def test_nothing_in_the_workspace_is_touched(project: Project) -> None:
    before = state(project)
    compared(project.folder, "v1", "louder")
    assert state(project) == before


def state(project: Project) -> tuple[str, dict[str, tuple[int, int]]]:
    """The commit, and each file with its time and size."""
    paths = [p for p in project.folder.rglob("*") if p.is_file() and ".dvc/tmp" not in str(p)]
    stats = {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}
    return project.run("git", "rev-parse", "HEAD").stdout, stats


def test_people_see_a_table_and_the_words_that_changed(project: Project) -> None:
    told = compared(project.folder, "v1", "v2")
    lines = told.splitlines()
    assert lines[0] == "v1 -> v2"
    rows = {line.split()[0]: line.split()[1:7] for line in lines[2:5]}
    assert rows["interview"] == ["4", "1", "0", "3", "1", "1"]
    assert rows["all"] == ["6", "1", "1", "6", "2", "1"]
    assert "it for [-thirty long-] {+forty+} years." in told
    assert "assistant: A {+hot+} drink." in told
    assert "interview: trained on -> held out" in told
    assert "user: Who came?" in told
    assert "\x1b" not in told


def test_the_list_is_as_long_as_asked_for(project: Project) -> None:
    assert "fog" not in compared(project.folder, "v1", "v2", "--list", "0")
    told = compared(project.folder, "v1", "v2", "--list", "1")
    assert "changed: 2, the first 1" in told
    with pytest.raises(SystemExit):
        compared(project.folder, "--list", "-1")


def test_a_revision_that_is_none_is_the_users_to_change(project: Project) -> None:
    with chdir(project.folder):
        command = [sys.executable, "-m", "askback.cli", "diff", "v3"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("askback: no revision v3; ")
    assert done.stderr.count("\n") == 1


def test_data_that_is_not_in_the_cache_is_named_with_the_remedy(
    project: Project, tmp_path: Path
) -> None:
    copy = project.copy(tmp_path / "copy").folder
    shutil.rmtree(copy / ".dvc/cache")
    with pytest.raises(UserError, match=r"^v1: its data/chat is not in DVC's cache; `dvc fetch"):
        compared(copy, "v1")


def test_a_commit_before_there_was_such_a_stage_is_told_so(
    project: Project, tmp_path: Path
) -> None:
    copy = Project(project.copy(tmp_path / "copy").folder)
    (copy.folder / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    copy.commit("no stages")
    with pytest.raises(UserError, match="no stage writes data/chat there"):
        compared(copy.folder)


def test_outside_a_repository_it_says_where_to_run(tmp_path: Path) -> None:
    make(THIS_YEAR, tmp_path)
    with pytest.raises(UserError, match="run from the project's folder"):
        compared(tmp_path)


def test_a_workspace_without_conversations_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`dvc repro chatml` makes it"):
        compared(tmp_path, "workspace")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    make(THIS_YEAR, tmp_path)
    path = tmp_path / "data/chat/train.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"workspace: data/chat/train\.parquet is damaged"):
        compared(tmp_path, "workspace", "workspace")


def test_no_text_steers_the_terminal_and_colours_stay_on_one(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07 \u202egnp \x9b31m"
    make([("train", f"so{hostile}", "p", f"Why{hostile}?: Be{hostile}cause.")], tmp_path)
    shutil.copytree(tmp_path, tmp_path / "other")
    make([("train", f"so{hostile}", "p", f"Why{hostile}?: Be{hostile}low.")], tmp_path / "other")
    for told in [compared(tmp_path, "workspace"), compared(tmp_path, "workspace", "--json")]:
        assert not set(told) & set("\x1b\x07\x9b\u202e")


def on_a_terminal(call: str) -> str:
    """What a call of askback.diff prints on a terminal."""
    ours, theirs = pty.openpty()
    code = f"from askback.diff import *; from askback.word_diff import *; {call}"
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(
        [sys.executable, "-c", code], env=plain | {"PYTHONPATH": str(ROOT)}, stdout=theirs,
        check=True,
    )  # fmt: skip
    os.close(theirs)
    return os.read(ours, 65536).decode()


def test_what_went_is_red_and_what_came_is_green_on_a_terminal() -> None:
    call = "print(*map(painted, [Piece('-', 'old'), Piece('+', 'n\\x1bew'), Piece('', 'kept')]))"
    told = on_a_terminal(call)
    assert "\x1b[31m[-old-]\x1b[0m" in told
    assert "\x1b[32m{+n\\x1bew+}\x1b[0m" in told
    assert "kept" in told
