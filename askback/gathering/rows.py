"""A row of a source, and what is wrong with one."""

from typing import Any

Row = dict[str, Any]  # by column


class RowError(ValueError):
    """A row that cannot be used: why in one word, as the ledger counts it, and what exactly."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
