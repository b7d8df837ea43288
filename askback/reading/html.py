"""HTML files as blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from askback.encoding import decoded
from askback.errors import UserError
from askback.gutenberg import bare
from askback.language import language_of
from askback.reading.account import Account
from askback.reading.blocks import Block, Text
from askback.reading.elements import attribute, parse_html, string, two_letters
from askback.reading.flow import Flow, Place
from askback.reading.letters import clean

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

CHARSET = re.compile(
    rb"""<(?:meta\s[^>]{0,200}charset|\?xml\s[^>]{1,50}encoding)\s*=\s*["']?\s*"""
    rb"""(iso-8859-\d+|windows-125\d|shift_jis|euc-(?:jp|kr)|gb\w+|big5(?:-hkscs)?|koi8-[ru])""",
    re.IGNORECASE,
)
HEAD = 4096  # bytes in which a file says its encoding
AUTHOR = {"author", "dc.creator", "dcterms.creator"}


def read(path: Path, language: str | None, account: Account) -> Text:
    """The file's text; its own word on the language counts where `language` is None.

    Raises UserError for a file that is empty, damaged, or no text.
    """
    raw = path.read_bytes()
    if not raw.strip():
        raise UserError(f"{path}: the file is empty; copy the book again")
    root = parsed(raw, str(path), account)
    flow = Flow(account)
    flow.add(root, Place())
    found = flow.finished()
    if not found:
        raise UserError(f"{path}: no text in it; copy the book again")
    said = language or two_letters(root.get("lang") or attribute(root, "xml", "lang"))
    return Text(found, title(root), author(root), said or language_of(sample(found)))


def parsed(raw: bytes, where: str, account: Account) -> Element:
    """The root of a file.

    Raises UserError, beginning with `where`, for what cannot be read whole.
    """
    source = characters(raw, where).replace("\r\n", "\n").replace("\r", "\n")
    if zeros := source.count("\0"):  # no parser hands them on
        account.read += zeros
        account.leave_out("control", "\0" * zeros)
    root, faults = parse_html(source.replace("\0", ""))
    if root is None or faults:
        fault = "".join(faults[:1]).split("\n")[0].strip(" .") or "no HTML"
        raise UserError(f"{where}: cannot be read whole ({fault}); get a sound copy")
    return root


def characters(raw: bytes, where: str) -> str:
    """What `raw` spells: UTF-8 where it can be, else in the encoding that the file names."""
    named = CHARSET.search(raw[:HEAD])
    try:
        return decoded(raw, where) if named is None else raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = named[1].decode() if named else ""
    try:
        return raw.decode("cp1252" if encoding.lower() == "iso-8859-1" else encoding)
    except (LookupError, UnicodeDecodeError):
        return decoded(raw, where)


def title(root: Element) -> str | None:
    """The title that the file's head says."""
    found = root.find(".//{*}head/{*}title")
    return None if found is None else bare(plain(string(found)))


def author(root: Element) -> str | None:
    """The author that the file's head says."""
    metas = (meta for meta in root.iter("{*}meta") if meta.get("name", "").lower() in AUTHOR)
    return next((plain(meta.get("content", "")) for meta in metas), None)


def plain(text: str) -> str | None:
    """A name without the spaces of its source; None for an empty one."""
    return " ".join(clean(text, Account()).split()) or None


def sample(blocks: Iterable[Block]) -> str:
    """The text that shows a book's language: its paragraphs, or all where it has none."""
    texts = [block.text for block in blocks if block.kind in ("para", "quote", "verse")]
    return "\n".join(texts or [block.text for block in blocks])
