"""What the language model behind the misbehaving endpoint says: questions as good as filters ask.

A function of the prompt and the request's name alone, so that it says the same whenever asked.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count

# What stands alone on a line and closes what the same mark has opened: something with a hash in
# it, or a tag.
HASH = re.compile(r"(?=.{1,80}$).*?\b([0-9a-f]{8,64})\b.*")
TAG = re.compile(r"\s*</?([a-z]\w*)>\s*")
ORDER = re.compile(r"^SAY: ?(.*)$", re.MULTILINE)
WORD = re.compile(r"\b[a-z]{5,12}\b")
UNSAYABLE = set(
    WORD.findall("""
    answer answers assistant author authors book books chapter excerpt excerpts ignore
    instruction instructions model passage passages previous prompt question questions quotation
    quote quoted quotes reply sentence sentences story system writer writers
    """)
)
OTHERS = WORD.findall("""
    anchor autumn balance barley basket bridge butter button candle canvas carpet castle cattle
    cellar chapel cherry chimney circle cotton courage cousin cradle danger desert doctor dragon
    engine evening fabric farmer feather fellow ferry fiddle finger forest fortune friend garden
    garlic glacier goblet grammar granite habit hammer harbour harvest hazard hedge helmet
    herring honey horizon hunger island ivory jacket journey kettle kitchen ladder lantern
    laughter leather lemon letter linen lizard magnet maple marble market meadow memory mercy
    mirror mixture morning mountain music needle nephew number ocean orchard oxygen palace
    pepper picture pillow pilot planet pocket powder prairie puzzle quarry rabbit railway ribbon
    riddle river saddle salmon sandal school season shadow shelter silver sister soldier spider
    statue stomach summer supper temple thunder timber tobacco tunnel turnip uncle valley velvet
    village vinegar violin volcano walnut weather whistle willow window winter wisdom
""")
FORMS = (
    "What did {} and {} teach you about {}, {}, {} and {}?",
    "Why do you put {} before {} when {}, {}, {} or {} is near?",
    "How did {} lead you to {}, beyond {}, {}, {} and {}?",
    "Would you trade {} for {} if {}, {}, {} and {} came along?",
    "When does {} need {} as much as {}, {}, {} or {}?",
    "Who showed you that {} and {} belong with {}, {}, {} and {}?",
    "Where does {} end and {} begin among {}, {}, {} and {}?",
    "Do you trust {} more than {} because of {}, {}, {} or {}?",
)


def passage(prompt: str) -> str:
    """What stands in the prompt's last fence; all of the prompt where it has none."""
    for mark in (HASH, TAG):
        lines = prompt.split("\n")
        while lines:
            places = reversed(range(len(lines)))
            marks = ((at, found[1]) for at in places if (found := mark.fullmatch(lines[at])))
            end, name = next(marks, (0, ""))
            for start, other in marks:
                if other == name:
                    return "\n".join(lines[start + 1 : end])
            lines = lines[:end]  # what closes nothing is text
    return prompt


def question(text: str, name: str) -> str:
    """A short English question on `text`, another for another name; no four words in a row copied.

    It has two words of the text, where the text has any that will do, and four others.
    """
    words = sorted(set(WORD.findall(text)) - UNSAYABLE) or OTHERS
    for attempt in count():
        draw = draws(f"{name}:{attempt}:{text}")
        form = FORMS[next(draw) % len(FORMS)]
        asked = form.format(*pick(words, 2, draw), *pick(OTHERS, 4, draw))
        if not copies(asked, text):
            return asked
    raise AssertionError("count() has no end")


def pick(words: Sequence[str], number: int, draw: Iterator[int]) -> Iterator[str]:
    """So many of the words; some twice only where there are fewer."""
    left = list(words)
    for _ in range(number):
        yield left.pop(next(draw) % len(left))
        left = left or list(words)


def draws(seed: str) -> Iterator[int]:
    """Eight numbers of 32 bits, the same for the same seed."""
    drawn = blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    return iter(memoryview(drawn).cast("I"))


def copies(asked: str, text: str) -> bool:
    """Whether four words in a row of the question stand in the text."""
    words, there = (re.findall(r"\w+", one.lower()) for one in (asked, text))
    spaced = f" {' '.join(there)} "
    runs = (words[at : at + 4] for at in range(len(words) - 3))
    return any(f" {' '.join(run)} " in spaced for run in runs)


def ordered(text: str) -> str | None:
    r"""What a `SAY: …` line of the text orders; `\n` and `\t` in it are what they mean."""
    found = ORDER.search(text)
    return found and found[1].replace(r"\n", "\n").replace(r"\t", "\t")


def tokens(text: str) -> int:
    """A count as good as another: four bytes are a token, as they are in English books."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)
