"""What a judge made of a question and the passage that answers it.

A verdict chooses among questions and nothing else: no word of it is ever in the data.
"""

import re
import unicodedata
from dataclasses import dataclass

from askback.asking.filters import after_thinking

MOST = 200  # characters of a reason

VERDICT = re.compile(
    r"[\s*_\"'`>#“(-]{0,20}(?:(?:verdict|answer|decision|judge?ment)\s?[*_]{0,2}\s?[:=][*_\s]{0,3})?"
    r"[*_\"'`“(]{0,4}(yes|no)(?![\w/]| or )[*_\"'`”).,:;!\s–—-]{0,20}(.*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a question and its passage belong together, and why."""

    good: bool | None  # None: the judge did not say
    reason: str  # one line


def parse(text: str) -> Judgement:
    """The judgement in a judge's reply; unclear where it begins with neither, or says both.

    >>> parse("**No**: it is about the boat.")
    Judgement(good=False, reason='it is about the boat.')
    """
    lines = [line for line in after_thinking(text).splitlines() if line.strip()]
    found = [verdict for line in lines if (verdict := VERDICT.match(line))]
    said = {verdict[1].lower() for verdict in found}
    if len(said) != 1 or found[0].string != lines[0]:
        return Judgement(None, one_line(" ".join(lines)))
    reason = found[0][2] or " ".join(lines[1:])
    return Judgement(said == {"yes"}, one_line(reason))


def one_line(text: str) -> str:
    """The text without control and unseen characters, cut to length."""
    plain = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * MOST])
    return " ".join("".join(plain).split())[:MOST]
