"""What was read of each source, kept, mended and left out."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from askback.errors import UserError
from askback.ledger import Ledger
from askback.records import DroppedRow
from askback.terminal import visible

TOLD = 20  # bad rows that are printed; the ledger has them all
NOT_BAD = {"other_language"}  # reasons that are no fault of the row

SIDES = ("train", "validation")


@dataclass(slots=True)
class Side:
    """What a source has on one side."""

    conversations: int = 0
    characters: int = 0  # of questions and answers


@dataclass(slots=True)
class Tally:
    """The counts of one source."""

    rows: int = 0
    bad: int = 0
    first: DroppedRow | None = None  # of the bad ones
    dropped: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    not_drawn: int = 0  # conversations that its share or limit left no room for
    marks: dict[str, int] = field(default_factory=dict)  # conversations that have each
    sides: dict[str, Side] = field(default_factory=lambda: {side: Side() for side in SIDES})


class Account:
    """The counts of all sources, and the ledger with every row that is left out."""

    def __init__(self, ledger: Ledger, names: Iterable[str]) -> None:
        self._ledger = ledger
        self._tallies = {name: Tally() for name in names}
        self._told = 0

    def of(self, name: str) -> Tally:
        """The counts of a source."""
        return self._tallies[name]

    def bad(self, row: DroppedRow) -> None:
        """Enters a row that is no conversation, and prints the first of them."""
        tally = self.of(row.source)
        if row.reason not in NOT_BAD:
            tally.bad += 1
            tally.first = tally.first or row
            self._told += 1
            if self._told <= TOLD:
                print(f"chatml: {told(row)}", file=sys.stderr)
        self.drop(row)

    def drop(self, row: DroppedRow) -> None:
        """Enters a row that is left out."""
        self.of(row.source).dropped[row.reason] += 1
        self._ledger.drop(row)

    def tell_rest(self) -> None:
        """Says how many bad rows were not printed."""
        if self._told > TOLD:
            print(
                f"chatml: and {self._told - TOLD:,} more rows; `askback show --dropped` has them",
                file=sys.stderr,
            )

    def refuse_none(self, name: str) -> None:
        """Raises UserError where a source has no conversation at all."""
        tally = self.of(name)
        if tally.rows == tally.dropped.total():
            first = f"; the first: {told(tally.first)}" if tally.first else ""
            raise UserError(
                f"params.yaml: chatml.sources: {name}: none of its {tally.rows:,} rows is a "
                f"conversation{first}"
            )

    @property
    def conversations(self) -> dict[str, int]:
        """How many there are on each side."""
        return {side: self._sum(side, "conversations") for side in SIDES}

    def figures(self) -> dict[str, object]:
        """The counts, for the metrics; shares are those of the training side."""
        tallies = self._tallies
        self._ledger.kept = sum(self.conversations.values())
        rows, bad = sum(t.rows for t in tallies.values()), sum(t.bad for t in tallies.values())
        return {
            "bad_rows": bad / max(rows, 1),
            "not_drawn": sum(tally.not_drawn for tally in tallies.values()),
            "conversations": self.conversations,
            "characters": {side: self._sum(side, "characters") for side in SIDES},
            "sources": {name: self._source(tally) for name, tally in tallies.items()},
        }

    def _sum(self, side: str, what: str) -> int:
        return sum(getattr(tally.sides[side], what) for tally in self._tallies.values())

    def _source(self, tally: Tally) -> dict[str, object]:
        train = tally.sides["train"]
        return {
            "rows": tally.rows,
            "bad_rows": tally.bad,
            "dropped": dict(sorted(tally.dropped.items())),
            "mended": dict(sorted(tally.mended.items())),
            "not_drawn": tally.not_drawn,
            "marks": tally.marks,
            "share": {
                "conversations": train.conversations / max(self._sum("train", "conversations"), 1),
                "characters": train.characters / max(self._sum("train", "characters"), 1),
            },
            **{
                side: {"conversations": s.conversations, "characters": s.characters}
                for side, s in tally.sides.items()
            },
        }


def told(row: DroppedRow) -> str:
    """The row for people, on one line."""
    return visible(f"{row.place}: {row.reason}: {row.detail}")
