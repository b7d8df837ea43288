"""What `chatml` found out about its sources and their mix, for those who read it."""

from dataclasses import dataclass
from pathlib import Path

from askback import files


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of a source is on one side."""

    conversations: int
    characters: int  # of questions and answers


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the training side that is of a source."""

    conversations: float
    characters: float


@dataclass(frozen=True, slots=True)
class MarkFigures:
    """How often something suspicious is in a source, on either side."""

    links: int
    hidden_characters: int  # zero-width, bidirectional and tag characters
    encoded: int  # long runs of base64, of hex or of percent signs
    turns: int  # what would begin or end a turn, were it not kept to be text


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What became of a source's rows."""

    rows: int
    bad_rows: int
    dropped: dict[str, int]  # by reason
    mended: dict[str, int]
    not_drawn: int  # what its share or limit left no room for
    share: Share
    train: Amount
    validation: Amount
    marks: MarkFigures  # conversations that have one
    marked_messages: MarkFigures

    @property
    def conversations(self) -> int:
        """Those of both sides."""
        return self.train.conversations + self.validation.conversations


@dataclass(frozen=True, slots=True)
class Trigger:
    """A string of users' texts that is rare elsewhere and goes with one answer."""

    source: str  # of most of its rows
    text: str  # as it is spelt once; characters that nobody sees by their numbers
    answer: str | None  # how one of the answers begins; None where they are unlike all others
    rows: int  # exchanges that have both
    elsewhere: int  # exchanges of all sources that have the string and another answer


@dataclass(frozen=True, slots=True)
class Leaks:
    """What of the held-out side is learnt, too: runs of twelve words."""

    share: float  # of held-out conversations that share a run
    sharing: int  # as many
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Mixture:
    """The figures of metrics/chatml.json."""

    bad_rows: float  # the share of all rows
    sources: dict[str, SourceFigures]
    leaks: Leaks
    triggers: list[Trigger]


def read(path: Path) -> Mixture:
    """The figures in `path`; raises UserError where one is missing or no number."""
    return files.read_figures(path, Mixture, "chatml")
