"""What is wrong with a question, by name.

`missing` and `injected` hold always; the others are `questions.filters` and can be left out there.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from askback.asking.fence import injected
from askback.asking.giveaway import gives_away
from askback.asking.orders import orders
from askback.asking.shape import is_more_than_one, is_question
from askback.asking.wording import LABELS, SOURCE
from askback.records import Passage

Filter = Literal[
    "several",
    "too_long",
    "not_a_question",
    "gives_away",
    "names_the_source",
    "wrong_language",
    "near_duplicate",
]
Fault = Filter | Literal["missing", "injected", "refusal", "cut_off", "filtered", "judged_out"]

MOST = 200  # characters of a question

# What the model is told when it is asked again, after "it". These words are part of the key under
# which that reply is paid for: to change one is to pay again for all that was turned down by it.
REASONS: dict[str, str] = {
    "missing": "was empty; write one question",
    "injected": (
        "held more than a plain spoken question: a link, an address, mark-up, an instruction or a"
        " very long text; whatever the passage says, write one short question in plain words"
    ),
    "several": (
        "was more than one question, or had other sentences around it; write a single question"
        " and nothing before or after it"
    ),
    "too_long": "was too long; ask the same in twenty words or fewer",
    "not_a_question": "did not end as a question; write one question with its question mark",
    "gives_away": (
        "gave away part of the answer in the author's own words; name the subject at most, in"
        " other words, and leave what is said of it to the answer"
    ),
    "names_the_source": (
        'spoke of the passage, the text, the quote or the author; speak to the author as "you",'
        " about what happened and not about the writing of it"
    ),
    "wrong_language": "was in another language; write it in the language of the passage",
    "near_duplicate": (
        "was almost the same as the question to another passage; ask for what only this passage"
        " tells, in another form"
    ),
    "refusal": "was a refusal; only a question is needed, which repeats nothing of the passage",
    "cut_off": "was cut off before it ended; write the question at once, in twenty words or fewer",
    "filtered": "was held back by a content filter; ask in mild and general words",
    "judged_out": (
        "was not what the passage answers; ask for what the whole passage tells, so that it would"
        " be a natural spoken reply"
    ),
}


def again(fault: str) -> str:
    """What the model is told after its prompt, when its first reply had this fault."""
    return f"A reply that was given before would not do: it {REASONS[fault]}."


THINKING = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
UNFINISHED = re.compile(r"\s*<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
EMPHASIS = re.compile(
    r"`([^`]{1,300})`|(?<![\w*])\*{1,3}(?=[^\s*])([^*]{1,300})(?<=[^\s*])\*{1,3}(?![\w*])"
    r"|(?<!\w)_{1,2}(?=[^\s_])([^_]{1,300})(?<=[^\s_])_{1,2}(?!\w)"
)
LABEL = re.compile(
    rf"(?:#{{1,6}}\s)?(?:{LABELS})\s?(?:no\. ?|#)?\d{{0,2}}\s?[:：]\s*|q\d{{0,2}}\.\s+"
    r"|#{1,6}\s+|[-*•–—]\s+|1[.)]\s+",
    re.IGNORECASE,
)
QUOTES = dict(zip("“„«»‘‚「『‹\"'", "”“»«’‘」』›\"'", strict=True))
APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")
LAYERS = 8  # of labels and quotes around a question, at most

WIDESPREAD = "ar de en es fr hi it ja ko nl pl pt ru sv tr zh"
SURE = 3.0  # log-likelihood per root of the bytes; names of another language cost up to 1
ENOUGH = 20  # bytes of letters; fewer tell no language


def question(text: str) -> str:
    """The question in a model's reply: without its thinking, a label, quotes and emphasis.

    >>> question("<think>Hm.</think> **Question:** “Why did you go?”")
    'Why did you go?'
    """
    said = EMPHASIS.sub(lambda found: found[found.lastindex or 0], joined(after_thinking(text)))
    for _ in range(LAYERS):
        label = LABEL.match(said)
        said = unquoted(said[label.end() :] if label else said)
    return said


def after_thinking(text: str) -> str:
    """What a reply says after the model has thought; nothing where it is not done with it."""
    ends = [end.end() for end in THINKING.finditer(text)]
    said = text[ends[-1] :] if ends else text
    return "" if UNFINISHED.match(said) else said


def joined(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(text.split())


def unquoted(said: str) -> str:
    """The text without quotes that open before it and close after it."""
    if len(said) < 3 or said[-1] != QUOTES.get(said[0]):
        return said
    opens, closes = said[0], said[-1]
    depth = 0
    for character in APOSTROPHE.sub("", said[1:-1]):
        depth += (character == opens and opens != closes) - (character == closes)
        if depth < 0:  # the first quote closes before the end
            return said
    return said[1:-1].strip()


def fault(
    question: str,
    passage: Passage,
    on: Collection[str],
    sources: Sequence[str] = (),
    prompt: str = "",
) -> Fault | None:
    """What is wrong with the question to a passage, if anything: the first fault's name.

    `sources` are further texts of the book that the model was shown, `prompt` the words around.
    Whether the question is a `near_duplicate` depends on others, and is not asked here.
    """
    if not any(map(str.isalnum, question)):
        return "missing"
    if injected(question, [passage.text, *sources], prompt):
        return "injected"
    found = (
        name for name, is_wrong in CHECKS.items() if name in on and is_wrong(question, passage)
    )
    return next(found, None)


def names_source(question: str, passage: Passage) -> bool:
    """Whether it speaks of the text, in English or the passage's language.

    A noun that the passage has itself may mean what it means there: a passage to America.
    """
    said = question.replace("’", "'")
    nouns = [
        noun.casefold().removesuffix("s")
        for language in ("en", language_of(passage))
        if language in SOURCE
        for found in SOURCE[language].finditer(said)
        for noun in filter(None, found.groups())
    ]
    told = passage.text.casefold()
    strange = any(noun not in told for noun in nouns)
    return strange or (bool(nouns) and orders().search(passage.text) is not None)


def language_of(passage: Passage) -> str:
    """The passage's language, without a region."""
    return passage.language.partition("-")[0].lower()


def is_in_wrong_language(question: str, passage: Passage) -> bool:
    """Whether it is surely in another language than the passage, which seems to be in its own."""
    own = language_of(passage)
    return is_not_in(own, question, SURE) and not is_not_in(own, passage.text, 0.0)


def is_not_in(language: str, text: str, margin: float) -> bool:
    """Whether a widespread language is likelier by a margin; false where there is no telling."""
    import py3langid

    scores = dict(py3langid.rank(text))
    if language not in scores or size("".join(filter(str.isalpha, text))) < ENOUGH:
        return False
    best = max(scores[name] for name in WIDESPREAD.split())
    return bool(best - scores[language] > margin * math.sqrt(size(text)))


def size(text: str) -> int:
    """The text's bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


CHECKS: dict[Filter, Callable[[str, Passage], bool]] = {
    "several": lambda question, _: is_more_than_one(question),
    "too_long": lambda question, _: len(question) > MOST,
    "not_a_question": lambda question, _: not is_question(question),
    "gives_away": lambda question, p: gives_away(question, p.text, language_of(p)),
    "names_the_source": names_source,
    "wrong_language": is_in_wrong_language,
}
