"""EPUB files as blocks: a zip of XHTML files, read in the order of its spine, never unpacked."""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile, ZipInfo

from askback.errors import UserError
from askback.language import language_of
from askback.reading.account import Account
from askback.reading.blocks import Block, Text
from askback.reading.elements import HEADINGS, parse_xml, resolve, string, two_letters, types
from askback.reading.flow import Flow, Place
from askback.reading.html import parsed, plain, sample

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MOST_MEMBERS = 20_000
MOST_BYTES = 200_000_000  # of all members that are read, unpacked
MOST_TIMES = 100  # its packed size: no text is packed as small
SMALL = 1_000_000  # bytes; a member that has fewer may be as small as it likes when packed
DAMAGE = (
    *(BadZipFile, EOFError, OSError, RuntimeError, ValueError),
    *(lzma.LZMAError, struct.error, zlib.error),
)
CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
FONTS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}  # no real locks
LARGEST = HEADINGS["h1"]
TITLE_BLOCKS = 4  # at most
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Item:
    """A file of the book as its package names it."""

    member: str
    media: str  # its media type
    is_nav: bool


@dataclass(slots=True)
class Archive:
    """An EPUB that is open."""

    path: Path
    zip: ZipFile
    left: int  # bytes that may still be read

    def where(self, member: str) -> str:
        """The member as messages, which are one line, name it."""
        return f"{self.path}: {''.join(c if c.isprintable() else '?' for c in member)}"

    def member(self, base: str, href: str) -> str:
        """The member that `href` in the member `base` names, quoted as in a URL or not."""
        named = resolve(base, href)
        unquoted = resolve(base, href.replace("%", "%25"))
        return unquoted if unquoted in self.zip.NameToInfo else named

    def read(self, member: str) -> bytes:
        """The member's bytes; UserError where it is missing, damaged, locked or too large."""
        info = self.zip.NameToInfo.get(member)
        if info is None:
            raise UserError(f"{self.where(member)}: missing; get a whole copy of the book")
        self.spend(info)
        try:
            return self.zip.read(info)
        except DAMAGE:
            raise UserError(f"{self.where(member)}: damaged; copy the book again") from None

    def spend(self, info: ZipInfo) -> None:
        """Takes the member's size off what may be read; raises UserError where it may not."""
        where = self.where(info.filename)
        if info.flag_bits & 1:
            raise UserError(f"{where}: encrypted; get a copy without a lock")
        self.left -= info.file_size
        packed = info.file_size > max(SMALL, MOST_TIMES * info.compress_size)
        if self.left < 0 or packed:
            raise UserError(f"{where}: too large when unpacked; take the book out of the folder")

    def xml(self, member: str) -> Element:
        """The member's root; raises UserError where it is not XML."""
        root, faults = parse_xml(self.read(member))
        if root is None or faults:
            fault = "".join(faults[:1]).split("\n")[0].strip(" .") or "no XML"
            raise UserError(f"{self.where(member)}: not XML ({fault}); get a sound copy")
        return root


def read(path: Path, language: str | None, account: Account) -> Text:
    """The book's text; its own word on the language counts where `language` is None.

    Raises UserError, naming the member, for a book that cannot be read whole.
    """
    try:
        file = ZipFile(path)
    except DAMAGE:
        raise UserError(f"{path}: not an EPUB; convert it or copy it again") from None
    with file:
        archive = Archive(path, file, MOST_BYTES)
        require_open(archive)
        place = package_place(archive)
        package = archive.xml(place)
        found = blocks(archive, package, place, account)
    if not found:
        raise UserError(f"{path}: no text in it; its pages may be images")
    title, author = metadata(package, "title"), metadata(package, "creator")
    said = language or two_letters(metadata(package, "language"))
    return Text(found, title, author, said or language_of(sample(found)))


def require_open(archive: Archive) -> None:
    """Raises UserError for a book of too many members, or one that is encrypted."""
    if len(archive.zip.infolist()) > MOST_MEMBERS:
        raise UserError(
            f"{archive.path}: over {MOST_MEMBERS} files in it; take it out of the folder"
        )
    if ENCRYPTION not in archive.zip.NameToInfo:
        return
    for method in archive.xml(ENCRYPTION).iter("{*}EncryptionMethod"):
        if method.get("Algorithm") not in FONTS:
            raise UserError(f"{archive.path}: encrypted; get a copy without a lock")


