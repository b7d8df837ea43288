"""The columns of a row, by the names that sets in public use."""

from collections.abc import Mapping, Sequence
from typing import Any

from askback.gathering.rows import Row, RowError

Fields = Mapping[str, str]  # names of the user's own, by what they hold

CLIP = 40  # characters of a value that are shown


def find(row: Row, what: str, fields: Fields, names: Sequence[str]) -> Any:
    """What the row has under the user's name for `what`, or under the first known name that it has.

    None where there is none, or null.
    """
    if what in fields:
        return row.get(fields[what])
    for name in names:
        if (value := row.get(name)) is not None:
            return value
    return None


def text(row: Row, what: str, fields: Fields, names: Sequence[str]) -> str:
    """The same as text, empty where there is none; RowError where it is no text."""
    value = find(row, what, fields, names)
    if value is None:
        return ""
    return value if isinstance(value, str) else refuse(what, value)


def needed(row: Row, what: str, fields: Fields, names: Sequence[str]) -> Any:
    """What the row has; RowError where that is nothing."""
    value = find(row, what, fields, names)
    if value is None:
        sought = fields.get(what) or " or ".join(names)
        raise RowError("missing_field", f"no {sought}; it has {', '.join(map(str, row))[:80]}")
    return value


def needed_text(row: Row, what: str, fields: Fields, names: Sequence[str]) -> str:
    """The same as text; RowError where it is missing or no text."""
    value = needed(row, what, fields, names)
    return value if isinstance(value, str) else refuse(what, value)


def refuse(what: str, value: object) -> str:
    """Raises RowError: the value is no text."""
    raise RowError("wrong_type", f"{what} is no text: {repr(value)[:CLIP]}")
