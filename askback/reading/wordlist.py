"""The words of a language, from a kept package's lists."""

from collections.abc import Collection
from functools import cache

LISTED = ("ar", "de", "en", "es", "eu", "fa", "fr", "it", "lv", "nl", "pt", "ru")


@cache
def words_of(language: str) -> Collection[str]:
    """The language's words in lower case; none of a language that has no list."""
    if language not in LISTED:
        return frozenset()
    from spellchecker import SpellChecker

    return SpellChecker(language=language, distance=1).word_frequency.dictionary
