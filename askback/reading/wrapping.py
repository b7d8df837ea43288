"""How a text file shows where its paragraphs end: wrapped lines, blank ones, indents."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from askback.language import CJK

WRAPPED = 100  # columns; who wraps lines by hand wraps them sooner
TAB = 8  # columns
GAP = "    "  # between a table's columns
FULL_WIDTH = 4  # columns that a Chinese paragraph's first line is set in by, at most
SHORT = 60  # columns; verse in a file without wrapped lines has no longer ones
SET_IN = 2  # columns, at least, of a quotation
SPACES = re.compile(r"[^\S\u3000]+")
ENDED = re.compile(r"[.!?:;…。！？][\"'”’»“«)\]」』*_]*$")  # a line that a paragraph may end with
PART = "chapter|chapitre|kapitel|cap[ií]tulo|capitolo|hoofdstuk"
WORK = "part|book|letter|partie|livre|lettre|teil|buch|brief|parte|libro|livro|carta|deel|boek"
ROMAN = "(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
NUMBERED = re.compile(
    rf"(?:(?:{PART}|{WORK})\s+(?:the\s+)?(?:{ROMAN}|\d+)\b.{{0,60}}|(?:{PART})\s+[\w-]+(?: [\w-]+)?"
    rf"|第[\d〇零一二三四五六七八九十百千两]+[章回节節卷部话話編篇].{{0,30}}|{ROMAN}|\d{{1,2}})[.:]?",
    re.IGNORECASE,
)
BULLET = re.compile("[•▪◦‣·]")


@dataclass(slots=True)
class Line:
    """A line of the file without the spaces at its ends."""

    text: str
    indent: int = 0  # columns
    end: int = 0  # the column after its last
    gap: bool = False  # whether there is space within it, as in a table
    first: bool = False  # whether full-width spaces mark it as a paragraph's first


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file shows where its paragraphs end."""

    width: int | None = None  # columns that lines are wrapped at; None: a line is a paragraph
    indent: int = 0  # columns that a paragraph's first line is set in by


def line_of(text: str) -> Line:
    """`text`, which is cleaned, as a line."""
    if not text:
        return Line("")
    lead = text[: len(text) - len(text.lstrip())] if text[:1].isspace() else ""
    indent = columns(lead.expandtabs(TAB))
    gap = GAP in text and GAP in text.strip()
    text = " ".join(text.split()) if text.isascii() else SPACES.sub(" ", text).strip()
    first = "\u3000" in lead and indent <= FULL_WIDTH
    return Line(text, 0 if first else indent, indent + columns(text), gap, first)


def without_margin(lines: Sequence[Line]) -> list[Line]:
    """The lines, moved left by the columns that nearly all of them are set in by."""
    indents = sorted(line.indent for line in lines if line.text)
    margin = indents[len(indents) // 10]
    if not margin:
        return list(lines)
    return [
        replace(line, indent=max(0, line.indent - margin), end=line.end - margin) for line in lines
    ]


def measured(lines: Sequence[Line]) -> Layout:
    """How the file that has `lines` is laid out."""
    widths = sorted(line.end for line in lines if line.text)
    width = widths[-1 - len(widths) // 20]  # but for an address or a table
    pairs = [pair for pair in pairwise(lines) if pair[0].text and pair[1].text]
    pairs = [(above, line) for above, line in pairs if not line.first]
    ended = sum(ENDED.search(above.text) is not None for above, _ in pairs)
    if width > WRAPPED or ended > 0.8 * len(pairs):
        return Layout()
    if sum(is_full(above, line, width) for above, line in pairs) < 0.4 * len(pairs):
        return Layout(width)  # verse
    firsts = Counter(above.indent for above, line in pairs if above.indent > line.indent == 0)
    (indent, often), *_ = [*firsts.most_common(1), (0, 0)]
    return Layout(width, indent if often >= 0.01 * len(widths) else 0)


def columns(text: str) -> int:
    """How wide `text` is: a Chinese character takes two columns."""
    return len(text) if text.isascii() else len(text) + len(CJK.findall(text))


def is_full(above: Line, line: Line, width: int) -> bool:
    """Whether the first word of `line` had no room in `above`, so that it had to end."""
    if CJK.match(line.text):
        return above.end + 4 > width  # the next sign may be one that begins no line
    word, _, _ = line.text.partition(" ")
    return above.end + 1 + len(word) > width


def groups(lines: Sequence[Line], layout: Layout) -> Iterator[tuple[int, list[Line]]]:
    """The lines of each paragraph, with the number of blank lines above it."""
    space, group = 2, list[Line]()  # a file begins as after a chapter
    for line in [*lines, Line("")]:
        if group and (not line.text or begins(group[-1], line, layout)):
            yield space, group
            space, group = 0, []
        if line.text:
            group.append(line)
        else:
            space += 1


def begins(above: Line, line: Line, layout: Layout) -> bool:
    """Whether a paragraph begins with `line`, which stands right below the line `above`."""
    if line.first or BULLET.match(line.text):
        return True
    if layout.width is None:
        return not (is_inset(above) and is_inset(line))
    opens = line.text[0] in "「『" or NUMBERED.fullmatch(line.text)
    if opens and not is_full(above, line, layout.width):
        return True
    if not layout.indent:
        return False
    if (above.indent > layout.indent) != (line.indent > layout.indent):
        return True  # between the text and what is set in
    goes_on = above.indent == line.indent and line.text[0].islower()
    return line.indent == layout.indent and not goes_on


def is_inset(line: Line) -> bool:
    """Whether the line is short and set in, as verse is where a line is a paragraph."""
    return line.indent >= SET_IN and line.end - line.indent <= SHORT
