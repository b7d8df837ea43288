"""How a book spells its words: what decides whether a hyphen at a line's end belongs to them."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

LETTERS = re.compile(r"[^\W\d_]+")
WORD = re.compile(r"[^\W\d_]+(?:['’‐-][^\W\d_]+)*")
BROKEN = re.compile(r"([^\W\d_]+(?:['’‐-][^\W\d_]+)*)([-‐\u00ad])$")
LONGEST = 50  # characters of a word
DASHES = ("—", "–")
ENOUGH = 10  # line ends that show how the book breaks words
MANY = 300  # lines that show that it does not


class Spelling:
    """A book's words, as they stand within its lines, and what its line ends do to them."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Reads `lines`, all that the book has, in order."""
        self.seen: Counter[str] = Counter()
        breaks: Counter[tuple[str, str, str]] = Counter()
        lines = list(lines)
        for line, following in pairwise([*lines, ""]):
            end, rest = broken(line), LETTERS.match(following)
            whole = line[: end.start()] if end else line
            self.seen.update(WORD.findall(whole.lower()))
            if end and rest:
                self.seen[rest[0].lower()] -= 1  # the other part of a broken word is none
                breaks[end[1].lower(), end[2], rest[0].lower()] += 1
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

    def join(self, lines: Iterable[str]) -> str:
        """`lines` as one, with the words whole that a line's end broke."""
        text = ""
        for line in lines:
            text = self.pair(text, line)
        return text.replace("\u00ad", "")

    def pair(self, above: str, below: str) -> str:
        """Two lines as one."""
        end, rest = broken(above), LETTERS.match(below)
        if end and rest:
            return (above if self.hyphened(end[1], end[2], rest[0]) else above[:-1]) + below
        closed = above[-1:] in DASHES and above[-2:-1] not in ("", " ")
        return above + below if closed or not above else f"{above} {below}"

    def hyphened(self, left: str, hyphen: str, right: str) -> bool:
        """Whether the book would print this hyphen between the two in the middle of a line, too."""
        left, whole = left.lower(), f"{left}{right}".lower()
        parts = self.seen[f"{left}{hyphen}{right}"]
        if hyphen == "\u00ad":
            return False
        if parts or self.seen[whole]:
            return parts > self.seen[whole]
        if hyphen == "‐" or right[0].isupper() or self.printed:
            return hyphen == "-"
        return min(self.seen[left.rsplit("-")[-1]], self.seen[right]) > 0 and len(left) > 2

    def capital(self, initial: str, rest: str) -> str:
        """A drop capital with the word after it, apart if `initial` is a word by itself."""
        one, other = initial.lower(), "".join(WORD.findall(rest.lower())[:1])
        alone = min(self.seen[one], self.seen[other]) > self.seen[one + other]
        return f"{initial} {rest}" if alone else initial + rest


def broken(line: str) -> re.Match[str] | None:
    """The last word and the hyphen of a line that ends with one."""
    if line[-1:] not in ("-", "‐", "\u00ad"):
        return None
    return BROKEN.search(line, max(0, len(line) - LONGEST))
