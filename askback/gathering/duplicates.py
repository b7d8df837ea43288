"""Conversations that say what an earlier one says, word for word or nearly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NONE = -1  # the number of no conversation


def earlier(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """[conversations]: the first one with the same digest ([conversations, 2]), or NONE."""
    import numpy as np

    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: equals stay in their order
    ordered = digests[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = order[new][np.cumsum(new) - 1] if len(order) else order
    result = np.full(len(order), NONE, np.int64)
    result[order] = np.where(firsts == order, NONE, firsts)
    return result
