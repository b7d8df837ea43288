"""Plays and film scripts as plain text: names, and what is said under or beside them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from askback import gutenberg
from askback.gathering.speakers import is_name, known, same
from askback.gathering.transcript import Turn, file_text
from askback.language import CJK

SHORT = r"(?:(?i:mrs?|ms|mme|dr|st|prof|capt|col|gen|lt|sgt|rev)\. ?)?"  # before a name
BRACKET = r"\[[^\[\]]*+\]|\([^()]*+\)"
ASIDES = r"(?: ?(?:\([^()]{0,99}\)|\[[^\[\]]{0,99}\])){0,3}"
BESIDE = re.compile(rf"([^\W\d_][^:：()\[\]!?\"“”]{{0,49}}?){ASIDES} ?(?::(?: |$)|：) ?(.*)")
ABOVE = re.compile(rf"({SHORT}[^\W\d_][^.:：()\[\]!?;\"“”]{{0,49}}?){ASIDES} ?(\.(?: |$)|$)(.*)")
ROMAN = re.compile("[IVXLC]+")
PART = "ACT|SCENE|ACTE|SCÈNE|AKT|AUFZUG|AUFTRITT|SZENE|ATTO|SCENA|ACTO|ESCENA|BEDRIJF|TONEEL"
HEADING = re.compile(
    rf"(?:{PART})\b|(?:{PART.title()}) (?:[IVXLC\d]+\b|[A-Z]\w+[.:]?$)"
    rf"|[A-Z]\w+ (?:{PART}|{PART.title()})[.:]?$"  # Erster Akt
    r"|(?:\d+[A-Z]? )?(?:INT|EXT|EST|I/E)[. /]"  # of a film's scenes
    r"|(?:\w+ )?(?:FADE (?:IN|OUT|TO)|CUT TO|DISSOLVE TO|THE END|END OF)\b"
    r"|(?:CONTINUED|TITLE|SUPER)\b"
)
DIRECTION = re.compile(
    r"(?:Enter|Re-?enter|Exit|Exeunt)(?:[.:]?$| (?:[^\Wa-z_]|(?:an?|the|two|all|both|with)\b))"
)
CAST = re.compile(
    r"(?:the |list of )?(?:dramatis person\w+|persons represented|cast(?: of characters)?"
    r"|(?:persons|characters)(?: (?:in|of) the play)?"
    r"|personnages|personen|personaggi|personajes|personagens)[.:]?",
    re.IGNORECASE,
)
CAST_LINES = 200  # of a list of persons, at most
LEADING = re.compile(rf"(?:(?:{BRACKET})[.,:]?\s*+)+")
OWN = re.compile(rf"^(?:{BRACKET})[.:]?$", re.MULTILINE)
WRAPPED = 100  # columns; a longer line is a paragraph
VERSE = 60  # columns; prose may have such lines, but wraps them


@dataclass(frozen=True, slots=True)
class Cue:
    """A line that begins as a speech does."""

    name: str
    mark: str  # colon or full stop after the name, or nothing
    said: str  # on the same line


@dataclass(frozen=True, slots=True)
class Speech:
    """A speaker's lines, an empty one between paragraphs."""

    number: int  # of its first line in the file
    cue: Cue
    lines: list[str]


def turns(path: Path, author: str = "") -> Iterator[tuple[int, Turn]]:
    """The speeches of a play or script, each with the line of the file where it begins.

    The file marks names in one way: by a colon, by a full stop, or by setting them alone. A name
    that comes once is a speaker's only if it is the author's. Beside a name with a colon a speech
    goes on until another's, else until an empty line. Raises UserError as `file_text`.
    """
    lines = text_lines(file_text(path))
    cues = {number: cue for number in range(len(lines)) if (cue := cue_at(lines, number))}
    mark, names = marked(cues.values(), author)
    cues = {number: cue for number, cue in cues.items() if cue.mark == mark}
    found = list(speeches(lines, cues, names))
    wrapped = (len(line) for speech in found for line in speech.lines[1:])
    width = max((length for length in wrapped if length <= WRAPPED), default=0)
    for speech in found:
        if text := spoken(speech, width):
            yield speech.number, Turn(speech.cue.name, text)


def text_lines(source: str) -> list[str]:
    """The lines without spaces around them; empty where a library's words or the cast stand."""
    if "_" in source:
        source = gutenberg.ITALICS.sub(r"\1", source)
    lines = [" ".join(line.split()) for line in source.split("\n")]
    start, end = gutenberg.bounds(lines)
    lines = [""] * start + lines[start:end]
    for number, line in enumerate(lines):
        if line and not (number and lines[number - 1]) and CAST.fullmatch(line):
            end = cast_end(lines, number + 1)
            lines[number:end] = [""] * (end - number)
    return lines


def cast_end(lines: Sequence[str], start: int) -> int:
    """Where the list of persons that begins at `start` ends: at a heading or an empty line."""
    numbers = range(start, min(start + CAST_LINES, len(lines)))
    if heading := next((n for n in numbers if HEADING.match(lines[n])), None):
        return heading
    first = next((n for n in numbers if lines[n]), start)
    return next((n for n in numbers if n > first and not lines[n]), start)


