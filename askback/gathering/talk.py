"""A conversation as its source has it."""

from dataclasses import dataclass, field

from askback.records import Message


@dataclass(slots=True)
class Talk:
    """Messages before the rules, and where they stand."""

    messages: list[Message]
    place: str  # for people: file and row, or a passage
    document: str
    chapter: str = ""
    passages: list[str] = field(default_factory=list)
    group: str = ""  # what must be on one side together; empty: all with the same first question
