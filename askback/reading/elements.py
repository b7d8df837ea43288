"""What an HTML element says of itself: its name, its purpose, and whether anybody sees it."""

from __future__ import annotations

import posixpath
import re
from html.entities import html5
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote

from askback.reading.account import Bucket
from askback.records import Kind

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

HEADINGS = {f"h{level}": float(7 - level) for level in range(1, 7)}  # the size each stands for
CELLS = {"td", "th"}
BLOCKS = {
    *HEADINGS, "address", "article", "aside", "blockquote", "body", "caption", "center", "dd",
    "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form", "header", "hgroup", "hr", "html", "legend", "level1", "level2", "level3", "li", "main",
    "menu", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead",
    "tr", "ul",
}  # fmt: skip
RUBY = {"rp", "rt", "rtc"}  # how to pronounce what they stand beside
NOT_SHOWN = {
    "annotation", "audio", "button", "canvas", "datalist", "head", "iframe", "map", "meter",
    "noframes", "noscript", "object", "progress", "script", "select", "style", "svg", "template",
    "textarea", "title", "video",
}  # fmt: skip
NOTES = {"footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes"}
NOTE_CLASSES = NOTES | {"_idfootnote", "_idfootnotes"}
TEXT = {
    "afterword", "bodymatter", "chapter", "conclusion", "dedication", "epigraph", "epilogue",
    "foreword", "introduction", "part", "preamble", "preface", "prologue",
}  # fmt: skip
JUNK = {
    "colophon", "copyright-page", "cover", "frontmatter", "halftitlepage", "imprint", "index",
    "landmarks", "loi", "lot", "navigation", "page-list", "titlepage", "toc", "toc-brief",
}  # fmt: skip
JUNK_CLASSES = {"pg-boilerplate", "toc"}
VERSE = re.compile(r"(z3998:)?(poem|poetry|verse|stanza|song|hymn)([-_0-9].*)?")
PAGE_CLASSES = {"page-number", "page_number", "pagebreak", "pageno", "pagenum"}
LONGEST = 20  # characters of a page's number
FOLIO = re.compile(r"\W*(p(g|ages?)?\W*)?(\d+|[ivxlcdm]+)\W*", re.IGNORECASE)
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)"
    r"|(font-size|opacity)\s*:\s*(0+\.?0*|\.0+)(?![\d.])"
)
MARK = re.compile(
    r"[\[(（［〔]?\s*(\d{1,4}|[ivxlc]{1,6}|[a-z]|[^\w\s]{1,3}|[①-⓿])\s*[\])）］〕]?", re.IGNORECASE
)
BRACKETED = re.compile(r"\[(\d{1,4}|[A-Za-z]|[*†‡§]+)\]")
RAISED = re.compile(r"\b\w*(sup|note|fn)", re.IGNORECASE)
BACK = re.compile(r"[↩↑⏎^]\ufe0e?")
# What the HTML parser trips over: it cuts off what follows an end, and prints declarations.
OBSTACLE = re.compile(
    r"</(?:body|html)\s*>|\A[^<]*(?:<\?[^>]*>[^<]*)?<!DOCTYPE[^>\[]*\[.*?\]\s*>",
    re.IGNORECASE | re.DOTALL,
)
ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w+;)")
THREE_LETTERS = {
    "ara": "ar", "cat": "ca", "ces": "cs", "chi": "zh", "cze": "cs", "dan": "da", "deu": "de",
    "dut": "nl", "ell": "el", "eng": "en", "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de",
    "gre": "el", "heb": "he", "hun": "hu", "ita": "it", "jpn": "ja", "kor": "ko", "lat": "la",
    "nld": "nl", "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru",
    "spa": "es", "swe": "sv", "tur": "tr", "ukr": "uk", "zho": "zh",
}  # fmt: skip