def cue_at(lines: Sequence[str], number: int) -> Cue | None:
    """The line as the beginning of a speech, if it may be one."""
    line = lines[number]
    if not line or HEADING.match(line) or DIRECTION.match(line):
        return None
    if (beside := BESIDE.match(line)) and is_name(beside[1]):
        return Cue(beside[1], ":", beside[2])
    above = ABOVE.match(line)
    if not above or not is_name(above[1]) or ROMAN.fullmatch(above[1]):
        return None
    cue = Cue(above[1], above[2].strip(), above[3])
    follows = number + 1 < len(lines) and bool(lines[number + 1])
    if cue.name.isupper():
        return cue if cue.said or follows else None
    begins = not (number and lines[number - 1])  # as `Yes.` does not, in a speech
    return cue if cue.mark and not cue.said and begins and follows else None


def marked(cues: Collection[Cue], author: str) -> tuple[str, set[str]]:
    """How the file marks who speaks, and the names of those, as `same`."""
    by_mark = {
        mark: [same(cue.name) for cue in cues if cue.mark == mark] for mark in (":", ".", "")
    }
    names = {mark: known(found, author) for mark, found in by_mark.items()}

    def often(mark: str) -> tuple[int, int]:
        spoken = [name for name in by_mark[mark] if name in names[mark]]
        return spoken.count(same(author)), len(spoken)

    mark = max(by_mark, key=often)
    return mark, names[mark]


def speeches(lines: Sequence[str], cues: Mapping[int, Cue], names: set[str]) -> Iterator[Speech]:
    """The speeches of those in `names`."""
    speech: Speech | None = None
    for number, line in enumerate(lines):
        cue = cues.get(number)
        if cue and same(cue.name) in names:
            if speech:
                yield speech
            speech = Speech(number + 1, cue, [cue.said])
        elif speech and ends(speech, cue, lines, number):
            yield speech
            speech = None
        elif speech and not DIRECTION.match(line):
            speech.lines.append(line)
    if speech:
        yield speech


def ends(speech: Speech, cue: Cue | None, lines: Sequence[str], number: int) -> bool:
    """Whether the speech is over at the line: there is a heading, or somebody who speaks once."""
    line = lines[number]
    beside = bool(speech.cue.said)  # as the file, or this part of it, sets names
    if cue and bool(cue.said) == beside and (cue.name.isupper() or " " in cue.name):
        return True
    if not line:
        return not beside or speech.cue.mark != ":"
    if lines[number - 1]:
        return HEADING.match(line) is not None
    alone = number + 1 == len(lines) or not lines[number + 1]
    title = alone and line.isupper() and line[-1] not in "!?…"
    return title or any(pattern.match(line) for pattern in (HEADING, DIRECTION))


def spoken(speech: Speech, width: int) -> str:
    """What is said, without directions, each paragraph on a line; verse keeps its lines."""
    paragraphs = [list(group) for filled, group in groupby(speech.lines, bool) if filled]
    texts = []
    for number, lines in enumerate(paragraphs):
        name = f"{speech.cue.name}{speech.cue.mark} " if speech.cue.said and not number else ""
        verse = is_verse([name + lines[0], *lines[1:]], width)
        rest = undirected("\n".join(lines)).split("\n")
        texts.append("\n".join(rest) if verse else prose(rest))
    return "\n".join(filter(None, texts))


def is_verse(lines: Sequence[str], width: int) -> bool:
    """Whether the lines are short, most begin with capitals, and most had room for a word more."""
    pairs = list(pairwise(lines))
    capital = sum(below.lstrip("'\"‘“([")[:1].isupper() for _, below in pairs)
    room = sum(len(above) + 1 + len(below.split(" ", 1)[0]) <= width for above, below in pairs)
    return (
        4 * capital >= 3 * len(pairs) > 0
        and 2 * room > len(pairs)
        and max(map(len, lines)) <= VERSE
    )


def undirected(text: str) -> str:
    """The lines without those that are directions, nor one that leads or ends them."""
    if leading := LEADING.match(text):
        text = text[leading.end() :]
    text = "\n".join(filter(None, OWN.sub("", text).split("\n")))
    before, bracket, last = text.rpartition("[")
    return before.rstrip() if bracket and last.find("]") == len(last) - 1 else text


def prose(lines: Sequence[str]) -> str:
    """Wrapped lines as one."""
    gaps = [gap(above, below) for above, below in pairwise(lines)]
    return "".join(map("".join, zip(lines, [*gaps, ""], strict=True)))


def gap(above: str, below: str) -> str:
    """What stands between two lines where they are one."""
    if len(above) > WRAPPED:
        return "\n"
    hyphen = above[-1:] in ("-", "—", "–") and above[-2:-1] != " "
    return "" if hyphen or (CJK.match(above[-1:]) and CJK.match(below)) else " "
