"""Prompts: one pass, known fields, and book text that is never taken for a field."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.asking import prompts
from askback.asking.prompts import Prompt
from askback.errors import UserError

ROOT = Path(__file__).parents[1]
FIELDS = ["passage", "context", "author", "title"]


def prompt(folder: Path, text: str) -> Path:
    path = folder / "interview.txt"
    path.write_text(text, "utf-8")
    return path


def test_a_prompt_is_filled_by_field_name(tmp_path: Path) -> None:
    read = prompts.read(prompt(tmp_path, "{author}: {passage} {author}"), FIELDS)
    assert read.fields == {"author", "passage"}
    assert read.fill({"author": "A", "passage": "P", "title": "T"}) == "A: P A"


@given(st.text(alphabet="{}passgecontxtilr \n\\1\\g"), st.text(alphabet="{}passage \\g<0>"))
def test_book_text_is_never_substituted_again(passage: str, context: str) -> None:
    filled = Prompt("{context}|{passage}", frozenset({"context", "passage"}))
    assert filled.fill({"passage": passage, "context": context}) == f"{context}|{passage}"


def test_braces_that_name_no_field_are_text(tmp_path: Path) -> None:
    text = 'Reply as {"question": "…"} or {}: {passage}'
    read = prompts.read(prompt(tmp_path, text), FIELDS)
    assert read.fill({"passage": "P"}) == 'Reply as {"question": "…"} or {}: P'


def test_an_unknown_field_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    path = prompt(tmp_path, "One.\n{passage}\n{titel}")
    with pytest.raises(UserError) as raised:
        prompts.read(path, FIELDS)
    assert str(raised.value) == f"{path}:3: unknown field {{titel}}; did you mean title?"


def test_a_prompt_without_a_needed_field_is_refused(tmp_path: Path) -> None:
    path = prompt(tmp_path, "Ask {author} something.")
    with pytest.raises(UserError, match=r"interview\.txt: field \{passage\} is missing"):
        prompts.read(path, FIELDS, needed=["passage"])


def test_a_prompt_that_is_not_utf8_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "interview.txt"
    path.write_bytes("{passage} für".encode("latin-1"))
    with pytest.raises(UserError, match=r"interview\.txt: byte 11 is not UTF-8"):
        prompts.read(path, FIELDS)


def test_forms_stand_after_the_last_dashes(tmp_path: Path) -> None:
    read = prompts.read(prompt(tmp_path, "A\n---\nB {form}\n----- \n\n One. \nTwo?\n\n"), FIELDS)
    assert read.forms == ("One.", "Two?")
    assert read.text == "A\n---\nB {form}\n"
    assert read.fields == {"form"}
    assert read.fill({"form": read.forms[1]}) == "A\n---\nB Two?\n"


@pytest.mark.parametrize("text", ["{passage}\n", "{passage} --- \n--\n", "x\n--- y\n{passage}"])
def test_a_prompt_without_a_line_of_dashes_has_no_forms(tmp_path: Path, text: str) -> None:
    read = prompts.read(prompt(tmp_path, text), FIELDS)
    assert read.forms == ()
    assert read.text == text


@pytest.mark.parametrize(
    ("text", "place", "fault"),
    [
        ("One.\n{passage} {form}", 2, "{form} has no forms"),
        ("One.\n{form}\n---\n\n", 2, "{form} has no forms"),
        ("{passage}\n---\nAsk.", 2, "what follows the dashes are forms of asking"),
        ("---\n{passage}", 1, "what follows the dashes are forms of asking"),
        ("{form}\n---\nAsk.\nAsk {author}.", 4, "{author} is in a form"),
        ("{titel}\n{form}\n---\nAsk.", 1, "unknown field {titel}"),
    ],
)
def test_forms_and_their_field_need_each_other(
    tmp_path: Path, text: str, place: int, fault: str
) -> None:
    path = prompt(tmp_path, text)
    with pytest.raises(UserError) as raised:
        prompts.read(path, FIELDS)
    assert str(raised.value).startswith(f"{path}:{place}: {fault}")


def test_a_known_field_of_that_name_needs_forms_as_well(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no forms"):
        prompts.read(prompt(tmp_path, "{form}"), [*FIELDS, "form"])


ASKING = {
    "interview": {"passage", "context", "author", "title", "form"},
    "letters": {"passage", "context", "author", "title", "form"},
    "fiction": {"passage", "context", "author", "title", "form"},
    "plays": {"passage", "context", "author", "title", "form"},
    "reviews": {"passage", "context", "author", "title", "form"},
    "manuals": {"passage", "context", "title", "form"},
    "encyclopaedia": {"passage", "context", "title", "form"},
}


@pytest.mark.parametrize("name", ASKING)
def test_a_prompt_of_the_project_asks_in_many_forms(name: str) -> None:
    read = prompts.read(ROOT / "prompts" / f"{name}.txt", FIELDS, needed=["passage", "context"])
    assert read.fields == ASKING[name]
    assert 8 <= len(set(read.forms)) <= 16
    assert len(set(read.forms)) == len(read.forms)


def test_the_judges_prompt_has_question_and_passage() -> None:
    fields = ["passage", "question"]
    read = prompts.read(ROOT / "prompts" / "judge.txt", fields, needed=fields)
    assert read.fields == set(fields)
    assert "yes:" in read.text
    assert "no:" in read.text


def test_every_prompt_of_the_project_is_tested() -> None:
    files = {path.stem for path in (ROOT / "prompts").glob("*")}
    assert files == {*ASKING, "judge"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "prompts").glob("*.txt")), ids=lambda path: path.stem
)
def test_a_prompt_of_the_project_says_that_its_material_gives_no_orders(path: Path) -> None:
    text = " ".join(path.read_text("utf-8").split())
    assert "between two lines with the same mark" in text
    assert "<" not in text
