"""How much of each source is taken: shares of the mix, drawn by lot, the same whatever grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from askback.errors import UserError
from askback.gathering.split import mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

By = Literal["characters", "conversations"]

ALMOST = 1e-6  # how far shares of 1 may be from it


@dataclass(frozen=True, slots=True)
class Wish:
    """How much of a source is wanted; all of it where neither is given."""

    share: float | None = None  # of the mix
    limit: int | None = None  # conversations


def check(wishes: Mapping[str, Wish]) -> None:
    """Raises UserError where the shares make no mix."""
    shares = [wish.share for wish in wishes.values() if wish.share is not None]
    total, named = sum(shares), ", ".join(n for n, wish in wishes.items() if wish.share is not None)
    if len(shares) == len(wishes) and abs(total - 1) > ALMOST:
        raise UserError(
            f"params.yaml: chatml.sources: every source has a share, so they must add up to 1 and "
            f"not {total:g} ({named}); leave out the share of what is to be taken whole"
        )
    if len(shares) < len(wishes) and total > 1 - ALMOST:
        raise UserError(
            f"params.yaml: chatml.sources: the shares of {named} add up to {total:g}, which leaves "
            "nothing for the sources without one"
        )


def quotas(sizes: Sequence[float], wishes: Sequence[Wish]) -> list[float]:
    """How much of each source is taken, in the unit of `sizes`, which is what there is of each.

    A source that has less than its share is taken whole, and the others keep their shares of what
    the mix then is.
    """
    short: set[int] = set()
    while True:
        shares = {n: wish.share for n, wish in enumerate(wishes) if wish.share and n not in short}
        whole = sum(size for n, size in enumerate(sizes) if n not in shares)
        total = mix(sizes, shares, whole)
        lacking = {n for n, share in shares.items() if share * total > sizes[n] * (1 + ALMOST)}
        if not lacking:
            return [shares[n] * total if n in shares else size for n, size in enumerate(sizes)]
        short.add(min(lacking, key=lambda n: sizes[n] / shares[n]))  # the mix grows smaller by it


def mix(sizes: Sequence[float], shares: Mapping[int, float], whole: float) -> float:
    """The size of the whole mix: what is taken whole, and the shares beside it."""
    rest = 1 - sum(shares.values())
    if rest > ALMOST:
        return whole / rest
    return min(sizes[n] / share for n, share in shares.items())


def draw(
    hashes: NDArray[np.uint64], sizes: NDArray[np.int64], quota: float, seed: int
) -> NDArray[np.bool_]:
    """Which conversations of a source are taken, so that their `sizes` come up to `quota`.

    They are drawn in an order of their own hashes: a larger quota takes more to the same ones.
    """
    import numpy as np

    order = np.argsort(mixed(hashes, seed), kind="stable")
    result = np.zeros(len(hashes), bool)
    result[order] = np.cumsum(sizes[order]) <= quota * (1 + ALMOST)
    return result