def name(element: Element) -> str:
    """Its tag without the namespace, in small letters; empty for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def string(element: Element) -> str:
    """All text within it."""
    return str(element.xpath("string()"))


def attribute(element: Element, prefix: str, key: str) -> str:
    """What the attribute `prefix:key` says; empty without one."""
    spaces = {"epub": "http://www.idpf.org/2007/ops", "xml": "http://www.w3.org/XML/1998/namespace"}
    return element.get(f"{{{spaces[prefix]}}}{key}") or element.get(f"{prefix}:{key}") or ""


def types(element: Element) -> set[str]:
    """What it is for: the words of its epub:type and its role."""
    words = f"{attribute(element, 'epub', 'type')} {element.get('role', '')}".lower().split()
    return {word.removeprefix("doc-") for word in words}


def classes(element: Element) -> set[str]:
    """The words of its class."""
    return set(element.get("class", "").lower().split())


def purpose(element: Element) -> Kind | None:
    """The kind of text that it is for; None where it does not say."""
    if not element.attrib and name(element) != "nav":
        return None
    said, named = types(element), classes(element)
    mark = name(element) in ("a", "sup")  # which calls a note, if that is its class
    if said & NOTES or (named & NOTE_CLASSES and not mark):
        return "note"
    if said & TEXT:
        return "para"
    junk = said & JUNK or named & JUNK_CLASSES or name(element) == "nav"
    return "junk" if junk else None


def is_verse(element: Element) -> bool:
    """Whether it says that it holds lines of verse."""
    return any(VERSE.fullmatch(word) for word in types(element) | classes(element))


def bucket(element: Element) -> Bucket | None:
    """Where its text goes when it is none of the book's; None when it is."""
    if (tag := name(element)) in NOT_SHOWN:
        return "markup"
    if tag in RUBY:
        return "margin_mark"
    if not element.attrib:
        return None
    if is_hidden(element):
        return "hidden"
    return "page_number" if is_page_number(element) else None


def is_page_number(element: Element) -> bool:
    """Whether it says that it is the number of a printed page, and looks it."""
    if name(element) in HEADINGS:
        return False
    if "pagebreak" in types(element):
        return len(string(element).strip()) <= LONGEST
    return bool(classes(element) & PAGE_CLASSES) and bool(FOLIO.fullmatch(string(element)))


def is_hidden(element: Element) -> bool:
    """Whether it is written so that nobody sees it."""
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden", "").lower() == "true"
        or HIDING.search(element.get("style", "").lower()) is not None
    )


def is_noteref(element: Element) -> bool:
    """Whether it says that it is the mark of a note, or the way back from one, and looks it."""
    said = types(element) & {"noteref", "backlink"} if element.attrib else None
    text = string(element).strip() if said else ""
    return bool(said) and bool(MARK.fullmatch(text) or BACK.match(text))


def called(element: Element) -> str | None:
    """Where a short raised or bracketed link leads: it calls a note. None for anything else."""
    link = next((link for link in (element, *element[:1]) if name(link) == "a"), None)
    if link is None or "#" not in link.get("href", ""):
        return None
    text = string(element).strip()
    if not MARK.fullmatch(text) or text != string(link).strip():
        return None
    return str(link.get("href")) if BRACKETED.fullmatch(text) or is_raised(element) else None


def is_raised(link: Element) -> bool:
    """Whether the link stands above the line, as far as tags and classes tell."""
    around = [*link.iter("*"), *islice(link.iterancestors(), 2)]
    named = any(RAISED.search(inner.get("class", "")) for inner in link.iter("*"))
    return named or any(name(element) == "sup" for element in around)


def resolve(member: str, href: str) -> str:
    """What `href` in `member` leads to: a member's name, then `#` and the place in it, if any."""
    path, mark, fragment = href.partition("#")
    folder = posixpath.dirname(member)
    place = posixpath.normpath(posixpath.join(folder, unquote(path))) if path else member
    return place.lstrip("/") + mark + unquote(fragment)


def two_letters(tag: str | None) -> str | None:
    """A language tag such as en-GB or eng as ISO 639-1 names the language; None for others."""
    code = re.split(r"[-_]", (tag or "").strip().lower())[0]
    return code if re.fullmatch("[a-z]{2}", code) else THREE_LETTERS.get(code)


def parse_xml(data: bytes, encoding: str | None = None) -> tuple[Element | None, list[str]]:
    """The root of an XML file, and what is wrong with it, each with its line.

    Without `encoding`, the file says which it has.
    """
    from lxml import etree

    parser = etree.XMLParser(
        encoding=encoding, recover=True, no_network=True, resolve_entities="internal"
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        return None, [str(error)]
    # A prefix without a namespace does no harm.
    faults = [e for e in parser.error_log if e.domain_name != "NAMESPACE"]
    return root, [f"line {fault.line}: {fault.message}" for fault in faults]


def parse_html(source: str) -> tuple[Element | None, list[str]]:
    """The root of XHTML or, where it is not well-formed, of HTML; and why the rest is missing."""
    from lxml import etree

    if "<?xml" in source[:200] or "http://www.w3.org/1999/xhtml" in source[:2000]:
        named = ENTITY.sub(lambda match: html5.get(match[1], match[0]), source)
        root, faults = parse_xml(named.encode(), "utf-8")
        if root is not None and not faults:
            return root, []
    parser = etree.HTMLParser(encoding="utf-8")
    try:
        root = etree.fromstring(OBSTACLE.sub("", source).encode(), parser)
    except etree.XMLSyntaxError as error:
        return None, [str(error)]
    return root, [e.message for e in parser.error_log if e.level_name == "FATAL"]
