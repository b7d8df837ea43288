"""Which blocks are the book's text and which its apparatus, and the chapter each stands in."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from askback.language import CJK
from askback.reading.account import Account, count
from askback.reading.blocks import Block
from askback.reading.headings import CHAPTER_LABEL, CONTENTS, INDEX, NOTES
from askback.reading.notes import ENDNOTE_LABEL, take_endnote_calls
from askback.reading.pages import RAISED
from askback.records import Ids, Paragraph

IMPRINT = re.compile(
    r"©|\(c\) \d{4}|copyright|all rights reserved|\bISBN\b|first published|printed in"
    r"|public domain|creative commons|CC[ -]BY|CC0",
    re.IGNORECASE,
)
LEADERS = re.compile(r".{,150}?((\. ?){4,}|…{2,}|[_·]{4,})\s*(\d{1,4}|[ivxlc]+)", re.DOTALL)
ENTRY = re.compile(r".*\D\s?(\d{1,4}|[ivxlc]+)", re.DOTALL)  # ends in a page's number
PROSE = 300  # characters; with less than that before the next heading, a front section is no text


def paragraphs(document: str, blocks: Sequence[Block], account: Account) -> Iterator[Paragraph]:
    """The blocks as the document's paragraphs, each in its chapter."""
    ids = Ids()
    said = [block for block in classified(blocks, account) if settle(block)]
    for number, (chapter, block) in enumerate(in_chapters(said), 1):
        text = block.text
        account.kept[block.kind] += count(text)
        yield Paragraph(
            id=ids(document, text),
            document=document,
            number=number,
            chapter=chapter,
            kind=block.kind,
            text=text,
            first_page=block.first_page,
            last_page=block.last_page,
        )


def settle(block: Block) -> str:
    """The block's text, in which what was raised and calls no note is a word of its own."""
    block.text = block.text.replace(RAISED, " ").strip()
    return block.text


def classified(blocks: Sequence[Block], account: Account) -> list[Block]:
    """The blocks, with front matter, contents and index as junk and endnotes as notes."""
    found: list[Block] = []
    text: list[Block] = []  # since the last endnotes
    notes: list[Block] = []  # at the end of it
    parts = list(sections(blocks))
    front = any(map(is_text, parts))
    under, size = None, 0.0  # the kind of section that smaller headings do not end
    for section in parts:
        front = front and not is_text(section)
        if ends(section, under, size):
            under, size = heading_of(section)
        if under is CONTENTS:
            found += contents(section)
        elif under is INDEX:
            found += map(junk, section)
        elif front:
            found += [block if block.kind == "heading" else junk(block) for block in section]
        elif under is NOTES:
            noted = [b if b.kind == "heading" else replace(b, kind="note") for b in section]
            found += noted
            notes += noted
        else:
            if notes:
                take_endnote_calls(text, notes, account)
                text, notes = [], []
            kept = [as_junk_if_leaders(block) for block in section]
            text += [block for block in kept if block.kind not in ("heading", "note", "junk")]
            found += kept
    take_endnote_calls(text, notes, account)
    return found


def heading_of(section: Sequence[Block]) -> tuple[re.Pattern[str] | None, float]:
    """Which special section it is by one of its headings, None for text; and that one's size."""
    labelled = sum(ENDNOTE_LABEL.match(block.text) is not None for block in section)
    names = [CONTENTS, INDEX, *([NOTES] if labelled > 0.3 * (len(section) - 1) else [])]
    for head in headings(section):
        for name in names:
            if name.fullmatch(plain(head)):
                return name, head.size
    return None, largest(section)


def plain(head: Block) -> str:
    """The heading without what calls a note, and without the point after it."""
    return head.text.partition(RAISED)[0].strip(" .:")


def largest(section: Sequence[Block]) -> float:
    """The size of the section's largest heading, in points; 0 without one."""
    return max((head.size for head in headings(section)), default=0.0)


def ends(section: Sequence[Block], under: re.Pattern[str] | None, size: float) -> bool:
    """Whether the section ends the special one above it, headed in `size`."""
    if heading_of(section)[0] is not None or largest(section) > 0.97 * size:
        return True
    if under is CONTENTS:
        return is_text(section)
    return any(map(is_prose, section)) and not any(ENDNOTE_LABEL.match(b.text) for b in section)


