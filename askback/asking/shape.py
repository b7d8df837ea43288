"""Whether what a model wrote has the shape of one question, in whatever script."""

import re
from collections.abc import Iterator

from askback.asking.wording import ABBREVIATIONS, BEFORE_NUMBERS, CHATTER

LEAD_INS = 1  # sentences that may stand before a question, as in `You left home at nine. Why?`

MARKS = "?？؟‽⁇⁈⁉\u037e⸮"  # \u037e is Greek, and looks like a semicolon
CLOSING = "\"'”’“‘»«›‹」』)]）】*_ "
STOP = re.compile(rf"[.!。！…{MARKS}]+[{re.escape(CLOSING)}]*\s*")
WORD = 40  # characters before a stop that tell whether it ends a word alone
GOES_ON = ",;:—–-…"  # a sentence, after a question or an exclamation within it
EMOTION = re.compile(r"[(\[（][^()\[\]（）]{1,60}[)\]）]\s*")  # before a question in a play
# Questions that end without a mark, and scripts that have none, or have it within a word.
UNMARKED = re.compile(
    r"(?:か|かな|の|吗|嗎|呢|까|나요|가요|[\u0370-\u03ff\u1f00-\u1fff];)\Z"
    r"|[՞፧\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)


def is_question(text: str) -> bool:
    """Whether the text ends as questions do."""
    end = text.rstrip(CLOSING).rstrip(".!…！。")
    return end[-1:] in set(MARKS) or UNMARKED.search(end) is not None


def is_more_than_one(text: str) -> bool:
    """Whether there are several questions, or one with more around it than a short lead-in."""
    if CHATTER.match(text):
        return True
    asked = [is_question(sentence) for sentence in sentences(without_emotion(text))]
    alone = sum(asked) == 1 and asked[-1] and len(asked) <= 1 + LEAD_INS
    return any(asked) and not alone


def without_emotion(text: str) -> str:
    """The text without what stands in brackets before it."""
    emotion = EMOTION.match(text)
    return text[emotion.end() :] if emotion else text


def sentences(text: str) -> Iterator[str]:
    """The text's sentences; an abbreviation that nobody has listed ends one."""
    start = 0
    for stop in STOP.finditer(text):
        before = text[max(start, stop.start() - WORD) : stop.start()]
        if ends_sentence(before, stop[0], text[stop.end() : stop.end() + 1]):
            yield text[start : stop.end()]
            start = stop.end()
    if text[start:].strip():
        yield text[start:]


def ends_sentence(before: str, stop: str, after: str) -> bool:
    """Whether a stop before `after` ends a sentence, rather than a word or a quotation in it."""
    spaced = stop[-1].isspace() or ord(stop[0]) > 0x2FFF  # Chinese stops have no space after them
    if not after or after.islower() or after in GOES_ON or not spaced:
        return False
    word = before.rpartition(" ")[2].strip("(\"'“‘«").lower()
    known = BEFORE_NUMBERS if after.isdigit() else ABBREVIATIONS
    shortened = len(word) == 1 or word in known or word.isdigit() or "." in word
    return not (stop.startswith(".") and shortened)
