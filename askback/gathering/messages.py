"""Rows that list their messages, as OpenAI and ShareGPT have them."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from askback.gathering.fields import CLIP, Fields, needed
from askback.gathering.rows import Row, RowError
from askback.records import Message, Role

Tools = Literal["refuse", "keep"]

LISTS = ("messages", "conversations", "conversation")
SPEAKERS = ("role", "from")
CONTENTS = ("content", "value", "text")

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
CALLS = "tool_calls"
TOOLS = frozenset({"tool", "function", "observation", "ipython", "function_call"})


def messages(row: Row, fields: Fields, tools: Tools) -> list[Message]:
    """The row's messages; RowError where one is none, or of a tool where those are refused."""
    listed = needed(row, "messages", fields, LISTS)
    if not isinstance(listed, list):
        raise RowError("wrong_type", f"messages is no list: {repr(listed)[:CLIP]}")
    first = listed[0] if listed and isinstance(listed[0], dict) else {}
    if "role" in first and "content" in first and not fields:
        speaker, content = "role", "content"  # as nearly all have it
    else:
        speaker = key(first, "role", fields, SPEAKERS)
        content = key(first, "content", fields, CONTENTS)
    return [message(item, speaker, content, tools) for item in listed]


def key(item: Row, what: str, fields: Fields, names: tuple[str, ...]) -> str:
    """Under which name a message has its role, or its content."""
    return fields.get(what) or next((name for name in names if name in item), names[0])


def message(item: Any, speaker: str, content: str, tools: Tools) -> Message:
    """One message, by the names of its role and its content."""
    if not isinstance(item, dict):
        raise RowError("wrong_type", f"a message is no object: {repr(item)[:CLIP]}")
    said, text = item.get(speaker), item.get(content)
    if isinstance(text, str) and isinstance(said, str) and said in ROLES and CALLS not in item:
        return Message(ROLES[said], text)  # as nearly all are
    return unusual(item, said, text, tools)


def unusual(item: Mapping[str, Any], speaker: Any, content: Any, tools: Tools) -> Message:
    """A message whose role is spelt otherwise, of parts, or of a tool."""
    if not isinstance(speaker, str):
        raise RowError("missing_field", f"a message without a role: {repr(item)[:CLIP]}")
    name = speaker.strip().casefold()
    calls = item.get(CALLS) or ()
    if name == "function_call":  # as ShareGPT's sets have it: the content is the call
        calls, content = [content], None
    if (name in TOOLS or calls) and tools == "refuse":
        raise RowError("tool_turn", f"a turn of a tool: {speaker[:CLIP]}")
    if calls:
        return Message("assistant", "\n".join(filter(None, [plain(content), *map(call, calls)])))
    if name in TOOLS:
        return Message("user", f"<tool_response>\n{plain(content)}\n</tool_response>")
    if name not in ROLES:
        raise RowError("unknown_role", f"role {speaker[:CLIP]!r}")
    return Message(ROLES[name], plain(content))


def plain(content: Any) -> str:
    """The text of a content, also of one in parts; RowError where some of it is no text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(map(part, parts))


def part(value: Any) -> str:
    """The text of one part."""
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise RowError("wrong_type", f"a content is no text: {repr(value)[:CLIP]}")
    return text


def call(value: Any) -> str:
    """A call of a tool, as models that speak ChatML write it."""
    wanted = value.get("function", value) if isinstance(value, dict) else value
    told = wanted if isinstance(wanted, str) else json.dumps(wanted, ensure_ascii=False)
    return f"<tool_call>\n{told}\n</tool_call>"
