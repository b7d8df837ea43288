"""How a book spells its words: what decides whether a hyphen at a line's end belongs to them."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from askback.language import CJK
from askback.reading.account import Account
from askback.reading.letters import HYPHENS
from askback.reading.wordlist import words_of

LETTERS = re.compile(r"[^\W\d_]+")
WORD = re.compile(r"[^\W\d_]+(?:['’‐-][^\W\d_]+)*")
BROKEN = re.compile(r"([^\W\d_]+(?:['’‐-][^\W\d_]+)*)([-‐\u00ad])$")
LONGEST = 50  # characters of a word
DASHES = ("—", "–")
ENOUGH = 10  # line ends that show how the book breaks words
MANY = 300  # lines that show that it does not
# Where words are written together or apart, but hardly ever with a hyphen before a small letter.
HYPHENLESS = {"cs", "da", "de", "es", "fi", "hu", "it", "la", "nl", "no", "pl", "sv"}
SPACELESS = {"ja", "zh"}
# What French puts after a hyphen: dit-il, celui-là, lui-même, donnez-le-moi.
FRENCH = re.compile(
    r"(je|tu|ils?|elles?|on|ce|ci|là|nous|vous|moi|toi|lui|leur|les?|la|y|en|t|mêmes?)"
)


class Spelling:
    """A book's words, as they stand within its lines, and what its line ends do to them."""

    def __init__(self, lines: Iterable[str], language: str) -> None:
        """Reads `lines`, all that the book has, in order."""
        self.language = language
        self.seen: Counter[str] = Counter()
        breaks: Counter[tuple[str, str, str]] = Counter()
        others: Counter[str] = Counter()
        lines = list(lines)
        for line, following in pairwise([*lines, ""]):
            end, rest = broken(line), LETTERS.match(following)
            whole = line[: end.start()] if end else line
            self.seen.update(WORD.findall(whole.lower()))
            if end and rest:
                others[rest[0].lower()] += 1  # the other part of a broken word is none
                breaks[end[1].lower(), end[2], rest[0].lower()] += 1
        self.seen -= others
        self.printed = self.hyphens_are_printed(breaks, len(lines))

    def hyphens_are_printed(self, breaks: Counter[tuple[str, str, str]], lines: int) -> bool:
        """Whether every `-` at a line's end is the author's.

        It is where the software breaks words with a hyphen of its own, or none at all: then what
        such a line end parts is hardly ever a word that the book has elsewhere in one piece.
        """
        hard = [left + right for left, hyphen, right in breaks.elements() if hyphen == "-"]
        if breaks.total() - len(hard) >= ENOUGH:
            return True
        whole = sum(self.seen[word] > 0 for word in hard)
        return lines >= MANY and whole < 0.2 * len(hard)

    def join(self, lines: Iterable[str], account: Account) -> str:
        """`lines` as one, the words whole that a line's end broke; `account` has the hyphens."""
        parts: list[str] = []
        for line in lines:
            if parts and (end := broken(parts[-1])) and (rest := LETTERS.match(line)):
                parts[-1] = self.mended(parts[-1], end, rest[0], account) + line
            elif parts:
                parts += [between(parts[-1], line, self.language), line]
            else:
                parts.append(line)
        return without_soft_hyphens("".join(parts), account)

    def mended(self, line: str, end: re.Match[str], rest: str, account: Account) -> str:
        """The line without its hyphen at the end, unless the author put it there."""
        keep, reason = self.hyphened(end[1], end[2], rest)
        account.decided[f"{'kept' if keep else 'taken out'}: {reason}"] += 1
        if keep:
            return line
        account.leave_out("hyphen", end[2])
        return line[:-1]

    def hyphened(self, left: str, hyphen: str, right: str) -> tuple[bool, str]:
        """Whether the hyphen between the two is the author's, and what tells so."""
        left, whole = left.lower(), f"{left}{right}".lower()
        parts = self.seen[f"{left}{hyphen}{right.lower()}"]
        if hyphen == "\u00ad":
            return False, "soft hyphen"
        if parts or self.seen[whole]:
            return parts > self.seen[whole], "the book's spelling"
        if hyphen == "‐" or self.printed:
            return hyphen == "-", "the book's line ends"
        if right[0].isupper():
            return True, "a capital follows"
        return self.by_language(left.rsplit("-")[-1], right)

    def by_language(self, left: str, right: str) -> tuple[bool, str]:
        """The same for words that the book has nowhere else."""
        if self.language in HYPHENLESS:
            return False, "the language's rule"
        if self.language == "fr" and FRENCH.fullmatch(right):
            return True, "the language's rule"
        if left + right in words_of(self.language):
            return False, "the word list"
        if self.is_word(left) and self.is_word(right):
            return True, "both parts are words"
        return False, "a part is no word"

    def is_word(self, word: str) -> bool:
        """Whether the book or the language has it."""
        return self.seen[word] > 0 or (len(word) > 1 and word in words_of(self.language))

    def capital(self, initial: str, rest: str) -> str:
        """A drop capital with the word after it, apart if `initial` is a word by itself."""
        one, other = initial.lower(), "".join(WORD.findall(rest.lower())[:1])
        listed = words_of(self.language)
        known = self.seen[other] > 1 or other in listed  # it was seen once here
        whole = one + other in listed and self.seen[one] < 2
        alone = (
            known and not whole and min(self.seen[one], self.seen[other]) > self.seen[one + other]
        )
        return f"{initial} {rest}" if alone else initial + rest


def without_soft_hyphens(text: str, account: Account) -> str:
    """The text without the hyphens that show at a line's end alone; they are in `account`."""
    account.leave_out("hyphen", "\u00ad" * text.count("\u00ad"))
    return text.replace("\u00ad", "")


def between(above: str, below: str, language: str) -> str:
    """What stands between two lines: a space, but nothing after a closed dash or in Chinese."""
    closed = above[-1:] in DASHES and above[-2:-1] not in ("", " ")
    figures = above[-1:] in HYPHENS and above[-2:-1].isdigit() and below[:1].isdigit()
    signs = CJK.match(above[-1:]) is not None, CJK.match(below) is not None
    if language in SPACELESS:
        written_on = any(signs) or not (above[-1:].isalnum() and below[:1].isalnum())
    else:
        written_on = all(signs)
    return "" if closed or figures or written_on else " "


def broken(line: str) -> re.Match[str] | None:
    """The last word and the hyphen of a line that ends with one."""
    if line[-1:] not in HYPHENS:
        return None
    return BROKEN.search(line, max(0, len(line) - LONGEST))
