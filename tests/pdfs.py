"""Small PDFs written object by object, with what no typesetter would put into a book."""

import math
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

PAPER = (0, 0, 400, 600)  # left, bottom, right, top, in points
FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
TYPED = "/Resources << /Font << /F1 3 0 R >> >>"  # what a form needs to have text
SCAN = "q 400 0 0 600 0 0 cm /Scan Do Q\n"  # draws the form `Scan` over all of the paper


@dataclass(slots=True)
class Page:
    """One page; `content` is what its content stream says, in PDF's operators."""

    content: str
    media: Sequence[float] | None = PAPER  # None where the tree of pages has it
    crop: Sequence[float] | None = None
    rotate: int = 0
    more: str = ""  # further entries of the page's dictionary
    forms: dict[str, bytes] = field(default_factory=dict)  # by name, as `form` and `image` give
    resources: str = ""  # further entries of the resources


def text(x: float, y: float, words: str, before: str = "", size: float = 12) -> str:
    """Operators that set `words` at a place; those `before` say how it is painted."""
    return f"\nq {before} BT /F1 {size:g} Tf 1 0 0 1 {x:g} {y:g} Tm ({words}) Tj ET Q\n"


def filled(x: float, y: float, width: float, height: float, before: str = "") -> str:
    """Operators that fill a rectangle; those `before` say with what."""
    return f"\nq {before} {x:g} {y:g} {width:g} {height:g} re f Q\n"


def stream(content: bytes, entries: str = "", flate: bool = True) -> bytes:
    """A stream object."""
    if flate:
        content, entries = zlib.compress(content), f"{entries} /Filter /FlateDecode"
    head = f"<< {entries} /Length {len(content)} >>\nstream\n"
    return head.encode() + content + b"\nendstream"


def form(content: str, box: Sequence[float] = PAPER, more: str = TYPED) -> bytes:
    """A form: a drawing that pages draw with `/NAME Do`."""
    return stream(content.encode(), f"/Type /XObject /Subtype /Form /BBox [{numbers(box)}] {more}")


def image(grey: int = 200) -> bytes:
    """A picture of one shade; drawn with `/NAME Do` it fills the unit square."""
    size = "/Width 8 /Height 8 /BitsPerComponent 8 /ColorSpace /DeviceGray"
    return stream(bytes([grey]) * 64, f"/Type /XObject /Subtype /Image {size}")


def numbers(values: Sequence[float]) -> str:
    """The values as PDF writes them."""
    return " ".join(f"{value:g}" for value in values)


def book(
    *pages: Page, catalog: str = "", tree: str = "", flate: bool = True, more: Sequence[str] = ()
) -> bytes:
    """A PDF of the pages; the font F1 is Helvetica. Objects 4, 5, … are those of `more`."""
    objects = [b"", b"", FONT.encode(), *(content.encode() for content in more)]
    kids = []
    for page in pages:
        names = []
        for name, content in page.forms.items():
            objects.append(content)
            names.append(f"/{name} {len(objects)} 0 R")
        objects.append(stream(page.content.encode(), flate=flate))
        objects.append(dictionary(page, len(objects), " ".join(names)))
        kids.append(f"{len(objects)} 0 R")
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode()
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} {tree} >>".encode()
    return assemble(objects)


def dictionary(page: Page, content: int, forms: str) -> bytes:
    """The page's dictionary; `content` is its stream's number."""
    resources = f"<< /Font << /F1 3 0 R >> /XObject << {forms} >> {page.resources} >>"
    boxes = f"/MediaBox [{numbers(page.media)}]" if page.media else ""
    boxes += f" /CropBox [{numbers(page.crop)}]" if page.crop else ""
    boxes += f" /Rotate {page.rotate}" if page.rotate else ""
    head = f"<< /Type /Page /Parent 2 0 R {boxes} {page.more}"
    return f"{head} /Resources {resources} /Contents {content} 0 R >>".encode()


def assemble(objects: Sequence[bytes]) -> bytes:
    """The file that holds the objects, numbered from 1; the first is the catalogue."""
    body, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return bytes(body) + f"xref\n0 {size}\n0000000000 65535 f \n{table}{end}".encode()


def double_flate(mebibytes: int) -> bytes:
    """A page whose content is so many MiB of zeros, deflated twice over: a few kB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflater.compress(bytes(1 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    sums = mebibytes * (1 << 20) % 65521 << 16 | 1  # Adler's, of zeros
    once = b"\x78\xda" + block * mebibytes + b"\x03\x00" + sums.to_bytes(4, "big")
    content = zlib.compress(once, 9)
    page = Page("")
    entries = f"/Filter [/FlateDecode /FlateDecode] /Length {len(content)}"
    swollen = f"<< {entries} >>\nstream\n".encode() + content + b"\nendstream"
    return assemble([*catalogue(), FONT.encode(), dictionary(page, 5, ""), swollen])


def nested_forms(depth: int, each: int = 10) -> bytes:
    """A page with a form that draws a form `each` times, and so on: `each` ** `depth` words."""
    first = 6
    forms = [
        form("/X Do " * each, more=f"/Resources << /XObject << /X {first + level + 1} 0 R >> >>")
        for level in range(depth)
    ]
    page = dictionary(Page(""), 5, f"/X {first} 0 R")
    word = form(text(100, 100, "word"))
    return assemble([*catalogue(), FONT.encode(), page, stream(b"/X Do"), *forms, word])


def catalogue() -> list[bytes]:
    """The two objects that lead to a single page, which is the fourth."""
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
    ]


def scattered(count: int) -> bytes:
    """A page of so many words all over it."""
    chance = random.Random(0)
    places = ((chance.uniform(0, 390), chance.uniform(0, 590)) for _ in range(count))
    words = (f"1 0 0 1 {x:.1f} {y:.1f} Tm (w) Tj" for x, y in places)
    return book(Page("\n".join(["BT /F1 8 Tf", *words, "ET"])))


def turned(count: int) -> bytes:
    """A page of so many words that each run their own way."""
    turns = ((math.cos(number), math.sin(number)) for number in range(count))
    words = (f"{c:.3f} {s:.3f} {-s:.3f} {c:.3f} 200 300 Tm (word) Tj" for c, s in turns)
    return book(Page("\n".join(["BT /F1 8 Tf", *words, "ET"])))


def looping() -> bytes:
    """A PDF whose tree of pages has itself for a branch."""
    return assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>",
            b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
        ]
    )
