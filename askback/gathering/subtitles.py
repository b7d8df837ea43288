"""Subtitles that say who speaks: WebVTT and SRT."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from askback.gathering.rows import RowError
from askback.gathering.speakers import is_name, known, same
from askback.gathering.transcript import Turn, file_text

CLOCK = r"(?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
TIMES = re.compile(rf"\s*{CLOCK}\s*-->\s*{CLOCK}(?:\s|$)")
NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:\s|$)")
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
CHANGE = re.compile(r">>+\s*|[-–]\s+")  # before what another one says
DASH = re.compile(r"[-–]\s*(?=\S)")  # the same, where a cue has two
LABEL = re.compile(
    r"([^\W\d_][^:：\[\]<>]{0,59})(?::(?:\s+|$)|：\s*)|\[([^\W\d_][^\[\]]{0,59})\]:?\s*"
)
ASIDE = re.compile(r"\s*\([^()]*\)")  # after a name
SOUND = re.compile(r"\[[^\[\]]*\]")
SOUNDS = frozenset(
    ["applause", "cheering", "crosstalk", "inaudible", "laughter", "laughs", "music", "silence"]
)
ROLLED = 4  # lines that are shown again, at most


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at one time."""

    line: int  # of the file, where its times stand
    texts: list[tuple[str | None, str]]  # each with the voice that a tag in front of it names


Broken = tuple[int, RowError]  # a line of the file, and what is wrong there


def turns(path: Path, author: str = "") -> Iterator[tuple[int, Turn | RowError]]:
    """What each speaker says until another does, and what is broken, with its line of the file.

    Who speaks goes on until a cue names another. Where no tags name voices, what looks like a name
    in front of a text is one if it is in capitals, if it comes twice, or if it is the author's.
    Raises UserError as `file_text`.
    """
    found = unrolled(list(cues(file_text(path), path.suffix.lower() == ".srt")))
    tagged = any(voice for cue in found if isinstance(cue, Cue) for voice, _ in cue.texts)
    names = set[str]() if tagged else speakers(found, author)
    return joined(spoken(found, names, tagged))


def cues(source: str, srt: bool) -> Iterator[Cue | Broken]:
    """The cues of a file, and the broken ones."""
    for number, block in blocks(source, srt):
        starts = [at for at, line in enumerate(block) if TIMES.match(line)]
        if not starts and NO_CUE.match(block[0]):
            continue
        if error := fault(block[: starts[0]] if starts else block, bool(starts)):
            yield number, error
        for start, end in pairwise([*starts, len(block)]):
            shown = block[start + 1 : end]
            if end < len(block) and shown and shown[-1].strip().isdigit():
                shown.pop()  # the next one's number
            yield Cue(number + start, [piece for line in shown for piece in voices(line)])


def blocks(source: str, srt: bool) -> Iterator[tuple[int, list[str]]]:
    """The lines between empty ones, with the number of the first.

    A line of spaces is an empty one in SRT; in WebVTT it is shown, and YouTube has many.
    """
    numbered = enumerate(source.split("\n"), 1)
    for filled, group in groupby(numbered, lambda line: bool(line[1].strip() if srt else line[1])):
        if filled:
            lines = list(group)
            yield lines[0][0], [line for _, line in lines]


def fault(head: Sequence[str], has_times: bool) -> RowError | None:
    """What is wrong with a block that begins with `head`, before its times if it has any."""
    texts = [line.strip() for line in head if not line.strip().isdigit()]
    times = next((text for text in texts[:2] if "-->" in text), "")
    if times:
        return RowError("broken_times", f"these are no times: {times[:60]!r}")
    if any(texts) and not has_times:
        return RowError("broken_times", f"no times stand above {next(filter(None, texts))[:60]!r}")
    return None


def voices(line: str) -> Iterator[tuple[str | None, str]]:
    """The texts of a line without markup, each with the voice in front of it."""
    before, *rest = VOICE.split(line)
    if text := plain(before):
        yield None, text
    for voice, text in zip(rest[::2], rest[1::2], strict=True):
        yield plain(voice), plain(text)


