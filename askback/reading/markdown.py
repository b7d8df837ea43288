"""Markdown files as blocks, by markdown-it-py: CommonMark with tables, footnotes, front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from askback.encoding import decoded
from askback.errors import UserError
from askback.language import ENOUGH, language_of
from askback.reading.account import Account, count
from askback.reading.blocks import Block, Text
from askback.reading.elements import HEADINGS, two_letters
from askback.reading.flow import BREAK, SHORT, SPACES, Flow, Place
from askback.reading.html import parsed, plain
from askback.reading.letters import clean
from askback.reading.spelling import Spelling
from askback.records import Kind

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LINES = re.compile("\r\n?|[\x85\u2028\u2029]")
# At most 20,000 characters: a YAML parser takes its time.
FRONT = re.compile(r"---[ \t]*\n(.{,20000}?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
SAID = ("title", "author", "language", "lang")
DEFINITION = re.compile(r"\[\^([^\]\s]+)\]:[ \t]*")
CALL = re.compile(r"\[\^([^\]\s]+)\]")
HTML_BREAK = re.compile(r"<br\b", re.IGNORECASE)
DEEPEST = 100  # blocks within blocks; the parser passes over what is deeper
NOTES = "notes"  # what the parser keeps the labels of the footnotes under


@dataclass
class Page:
    """What the blocks of a file are made with."""

    where: str
    spelling: Spelling
    account: Account
    open: list[Token] = field(default_factory=list)  # the blocks that the parser is in
    row: list[str] = field(default_factory=list)  # the cells of a table's row so far


def read(path: Path, language: str | None, account: Account) -> Text:
    """The file's text; its own word on the language counts where `language` is None.

    Raises UserError for a file that is empty, or in an encoding that cannot be told.
    """
    source = decoded(path.read_bytes(), str(path))
    account.read += count(source)
    lines = LINES.sub("\n", source).replace("\f", "\n\n").split("\n")
    said, text = front_matter("\n".join(clean(line, account) for line in lines))
    language = language or two_letters(said.get("language") or said.get("lang"))
    language = language or language_of(text[:ENOUGH])
    page = Page(str(path), Spelling(text.split("\n"), language), account)
    found = list(blocks(parser().parse(text), page))
    if not found:
        raise UserError(f"{path}: the file is empty; copy the book again")
    account.left_out["markup"] += account.missing - sum(count(block.text) for block in found)
    return Text(found, said.get("title"), said.get("author"), language)


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """What the YAML at the file's beginning says, and the text after it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    front = FRONT.match(text)
    try:
        found = YAML(typ="base", pure=True).load(front[1]) if front else None
    except (YAMLError, RecursionError):
        return {}, text
    if front is None or not isinstance(found, dict):
        return {}, text  # no more than a line above the text and one in it
    said = ((key, name_of(found[key])) for key in SAID if key in found)
    return {key: name for key, name in said if name}, text[front.end() :]


def name_of(value: object) -> str | None:
    """A value of the front matter as text; of several authors, all."""
    values = value if isinstance(value, list) else [value]
    named = [value.get("name") if isinstance(value, dict) else value for value in values]
    return plain(", ".join(value for value in named if isinstance(value, str)))


def parser() -> MarkdownIt:
    """CommonMark's parser, with tables and footnotes."""
    from markdown_it import MarkdownIt

    result = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    result.block.ruler.before("reference", "note", note_rule, {"alt": ["paragraph", "reference"]})
    result.inline.ruler.before("link", "call", call_rule)
    return result