def package_place(archive: Archive) -> str:
    """The member that lists the others."""
    for root in archive.xml(CONTAINER).iter("{*}rootfile"):
        if place := root.get("full-path"):
            return archive.member("", place)
    raise UserError(f"{archive.where(CONTAINER)}: names no package; get a sound copy")


def metadata(package: Element, key: str) -> str | None:
    """What the package's first dc:`key` says."""
    found = package.find(f".//{{http://purl.org/dc/elements/1.1/}}{key}")
    return None if found is None else plain(string(found))


def manifest(archive: Archive, package: Element, place: str) -> dict[str, Item]:
    """The package's files by their ids."""
    return {
        item.get("id", ""): Item(
            archive.member(place, item.get("href", "")),
            item.get("media-type", ""),
            "nav" in item.get("properties", "").split(),
        )
        for item in package.iter("{*}item")
    }


def spine(archive: Archive, package: Element, place: str) -> list[Item]:
    """The files that are text, in the order in which they are to be read.

    Raises UserError for one that the package does not list, and where there is none.
    """
    items = manifest(archive, package, place)
    named = [ref.get("idref", "") for ref in package.iter("{*}itemref")]
    for key in named:
        if key not in items:
            where = archive.where(place)
            raise UserError(f"{where}: its spine names {key!r}, which it lacks; get a whole copy")
    if not named:
        raise UserError(f"{archive.where(place)}: has no spine; get a whole copy of the book")
    return [item for item in dict.fromkeys(items[key] for key in named) if is_text(item)]


def is_text(item: Item) -> bool:
    """Whether there can be text in the file."""
    return item.media.partition("/")[0] not in ("audio", "image", "video")


def blocks(archive: Archive, package: Element, place: str, account: Account) -> list[Block]:
    """The book's blocks, from file to file."""
    flow = Flow(account)
    for item in spine(archive, package, place):
        add(flow, archive, item)
    for target, label in labels(archive, package, place):
        mark_title(flow, target, label)
    return flow.finished()


def add(flow: Flow, archive: Archive, item: Item) -> None:
    """Adds a file's text; the first of its blocks opens it."""
    raw, where = archive.read(item.member), archive.where(item.member)
    if b"<" not in raw:
        raise UserError(f"{where}: not XHTML; get a sound copy of the book")
    start, flow.member = len(flow.blocks), item.member
    flow.add(parsed(raw, where, flow.account), Place("junk" if item.is_nav else "para"))
    if len(flow.blocks) > start:
        flow.blocks[start].opens = True
        flow.places[item.member] = start


def labels(archive: Archive, package: Element, place: str) -> Iterator[tuple[str, str]]:
    """Where each entry of the book's contents leads, and what it says, as far as can be read."""
    for item in manifest(archive, package, place).values():
        found = item.is_nav or item.media == "application/x-dtbncx+xml"
        if found and item.member in archive.zip.NameToInfo:
            root, _ = parse_xml(archive.read(item.member))
            for href, label in entries(root) if root is not None else ():
                yield resolve(item.member, href), label


def entries(contents: Element) -> Iterator[tuple[str, str]]:
    """The links of a navigation file, of EPUB 3 or 2, and what each says."""
    for nav in contents.iter("{*}nav"):
        if "toc" in types(nav):
            yield from ((link.get("href", ""), string(link)) for link in nav.iter("{*}a"))
    for point in contents.iter("{*}navPoint"):
        label, content = point.find("{*}navLabel"), point.find("{*}content")
        if label is not None and content is not None:
            yield content.get("src", ""), string(label)


def mark_title(flow: Flow, target: str, label: str) -> None:
    """Makes headings of the first blocks at `target` if they are words of its entry `label`.

    Many books have their titles in paragraphs that only look like headings.
    """
    size, first = LARGEST, flow.places.get(target, len(flow.blocks))
    for block in flow.blocks[first : first + TITLE_BLOCKS]:
        if block.kind == "heading":
            size = block.size
        elif block.kind == "para" and is_within(block.text, label):
            block.kind, block.size = "heading", size
        else:
            return


def is_within(text: str, label: str) -> bool:
    """Whether the text is some of the label's words."""
    words, among = (" ".join(WORD.findall(part.lower())) for part in (text, label))
    return bool(words) and f" {words} " in f" {among} "
