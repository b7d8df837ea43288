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


def test_the_interviewers_prompt_has_all_fields_and_no_other() -> None:
    read = prompts.read(ROOT / "prompts" / "interview.txt", FIELDS, needed=FIELDS)
    assert read.fields == set(FIELDS)
