"""What a reader finds in a book: its blocks of text in order, and what the file says of itself."""

from dataclasses import dataclass, field

from askback.records import Kind


@dataclass(slots=True)
class Block:
    """What will be one paragraph."""

    kind: Kind
    text: str
    first_page: int = 0  # from 1; 0 where a format has no pages
    last_page: int = 0
    size: float = 0.0  # of its type in points; 0 where a format has none
    opens: bool = False  # whether it stands first on its page


@dataclass(slots=True)
class Text:
    """A book as its reader found it; None for what the file does not say."""

    blocks: list[Block]
    title: str | None = None
    author: str | None = None
    language: str = "en"  # ISO 639-1
    pages_without_text: int = 0
    bad_pages: dict[int, str] = field(default_factory=dict)  # why their text cannot be read
