"""Signs in a PDF's bytes that it may hide text: a glance that spares most books a second reading.

What cannot be looked into counts as a sign, and so does what hides nothing by itself, as white text
that stands on a photograph. It is for books as they come, no proof against one who knows it.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path

LARGEST = 64 << 20  # bytes; beyond that are scans, which have a layer of hidden text anyway
BUDGET = 256 << 20  # bytes that its streams may inflate to
MOST = 2_000_000  # operators, streams and so on that are looked at: some seconds' worth
WHITE = 0.95  # of 1, and lighter
THIN = 15  # times as long as wide: a rule, not a background
NEAR = 400  # bytes before an operator in which its path is looked for

SPACES = bytes.maketrans(b"\t\n\f\r\0", b"     ")
SPELT = re.compile(rb"#([0-9A-Fa-f]{2})")  # a character of a name
STREAM = re.compile(rb"stream(?:\r\n|\n|\r)")
FILTER = re.compile(rb"/Filter\s*(\[[^\]]{0,99}|/\w+|\d+)")
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)")
NO_DRAWING = re.compile(
    rb"/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType)\b|/Length[123]\b|/Type\s*/XRef\b"
)
FAINT = re.compile(rb"/ca\s*([\d.]{1,9})(\s+\d+\s+R\b)?")
CROP = re.compile(rb"/CropBox\s*(?:\[([^\]]{0,99})\])?")
MEDIA = re.compile(rb"/MediaBox\s*(?:\[([^\]]{0,99})\])?")
INKS = re.compile(rb"/(?:Separation|DeviceN|Indexed)\b")  # colours whose 0 may be white

# They begin with letters that stand for themselves, which is ten times as fast as a class.
MODE = re.compile(rb" Tr\b")
SEEN = ([b"0"], [b"1"], [b"2"])
ADDED = tuple(map(re.compile, (rb" g\b", rb" rg\b")))  # 1 is white
TAKEN = re.compile(rb" k\b")  # 0 is white
EITHER = re.compile(rb" scn?\b")
RECTANGLE = re.compile(rb" re [fFbB]\b")
SHAPES = tuple(map(re.compile, (rb" h [fFbB]\b", rb" l [fFbB]\b")))


def may_hide(path: Path) -> bool:
    """Whether anything in the PDF could keep text from being seen."""
    if path.stat().st_size > LARGEST:
        return True
    glance = Glance()
    signs = (glance.is_sign(objects, drawing) for objects, drawing in parts(path.read_bytes()))
    return any(signs) or glance.is_cropped or (glance.no_ink and glance.inks)


@dataclass(slots=True)
class Glance:
    """What has been seen of a file, and is no sign by itself."""

    left: int = MOST
    no_ink: bool = False  # a colour of zeros: black, or white where inks are counted
    inks: bool = False  # that they may be counted
    crops: list[object] = field(default_factory=list)  # boxes, as `box` gives them
    media: list[object] = field(default_factory=list)

    @property
    def is_cropped(self) -> bool:
        """Whether crop boxes are not the pages' media boxes."""
        return self.crops not in ([], self.media) and len({*self.crops, *self.media}) > 1

    def is_sign(self, objects: bytes, drawing: bytes | None) -> bool:
        """Whether either is one; `drawing` is None where nobody can read it."""
        self.left -= 1
        self.inks = self.inks or INKS.search(objects) is not None
        self.crops += map(box, self.matches(CROP, objects))
        self.media += map(box, self.matches(MEDIA, objects))
        if drawing is None or b"/Encrypt" in objects:
            return True
        faint = any(map(is_faint, self.matches(FAINT, objects)))
        return faint or self.has_unseen(drawing) or self.left <= 0

    def has_unseen(self, drawing: bytes) -> bool:
        """Whether it sets text without paint, or in white, or fills more than a rule."""
        colours = self.operands(EITHER, drawing)
        self.no_ink = self.no_ink or any(map(is_bare, colours))
        return (
            any(words[-1:] not in SEEN for words in self.before(MODE, drawing))
            or any(is_light(values) for name in ADDED for values in self.operands(name, drawing))
            or any(is_bare(values) for values in self.operands(TAKEN, drawing))
            or any(is_light(values) or (len(values) == 4 and is_bare(values)) for values in colours)
            or any(not is_thin(values[-2:]) for values in self.operands(RECTANGLE, drawing))
            or any(not is_thin(extent(words)) for s in SHAPES for words in self.before(s, drawing))
        )

    def matches(self, pattern: re.Pattern[bytes], data: bytes) -> list[re.Match[bytes]]:
        """Where the pattern is, as long as not too much has been looked at."""
        found = list(islice(pattern.finditer(data), max(self.left, 0)))
        self.left -= len(found)
        return found

    def operands(self, operator: re.Pattern[bytes], drawing: bytes) -> list[list[float]]:
        """The numbers, four at most, that stand before such operators; each set of them once."""
        starts = [match.start() for match in self.matches(operator, drawing)]
        tails = {tuple(drawing[max(at - 40, 0) : at].split()[-4:]) for at in starts}
        return [numbers(words) for words in tails]

    def before(self, operator: re.Pattern[bytes], drawing: bytes) -> Iterator[list[bytes]]:
        """The words before each such operator."""
        for match in self.matches(operator, drawing):
            yield drawing[max(match.start() - NEAR, 0) : match.start()].split()


