"""Rows of one text that is ChatML, as Open Assistant's top1 set has them.

Here alone markers are structure: `<|im_start|>` where a line begins, `<|im_end|>` where a turn's
last line ends. Anywhere else they are text.
"""

import re

from askback.chat import IM_END, IM_START
from askback.gathering.fields import Fields, needed_text
from askback.gathering.messages import ROLES
from askback.gathering.rows import Row, RowError
from askback.records import Message

TEXT = ("text", "chatml")
# After a turn comes the next one, or nothing.
BETWEEN = re.compile(
    re.escape(IM_END) + r"[ \t\r]*+(?:\n\s*+(?=" + re.escape(IM_START) + r")|\s*+\Z)"
)
HEADER = re.compile(re.escape(IM_START) + r"[ \t]*(\w{1,20})[ \t]*(?:\r?\n|\Z)")


def messages(row: Row, fields: Fields) -> list[Message]:
    """The turns of the row's text; RowError where it is malformed."""
    return parse(needed_text(row, "text", fields, TEXT))


def parse(text: str) -> list[Message]:
    """The turns of a ChatML text; RowError, saying where, for one that is malformed."""
    found: list[Message] = []
    start = len(text) - len(text.lstrip())
    while start < len(text):
        header = HEADER.match(text, start)
        if header is None:
            raise malformed(f"character {start}: no turn begins with {text[start : start + 30]!r}")
        if header[1] not in ROLES:
            raise RowError("unknown_role", f"character {start}: role {header[1]!r}")
        end = BETWEEN.search(text, header.end())
        if end is None:
            raise malformed(f"character {start}: the turn does not end with {IM_END}")
        content = text[header.end() : end.start()]
        if f"\n{IM_START}" in content:
            raise malformed(f"character {start}: another turn begins before this one ends")
        found.append(Message(ROLES[header[1]], content))
        start = end.end()
    return found


def malformed(detail: str) -> RowError:
    """What is wrong with the text."""
    return RowError("malformed_chatml", detail)
