"""Where each character of a document went: into a paragraph, or into a bucket with a name."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from askback.records import Kind

Bucket = Literal[
    "boilerplate",  # what a library wraps around its texts
    "call_mark",  # the number or asterisk that calls a note
    "control",  # control characters
    "hidden",  # drawn so that nobody sees it
    "hyphen",  # put at a line's end by the printer, not the author
    "invisible",  # zero-width, bidirectional and tag characters
    "margin_mark",  # line numbers and the like beside the text
    "markup",  # of a format that spells its markup in characters
    "off_page",  # outside the page, or cropped
    "page_number",
    "respelt",  # ligatures unfolded, accents composed, mojibake repaired: what that changed
    "running_head",
    "tiny",  # under two points
    "turned",  # running up or down the page
    "unreadable",  # on pages without a text that can be read
]


@dataclass
class Account:
    """The characters of one document, spaces aside: read = kept + left_out, exactly."""

    read: int = 0
    kept: Counter[Kind] = field(default_factory=Counter)
    # `respelt` is below 0 where more came out.
    left_out: Counter[Bucket] = field(default_factory=Counter)
    # Hyphens at line ends, by what became of them and why.
    decided: Counter[str] = field(default_factory=Counter)

    def leave_out(self, bucket: Bucket, text: str) -> None:
        """Enters `text`, which was read, as left out."""
        self.left_out[bucket] += count(text)

    def add(self, other: "Account") -> None:
        """Enters all that is in the other account."""
        self.read += other.read
        self.kept.update(other.kept)
        self.left_out.update(other.left_out)
        self.decided.update(other.decided)

    @property
    def missing(self) -> int:
        """Characters that were read and are in no bucket; anything but 0 is a bug."""
        return self.read - self.kept.total() - self.left_out.total()


def count(text: str) -> int:
    """How many characters of `text` are no space."""
    return len("".join(text.split()))
