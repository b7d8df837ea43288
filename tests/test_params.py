"""params.yaml: what does not fit is told in one line that names the key, before anything runs."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from askback.errors import UserError
from askback.params import Section, load, read


class Adapter(Section):
    r: int
    dropout: float


class Model(Section):
    epochs: int
    rate: float
    resume: bool
    base: str | None
    lora: Adapter


FITTING = {
    "epochs": "5",
    "rate": "2e-4",
    "resume": "true",
    "base": "null",
    "lora": "{r: 64, dropout: 0.1}",
}


def params(folder: Path, **changes: str | None) -> Path:
    """A params.yaml whose `model` section has FITTING's keys but for `changes`; None leaves out."""
    lines = [f"  {key}: {value}" for key, value in (FITTING | changes).items() if value]
    path = folder / "params.yaml"
    path.write_text("\n".join(["model:", *lines, ""]), "utf-8")
    return path


def complaint(path: Path) -> str:
    """What the user is told about the file, without the path that every complaint begins with."""
    with pytest.raises(UserError) as caught:
        load("model", Model, path)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith(str(path))
    return told.removeprefix(str(path))


def test_a_section_that_fits_comes_back_typed(tmp_path):
    section = load("model", Model, params(tmp_path))

    assert section == Model(
        epochs=5, rate=0.0002, resume=True, base=None, lora=Adapter(r=64, dropout=0.1)
    )


def test_a_section_cannot_be_changed_after_it_is_read(tmp_path):
    section = load("model", Model, params(tmp_path))

    with pytest.raises(ValidationError):
        section.epochs = 6
    with pytest.raises(ValidationError):
        section.lora.r = 8


def test_a_misspelt_key_is_told_with_the_key_that_was_meant(tmp_path):
    assert complaint(params(tmp_path, epoch="5")) == (
        ": model.epoch: unknown key; did you mean epochs?"
    )


def test_a_misspelt_key_in_a_nested_section_is_compared_with_that_sections_keys(tmp_path):
    told = complaint(params(tmp_path, lora="{r: 64, dropout: 0.1, drop_out: 0.2}"))

    assert told == ": model.lora.drop_out: unknown key; did you mean dropout?"


def test_an_unknown_key_that_resembles_none_is_told_with_all_there_are(tmp_path):
    assert complaint(params(tmp_path, zzz="1")) == (
        ": model.zzz: unknown key; known here: epochs, rate, resume, base, lora"
    )


@pytest.mark.parametrize(
    ("key", "value", "got"),
    [
        ("epochs", '"5"', "'5'"),
        ("epochs", "true", "True"),
        ("epochs", "5.0", "5.0"),
        ("epochs", "null", "None"),
        ("epochs", "many", "'many'"),
        ("rate", '"2e-4"', "'2e-4'"),
        ("rate", "false", "False"),
        ("resume", "1", "1"),
        ("resume", "yes", "'yes'"),  # a word in YAML 1.2
        ("base", "7", "7"),
    ],
)
def test_a_value_of_another_type_is_refused_and_never_converted(tmp_path, key, value, got):
    told = complaint(params(tmp_path, **{key: value}))

    assert told.startswith(f": model.{key}: input should be a valid ")
    assert told.endswith(f", got {got}")


def test_a_mistyped_value_in_a_nested_section_is_named_by_its_whole_path(tmp_path):
    told = complaint(params(tmp_path, lora="{r: sixty, dropout: 0.1}"))

    assert told == ": model.lora.r: input should be a valid integer, got 'sixty'"


class Cat(Section):
    kind: Literal["cat"]
    lives: int


class Dog(Section):
    kind: Literal["dog"]
    legs: int = 4


class Animals(Section):
    animals: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


@pytest.mark.parametrize(
    ("animal", "told"),
    [
        ("{kind: dog, lges: 3}", "model.animals[1].lges: unknown key; did you mean legs?"),
        ("{kind: cat}", "model.animals[1].lives: missing"),
        ("{kind: dog, legs: four}", "model.animals[1].legs: input should be a valid integer, got"),
        ("{kind: cta, lives: 9}", "model.animals[1].kind: no cta; did you mean cat?"),
        ("{lives: 9}", "model.animals[1].kind: missing"),
        ("dog", "model.animals[1]: input should be a valid dictionary"),
    ],
)
def test_a_fault_in_a_list_of_several_kinds_is_named_by_its_place(tmp_path, animal, told):
    path = tmp_path / "params.yaml"
    path.write_text(f"model:\n  animals:\n    - {{kind: cat, lives: 7}}\n    - {animal}\n")
    with pytest.raises(UserError) as caught:
        load("model", Animals, path)
    assert str(caught.value).removeprefix(f"{path}: ").startswith(told)


def test_a_missing_key_is_named(tmp_path):
    assert complaint(params(tmp_path, rate=None)) == ": model.rate: missing"
    assert complaint(params(tmp_path, lora="{r: 1}")) == ": model.lora.dropout: missing"


def test_a_missing_section_is_told_with_the_one_that_was_meant(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("modle: {}\nother: {}\n")

    assert complaint(path) == ": section `model` is missing; did you mean modle?"


def test_a_section_with_nothing_in_it_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("model:\n")

    assert complaint(path).startswith(": model: ")


@pytest.mark.parametrize("text", ["", "- model\n", "model\n", "3\n"])
def test_a_file_without_sections_is_told_what_it_should_hold(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)

    assert complaint(path) == ": expected sections such as `segment:`"


def test_sections_whose_names_are_no_words_are_told_about_too(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("1: {}\nnull: {}\n")

    assert complaint(path) == ": section `model` is missing; known here: 1, None"


def test_a_missing_file_is_told_with_what_to_do(tmp_path):
    assert complaint(tmp_path / "params.yaml") == " is missing here; run from the project's folder"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model:\n  epochs: 5\n  rate: [1, 2\n", 4),
        ("model:\n  epochs: 5\n  epochs: 6\n", 3),
        ("model:\n\trate: 1\n", 2),
        ("model:\n  base: !!python/object:os.system {}\n", 2),
        ("model: *other\n", 1),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(tmp_path, text, line):
    path = tmp_path / "params.yaml"
    path.write_text(text)

    assert complaint(path).startswith(f":{line}: not YAML: ")


@pytest.mark.parametrize("data", [b"model: \xff\n", b"model: \x00\n"])
def test_bytes_that_are_no_text_are_told_as_such(tmp_path, data):
    path = tmp_path / "params.yaml"
    path.write_bytes(data)

    assert complaint(path).startswith(": not YAML: ")


def test_words_and_numbers_are_those_of_yaml_1_2(tmp_path):
    """As DVC reads them; YAML 1.1 makes 2e-4 a string, `no` False, 010 eight and 12:30 750."""
    path = tmp_path / "params.yaml"
    path.write_text("model: {a: 2e-4, b: no, c: 010, d: 0o10, e: 12:30, f: off}\n")

    assert read(path) == {
        "model": {"a": 0.0002, "b": "no", "c": 10, "d": 8, "e": "12:30", "f": "off"}
    }
