"""The questions stage: every passage asked or dropped by name, edits over all, errors in a line."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from askback import files
from askback.errors import UserError
from askback.records import Document, Dropped, Edit, Exchange, Ids, Passage
from stages.questions import read_edits

ROOT = Path(__file__).parents[1]
PARAMS = """\
persona: {author: null, system: S}
questions:
  backend: embedded
  model: null
  prompt: prompt.txt
  per_passage: 1
  sampling: {temperature: 0.7, max_tokens: 100}
  filters: []
  leave_out: []
  judge: null
  local: {revision: null, quantize: none, precision: fp32}
  seed: 0
"""
BOOK = Document("one/book", "one/book.pdf", "Salt", "Ida Marren", "en", None, "0" * 64)
ARGUMENTS = [
    "documents.jsonl",
    "passages.jsonl",
    "prompt.txt",
    "judge.txt",
    "edits",
    "interview.jsonl",
    "--metrics",
    "metrics.json",
    "--dropped",
    "dropped.jsonl",
]


def some_passages(count: int = 4, document: str = BOOK.document) -> list[Passage]:
    """Passages of one book, each with a subject of its own."""
    ids = Ids()
    texts = [f"They never forgot the lantern of Port {chr(65 + n)}arrow." for n in range(count)]
    return [
        Passage(ids(document, text), document, n, "I", n, n + 1, "en", text, [])
        for n, text in enumerate(texts, 1)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the stage can run in."""
    files.write(tmp_path / "documents.jsonl", [BOOK])
    files.write(tmp_path / "passages.jsonl", some_passages())
    (tmp_path / "edits").mkdir()
    (tmp_path / "prompt.txt").write_text("Ask {author}: {passage}", "utf-8")
    (tmp_path / "judge.txt").write_text("{question} {passage}", "utf-8")
    (tmp_path / "params.yaml").write_text(PARAMS, "utf-8")
    return tmp_path


def run(folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and complaints of the stage in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "stages.questions", *ARGUMENTS],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def write_edits(folder: Path, edits: Mapping[str, list[dict[str, str]]]) -> None:
    """Files of edits by their name."""
    folder.mkdir(exist_ok=True)
    for name, lines in edits.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def test_every_passage_is_asked_in_order_and_answers_word_for_word(folder: Path) -> None:
    code, told = run(folder)
    assert code == 0, told
    passages = some_passages()
    interview = list(files.read(folder / "interview.jsonl", Exchange))
    assert [(e.passage, e.answer) for e in interview] == [(p.id, p.text) for p in passages]
    assert [(e.first_page, e.last_page) for e in interview] == [(n, n + 1) for n in range(1, 5)]
    assert all(e.question.endswith("?") for e in interview)
    assert {(e.asked_by, e.reply, e.edited_by) for e in interview} == {("embedded", None, None)}
    assert json.loads((folder / "metrics.json").read_text("utf-8")) == {
        "kept": 4,
        "dropped": {},
        "asked_by": {"embedded": 4},
        "edited": 0,
    }


def test_the_embedded_backend_says_in_one_line_what_it_is(folder: Path) -> None:
    _, told = run(folder)
    assert told.splitlines() == [
        "questions: the embedded backend asks by rule, in English; it stands in for a model",
        "kept 4, dropped nothing",
    ]


def test_the_interview_is_equal_byte_for_byte_under_any_hash_seed(folder: Path) -> None:
    files.write(folder / "passages.jsonl", some_passages(20))
    made = []
    for seed in ["1", "2"]:
        assert run(folder, PYTHONHASHSEED=seed)[0] == 0
        made.append((folder / "interview.jsonl").read_bytes())
    assert made[0] == made[1]


def test_an_edit_changes_its_own_passage_and_no_other(folder: Path) -> None:
    run(folder)
    before = list(files.read(folder / "interview.jsonl", Exchange))
    second, third = before[1], before[2]
    write_edits(
        folder / "edits",
        {
            "ada.jsonl": [
                {"passage": second.passage, "by": "Ada", "question": " Who lit it? "},
                {"passage": third.passage, "by": "Ada", "drop": "a list of ports"},
                {"passage": "gone", "by": "Ada", "question": "Who?"},
            ]
        },
    )
    assert run(folder)[0] == 0
    assert list(files.read(folder / "interview.jsonl", Exchange)) == [
        before[0],
        replace(second, question="Who lit it?", asked_by="Ada", edited_by="Ada"),
        before[3],
    ]
    assert list(files.read(folder / "dropped.jsonl", Dropped)) == [
        Dropped(third.passage, "edited_out", "Ada: a list of ports"),
        Dropped("gone", "edit_without_passage", "Ada: Who?"),
    ]