def as_junk_if_leaders(block: Block) -> Block:
    """The block, as apparatus if dots lead from it to a page."""
    return junk(block) if LEADERS.fullmatch(block.text) else block


def is_text(section: Sequence[Block]) -> bool:
    """Whether the section is more than a title page: a numbered chapter, or some prose."""
    if is_headed(section, CONTENTS):
        return False
    text = prose(section)
    numbered = is_headed(section, CHAPTER_LABEL) and bool(text)
    return numbered or sum(extent(block.text) for block in text) >= PROSE


def sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Each heading, or neighbouring headings, with the blocks under it."""
    current: list[Block] = []
    for block in blocks:
        if block.kind == "heading" and current and current[-1].kind != "heading":
            yield current
            current = []
        current.append(block)
    if current:
        yield current


def headings(section: Sequence[Block]) -> list[Block]:
    """The headings that begin the section."""
    return list(takewhile(lambda block: block.kind == "heading", section))


def is_headed(section: Sequence[Block], name: re.Pattern[str]) -> bool:
    """Whether the last of the section's headings is such a name."""
    heads = headings(section)
    return bool(heads) and name.fullmatch(plain(heads[-1])) is not None


def contents(section: Sequence[Block]) -> list[Block]:
    """The section with its heading and its entries as junk, up to the first prose."""
    entries = list(takewhile(lambda block: not is_prose(block), section))
    return [*map(junk, entries), *section[len(entries) :]]


def is_prose(block: Block) -> bool:
    """Whether the block is too long for an entry of a table of contents."""
    long = extent(block.text) > PROSE and not ENTRY.fullmatch(block.text)
    return long and not LEADERS.fullmatch(block.text)


def extent(text: str) -> int:
    """How much the text says, in letters: a Chinese sign as much as three."""
    return len(text) + 2 * len(CJK.findall(text))


def prose(section: Sequence[Block]) -> list[Block]:
    """The section's blocks of text, without the page that has the imprint on it."""
    imprint = {block.first_page for block in section if IMPRINT.search(block.text)} - {0}
    return [
        block
        for block in section
        if block.kind != "heading"
        and block.first_page not in imprint
        and not IMPRINT.search(block.text)
        and not LEADERS.fullmatch(block.text)
    ]


def junk(block: Block) -> Block:
    """The block as apparatus."""
    return block if block.kind == "note" else replace(block, kind="junk")


def in_chapters(blocks: Sequence[Block]) -> Iterator[tuple[str, Block]]:
    """Each block with the chapter it stands in; none for front matter and contents."""
    parts = list(sections(blocks))
    size = chapter_size(parts)
    chapter = ""
    for section in parts:
        text = has_text(section)
        if text:
            chapter = name(section, size) or chapter
        yield from ((chapter if text else "", block) for block in section)


def has_text(section: Sequence[Block]) -> bool:
    """Whether anything but headings and apparatus is in the section."""
    return any(block.kind not in ("heading", "junk") for block in section)


def chapter_size(parts: Sequence[Sequence[Block]]) -> float:
    """The size that most sections are headed in, of those that open a page if any do."""
    headed = [heads for section in parts if has_text(section) and (heads := headings(section))]
    opening = [heads for heads in headed if heads[0].opens]
    sizes = Counter(max(round(head.size, 1) for head in heads) for heads in opening or headed)
    return max(sizes, key=lambda size: (sizes[size], size), default=0.0)


def name(section: Sequence[Block], size: float) -> str:
    """The title above the section, after its label (`Chapter One`) if that stands apart.

    Empty where all its headings are smaller than `size`, as within a chapter.
    """
    heads = headings(section)
    titles = [i for i, head in enumerate(heads) if head.size > 0.95 * size or not size]
    if not titles:
        return ""
    label, title = heads[titles[-1] - 1].text if titles[-1] else "", heads[titles[-1]].text
    if not CHAPTER_LABEL.fullmatch(label) or CHAPTER_LABEL.fullmatch(title):
        return title
    return f"{label.removesuffix('.')}. {title}"
