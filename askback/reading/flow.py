"""HTML's text as it flows: what ends a paragraph, what runs on in it, what is no text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from askback import gutenberg
from askback.language import CJK
from askback.reading import elements
from askback.reading.account import Account, Bucket, count
from askback.reading.blocks import Block
from askback.reading.elements import BLOCKS, CELLS, HEADINGS, name, string
from askback.reading.letters import clean
from askback.records import Kind

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

BREAK = "\u2028"  # where a line must end
SPACES = re.compile(r"[^\S\u2028\u3000]+")
BETWEEN_CJK = re.compile(rf"(?<={CJK.pattern})[ \t\r]*\n\s*(?={CJK.pattern})")
SHORT = 60  # characters; verse has no longer lines
PROSE = 300  # characters; a table's cell that has as many holds text and no data
KINDS: dict[str, Kind] = {
    "blockquote": "quote",
    "caption": "caption",
    "dd": "list",
    "dt": "list",
    "figcaption": "caption",
    "li": "list",
}
PLACED = {*KINDS, *HEADINGS, *CELLS, "hgroup", "nav", "pre", "table"}


@dataclass(frozen=True, slots=True)
class Place:
    """What text is, as far as the elements around it say."""

    kind: Kind = "para"
    size: float = 0.0  # of a heading: 6 for the first level, 1 for the sixth
    verse: bool = False
    as_typed: bool = False  # spaces and line ends are as in the source
    in_table: bool = False


@dataclass
class Flow:
    """A book's text, file by file, and the blocks that it makes."""

    account: Account
    member: str = ""  # the file that is being read
    blocks: list[Block] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # which block stands at `member#id`
    calls: dict[str, int] = field(default_factory=dict)  # where calls lead, and from which block
    pieces: list[str] = field(default_factory=list)  # of the paragraph that is being written
    begun: bool = False  # whether it has text yet
    in_line: bool = False  # whether the line that it is in has
    before: list[str] = field(default_factory=list)  # the ids that stand before it
    asides: list[tuple[Element, Place]] = field(default_factory=list)  # notes in its midst

    def add(self, root: Element, place: Place) -> None:
        """Adds the text of a file, which is of `place` where it says nothing else."""
        self.account.read += count(string(root))
        self.walk(root, place)
        self.end(place)

    def finished(self) -> list[Block]:
        """All blocks; what a call leads to is a note."""
        for place, caller in self.calls.items():
            called = self.places.get(place, 0)
            if called > caller and self.blocks[called].kind in ("para", "quote", "list"):
                self.blocks[called].kind = "note"
        return unwrapped(list(stanzas_of_lines(self.blocks)))

    def walk(self, element: Element, outer: Place) -> None:
        """Writes or leaves out what is in `element`; there is nothing in a comment."""
        place = placed(element, outer)
        if bucket := elements.bucket(element) or self.mark_of_note(element, place):
            self.account.leave_out(bucket, string(element))
        elif self.is_aside(element, outer, place):
            self.asides.append((element, outer))
        else:
            self.write_element(element, outer, place)

    def mark_of_note(self, element: Element, place: Place) -> Bucket | None:
        """The bucket of a mark that calls a note; None for anything else, as a note's own label."""
        if name(element) not in ("a", "small", "span", "sup"):
            return None
        href = element.get("href") if (named := elements.is_noteref(element)) else None
        if self.begun and place.kind != "note":
            href = href or elements.called(element)
        if href:
            self.calls.setdefault(elements.resolve(self.member, href), len(self.blocks))
        return "call_mark" if named or href else None

    def is_aside(self, element: Element, outer: Place, place: Place) -> bool:
        """Whether it is a note in the midst of a paragraph that goes on after it."""
        if not (self.begun and place.kind == "note" != outer.kind):
            return False
        return name(element) not in BLOCKS or name(element.getparent()) == "p"

    def write_element(self, element: Element, outer: Place, place: Place) -> None:
        """Writes what is in `element`, which is of `place`, between its edges."""
        edge = self.edge(element, outer, place)
        edge(outer)
        if name(element) == "br":
            self.break_line()
        if not self.begun:
            ids = filter(None, (element.get("id"), element.get("name")))
            self.before += [f"{self.member}#{found}" for found in ids]
        self.write(element.text, place)
        lines = place.verse and has_lines(element)
        for child in element:
            if name(child):
                self.walk(child, place)
            if lines:
                self.end_line(place)
            self.write(child.tail, place)
        edge(place)

    def edge(self, element: Element, outer: Place, place: Place) -> Callable[[Place], None]:
        """What happens where `element` begins and where it ends."""
        tag = name(element)
        if tag in CELLS and place.in_table:
            return self.space
        if tag in BLOCKS or tag in CELLS or place.kind == "note" != outer.kind:
            lines = outer.verse and place.kind == outer.kind and is_line(element)
            return self.end_line if lines else self.end
        return lambda place: None

    def space(self, place: Place) -> None:
        """Parts what comes from what was, if only by a space."""
        self.pieces.append(" ")

    def end_line(self, place: Place) -> None:
        """Ends a line of verse, if one is begun."""
        if self.in_line:
            self.break_line()

    def break_line(self) -> None:
        """Ends a line, though it be empty."""
        self.pieces.append(BREAK)
        self.in_line = False

    def write(self, text: str | None, place: Place) -> None:
        """Writes text, which runs on."""
        if not text:
            return
        self.pieces.append(text.replace("\n", BREAK) if place.as_typed else text)
        if not text.isspace():
            self.begun = self.in_line = True

    def end(self, place: Place) -> None:
        """Ends the paragraph, which is of `place`; then come the notes in its midst."""
        text, asides = "".join(self.pieces), self.asides
        self.pieces, self.asides = [], []
        if self.begun:
            self.begun = self.in_line = False
            self.enter(text, place)
        for element, outer in asides:
            self.walk(element, outer)

    def enter(self, text: str, place: Place) -> None:
        """Enters the paragraph or the stanzas of `text` as blocks."""
        text = clean(text, self.account)
        if "\u00ad" in text:
            self.account.leave_out("hyphen", "\u00ad" * text.count("\u00ad"))
            text = text.replace("\u00ad", "")
        for lines in stanzas(text):
            self.places |= dict.fromkeys(self.before, len(self.blocks))
            self.before = []
            self.blocks.append(block(lines, place))