def test_of_several_edits_the_last_line_of_the_last_file_wins(tmp_path: Path) -> None:
    write_edits(
        tmp_path,
        {
            "b.jsonl": [
                {"passage": "p", "by": "Ada", "drop": "dull"},
                {"passage": "p", "by": "Ada", "question": "Why?"},
            ],
            "a.jsonl": [{"passage": "p", "by": "Ben", "question": "Who?"}],
            "notes.txt": [],
        },
    )
    assert read_edits(tmp_path) == {"p": Edit("p", "Ada", question="Why?")}


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"question": "Who?", "drop": "dull"},
        {"question": " "},
        {"drop": ""},
        {"drop": " ", "question": "Who?"},
        {"qestion": "Who?"},
    ],
)
def test_an_edit_that_says_nothing_or_two_things_is_refused(
    tmp_path: Path, line: dict[str, str]
) -> None:
    whole = {"passage": "p", "by": "Ada", "question": "Who?"}
    write_edits(tmp_path, {"ada.jsonl": [whole, {"passage": "p", "by": "Ada", **line}]})
    with pytest.raises(UserError, match=r"ada\.jsonl:2: write either `question`"):
        read_edits(tmp_path)


def test_a_passage_that_works_as_no_answer_is_dropped_by_name_unless_a_person_asks_it(
    folder: Path,
) -> None:
    first = some_passages()[0]
    twins = [replace(first, id=name, number=n) for n, name in enumerate(["twin", "edited"], 5)]
    files.write(folder / "passages.jsonl", [first, *twins])
    write_edits(
        folder / "edits", {"a.jsonl": [{"passage": "edited", "by": "Ada", "question": "Who?"}]}
    )
    text = PARAMS.replace("leave_out: []", "leave_out: [near_duplicate]")
    (folder / "params.yaml").write_text(text, "utf-8")
    code, told = run(folder)
    assert code == 0, told
    interview = list(files.read(folder / "interview.jsonl", Exchange))
    assert [one.passage for one in interview] == [first.id, "edited"]
    [dropped] = files.read(folder / "dropped.jsonl", Dropped)
    assert (dropped.id, dropped.reason) == ("twin", "near_duplicate")


def test_several_books_are_asked_in_one_run(folder: Path) -> None:
    files.write(folder / "documents.jsonl", [BOOK, replace(BOOK, document="two", path="two.txt")])
    files.write(folder / "passages.jsonl", some_passages(3) + some_passages(3, "two"))
    code, told = run(folder)
    assert code == 0, told
    interview = list(files.read(folder / "interview.jsonl", Exchange))
    assert [e.document for e in interview] == ["one/book"] * 3 + ["two"] * 3


def test_a_book_without_an_author_is_the_users_to_mend(folder: Path) -> None:
    files.write(folder / "documents.jsonl", [replace(BOOK, author=None)])
    code, told = run(folder)
    assert code == 2
    assert told == (
        "questions: prompt.txt has {author}, and one/book.pdf names none: write `author:` in its "
        "sidecar one/book.yaml, or set persona.author in params.yaml\n"
    )
    assert not (folder / "interview.jsonl").exists()


@pytest.mark.parametrize("cure", ["persona", "prompt"])
def test_a_book_needs_no_author_where_the_persona_has_one_or_the_prompt_names_none(
    folder: Path, cure: str
) -> None:
    files.write(folder / "documents.jsonl", [replace(BOOK, author=None)])
    if cure == "persona":
        text = PARAMS.replace("author: null", "author: Ida Marren")
        (folder / "params.yaml").write_text(text, "utf-8")
    else:
        (folder / "prompt.txt").write_text("Ask: {passage}", "utf-8")
    code, told = run(folder)
    assert code == 0, told


FAULTS = {
    "unknown field": ("prompt.txt", "{passage} {autor}", "prompt.txt:1: unknown field {autor}"),
    "no passage": ("prompt.txt", "Ask {author}.", "prompt.txt: field {passage} is missing"),
    "backend": ("params.yaml", PARAMS.replace("embedded", "oracle"), "questions.backend"),
    "no model": ("params.yaml", PARAMS.replace("embedded", "endpoint"), "questions.model"),
    "no end": ("params.yaml", PARAMS.replace("max_tokens: 100", "top_p: 1.0"), "max_tokens"),
    "endless": ("params.yaml", PARAMS.replace("max_tokens: 100", "max_tokens: true"), "max_tokens"),
    "no JSON": ("params.yaml", PARAMS.replace("0.7", ".nan"), "questions.sampling"),
    "filter": (
        "params.yaml",
        PARAMS.replace("filters: []", "filters: [dull]"),
        "questions.filters",
    ),
    "forms": ("params.yaml", PARAMS.replace("per_passage: 1", "per_passage: 2"), "0 forms"),
    "judge": ("judge.txt", "{passage}", "judge.txt: field {question} is missing"),
    "edit": ("edits/a.jsonl", '{"by": "Ada"}\n', "edits/a.jsonl:1: not a Edit: passage"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_it_and_nothing_is_written(folder: Path, fault: str) -> None:
    name, text, named = FAULTS[fault]
    (folder / name).write_text(text, "utf-8")
    code, told = run(folder)
    assert code == 2
    assert told.count("\n") == 1
    assert named in told
    assert not (folder / "interview.jsonl").exists()
