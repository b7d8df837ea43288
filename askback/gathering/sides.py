"""The two sides, written from the drafts by what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from askback import conversations
from askback.gathering.account import Account
from askback.gathering.drafts import Drafts, Part
from askback.gathering.duplicates import NONE
from askback.gathering.fates import Fate, Fates
from askback.gathering.inspection import Inspection
from askback.gathering.spoken import chosen
from askback.mixture import Amount
from askback.records import DroppedRow

if TYPE_CHECKING:
    import pyarrow as pa

WHY = {
    Fate.DUPLICATE: "it says what {} says",
    Fate.NEAR_DUPLICATE: "it says nearly what {} says",
    Fate.ALSO_IN_TRAIN: "the answer is also that of {}",
}


def write(
    folder: Path, drafts: Drafts, fates: Fates, parts: Sequence[Part], account: Account
) -> Inspection:
    """Writes both sides into the folder, in the order of the drafts, and enters what is on none.

    Returns what was seen in them on the way.
    """
    inspection = Inspection(int((fates.fate == Fate.TRAIN).sum()))
    leave_out(drafts, fates, account, inspection)
    count(drafts, fates, parts, account)
    for name, side in (("validation", held_out), ("train", learnt)):
        batches = side(drafts, fates, inspection)
        conversations.write_batches(
            folder / f"{name}.parquet", map(conversations.rendered, batches)
        )
    for part in parts:
        tally = account.of(part.name)
        tally.marks = inspection.marks(part.name)
        tally.marked_messages = inspection.marked_messages(part.name)
    return inspection


def count(drafts: Drafts, fates: Fates, parts: Sequence[Part], account: Account) -> None:
    """Enters how much each source has on each side, and how much of it was not drawn."""
    characters, of_part = drafts.characters, drafts.part
    for part in parts:
        tally, rows = account.of(part.name), of_part == part.number
        tally.not_drawn += int((rows & (fates.fate == Fate.NOT_DRAWN)).sum())
        for name, fate in (("train", Fate.TRAIN), ("validation", Fate.VALIDATION)):
            there = rows & (fates.fate == fate)
            before = tally.sides[name]
            tally.sides[name] = Amount(
                before.conversations + int(there.sum()),
                before.characters + int(characters[there].sum()),
            )


def chapters(drafts: Drafts, fates: Fates, parts: Sequence[Part]) -> dict[str, list[str]]:
    """The names of the books' chapters on each side."""
    books = np.isin(drafts.part, [part.number for part in parts if part.book])
    groups = drafts.group
    return {
        name: sorted(
            drafts.groups[g] for g in np.unique(groups[books & (fates.fate == fate)]).tolist()
        )
        for name, fate in (("train", Fate.TRAIN), ("validation", Fate.VALIDATION))
    }


def held_out(drafts: Drafts, fates: Fates, inspection: Inspection) -> Iterator[pa.RecordBatch]:
    """The conversations for validation; the others are sampled."""
    for span, batch in drafts.batches():
        fate = fates.fate[span]
        if (fate == Fate.VALIDATION).any():
            side = chosen(batch, fate == Fate.VALIDATION)
            inspection.see_held_out(side, span.start)
            yield side
        part = inspection.part(drafts.ids[span])
        inspection.sample(chosen(batch, (fate == Fate.TRAIN) & part))


def learnt(drafts: Drafts, fates: Fates, inspection: Inspection) -> Iterator[pa.RecordBatch]:
    """The conversations to learn from."""
    for span, batch in drafts.batches():
        train = fates.fate[span] == Fate.TRAIN
        side = chosen(batch, train)
        inspection.see_learnt(side)
        inspection.verify(chosen(batch, train & inspection.part(drafts.ids[span])))
        yield side


def leave_out(drafts: Drafts, fates: Fates, account: Account, inspection: Inspection) -> None:
    """Enters each conversation that repeats another, with that one's id; the others are seen."""
    ids = drafts.ids
    for span, batch in drafts.batches():
        fate = fates.fate[span]
        kept = (fate == Fate.TRAIN) | (fate == Fate.VALIDATION)
        inspection.see_kept(chosen(batch, kept))
        inspection.count(chosen(batch, (fate == Fate.TRAIN) & inspection.part(ids[span])))
        repeats = np.flatnonzero(np.isin(fate, list(WHY)))
        if len(repeats):
            sources, places = batch["source"].to_pylist(), batch["place"].to_pylist()
            for row in repeats.tolist():
                why, like = Fate(fate[row]), int(fates.like[span][row])
                assert like != NONE
                detail = WHY[why].format(f"{ids[like]:016x}")
                id_ = f"{ids[span.start + row]:016x}"
                account.drop(DroppedRow(id_, why.reason, detail, sources[row], places[row]))