def plain(text: str) -> str:
    """The text without tags, characters that are spelt by name as themselves."""
    if "<" in text or "{" in text:
        text = TAG.sub("", text)
    if "&" in text:
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return " ".join(text.split())


def unrolled(found: list[Cue | Broken]) -> list[Cue | Broken]:
    """The cues, without the lines that each shows again where the file rolls them."""
    shown = [cue for cue in found if isinstance(cue, Cue) and cue.texts]
    again = {cue.line: repeated(above, cue) for above, cue in pairwise(shown)}
    often = sum(map(bool, again.values()))
    if often < 2 or 2 * often < len(again):
        return found
    return [
        Cue(cue.line, cue.texts[again.get(cue.line, 0) :]) if isinstance(cue, Cue) else cue
        for cue in found
    ]


def repeated(above: Cue, cue: Cue) -> int:
    """How many lines the cue begins with that ended the one above."""
    most = min(ROLLED, len(above.texts), len(cue.texts))
    return next((n for n in range(most, 0, -1) if cue.texts[:n] == above.texts[-n:]), 0)


def speakers(found: Iterable[Cue | Broken], author: str) -> set[str]:
    """The names in front of texts, as `same`."""
    texts = [text for cue in found if isinstance(cue, Cue) for _, text in cue.texts]
    labels = [label for text in texts if (label := LABEL.match(without_change(text)))]
    labels = [label for label in labels if SOUNDS.isdisjoint(same(bare(label)).split())]
    capital = {same(bare(label)) for label in labels if label[1] and label[1].isupper()}
    return capital | known(filter(is_name, map(bare, labels)), author)


def without_change(text: str) -> str:
    """The text without the mark that another one speaks."""
    mark = CHANGE.match(text) or DASH.match(text)
    return text[mark.end() :] if mark else text


def bare(label: re.Match[str]) -> str:
    """The name in a label, without what is said about its voice."""
    return ASIDE.sub("", label[1] or label[2]).strip()


def spoken(
    found: Iterable[Cue | Broken], names: set[str], tagged: bool
) -> Iterator[tuple[int, Turn | RowError]]:
    """Each line with who says it: the one named last, or nobody known after a bare change."""
    speaker = ""
    for cue in found:
        if not isinstance(cue, Cue):
            yield cue
            continue
        dashes = sum(DASH.match(text) is not None for _, text in cue.texts) > 1
        for voice, text in cue.texts:
            named, said = (voice, text) if tagged else labelled(text, names, dashes)
            speaker = speaker if named is None else named
            if said and not SOUND.fullmatch(said):
                yield cue.line, Turn(speaker, said)


def labelled(text: str, names: set[str], dashes: bool) -> tuple[str | None, str]:
    """Who says the text, and what; None for who spoke before, empty for another."""
    change = CHANGE.match(text) or (DASH.match(text) if dashes else None)
    said = text[change.end() :] if change else text
    label = LABEL.match(said)
    if label is None and not change and (dash := DASH.match(text)):
        label = LABEL.match(said := text[dash.end() :])
    if label and same(bare(label)) in names:
        return bare(label), said[label.end() :]
    return ("", said) if change else (None, text)


def joined(pieces: Iterable[tuple[int, Turn | RowError]]) -> Iterator[tuple[int, Turn | RowError]]:
    """The pieces of one speaker after another as one turn: cues end within sentences."""

    def who(piece: tuple[int, Turn | RowError]) -> str | None:
        return piece[1].speaker if isinstance(piece[1], Turn) else None

    for speaker, group in groupby(pieces, who):
        run = list(group)
        if speaker is None:
            yield from run
        else:
            texts = [piece.text for _, piece in run if isinstance(piece, Turn)]
            yield run[0][0], Turn(speaker, " ".join(texts))
