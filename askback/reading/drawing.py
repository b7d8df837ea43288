"""What a PDF's pages are drawn of, as PDFium tells: each mark with its place and its paint.

Loaded only in a process of its own: PDFium takes a while to load, and is not to be trusted.
"""

import os
from collections.abc import Iterator
from ctypes import POINTER, c_float, c_uint, c_ulong, cast, create_string_buffer
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pypdfium2.raw as pdfium

from askback.reading.boxes import UNMOVED, Box, Matrix, around, moved_box, product, shared
from askback.reading.shapes import Handle, clipped, filled, is_filled, line_width

DEEPEST = 30  # forms within forms
FAR = 1e6  # points; no page is as large
EVERYWHERE = Box(-FAR, -FAR, FAR, FAR)

Colour = tuple[int, int, int]  # red, green and blue, to 255
Paint = tuple[Colour | None, float]  # None for patterns and pictures; how opaque it is, to 1


@dataclass(frozen=True, slots=True)
class Frame:
    """The forms around a mark, from the page down."""

    matrix: Matrix = UNMOVED  # from the innermost form's space to the page's
    clip: Box | None = EVERYWHERE  # what they leave of the page; None where that is no rectangle
    opacity: float = 1.0
    doubtful: bool = False  # whether they may mix with what is beneath, or not be there
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A text, a path, a picture or a shading, as one operator draws it."""

    kind: int  # pdfium.FPDF_PAGEOBJ_TEXT and so on
    handle: Handle
    frame: Frame

    @property
    def matrix(self) -> Matrix:
        """From its own space to the page's; a text's begins at the first letter's foot."""
        return product(matrix(self.handle), self.frame.matrix)

    @property
    def box(self) -> Box:
        """What it takes of the page, its clip aside."""
        return moved_box(bounds(self.handle), self.frame.matrix)

    @property
    def shown(self) -> Box:
        """What its clip leaves of its box, where that is a rectangle; else its box."""
        clip = clipped(self.handle, self.frame.matrix, self.frame.clip)
        return shared(self.box, clip) if clip else self.box

    @property
    def rectangle(self) -> Box | None:
        """What of the page a path fills, its clip respected; None where that is no rectangle."""
        box = filled(self.handle, self.matrix)
        left = clipped(self.handle, self.frame.matrix, self.frame.clip) if box else None
        return shared(box, left) if box and left else None

    @property
    def line_width(self) -> float:
        """How wide a path's line is on the page, in points; 0 for one that is filled."""
        return 0.0 if is_filled(self.handle) else line_width(self.handle, self.matrix)

    @property
    def is_text(self) -> bool:
        """Whether it is one."""
        return bool(self.kind == pdfium.FPDF_PAGEOBJ_TEXT)

    @property
    def is_path(self) -> bool:
        """Whether it is one."""
        return bool(self.kind == pdfium.FPDF_PAGEOBJ_PATH)

    @property
    def is_image(self) -> bool:
        """Whether it is one."""
        return bool(self.kind == pdfium.FPDF_PAGEOBJ_IMAGE)

    @property
    def fill(self) -> Paint:
        """The paint of its inside."""
        return paint(pdfium.FPDFPageObj_GetFillColor, self)

    @property
    def stroke(self) -> Paint:
        """The paint of its outline."""
        return paint(pdfium.FPDFPageObj_GetStrokeColor, self)

    @property
    def is_blended(self) -> bool:
        """Whether it may mix with what is beneath, not by opacity alone; forms are, as groups."""
        return bool(pdfium.FPDFPageObj_HasTransparency(self.handle)) and self.fill[1] == 1

    @property
    def is_optional(self) -> bool:
        """Whether it is in a layer that may be off; PDFium does not tell which are."""
        count = pdfium.FPDFPageObj_CountMarks(self.handle)
        return any(mark_name(self.handle, index) == "OC" for index in range(count))

    @property
    def is_doubtful(self) -> bool:
        """Whether it may mix with what is beneath, or not be there."""
        return self.frame.doubtful or self.is_blended or self.is_optional

    @property
    def mode(self) -> int:
        """How a text's letters are painted, by PDF's numbers; 3 and 7 are not at all."""
        return int(pdfium.FPDFTextObj_GetTextRenderMode(self.handle))

    @property
    def type_size(self) -> float:
        """A text's type size in its own space."""
        size = c_float()
        pdfium.FPDFTextObj_GetFontSize(self.handle, size)
        return size.value