def parts(data: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Objects, and the stream that may draw after them; None where nobody knows what it does.

    White space is spaces in both.
    """
    place, budget = 0, BUDGET
    while match := STREAM.search(data, place):
        end = data.find(b"endstream", match.end())
        objects = spelt_out(data[place : match.start()])
        dictionary = objects[objects.rfind(b" obj") :]
        content = inside(dictionary, data[match.end() : end], budget)
        budget -= len(content or b"")
        packed = content is not None and b"/ObjStm" in dictionary
        yield from [(objects, b""), (content or b"", b"")] if packed else [(objects, content)]
        if end < 0:
            return
        place = end + len(b"endstream")
    yield spelt_out(data[place:]), b""


def spelt_out(objects: bytes) -> bytes:
    """Objects with the names in them in plain letters."""
    if b"#" in objects:
        objects = SPELT.sub(lambda match: bytes.fromhex(match[1].decode()), objects)
    return objects.translate(SPACES)


def inside(dictionary: bytes, data: bytes, budget: int) -> bytes | None:
    """A stream's content; empty for fonts and images, None where it cannot be told."""
    if NO_DRAWING.search(dictionary):
        return b""
    filters = FILTER.search(dictionary)
    if not filters:
        return data.translate(SPACES)
    if filters[1].strip(b"[ ") != b"/FlateDecode" or b"/Predictor" in dictionary:
        return None
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, max(budget, 1))
    except zlib.error:
        return None
    return content.translate(SPACES) if inflater.eof else None


def box(match: re.Match[bytes]) -> object:
    """What a box equals that has the same numbers; nothing else, where they stand elsewhere."""
    values = numbers((match[1] or b"").split())
    return tuple(values) if len(values) == 4 else object()


def is_faint(match: re.Match[bytes]) -> bool:
    """Whether paint is so clear that nobody sees it, or how clear is told elsewhere."""
    return match[2] is not None or is_bare(numbers([match[1]]))


def is_light(values: Sequence[float]) -> bool:
    """Whether light of these parts is white. The lightness of Lab goes up to 100."""
    return bool(values) and (min(values) >= WHITE or max(values) > 1)


def is_bare(values: Sequence[float]) -> bool:
    """Whether inks of these parts leave the paper white."""
    return bool(values) and max(values) <= 1 - WHITE


def is_thin(sides: Sequence[float]) -> bool:
    """Whether one of the two sides is much the shorter."""
    return len(sides) == 2 and min(map(abs, sides)) * THIN < max(map(abs, sides))


def extent(words: Sequence[bytes]) -> list[float]:
    """Width and height of the path that the last of the words draw; nothing where it is long."""
    moves = [place for place, word in enumerate(words) if word == b"m"]
    if not moves or moves[-1] < 2:
        return []
    points = [value for word in words[moves[-1] - 2 :] for value in numbers([word])]
    return [max(side) - min(side) for side in (points[::2], points[1::2]) if side]


def numbers(words: Sequence[bytes]) -> list[float]:
    """The numbers that the words end in."""
    found = takewhile(lambda word: NUMBER.fullmatch(word), reversed(words))
    return [float(word) for word in found][::-1]
