"""Rows of conversations, and what can be wrong with one in JSON, CSV and columns."""

import csv
import io
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from askback.gathering.rows import Row

HUGE = 50_000_000  # characters of a string that no row may have

WORDS = ["the", "ferry", "left", "at", "noon", "and", "no", "one", "could", "say", "é", "語", "👋"]


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done to a row."""

    name: str
    reason: str | None  # as `tables` names it; none where only a kind of source can tell


Rows = dict[int, Row | Damage]  # by number

# What happens to the JSON of a row.
SPOILT = {
    "null content": None,
    "no content": None,
    "no messages": None,
    "null messages": None,
    "a number as content": None,
    "a string as messages": None,
    "messages that are numbers": None,
    "lone surrogate": "lone_surrogate",
    "NaN": "not_json",
    "Infinity": "not_json",
    "a number of 5,000 digits": "not_json",
    "65 lists": "too_deep",
    "100,000 lists": "too_deep",
    "a key twice": "duplicate_key",
    "a message's key twice": "duplicate_key",
    "not UTF-8": "not_utf8",
    "a list": "not_an_object",
    "a string": "not_an_object",
}

CUT = {
    "a line cut off": "not_json",
    "two rows in a line": "not_json",
    "a tab in a string": "not_json",
}

TOO_LARGE = {"50 MB": "too_large"}

IN_CSV = {
    "no second field": "wrong_columns",
    "a third field": "wrong_columns",
    "a NUL byte": "not_csv",
    "text after a quote": "not_csv",
    "not UTF-8": "not_utf8",
    "an empty field": None,
}

IN_COLUMNS = {
    "null content": None,
    "null messages": None,
    "no messages": None,
    "not UTF-8": "not_utf8",
}


def talk(drawn: random.Random) -> Row:
    """A good row: one or two exchanges of some hundred characters."""
    roles = ["user", "assistant"] * drawn.randint(1, 2)
    return {"messages": [{"role": role, "content": text(drawn)} for role in roles]}


def text(drawn: random.Random) -> str:
    """Some words, and a line end in the middle."""
    words = drawn.choices(WORDS, k=drawn.randint(10, 80))
    return " ".join(words[:5]) + "\n" + " ".join(words[5:])


def spoilt(name: str, row: Row) -> bytes:
    """The row's JSON, damaged."""
    first = row["messages"][0]
    if name == "null content":
        first["content"] = None
    elif name == "no content":
        del first["content"]
    elif name == "no messages":
        return json.dumps({"talk": first["content"]}).encode()
    elif name == "null messages":
        return b'{"messages": null}'
    elif name == "a number as content":
        first["content"] = 7
    elif name == "a string as messages":
        row["messages"] = first["content"]
    elif name == "messages that are numbers":
        row["messages"] = [1, 2.5]
    elif name == "lone surrogate":
        first["content"] += "\ud83d"
    elif name == "NaN":
        row["score"] = float("nan")
    elif name == "Infinity":
        row["score"] = float("-inf")
    line = json.dumps(row).encode()
    return rewritten(name, line)


def rewritten(name: str, line: bytes) -> bytes:
    """The line, damaged as no writer of JSON would."""
    extra = {
        "a number of 5,000 digits": b'"more": ' + b"9" * 5000,
        "65 lists": b'"more": ' + b"[" * 64 + b"]" * 64,
        "100,000 lists": b'"more": ' + b"[" * 100_000 + b"]" * 100_000,
        "a key twice": b'"messages": []',
    }
    if name in extra:
        return line[:-1] + b", " + extra[name] + b"}"
    changed = {
        "a message's key twice": lambda: line.replace(b'{"role"', b'{"role": "user", "role"', 1),
        "not UTF-8": lambda: line.replace(b'": "', b'": "\xe9', 1),
        "a list": lambda: b"[" + line + b"]",
        "a string": lambda: json.dumps(line.decode()).encode(),
        "a line cut off": lambda: line[:-5],
        "two rows in a line": lambda: line + line,
        "50 MB": lambda: line.replace(b'": "', b'": "' + b"x" * HUGE, 1),
        "a tab in a string": lambda: line.replace(b'": "', b'": "\t', 1),
    }
    return changed[name]() if name in changed else line


HEADER = {"instruction": "instruction", "output": "output"}


def record(row: Any) -> bytes:
    """A line of CSV."""
    sink = io.StringIO()
    csv.writer(sink).writerow(row.values())
    return sink.getvalue().encode()


def spoilt_record(damage: str | None, row: Row) -> bytes:
    """The record, damaged."""
    instruction = row["instruction"]
    if damage == "no second field":
        return record({"instruction": instruction})
    if damage == "a third field":
        return record({**row, "more": "x"})
    if damage == "an empty field":
        return record({**row, "output": ""})
    if damage == "a NUL byte":
        return record({**row, "output": "a\0b"})
    if damage == "not UTF-8":
        return record({**row, "output": "a ferry"}).replace(b"ferry", b"f\xe9rry")
    if damage == "text after a quote":
        return b'"quoted" and not,x\n'
    if damage == "50 MB":
        return b'"' + b"another line\n" * (HUGE // 13) + b'",x\n'
    return record(row)


def spoilt_columns(damage: str | None, row: Row) -> Row:
    """The row with a damage that a column can have."""
    if damage == "null messages":
        return {"messages": None}
    if damage == "no messages":
        return {"messages": []}
    if damage == "null content":
        content: str | bytes | None = None
    elif damage == "not UTF-8":
        content = b"f\xe9rry"
    elif damage == "50 MB":
        content = "x" * HUGE
    else:
        return row
    return {"messages": [{**row["messages"][0], "content": content}, *row["messages"][1:]]}


def schema(text: pa.DataType | None = None) -> pa.Schema:
    """One column of messages."""
    text = text or pa.string()
    return pa.schema({"messages": pa.list_(pa.struct({"role": text, "content": text}))})


def columns(rows: Iterable[Any]) -> pa.Table:
    """The rows as a table; what is said may be any bytes."""
    items = [row["messages"] for row in rows]
    array = pa.array(items, schema(pa.binary()).field(0).type)
    return pa.table([array.view(schema().field(0).type)], schema())
