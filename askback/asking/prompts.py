"""Prompts: text files with named fields, each filled in one pass."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from askback.errors import UserError
from askback.params import did_you_mean

FIELD = re.compile(r"\{(\w+)\}")  # every other brace is text


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's text and the names of the fields in it."""

    text: str
    fields: frozenset[str]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each field's value; what looks like a field inside a value stays as it is.

        >>> Prompt("{a}{b}", frozenset("ab")).fill({"a": "{b}", "b": "."})
        '{b}.'
        """
        return FIELD.sub(lambda field: values[field[1]], self.text)


def read(path: Path, known: Sequence[str], needed: Sequence[str] = ()) -> Prompt:
    """The prompt in a file.

    Raises UserError, naming file and field, for a field that is not known or one that is missing.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    for field in FIELD.finditer(text):
        if field[1] not in known:
            line = text.count("\n", 0, field.start()) + 1
            raise UserError(
                f"{path}:{line}: unknown field {field[0]}{did_you_mean(field[1], known)}"
            )
    fields = frozenset(FIELD.findall(text))
    for name in needed:
        if name not in fields:
            raise UserError(f"{path}: field {{{name}}} is missing; write it where its text belongs")
    return Prompt(text, fields)