def note_rule(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Reads `[^1]: text`, and what is set in under it, as a block; after mdit-py-plugins."""
    start = state.bMarks[first] + state.tShift[first]
    found = DEFINITION.match(state.src, start, state.eMarks[first])
    if not found or state.is_code_block(first) or silent:
        return found is not None and silent
    state.env.setdefault(NOTES, set()).add(found[1])
    before = state.bMarks[first], state.tShift[first], state.sCount[first], state.parentType
    state.bMarks[first], state.tShift[first] = found.end(), 0
    state.blkIndent += 4
    state.sCount[first] = state.blkIndent
    state.push("note_open", "", 1)
    state.md.block.tokenize(state, first, end)
    state.push("note_close", "", -1)
    state.blkIndent -= 4
    state.bMarks[first], state.tShift[first], state.sCount[first], state.parentType = before
    return True


def call_rule(state: StateInline, silent: bool) -> bool:
    """Reads `[^1]`, if there is such a note, as its call."""
    found = CALL.match(state.src, state.pos)
    if not found or found[1] not in state.env.get(NOTES, ()):
        return False
    if not silent:
        state.push("call", "", 0).content = found[0]
    state.pos = found.end()
    return True


def blocks(tokens: Sequence[Token], page: Page) -> Iterator[Block]:
    """The blocks that the parser has found."""
    for token in tokens:
        if token.level >= DEEPEST - 1:
            raise UserError(f"{page.where}: blocks over {DEEPEST} deep; set its lines in less")
        if token.nesting > 0:
            page.open.append(token)
        elif token.nesting < 0:
            page.open.pop()
        yield from block(token, page)


def block(token: Token, page: Page) -> Iterator[Block]:
    """What one token is: a block or more, or none where it only says where others stand."""
    if token.type == "inline" and page.open[-1].type in ("td_open", "th_open"):
        page.row.append(" ".join(lines_of(token, page)))
    elif token.type == "inline":
        yield from paragraph(token, page)
    elif token.type == "tr_close":
        yield from filled("junk", " ".join(filter(None, page.row)))
        page.row.clear()
    elif token.type in ("code_block", "fence"):
        yield from filled("junk", token.content.strip())
    elif token.type == "html_block":
        yield from html_blocks(token.content, page)


def filled(kind: Kind, text: str, size: float = 0.0) -> Iterator[Block]:
    """The block, unless it has no text."""
    if text:
        yield Block(kind, text, size=size)


def paragraph(token: Token, page: Page) -> Iterator[Block]:
    """The paragraph, and the captions of the pictures in it."""
    lines, kind = lines_of(token, page), kind_of(page)
    short = all(len(line) <= SHORT for line in lines)
    if len(lines) > 1 and short and kind in ("para", "quote"):
        yield Block("verse", "\n".join(lines))
    else:
        size = HEADINGS[page.open[-1].tag] if kind == "heading" else 0.0
        yield from filled(kind, page.spelling.join(lines, page.account), size)
    for picture in token.children or ():
        if picture.type == "image":
            yield from filled("caption", " ".join(lines_of(picture, page)))


def kind_of(page: Page) -> Kind:
    """What a paragraph is in the blocks that are open: the innermost tells."""
    kinds: dict[str, Kind] = {"blockquote_open": "quote", "list_item_open": "list"}
    opened = [token.type for token in reversed(page.open)]
    if "note_open" in opened:
        return "note"
    if opened[0] == "heading_open":
        return "heading"
    return next((kinds[name] for name in opened if name in kinds), "para")


def lines_of(token: Token, page: Page) -> list[str]:
    """The text of an inline token, without markup: a line for each that must end."""
    text = clean("".join(written(child, page) for child in token.children or ()), page.account)
    parts = (
        [SPACES.sub(" ", line).strip() for line in part.split("\n")] for part in text.split(BREAK)
    )
    lines = (page.spelling.join(filter(None, part), page.account).strip() for part in parts)
    return [line for line in lines if line]


def written(token: Token, page: Page) -> str:
    """What the token puts into the text."""
    if token.type in ("text", "text_special", "code_inline"):
        return token.content
    if token.type == "call":
        page.account.leave_out("call_mark", token.content)
    hard = token.type == "html_inline" and HTML_BREAK.match(token.content)
    breaks = {"softbreak": "\n", "hardbreak": BREAK}
    return BREAK if hard else breaks.get(token.type, "")


def html_blocks(source: str, page: Page) -> Iterator[Block]:
    """The text in a block of HTML."""
    account = Account()
    root = parsed(f"<body>{source}</body>".encode(), page.where, account)
    flow = Flow(account)
    flow.add(root, Place(kind_of(page) if page.open else "para"))
    page.account.left_out.update(account.left_out)
    yield from flow.finished()
