"""The rules that every conversation keeps to, whatever its source."""

import re
from collections.abc import Sequence
from functools import lru_cache

from askback.gathering.rows import RowError
from askback.records import Message, Role

MOST = 1_000_000  # characters of a conversation; no model reads more at once
TURNS: tuple[Role, Role] = ("user", "assistant")  # in turn, after an optional system message
C1 = re.compile("[\x80-\x9f]")  # controls that nobody types: Windows-1252 read as Latin-1


class Rules:
    """Brings conversations into order, and counts what it mends."""

    def __init__(self) -> None:
        self.empty_system = 0  # messages left out
        self.leading_answers = 0  # turns left out
        self.trailing_questions = 0  # turns left out

    def __call__(self, messages: Sequence[Message]) -> list[Message]:
        """An optional system message, then questions and answers in turn, without margins.

        Left out are an empty system message, answers before the first question and questions after
        the last answer. Raises RowError where the rest is out of order, empty or damaged.
        """
        first, start, end = turns_in(tuple([message.role for message in messages]))
        system = [message for message in messages[:first] if message.content.strip()]
        ordered = [without_margins(message) for message in [*system, *messages[start:end]]]
        refuse_damage(ordered)
        self.empty_system += first - len(system)
        self.leading_answers += start - first
        self.trailing_questions += len(messages) - end
        return ordered

    @property
    def figures(self) -> dict[str, int]:
        """The counts by name."""
        return dict(sorted(vars(self).items()))


@lru_cache(4096)
def turns_in(roles: tuple[Role, ...]) -> tuple[int, int, int]:
    """How many system messages there are, none or one, and where the exchanges begin and end.

    Raises RowError unless questions and answers take turns.
    """
    first = 1 if roles[:1] == ("system",) else 0
    start, end = first, len(roles)
    while start < end and roles[start] == "assistant":
        start += 1
    while start < end and roles[end - 1] == "user":
        end -= 1
    if start == end:
        raise RowError("no_answer", "no answer to a question")
    for number, role in enumerate(roles[start:end]):
        if role != TURNS[number % 2]:
            raise RowError("roles_do_not_alternate", f"turn {number + 1} is one of the {role}")
    return first, start, end


def without_margins(message: Message) -> Message:
    """The message, without white space around its text."""
    text = message.content.strip()
    return message if text is message.content else Message(message.role, text)


def refuse_damage(messages: Sequence[Message]) -> None:
    """Raises RowError for an empty or too long text, and what bytes in a wrong encoding give."""
    texts = [message.content for message in messages]
    if "" in texts:
        refuse_empty(messages)
    whole = "\n".join(texts)
    if "\0" in whole or not whole.isascii():
        for message in messages:
            if "\0" in message.content or not (message.content.isascii() or sound(message.content)):
                detail = f"the {message.role}'s text is damaged: {part(message.content)}"
                raise RowError("damaged_text", detail)
    if len(whole) > MOST:
        raise RowError("too_large", f"{sum(map(len, texts))} characters")


def refuse_empty(messages: Sequence[Message]) -> None:
    """Raises RowError with the number of the turn that is empty."""
    turns = [message for message in messages if message.role != "system"]
    number, empty = next((n, turn) for n, turn in enumerate(turns, 1) if not turn.content)
    raise RowError("empty_turn", f"turn {number}, of the {empty.role}, is empty")


def sound(text: str) -> bool:
    """Whether a text that is not ASCII was read in its own encoding."""
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    if "\ufffd" in text or C1.search(text):
        return False
    return not is_bad(text) or fix_encoding(text) == text


def part(text: str) -> str:
    """Some of a text, around its first odd character, in ASCII."""
    at = next((n for n, char in enumerate(text) if char == "\0" or char > "\x7f"), 0)
    return ascii(text[max(at - 10, 0) : at + 20])
