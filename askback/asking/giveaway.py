"""How much of a passage's wording a question gives away.

What counts is runs of words that both share, as copied text has; by how many words in them say
something. Names and numbers do not, for a question may name what it is about. English pronouns
are turned first: "I could lift" is given away by "you could lift".
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from askback.asking.wording import FUNCTION_WORDS, TURNED

RUN = 4  # words in a row that make a copy; fewer are how people speak
SIGNS_RUN = 8  # the same in signs
COPIED = 5.0  # words in one run, by how much they say: too many
LONG_RUN = 10  # words in one, whatever they say
SHARED = 4.0  # words in all runs, by how much they say, if that is over half of the question's
WHOLE = 1.0  # of a question that stands in the passage as it is
LONG = 4  # letters of a word that may say something
SMALL = 0.2  # words that one of the language's own is worth
SIGN = 0.5  # words that a sign of a script without spaces is worth

SIGNS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
TOKEN = re.compile(rf"[{SIGNS}]|[^\W_{SIGNS}]+(?:['‐-][^\W_{SIGNS}]+)*|[.!?:]")
CAPITAL_NOUNS = frozenset({"de", "lb"})  # languages where a capital does not tell a name


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared, and how much it says, in words."""

    said: str
    weight: float


def gives_away(question: str, passage: str, language: str) -> bool:
    """Whether the question copies so much of the passage that it tells the answer."""
    asked, told = list(words(question, language)), list(words(passage, language))
    says = weight(asked)
    if says >= WHOLE and spaced(asked) in spaced(told):
        return True
    runs = list(shared(asked, told))
    together = sum(map(weight, runs))
    return any(map(is_copy, runs)) or together >= max(SHARED, says / 2 + 0.5)


def is_copy(run: Sequence[Word]) -> bool:
    """Whether a run says too much, or is too long, for chance; names and numbers apart."""
    return weight(run) >= COPIED or sum(word.weight > 0 for word in run) >= LONG_RUN


def words(text: str, language: str) -> Iterator[Word]:
    """The text's words and signs, without its punctuation."""
    folded = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    for before, token in pairwise([".", *TOKEN.findall(folded)]):
        if token not in ".!?:":
            starts = before in ".!?:"  # a sentence, where every word has a capital
            named = token[0].isupper() and not starts and language not in CAPITAL_NOUNS
            said = token.lower()
            yield Word(TURNED.get(said, said), 0.0 if named else worth(said))


def worth(said: str) -> float:
    """How much a word says; those that the language itself needs say little, numbers nothing."""
    if is_sign(said):
        return SIGN
    if said[0].isdigit():
        return 0.0
    return SMALL if len(said) < LONG or said in FUNCTION_WORDS else 1.0


def is_sign(said: str) -> bool:
    """Whether it is a sign of a script that is written without spaces."""
    return re.match(f"[{SIGNS}]", said) is not None


def shared(asked: Sequence[Word], told: Sequence[Word]) -> Iterator[list[Word]]:
    """The runs of the question's words that stand in the passage in a row, or nearly."""
    signs = sum(is_sign(word.said) for word in asked)
    length = SIGNS_RUN if signs > len(asked) / 2 else RUN
    known = set(grams(told, length))
    copied = [False] * len(asked)
    for start, gram in enumerate(grams(asked, length)):
        if gram in known:
            copied[start : start + length] = [True] * length
    for is_copied, run in groupby(zip(copied, asked, strict=True), key=lambda pair: pair[0]):
        if is_copied:
            yield [word for _, word in run]


def grams(words: Sequence[Word], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of so many words."""
    said = [word.said for word in words]
    return zip(*(said[start:] for start in range(length)), strict=False)


def weight(words: Sequence[Word]) -> float:
    """How much the words say together."""
    return sum(word.weight for word in words)


def spaced(words: Sequence[Word]) -> str:
    """The words with a space around each."""
    return " ".join(["", *(word.said for word in words), ""])
