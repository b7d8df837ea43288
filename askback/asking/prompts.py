"""Prompts: text files with named fields, each filled in one pass.

A file may end in forms of asking: after a line of three or more dashes each line is one, and the
field {form} is where the one that is chosen for a passage belongs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from askback.errors import UserError
from askback.params import did_you_mean

FIELD = re.compile(r"\{(\w+)\}")  # every other brace is text
FORM = "form"
DASHES = re.compile(r"-{3,}\s*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's text, the names of the fields in it, and the forms of asking."""

    text: str
    fields: frozenset[str]
    forms: tuple[str, ...] = ()  # for {form}; empty where the text has no such field

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each field's value; what looks like a field inside a value stays as it is.

        >>> Prompt("{a}{b}", frozenset("ab")).fill({"a": "{b}", "b": "."})
        '{b}.'
        """
        return FIELD.sub(lambda field: values[field[1]], self.text)


def read(path: Path, known: Sequence[str], needed: Sequence[str] = ()) -> Prompt:
    """The prompt in a file.

    Raises UserError, naming file and field, for a field that is not known or one that is missing,
    and for forms without their field or the field without forms.
    """
    lines = list(StringIO(decoded(path)))  # as editors count them, by line feeds alone
    dashes = max((n for n, line in enumerate(lines) if DASHES.fullmatch(line)), default=len(lines))
    check_fields(path, lines[:dashes], known, needed)
    check_forms(path, lines, dashes)
    text = "".join(lines[:dashes])
    forms = tuple(line.strip() for line in lines[dashes + 1 :] if line.strip())
    return Prompt(text, frozenset(FIELD.findall(text)), forms)


def decoded(path: Path) -> str:
    """The file's text."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None


def check_fields(
    path: Path, lines: Sequence[str], known: Sequence[str], needed: Sequence[str]
) -> None:
    """Raises UserError for the first field that is not known, or is missing."""
    for number, line in enumerate(lines, 1):
        for name in FIELD.findall(line):
            if name not in (*known, FORM):
                hint = did_you_mean(name, known)
                raise UserError(f"{path}:{number}: unknown field {{{name}}}{hint}")
    for name in needed:
        if not any(f"{{{name}}}" in line for line in lines):
            raise UserError(f"{path}: field {{{name}}} is missing; write it where its text belongs")


def check_forms(path: Path, lines: Sequence[str], dashes: int) -> None:
    """Raises UserError where there are forms and no {form}, or {form} and no forms."""
    used = [number for number, line in enumerate(lines[:dashes], 1) if f"{{{FORM}}}" in line]
    forms = lines[dashes + 1 :]
    if used and not any(map(str.strip, forms)):
        raise UserError(
            f"{path}:{used[0]}: {{form}} has no forms; end the file in a line of dashes and "
            "a form a line, or take the field away"
        )
    if dashes < len(lines) and not used:
        raise UserError(
            f"{path}:{dashes + 1}: what follows the dashes are forms of asking, and no "
            "{{form}} says where they belong; write it above, or take the dashes away"
        )
    for number, form in enumerate(forms, dashes + 2):
        if field := FIELD.search(form):
            raise UserError(f"{path}:{number}: {field[0]} is in a form, where no field is filled")
