"""Which characters a file's bytes spell: UTF-8, UTF-16, or the Latin-1 of old text files."""

import codecs
import re

from askback.errors import UserError

MARKS = {  # the longer first: one begins as another does
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
BEGINNING = 4096  # bytes that show which of two are the zeros of UTF-16
CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
STRAY = 20  # control characters that a text may have by accident
SEQUENCES = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")  # what UTF-8 spells a letter with
TYPOGRAPHY = bytes.fromhex("858891929394969798a0abbb")  # quotation marks, dashes and the like
# A sign between two letters: no word has one, so it is a letter of another encoding.
ODD = re.compile("(?<=[a-zà-ÿ])[¡-©«-¬®-¶¸¹»-¿×÷ƒ†‡‰€](?=[a-zà-ÿ])")


def decoded(raw: bytes, where: str) -> str:
    """The text that `raw` spells.

    Raises UserError, beginning with `where`, for what is no text or in another encoding.
    """
    try:
        text = raw[len(mark(raw)) :].decode(encoding(raw))
    except UnicodeDecodeError as error:
        text = latin(raw, error, where)
    if len(CONTROLS.findall(text)) > max(STRAY, 0.05 * len(text)):
        raise not_text(where)
    return text


def mark(raw: bytes) -> bytes:
    """The byte order mark that `raw` begins with; empty for none."""
    return next((mark for mark in MARKS if raw.startswith(mark)), b"")


def encoding(raw: bytes) -> str:
    """The Unicode encoding that the mark names or, in UTF-16, the zeros beside ASCII give away."""
    if found := mark(raw):
        return MARKS[found]
    some = raw[:BEGINNING]
    high, low = some[::2].count(0), some[1::2].count(0)
    if max(high, low) > 0.2 * len(some) and min(high, low) < 0.1 * max(high, low):
        return "utf-16-le" if low > high else "utf-16-be"
    return "utf-8"


def latin(raw: bytes, error: UnicodeDecodeError, where: str) -> str:
    """`raw` as Latin-1, in the form that Windows gave it; UserError where that makes no words."""
    if error.encoding != "utf-8":
        raise not_text(where)
    line = raw.count(b"\n", 0, error.start) + 1
    refused = UserError(f"{where}:{line}: not UTF-8; save it as UTF-8 text")
    high = bytes(byte for byte in raw if byte > 0x7F)
    if sum(map(len, SEQUENCES.findall(raw))) > 0.5 * len(high):
        raise refused  # most of it is UTF-8: the file is damaged, and a guess would spoil it
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        raise not_text(where) from None
    letters = len(high.translate(None, TYPOGRAPHY))
    if letters > 0.35 * len(raw) or len(ODD.findall(text)) > 0.1 * len(high):
        raise refused
    return text


def not_text(where: str) -> UserError:
    """The error for bytes that spell nothing."""
    return UserError(f"{where}: not text; convert it or take it out of the folder")
