"""How much of a text is one quotation, in the quotation marks of any language."""

import re
from collections.abc import Iterator

# What closes a quotation that opens so. German and French use the same marks the other way round,
# and a mark opens only where a word begins.
CLOSING = {
    "“": "”",
    "„": "“”",
    "”": "”",
    "«": "»",
    "»": "«",
    "‘": "’",
    "‚": "‘’",
    '"': '"',
    "「": "」",
    "『": "』",
    "‹": "›",
    "›": "‹",
}
OPENS = re.compile(r"(?<![^\s(\[—–-])[“„”«»‘‚\"‹›](?=[^\s,.;:!?)\]])|«(?=\s\S)|[「『]")
CLOSES = {
    # The apostrophe closes after a stop alone, or every "can’t" and "dogs’" would.
    closing: re.compile(r"(?<=[.,!?…—–;:])’(?!\w)" if closing == "’" else f"[{closing}]")
    for closing in set(CLOSING.values())
}
CLOSES["‘’"] = re.compile(r"[‘’](?!\w)")


def quoted_share(text: str) -> float:
    """The share of the text's characters in its only quotation; 0 where it has several.

    Where people speak in turns, or one speaks and is described, the author is telling it.
    """
    found = list(quotations(text.split("\n\n")))
    return found[0] / len(text) if len(found) == 1 else 0.0


def quotations(paragraphs: list[str]) -> Iterator[int]:
    """The characters of each quotation.

    One that is open at a paragraph's end goes on in the next if that opens with the mark again, as
    letters and long speeches are set.
    """
    length, mark = 0, ""  # of the quotation that is open, and what opened it
    for number, paragraph in enumerate(paragraphs):
        at = 0
        if mark and not paragraph.startswith(mark):
            yield length
            length, mark = 0, ""
        elif number == 0 and (unopened := begins_inside(paragraph)):
            yield unopened
            at = unopened
        while opening := OPENS.search(paragraph, at):
            if not mark:
                mark = opening[0]
            start = opening.start()
            closing = CLOSES[CLOSING[mark]].search(paragraph, opening.end())
            at = closing.end() if closing else len(paragraph)
            length += at - start
            if closing:
                yield length
                length, mark = 0, ""
    if mark:
        yield length


def begins_inside(paragraph: str) -> int:
    """How many characters stand before a quotation's end, in a text that begins within one."""
    closing = re.search(r"[”»](?!\w)", paragraph)
    return closing.end() if closing and not re.search("[“„«»]", paragraph[: closing.start()]) else 0
