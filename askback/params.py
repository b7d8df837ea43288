"""params.yaml, one section at a time, checked before anything runs."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from askback.errors import UserError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """One section of params.yaml: frozen, strictly typed, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Persona(Section):
    """Who speaks: the `persona` section, which more than one stage reads."""

    author: str | None
    system: str


S = TypeVar("S", bound=Section)


def load(name: str, section: type[S], path: Path = PARAMS) -> S:
    """The section `name` of params.yaml.

    Raises UserError, naming the key and what to write there, for anything that does not fit.
    """
    sections = read(path)
    if name not in sections:
        raise UserError(f"{path}: section `{name}` is missing{did_you_mean(name, sections)}")
    try:
        return section.model_validate(sections[name])
    except ValidationError as error:
        raise UserError(f"{path}: {explain(name, section, error)}") from None


def read(path: Path = PARAMS) -> dict[str, Any]:
    """All sections, parsed as DVC parses them: YAML 1.2, where 2e-4 is a number and `no` a word."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not path.is_file():
        raise UserError(f"{path} is missing here; run from the project's folder")
    try:
        sections = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)  # not all of YAML's errors know their line
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}{line}: not YAML: {problem}") from None
    if not isinstance(sections, dict):
        raise UserError(f"{path}: expected sections such as `segment:`")
    return sections


def explain(name: str, section: type[Section], error: ValidationError) -> str:
    """The first fault as `segment.max_char: unknown key; did you mean max_chars?`."""
    faults = error.errors(include_url=False)
    # A misspelt key is missing as well: the name that is there says more.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    key = ".".join([name, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        known = known_keys(section, fault["loc"][:-1])
        return f"{key}: unknown key{did_you_mean(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{key}: missing"
    reason = fault["msg"][0].lower() + fault["msg"][1:]
    got = "" if isinstance(fault["input"], dict) else f", got {fault['input']!r}"
    return f"{key}: {reason}{got}"


def known_keys(section: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys a section has at `loc`, through the sections nested in it."""
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        section = field.annotation
    return list(section.model_fields)


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """`; did you mean X?` for the nearest known word, or the list of known words."""
    words = [str(key) for key in known]  # YAML's keys can be numbers
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(words)}"
