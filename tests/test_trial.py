"""`askback plan` and `askback try`: what it would take, and what a few passages bring."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from askback import files
from askback.records import Exchange
from tests.endpoint import Endpoint
from tests.inquiries import BOOK, PARAMS, ROOT, Inquiry, passages, surroundings


class Folder:
    """A project's folder as `dvc repro segment` leaves it."""

    def __init__(self, folder: Path, count: int = 40, backend: str = "endpoint") -> None:
        self.folder = folder
        (folder / "data" / "edits").mkdir(parents=True)
        files.write(folder / "data" / "documents.jsonl", [BOOK])
        files.write(folder / "data" / "passages.jsonl", passages(count))
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        asked = PARAMS["questions"] | {"prompt": "prompts/interview.txt", "backend": backend}
        (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"questions": asked}), "utf-8")

    def run(self, *command: str, endpoint: Endpoint, **variables: str) -> tuple[int, str, str]:
        """Exit code, output and messages of `askback COMMAND`."""
        done = subprocess.run(
            [sys.executable, "-m", "askback.cli", *command],
            cwd=self.folder,
            env=surroundings((endpoint,), variables),
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr


def test_a_plan_says_who_sees_the_book_and_what_it_takes_and_asks_nothing(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        folder = Folder(tmp_path / "project")
        code, told, complaints = folder.run(
            "plan", endpoint=endpoint, ASKBACK_PRICE="1000,2000", ASKBACK_BUDGET="5"
        )
        assert code == 0, complaints
        assert endpoint.events() == []
    first, second, third, *rest = told.splitlines()
    assert first == f"the book goes to http://127.0.0.1:{endpoint.port}"
    assert second == "40 passages, 0 known, 40 to ask"
    forecast = re.fullmatch(
        r"about ([\d,]+) tokens in, 1,000 out; about \$([\d.]+); time unknown", third
    )
    assert forecast
    tokens = int(forecast[1].replace(",", ""))
    assert float(forecast[2]) == round((1000 * tokens + 2000 * 1000) / 1e6, 2)
    assert rest == ["$0.0000 spent so far", "ASKBACK_BUDGET leaves $5.0000"]


def test_a_trial_asks_passages_from_all_over_the_book_and_shows_what_the_model_learns(
    tmp_path: Path,
) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        folder = Folder(tmp_path / "project")
        code, told, complaints = folder.run(
            "try", "4", endpoint=endpoint, ASKBACK_PRICE="1000,2000"
        )
        assert code == 0, complaints
        asked = [event.content for event in endpoint.answered()]
        assert len(asked) == 4
        shown = re.findall(r"^passage ([0-9a-f]{16})$", told, re.MULTILINE)
        assert shown == [passages(40)[n].id for n in (5, 15, 25, 35)]
        for question in asked:
            assert question
            assert f"{question}<|im_end|>" in " ".join(told.split())
        learned = [line for line in told.splitlines() if line.startswith("  + ")]
        assert sum("<|im_end|>" in line for line in learned) == 4
        assert "4 exchanges; questions turned down: none" in told
        assert f"${endpoint.cost((1000, 2000)):.4f} spent now" in told
        assert "40 passages, 4 known, 36 to ask" in told
        assert re.search(r"out; about \$\d+\.\d\d; about \d+ s$", told, re.MULTILINE)

        again = folder.run("try", "4", endpoint=endpoint)
        assert len(endpoint.received()) == 4
        assert "$0.0000 spent now" in again[1]


def test_after_a_trial_a_plan_knows_tokens_and_rate(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", latency=0.05) as endpoint:
        folder = Folder(tmp_path / "project")
        folder.run("try", "4", endpoint=endpoint)
        _, told, _ = folder.run("plan", endpoint=endpoint)
    assert "40 passages, 4 known, 36 to ask" in told
    assert "time unknown" not in told


def test_what_is_turned_down_is_shown_with_its_reason(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", script=[["", "No question."]]) as endpoint:
        code, told, _ = Folder(tmp_path / "project").run("try", "2", endpoint=endpoint)
    assert code == 0
    assert "questions turned down: 4 not_a_question" in told
    assert len(re.findall(r"^passage [0-9a-f]{16}: not_a_question$", told, re.MULTILINE)) == 2
    assert "No question." in told


@pytest.mark.parametrize("command", [["plan"], ["try", "3"]])
def test_the_embedded_backend_asks_no_model_and_says_so(tmp_path: Path, command: list[str]) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        folder = Folder(tmp_path / "project", backend="embedded")
        _, told, complaints = folder.run(*command, endpoint=endpoint)
        assert endpoint.events() == []
    assert "asks no model" in told + complaints


def test_before_there_are_passages_it_says_what_makes_them(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        folder = Folder(tmp_path / "project")
        (folder.folder / "data" / "passages.jsonl").unlink()
        code, _, complaints = folder.run("plan", endpoint=endpoint)
    assert code == 2
    assert "dvc repro segment" in complaints


def test_a_passage_that_no_endpoint_answers_can_be_given_up(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", marked={"the year 10.": "400_context"}) as endpoint:
        folder = Folder(tmp_path / "project", 10)
        code, _, complaints = folder.run("try", "10", endpoint=endpoint)
        assert code == 2
        found = re.search(r"askback (replies give-up [0-9a-f]+)", complaints)
        assert found
        code, told, complaints = folder.run(*found[1].split(), endpoint=endpoint)
        assert code == 0, complaints
        assert "given up" in told
        code, told, _ = folder.run("try", "10", endpoint=endpoint)
        assert code == 0
        assert f"passage {passages(10)[-1].id}: given_up" in told
        code, _, complaints = folder.run(*found[1].split(), endpoint=endpoint)
        assert code == 2
        assert "no request" in complaints


def test_show_has_all_questions_of_a_passage(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint") as endpoint:
        inquiry = Inquiry(tmp_path / "inquiry", 1, per_passage=2)
        inquiry.prompt("{form}\n{passage}\n---\nOne.\nTwo.\n")
        assert inquiry.run(endpoint)[0] == 0
        data = tmp_path / "project" / "data"
        data.mkdir(parents=True)
        for name in ["documents.jsonl", "passages.jsonl", "interview.jsonl"]:
            shutil.copy(inquiry.folder / name, data)
        done = subprocess.run(
            [sys.executable, "-m", "askback.cli", "show", passages(1)[0].id],
            cwd=data.parent, env=surroundings((), {}), capture_output=True, text=True,
        )  # fmt: skip
    questions = [one.question for one in files.read(data / "interview.jsonl", Exchange)]
    assert len(questions) == 2
    for question in questions:
        assert question in done.stdout
