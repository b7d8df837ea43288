"""A copy of this project in a folder of its own, small enough to run in seconds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

SMALL: dict[str, object] = {
    "base.tiny.vocabulary": 400,
    "base.tiny.hidden": 64,
    "base.tiny.layers": 1,
    "base.tiny.heads": 2,
    "base.tiny.steps": 2,
    "train.epochs": 2,
    "train.lora.r": 4,
    "train.max_new_tokens": 8,
    "evaluate.prompts": 2,
    "evaluate.max_new_tokens": 8,
    "limits.loss_ratio": 9.0,
    "limits.stop_rate": 0.0,
}


def environment(**more: str) -> dict[str, str]:
    """This environment with this Python first on the path, and no home's settings."""
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **QUIET, **more}


QUIET = {
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_OFFLINE": "1",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
}


class Project:
    """A checkout with git and DVC, and the commands that people run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, params: Mapping[str, object] = SMALL) -> "Project":
        """A fresh checkout of the working tree's files, nothing run yet."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file() and not name.startswith("tests/") and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        project = cls(folder)
        project.set(params)
        project.run("git", "init", "-q")
        project.commit("a fresh checkout")
        return project

    def copy(self, folder: Path) -> "Project":
        """The same project, with all that it has made, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def run(
        self, *command: str, check: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """What `command` printed, run in the project."""
        result = subprocess.run(
            command, cwd=self.folder, env=environment(**env), capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        if check and result.returncode:
            raise AssertionError(
                f"{command}: exit {result.returncode}\n{result.stdout}\n{result.stderr}"
            )
        return result

    def dvc(
        self, *arguments: str, check: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """What `dvc ARGUMENTS` printed."""
        return self.run(sys.executable, "-m", "dvc", *arguments, check=check, **env)

    def stage(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a stage printed when run by hand, outside DVC."""
        return self.run(sys.executable, "-m", f"stages.{name}", *arguments, check=False)

    def set(self, params: Mapping[str, object]) -> None:
        """Writes values into params.yaml by their dotted names."""
        yaml = YAML()
        yaml.width = 4096  # no line of the file is wrapped
        path = self.folder / "params.yaml"
        sections: Any = yaml.load(path.read_text("utf-8"))
        for name, value in params.items():
            *parents, leaf = name.split(".")
            section = sections
            for parent in parents:
                section = section[parent]
            section[leaf] = value
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(sections, file)

    def commit(self, message: str) -> None:
        """Commits everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", message)

    def lock(self) -> dict[str, dict[str, Any]]:
        """The stages of dvc.lock."""
        text = (self.folder / "dvc.lock").read_text("utf-8")
        stages: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(text)["stages"]
        return stages

    def md5s(self, *stages: str) -> dict[str, str]:
        """What the stages wrote, each path with its md5, as dvc.lock has it."""
        return {o["path"]: o["md5"] for name in stages for o in self.lock()[name]["outs"]}


def ran(output: str) -> list[str]:
    """The stages that a `dvc repro` or `dvc exp run` ran, by what it printed."""
    marks = [
        line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")
    ]
    return marks
