"""`askback batch`: out to a provider and back, twice, in pieces, after changes: paid for once."""

import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from askback import files
from askback.asking.replies import Replies, read
from askback.batches import exported
from askback.cli import run
from askback.errors import UserError
from askback.home import home
from askback.lock import locked
from tests.inquiries import BOOK, PARAMS, ROOT, WORDS, passages, surroundings
from tests.test_batches import answer, expiry, refusal

PRICES = {"ASKBACK_PRICE": "0.5,2"}


class Folder:
    """A project whose questions go out in batch files."""

    def __init__(self, folder: Path, count: int = 20) -> None:
        self.folder = folder
        (folder / "data" / "edits").mkdir(parents=True)
        (folder / "prompts").mkdir()
        files.write(folder / "data" / "documents.jsonl", [BOOK])
        files.write(folder / "data" / "passages.jsonl", passages(count))
        (folder / "prompt.txt").write_text("Ask {author}.\n{passage}\n", "utf-8")
        (folder / "prompts" / "judge.txt").write_text("Judge.\n{passage}\n{question}\n", "utf-8")
        self.set()

    def set(self, **params: Any) -> None:
        """Writes params.yaml with these values of the section `questions`."""
        sections = PARAMS | {"questions": PARAMS["questions"] | params}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(sections), "utf-8")

    def batch(self, *arguments: str, **variables: str) -> str:
        """What `askback batch ARGUMENTS` prints; raises the Halt that ends it early."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as here, redirect_stdout(printed):
            here.chdir(self.folder)
            here.delenv("DVC_ROOT", raising=False)
            here.delenv("ASKBACK_BUDGET", raising=False)
            for name, value in (PRICES | variables).items():
                here.setenv(name, value)
            run(["batch", *arguments])
        return printed.getvalue()

    def lines(self, name: str) -> list[bytes]:
        """The lines of a file."""
        return (self.folder / name).read_bytes().splitlines(keepends=True)

    def write(self, name: str, lines: Iterable[bytes]) -> str:
        """Writes a file that came from the provider; its name."""
        (self.folder / name).write_bytes(b"".join(lines))
        return name

    @property
    def replies(self) -> Replies:
        """What the store holds."""
        return read([self.folder / ".askback" / "replies"])

    @property
    def stored(self) -> list[bytes]:
        """Every line of the store that is a reply."""
        found = sorted((self.folder / ".askback" / "replies").glob("*.jsonl"))
        return [
            line for path in found for line in path.read_bytes().splitlines() if b"paid" in line
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A project of twenty passages."""
    return Folder(tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back_every_line_is_taken_in_or_named(folder: Folder, seed: int) -> None:
    """Shuffled, with errors, gaps, a torn line, and an answer of another model."""
    draw = random.Random(seed)
    told = folder.batch("export", "ask.jsonl")
    asked = folder.lines("ask.jsonl")
    assert "20 requests, $" in told
    draw.shuffle(asked)
    good, refused, expired, torn, other = (
        asked[:11],
        asked[11:14],
        asked[14:15],
        asked[15],
        asked[16],
    )
    missing = asked[17:]
    body = json.loads(answer(other))
    body["response"]["body"]["model"] = "another-model"
    output = [*map(answer, good), answer(torn)[:-30] + b"\n", json.dumps(body).encode() + b"\n"]
    draw.shuffle(output)
    errors = [*map(refusal, refused), *map(expiry, expired)]
    told = folder.batch(
        "import", folder.write("errors.jsonl", errors), folder.write("output.jsonl", output)
    )
    at = [number for number, one in enumerate(output, 1) if len(one) < len(answer(torn)) - 20]
    assert f"output.jsonl:{at[0]}: damaged" in told
    assert "asked test-model, and 'another-model' answered" in told
    assert "11 replies taken in\n" in told
    assert "3 calls failed with 429, the first about passage" in told
    assert "1 calls failed with batch_expired" in told
    assert f"{len(missing) + 2} requests are still out" in told
    assert len(folder.replies) == 11
    assert len(folder.replies.unanswered) == 9


def test_a_file_imported_twice_or_in_overlapping_pieces_changes_nothing(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    output = [answer(line) for line in folder.lines("ask.jsonl")]
    folder.batch("import", folder.write("a.jsonl", output[:12]))
    stored = folder.stored
    told = folder.batch("import", "a.jsonl", "a.jsonl")
    assert "0 replies taken in; 24 were there before" in told
    assert folder.stored == stored
    told = folder.batch("import", folder.write("b.jsonl", [*output[5:], b"\n", *output[8:]]))
    assert "b.jsonl" not in told
    assert "8 replies taken in; 19 were there before" in told
    assert len(folder.stored) == len(folder.replies) == 20


def test_replies_land_under_their_own_keys_after_the_params_have_changed(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    calls = list(exported(folder.folder / ".askback" / "batches"))
    folder.set(model="other-model", sampling={"temperature": 0.1, "max_tokens": 9}, seed=8)
    told = folder.batch("import", folder.write("out.jsonl", map(answer, folder.lines("ask.jsonl"))))
    assert "20 replies taken in\n" in told
    for call in calls:
        found = folder.replies.get(call.request.key)
        assert found
        assert (found.model, found.sampling["max_tokens"]) == ("test-model", 50)
    assert "20 requests, $" in folder.batch("export", "other.jsonl")
    folder.set()
    assert json.loads(folder.lines("ask.jsonl")[0])["body"]["model"] == "test-model"
    assert "20 requests" not in folder.batch("export", "again.jsonl")


def test_a_call_has_no_reply_until_its_import_and_then_costs_what_it_cost(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    assert len(folder.replies.unanswered) == 20
    reserved = folder.replies.spent
    folder.batch(
        "import",
        folder.write("out.jsonl", map(answer, folder.lines("ask.jsonl"))),
        ASKBACK_PRICE="",
    )
    assert folder.replies.unanswered == []
    assert folder.replies.spent == pytest.approx(20 * (20 * 0.5 + 5 * 2) / 1e6)
    assert folder.replies.spent < reserved


def test_what_is_out_is_not_exported_again_unless_it_failed_or_one_insists(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    told = folder.batch("export", "more.jsonl")
    assert "20 requests are out; import their results, or add --again" in told
    assert "nothing to export" in told
    assert not (folder.folder / "more.jsonl").exists()
    folder.batch("import", folder.write("err.jsonl", map(refusal, folder.lines("ask.jsonl")[:3])))
    assert "3 requests, $" in folder.batch("export", "more.jsonl")
    assert len(folder.lines("more.jsonl")) == 3
    assert "20 requests, $" in folder.batch("export", "--again", "all.jsonl")


def test_a_call_that_was_made_twice_is_accounted_for_twice(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    folder.batch("export", "--again", "again.jsonl")
    for name in ("ask", "again"):
        lines = map(answer, folder.lines(f"{name}.jsonl"))
        told = folder.batch("import", folder.write(f"{name}.out", lines))
        assert "20 replies taken in\n" in told
    assert folder.replies.unanswered == []
    assert folder.replies.spent == pytest.approx(40 * (20 * 0.5 + 5 * 2) / 1e6)


def test_what_an_import_turns_down_is_exported_with_the_reason(folder: Folder) -> None:
    draw = random.Random(0)
    folder.batch("export", "ask.jsonl")
    [first, *rest] = [json.loads(answer(line)) for line in folder.lines("ask.jsonl")]
    first["response"]["body"]["choices"][0]["message"]["content"] = "I would rather not."
    for line in rest:
        question = f"What of {' '.join(draw.choices(WORDS, k=8))}?"
        line["response"]["body"]["choices"][0]["message"]["content"] = question
    output = [json.dumps(line).encode() + b"\n" for line in (first, *rest)]
    folder.batch("import", folder.write("out.jsonl", output))
    assert "1 requests, $" in folder.batch("export", "second.jsonl")
    [again] = [json.loads(line)["body"] for line in folder.lines("second.jsonl")]
    assert again["seed"] == 1


def test_an_export_stops_before_it_passes_the_budget(folder: Folder) -> None:
    folder.batch("export", "probe.jsonl")
    calls = list(exported(folder.folder / ".askback" / "batches"))
    budget = folder.replies.spent + sum(call.intent.most or 0 for call in calls[:7]) + 1e-6
    told = folder.batch("export", "--again", "more.jsonl", ASKBACK_BUDGET=f"{budget:.9f}")
    assert "7 requests, $" in told
    assert "13 requests are left out: ASKBACK_BUDGET does not pay for them" in told
    assert len(folder.lines("more.jsonl")) == 7
    assert folder.replies.spent <= budget
    told = folder.batch("export", "--again", "none.jsonl", ASKBACK_BUDGET=f"{budget:.9f}")
    assert "nothing to export" in told
    assert "20 requests are left out" in told


def test_a_line_that_another_export_made_is_named(folder: Folder, tmp_path: Path) -> None:
    other = Folder(tmp_path / "other", 3)
    other.set(seed=5)
    other.batch("export", "ask.jsonl")
    folder.batch("export", "ask.jsonl")
    foreign, own = other.lines("ask.jsonl")[0], folder.lines("ask.jsonl")[0]
    told = folder.batch("import", folder.write("out.jsonl", [answer(foreign), answer(own)]))
    name = json.loads(foreign)["custom_id"]
    assert f"out.jsonl:1: no export here has the custom_id {name}" in told
    assert "1 replies taken in" in told


def test_a_reply_that_the_disk_has_damaged_comes_back_with_another_import(folder: Folder) -> None:
    folder.batch("export", "ask.jsonl")
    folder.batch("import", folder.write("out.jsonl", map(answer, folder.lines("ask.jsonl"))))
    [path] = [
        p
        for p in (folder.folder / ".askback/replies").glob("*.jsonl")
        if b'"paid"' in p.read_bytes()
    ]
    path.write_bytes(path.read_bytes().replace(b"Why Ask", b"Why ask", 1))
    assert "1 replies taken in; 19 were there before" in folder.batch("import", "out.jsonl")
    assert len(list(folder.replies)) == 20


@pytest.mark.parametrize(
    ("arguments", "params", "told"),
    [
        (["export", "ask.jsonl"], {"backend": "embedded"}, "batches need: endpoint"),
        (["import", "nowhere.jsonl"], {}, "nowhere.jsonl is no file"),
        (["export", "params.yaml"], {}, "params.yaml is there already"),
    ],
)
def test_what_cannot_be_done_says_what_to_change(folder, arguments, params, told) -> None:
    folder.set(**params)
    with pytest.raises(UserError, match=told):
        folder.batch(*arguments)


def test_from_the_command_line_it_ends_as_every_command_does(folder: Folder) -> None:
    command = [sys.executable, "-m", "askback.cli", "batch"]
    environment = surroundings((), {"PYTHONPATH": str(ROOT)})
    for arguments, code in [(["export", "ask.jsonl"], 0), (["import", "nowhere.jsonl"], 2)]:
        done = subprocess.run(
            [*command, *arguments], cwd=folder.folder, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    assert done.stderr.startswith("askback: nowhere.jsonl is no file")


def test_it_waits_for_a_run_that_writes_to_the_store(folder: Folder) -> None:
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder.folder)
        here.delenv("DVC_ROOT", raising=False)
        with locked(home("replies")):
            waiting = subprocess.Popen(
                [sys.executable, "-m", "askback.cli", "batch", "export", "ask.jsonl"],
                env=surroundings((), {}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            assert waiting.stderr
            assert "waiting for the run that writes" in waiting.stderr.readline()
            assert not (folder.folder / "ask.jsonl").exists()
        waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert len(folder.lines("ask.jsonl")) == 20


@pytest.mark.prove
def test_20_000_requests_go_there_and_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 20_000)
    folder.batch("export", "ask.jsonl")
    output = [answer(line) for line in folder.lines("ask.jsonl")]
    random.Random(0).shuffle(output)
    told = folder.batch("import", folder.write("out.jsonl", output), "out.jsonl")
    assert "20,000 replies taken in; 20,000 were there before" in told
    assert len(folder.replies) == 20_000
