"""Rows of one question and one answer, as OpenOrca and Alpaca have them."""

from askback.gathering.fields import Fields, needed_text, text
from askback.gathering.rows import Row
from askback.records import Message

SYSTEM = ("system_prompt", "system")
QUESTION = ("question", "instruction", "prompt")
INPUT = ("input",)
ANSWER = ("response", "output", "answer", "completion")


def messages(row: Row, fields: Fields) -> list[Message]:
    """System message, if the row has one, question and answer; RowError where one is missing.

    What an instruction is to be applied to (`input`) stands below it.
    """
    question = needed_text(row, "question", fields, QUESTION)
    answer = needed_text(row, "answer", fields, ANSWER)
    if given := text(row, "input", fields, INPUT).strip():
        question = f"{question}\n\n{given}"
    system = text(row, "system", fields, SYSTEM)
    talk = [Message("user", question), Message("assistant", answer)]
    return [Message("system", system), *talk] if system else talk