def placed(element: Element, outer: Place) -> Place:
    """What the text of `element` is, which stands in `outer`."""
    tag = name(element)
    if not element.attrib and tag not in PLACED:
        return outer
    kind, size = kind_of(element, outer), HEADINGS.get(tag, outer.size)
    if tag == "hgroup":
        size = max((HEADINGS.get(name(child), 0.0) for child in element), default=0.0)
    return Place(
        kind,
        size,
        verse=outer.verse or (tag in BLOCKS and elements.is_verse(element)),
        as_typed=outer.as_typed or tag == "pre",
        in_table=tag == "table" or (outer.in_table and kind == "junk"),
    )


def kind_of(element: Element, outer: Place) -> Kind:
    """The kind that a paragraph in `element` is of."""
    tag, kind, said = name(element), outer.kind, elements.purpose(element)
    if said == "para":
        kind = "para" if kind == "junk" else kind
    elif said:
        kind = said
    if tag in CELLS and outer.in_table:
        return "para" if len(string(element)) >= PROSE else "junk"
    code = tag == "pre" and element.find(".//{*}code") is not None
    if tag == "table" or code or kind == "junk":
        return "junk"
    if tag in HEADINGS or tag == "hgroup":
        return "heading"
    return kind if kind == "note" or outer.verse else KINDS.get(tag, kind)


def is_line(element: Element) -> bool:
    """Whether it is one line, as it has none within."""
    inner = (name(inner) for inner in element.iterdescendants())
    return not has_lines(element) and all(tag != "br" and tag not in BLOCKS for tag in inner)


def has_lines(element: Element) -> bool:
    """Whether each of its children is a line, as there is nothing else between them."""
    between = [element.text, *(child.tail for child in element)]
    spans = [name(child) for child in element] == ["span"] * len(element)
    return spans and len(element) > 1 and not any(text and text.strip() for text in between)


def stanzas(text: str) -> Iterator[list[str]]:
    """The lines between empty ones."""
    text = BETWEEN_CJK.sub("", text) if "\n" in text else text
    lines = (SPACES.sub(" ", line).strip() for line in text.split(BREAK))
    return (list(group) for filled, group in groupby(lines, bool) if filled)


def block(lines: list[str], place: Place) -> Block:
    """The lines as one block of `place`."""
    kind, long = place.kind, any(len(line) > SHORT for line in lines)
    if kind in ("para", "quote") and place.as_typed and long:
        kind = "junk"
    elif kind in ("para", "quote") and not long and (place.verse or len(lines) > 1):
        kind = "verse"
    parting = "\n" if kind == "verse" or place.as_typed else " "
    return Block(kind, parting.join(lines), size=place.size if kind == "heading" else 0.0)


def stanzas_of_lines(blocks: list[Block]) -> Iterator[Block]:
    """The blocks, with verse that has each line in an element of its own joined within a file."""
    files = accumulate(block.opens for block in blocks)
    lone = (block.kind == "verse" and "\n" not in block.text for block in blocks)
    for (is_lone, _), run in groupby(zip(lone, files, blocks, strict=True), lambda part: part[:2]):
        members = [block for _, _, block in run]
        if is_lone:
            members = [replace(members[0], text="\n".join(member.text for member in members))]
        yield from members


def unwrapped(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, with what the library wraps around the book as junk."""
    lines = [line for block in blocks for line in (block.text, "")]
    start, end = ((line + 1) // 2 for line in gutenberg.bounds(lines))
    around = [replace(block, kind="junk") for block in [*blocks[:start], *blocks[end:]]]
    return [*around[:start], *blocks[start:end], *around[start:]]
