"""MinHash: sketches that tell how many of their parts two sets share.

Broder, "On the resemblance and containment of documents", 1997. All is seeded: every process makes
the same sketches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasketch import MinHash

BANDS, ROWS = 25, 5  # of pairs that share 0.8 of their parts, 5 in 100,000 agree in no band
HASHES, SEED = BANDS * ROWS, 1


@cache
def blank(hashed: Callable[[Any], int]) -> MinHash:
    """The sketch of nothing, whose permutations its copies share: they take long to draw."""
    from datasketch import MinHash

    return MinHash(HASHES, SEED, hashfunc=hashed)
