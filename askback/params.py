"""params.yaml, one section at a time, checked before anything runs."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

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
    key, known = where(section, fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{name}{key}: unknown key{did_you_mean(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{name}{key}: missing"
    if fault["type"] == "union_tag_not_found":
        return f"{name}{key}.kind: missing"
    if fault["type"] == "union_tag_invalid":
        tag, kinds = fault["ctx"]["tag"], fault["ctx"]["expected_tags"].strip("'").split("', '")
        return f"{name}{key}.kind: no {tag}{did_you_mean(tag, kinds)}"
    message = fault["msg"].removeprefix("Value error, ")
    got = "" if isinstance(fault["input"], dict | list | BaseModel) else f", got {fault['input']!r}"
    return f"{name}{key}: {message[0].lower()}{message[1:]}{got}"


def where(section: type[BaseModel], loc: Sequence[int | str]) -> tuple[str, list[str]]:
    """The path to a fault, such as `.sources[0].limit`, and the keys that stand beside its last.

    Of a list of several kinds of sections, told apart by a tag, Pydantic names the tag in between.
    """
    key, known = "", list(section.model_fields)
    kind: Any = section
    for part in loc:
        if isinstance(part, int):
            key, kind = f"{key}[{part}]", item_of(kind)
            continue
        tagged = [one for one in get_args(kind) if part in tags(one)]
        if tagged:
            kind = tagged[0]
            continue
        known = list(getattr(kind, "model_fields", ()))
        key, kind = f"{key}.{part}", field_of(kind, part)
    return key, known


def item_of(kind: Any) -> Any:
    """What a list is of."""
    item = next(iter(get_args(kind)), None)
    return getattr(item, "__origin__", item)  # of Annotated, what is annotated


def tags(kind: Any) -> tuple[object, ...]:
    """By which values of its field `kind` a section is told from others."""
    field = getattr(kind, "model_fields", {}).get("kind")
    return get_args(field.annotation) if field else ()


def field_of(kind: Any, name: str) -> Any:
    """What a section's field is, without what Pydantic was told besides."""
    field = getattr(kind, "model_fields", {}).get(name)
    return field.annotation if field else None


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """`; did you mean X?` for the nearest known word, or the list of known words."""
    words = [str(key) for key in known]  # YAML's keys can be numbers
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(words)}"
