"""Which passages work as answers, as far as their text alone tells: rules by name, to be switched.

A rule that most of a document breaks says how that book is written, a frame tale in quotation marks
or a manual in lists, or that it is on the shelf twice: it is not held against its passages.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal

from askback.asking import notices
from askback.asking.duplicates import Near, words
from askback.asking.quoted import quoted_share
from askback.asking.shape import sentences
from askback.records import Dropped, Passage

Rule = Literal["near_duplicate", "boilerplate", "quotation", "list"]
Finding = dict[str, str]  # by the id of a passage that breaks a rule: how one sees that

BOOK = 10  # passages that show how a document is written
SEVERAL = 3  # passages that have a sentence: it is repeated
SAYING = 4  # words of a sentence that is compared
REPEATED = 0.6  # of a passage's words in such sentences
NOTICES, NOTICED = 2, 1 / 3  # sentences of notices, at least, and of all
QUOTED = 0.8  # of a passage in one quotation, or in verse
STANZA, VERSE = 4, 60  # lines of verse, at least; characters of one, at most
ITEMS, LISTED = 3, 0.7  # of a list, at least; of a passage in them
ENUMERATED = 0.4  # commas and semicolons to a word
EXCERPT = 60  # characters that show what was found

ITEM = re.compile(r"\s*(?:[•◦▪‣·*☐☑✓✔-]\s|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s)")
CELLS = re.compile(r"\t[^\t]|\S {3,20}\S|\S ?\| ?\S|\.{4,}|(?:\. ){4}")
# A dash and a sentence is dialogue; a letter and a stop are a name's.
SPOKEN = re.compile(r"\s*(?:-\s.*[.!?…»”\"]\s*\Z|[A-Z]\.\s)", re.DOTALL)


def fit(passages: Sequence[Passage], rules: Collection[str]) -> Iterator[Passage | Dropped]:
    """The passages in order, each that breaks a rule as dropped under its name."""
    broken = {rule: found(passages) for rule, found in RULES.items() if rule in rules}
    near = Near.passages() if "near_duplicate" in rules else None
    for passage in passages:
        if rule := next((rule for rule, found in broken.items() if passage.id in found), None):
            yield Dropped(passage.id, rule, broken[rule][passage.id])
        elif near and (earlier := near.find(passage.text)):
            yield Dropped(passage.id, "near_duplicate", f"of {earlier}: {excerpt(passage.text)}")
        else:
            if near:
                near.add(passage.id, passage.text)
            yield passage


def boilerplate(passages: Sequence[Passage]) -> Finding:
    """The passages that say what others say, or what stands in every book."""
    shelf = [[" ".join(words(s)) for s in sentences_of(passage)] for passage in passages]
    seen = Counter(sentence for said in shelf for sentence in set(said))
    repeated = {s for s, count in seen.items() if count >= SEVERAL and s.count(" ") >= SAYING - 1}
    found = {}
    for passage, said in zip(passages, shelf, strict=True):
        again = sum(s.count(" ") + 1 for s in said if s in repeated)
        if again > REPEATED * sum(s.count(" ") + 1 for s in said):
            found[passage.id] = f"also in other passages: {excerpt(passage.text)}"
    return but_for_style(found, passages) | noticed(passages)


def noticed(passages: Sequence[Passage]) -> Finding:
    """The passages of notices, advertisement and thanks."""
    found = {}
    for passage in passages:
        said = sentences_of(passage)
        telling = [sentence for sentence in said if notices.SENTENCE.search(sentence)]
        if notices.HEADING.fullmatch(passage.chapter):
            found[passage.id] = f"in chapter {excerpt(passage.chapter)}"
        elif len(telling) >= max(NOTICES, NOTICED * len(said)):
            found[passage.id] = excerpt(telling[0])
    return found


def sentences_of(passage: Passage) -> list[str]:
    """A passage's sentences; a heading or a line by itself is one."""
    return [sentence for line in passage.text.split("\n") for sentence in sentences(line)]


def quotations(passages: Sequence[Passage]) -> Finding:
    """The passages that are mostly in one quotation, or in verse."""
    found = {}
    for passage in passages:
        for kind, share in (("quoted", quoted_share(passage.text)), ("verse", verse(passage.text))):
            if share >= QUOTED:
                found[passage.id] = f"{share:.0%} {kind}: {excerpt(passage.text)}"
    return but_for_style(found, passages)


def verse(text: str) -> float:
    """The share of a text's characters in stanzas, or in lines that are marked as quoted."""
    stanzas = [
        part
        for part in text.split("\n\n")
        if is_quoted(part.split("\n")) or is_stanza(part.split("\n"))
    ]
    return sum(map(len, stanzas)) / max(len(text.replace("\n\n", "")), 1)


def is_quoted(lines: Sequence[str]) -> bool:
    """Whether lines stand behind the mark that mail and Markdown set before a quotation."""
    return all(line.startswith(">") for line in lines)


def is_stanza(lines: Sequence[str]) -> bool:
    """Whether lines are as short as those of verse, and are no list."""
    return len(lines) >= STANZA and max(map(len, lines)) <= VERSE and not any(map(is_item, lines))


def lists(passages: Sequence[Passage]) -> Finding:
    """The passages that are mostly items, rows of a table, or words between commas."""
    found = {}
    for passage in passages:
        lines = [line for line in passage.text.split("\n") if line.strip()]
        items = [line for line in lines if is_item(line)]
        if len(items) >= ITEMS and sum(map(len, items)) >= LISTED * sum(map(len, lines)):
            found[passage.id] = f"{len(items)} items of {len(lines)} lines: {excerpt(items[0])}"
        elif is_enumeration(passage.text):
            found[passage.id] = f"enumerates: {excerpt(passage.text)}"
    return but_for_style(found, passages)


def is_item(line: str) -> bool:
    """Whether a line is an item of a list, or a row of a table."""
    return bool((ITEM.match(line) and not SPOKEN.match(line)) or CELLS.search(line))


def is_enumeration(text: str) -> bool:
    """Whether there is hardly a word without a comma after it."""
    return text.count(",") + text.count(";") >= ENUMERATED * max(len(text.split()), 1)


def but_for_style(found: Finding, passages: Sequence[Passage]) -> Finding:
    """What a rule has found, without the documents that are mostly like that."""
    all_of = Counter(passage.document for passage in passages)
    like_that = Counter(passage.document for passage in passages if passage.id in found)
    style = {
        name for name, count in all_of.items() if count >= BOOK and like_that[name] * 2 > count
    }
    return {p.id: found[p.id] for p in passages if p.id in found and p.document not in style}


def excerpt(text: str) -> str:
    """How the text begins, on one line."""
    return " ".join(text.split())[:EXCERPT]


RULES: dict[str, Callable[[Sequence[Passage]], Finding]] = {
    "boilerplate": boilerplate,
    "quotation": quotations,
    "list": lists,
}
