"""The names of those who speak: what is written as one, and which are equal."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

WORDS = 5  # of a name, at most
SMALL = {"da", "de", "del", "der", "di", "du", "la", "le", "of", "the", "van", "von"}  # in names


def same(name: str) -> str:
    """What is equal for two spellings of a speaker's name: case, spaces and composition aside."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def is_name(text: str) -> bool:
    """Whether it is written as names are: some words, with capitals where the script has any."""
    words = text.split()
    small = any(word[0].islower() and word not in SMALL for word in words)
    return 0 < len(words) <= WORDS and not small


def known(names: Iterable[str], author: str) -> set[str]:
    """Of what may be names those of speakers, as `same`: who speaks twice, and the author."""
    often = Counter(map(same, names))
    return {name for name, count in often.items() if count > 1 or name == same(author)}