@dataclass(frozen=True)
class Page:
    """One page; boxes are in its own space, where y grows upwards."""

    number: int  # from 1
    media: Box
    crop: Box  # what of it is shown
    turns: int  # quarters that it is turned to the right by
    handle: Handle

    def marks(self) -> Iterator[Mark]:
        """All that is drawn on it, the lowest first."""
        count = pdfium.FPDFPage_CountObjects(self.handle)
        handles = (pdfium.FPDFPage_GetObject(self.handle, index) for index in range(count))
        return marks(handles, Frame())

    def said(self, text: Mark) -> str:
        """What the text says; nothing where it repeats another in its place."""
        size = pdfium.FPDFTextObj_GetText(text.handle, self.texts, None, 0)  # bytes, and a NUL
        buffer = create_string_buffer(size)
        place = cast(buffer, POINTER(pdfium.FPDF_WCHAR))
        pdfium.FPDFTextObj_GetText(text.handle, self.texts, place, size)
        return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")

    @cached_property
    def texts(self) -> Handle:
        """Its texts as PDFium reads them, which takes longer than to read what is drawn."""
        return pdfium.FPDFText_LoadPage(self.handle)

    def close(self) -> None:
        """Gives its memory back."""
        if "texts" in self.__dict__:
            pdfium.FPDFText_ClosePage(self.texts)
        pdfium.FPDF_ClosePage(self.handle)


def pages(path: Path) -> Iterator[Page]:
    """The PDF's pages; each ends when the next is asked for. None if PDFium cannot read the file.

    Nothing is closed but the pages, for the process ends with them.
    """
    pdfium.FPDF_InitLibrary()
    document = pdfium.FPDF_LoadDocument(os.fsencode(path), None)
    for index in range(pdfium.FPDF_GetPageCount(document) if document else 0):
        if handle := pdfium.FPDF_LoadPage(document, index):
            crop, turns = shown(handle), pdfium.FPDFPage_GetRotation(handle)
            page = Page(index + 1, media(handle, document, index), crop, turns, handle)
            yield page
            page.close()


def shown(page: Handle) -> Box:
    """What is shown of the page: its crop box, inherited or not, within its media box."""
    found = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, found)
    return Box(found.left, found.bottom, found.right, found.top)


def media(page: Handle, document: Handle, index: int) -> Box:
    """The page's media box.

    PDFium does not tell an inherited one; but all of it is shown of a page that is read again after
    its crop box has been set, in memory, to be everywhere.
    """
    sides = [c_float() for _ in range(4)]
    if pdfium.FPDFPage_GetMediaBox(page, *sides):
        x0, y0, x1, y1 = (side.value for side in sides)
        return around([(x0, y0), (x1, y1)])
    pdfium.FPDFPage_SetCropBox(page, *EVERYWHERE)
    again = pdfium.FPDF_LoadPage(document, index)
    found = shown(again)
    pdfium.FPDF_ClosePage(again)
    return found


def marks(handles: Iterator[Handle], frame: Frame) -> Iterator[Mark]:
    """The marks, those in forms where the forms put them."""
    for handle in handles:
        mark = Mark(pdfium.FPDFPageObj_GetType(handle), handle, frame)
        if mark.kind != pdfium.FPDF_PAGEOBJ_FORM:
            yield mark
        elif frame.depth < DEEPEST:
            count = pdfium.FPDFFormObj_CountObjects(handle)
            inside = (pdfium.FPDFFormObj_GetObject(handle, index) for index in range(count))
            yield from marks(inside, framed(mark))


def framed(form: Mark) -> Frame:
    """The frame of what the form draws."""
    clip = clipped(form.handle, form.frame.matrix, form.frame.clip)
    return Frame(form.matrix, clip, form.fill[1], form.is_doubtful, form.frame.depth + 1)


def mark_name(handle: Handle, index: int) -> str:
    """What the content that the object belongs to is marked as."""
    mark, length = pdfium.FPDFPageObj_GetMark(handle, index), c_ulong()
    buffer = create_string_buffer(64)
    place = cast(buffer, POINTER(pdfium.FPDF_WCHAR))
    pdfium.FPDFPageObjMark_GetName(mark, place, len(buffer), length)
    return buffer.raw[: length.value].decode("utf-16-le", "replace").rstrip("\0")


def matrix(handle: Handle) -> Matrix:
    """From the object's own space to that of what it stands in."""
    found = pdfium.FS_MATRIX()
    pdfium.FPDFPageObj_GetMatrix(handle, found)
    return found.a, found.b, found.c, found.d, found.e, found.f


def bounds(handle: Handle) -> Box:
    """The object's box in the space that it stands in."""
    sides = [c_float() for _ in range(4)]
    pdfium.FPDFPageObj_GetBounds(handle, *sides)
    return Box(*(side.value for side in sides))


def paint(function: Handle, mark: Mark) -> Paint:
    """The paint that PDFium's `function` tells, no more opaque than the forms around."""
    parts = [c_uint() for _ in range(4)]
    if not function(mark.handle, *parts):
        return None, mark.frame.opacity
    red, green, blue, alpha = (part.value for part in parts)
    return (red, green, blue), min(alpha / 255, mark.frame.opacity)
