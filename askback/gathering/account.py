"""What was read of each source, kept, mended and left out."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from askback.errors import UserError
from askback.ledger import Ledger
from askback.mixture import Amount, MarkFigures, Share, SourceFigures
from askback.records import DroppedRow
from askback.terminal import visible

TOLD = 20  # bad rows that are printed; the ledger has them all
NOT_BAD = {"other_language"}  # reasons that are no fault of the row

SIDES = ("train", "validation")
NO_MARKS = MarkFigures(0, 0, 0, 0)


@dataclass(slots=True)
class Tally:
    """The counts of one source."""

    rows: int = 0
    bad: int = 0
    first: DroppedRow | None = None  # of the bad ones
    dropped: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    not_drawn: int = 0  # conversations that its share or limit left no room for
    marks: MarkFigures = NO_MARKS  # conversations that have each
    marked_messages: MarkFigures = NO_MARKS
    sides: dict[str, Amount] = field(default_factory=lambda: dict.fromkeys(SIDES, Amount(0, 0)))


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
        return {side: self._whole(side).conversations for side in SIDES}

    def figures(self) -> dict[str, object]:
        """The counts, for the metrics; shares are those of the training side."""
        tallies = self._tallies
        self._ledger.kept = sum(self.conversations.values())
        rows, bad = sum(t.rows for t in tallies.values()), sum(t.bad for t in tallies.values())
        return {
            "bad_rows": bad / max(rows, 1),
            "not_drawn": sum(tally.not_drawn for tally in tallies.values()),
            "conversations": self.conversations,
            "characters": {side: self._whole(side).characters for side in SIDES},
            "sources": {name: self._source(tally) for name, tally in tallies.items()},
        }

    def _whole(self, side: str) -> Amount:
        amounts = [tally.sides[side] for tally in self._tallies.values()]
        return Amount(sum(a.conversations for a in amounts), sum(a.characters for a in amounts))

    def _source(self, tally: Tally) -> dict[str, object]:
        train, whole = tally.sides["train"], self._whole("train")
        found = SourceFigures(
            rows=tally.rows,
            bad_rows=tally.bad,
            dropped=dict(tally.dropped),
            mended=dict(tally.mended),
            not_drawn=tally.not_drawn,
            share=Share(
                train.conversations / max(whole.conversations, 1),
                train.characters / max(whole.characters, 1),
            ),
            train=train,
            validation=tally.sides["validation"],
            marks=tally.marks,
            marked_messages=tally.marked_messages,
        )
        return asdict(found)


def told(row: DroppedRow) -> str:
    """The row for people, on one line."""
    return visible(f"{row.place}: {row.reason}: {row.detail}")
