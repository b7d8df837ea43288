"""The order of the data: a function of (seed, epoch) alone, whoever reads it and how often."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import DataLoader, Sampler


class Order(Sampler[list[int]]):
    """The numbers of the rows of each step, an epoch long: every row once."""

    def __init__(self, rows: int, batch: int, seed: int, longest: int) -> None:
        self.rows, self.batch, self.seed = rows, batch, seed
        self.longest = longest  # the first row of all, so that what is too long shows at once
        self.epoch = 0

    def __len__(self) -> int:
        """How many steps an epoch has."""
        return -(-self.rows // self.batch)

    def __iter__(self) -> Iterator[list[int]]:
        """The epoch's steps."""
        order = self.order().tolist()
        for start in range(0, self.rows, self.batch):
            yield order[start : start + self.batch]

    def order(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """[rows]: the numbers of all rows in the epoch's order.

        NumPy keeps the stream of RandomState as it is for good, which it does of no other.
        """
        order: np.ndarray[tuple[int], np.dtype[np.int64]]
        order = np.random.RandomState([self.seed, self.epoch]).permutation(self.rows)
        if self.epoch == 0:
            place = int(np.flatnonzero(order == self.longest)[0])
            order[[0, place]] = order[[place, 0]]
        return order

    def step(self, number: int) -> list[int]:
        """The numbers of the rows of a step of the current epoch, counted from the run's first."""
        start = number % len(self) * self.batch
        rows: list[int] = self.order()[start : start + self.batch].tolist()
        return rows

    def set_epoch(self, epoch: int) -> None:
        """Goes to an epoch, counted from 0."""
        self.epoch = epoch


class Steps(DataLoader[int]):
    """The rows' numbers, step by step: reading rows is left to the step that needs them."""

    def __init__(self, order: Order) -> None:
        super().__init__(range(order.rows), batch_sampler=order, collate_fn=list)  # type: ignore[arg-type]
        self.order = order

    def set_epoch(self, epoch: int) -> None:
        """Goes to an epoch, counted from 0."""
        self.order.set_epoch(epoch)
