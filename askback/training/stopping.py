"""SIGTERM and SIGINT, heard where a step can be left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether the run has been asked to stop. Where `at_once` holds, it is interrupted instead."""

    def __init__(self) -> None:
        self.asked = False
        self.at_once = True

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Takes both signals for the block, and gives them back after it."""
        before = {
            number: signal.signal(number, self.hear) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Remembers the signal; raises KeyboardInterrupt where nothing would be lost."""
        self.asked = True
        if self.at_once:
            raise KeyboardInterrupt

    @contextmanager
    def later(self) -> Iterator[None]:
        """Signals wait to be asked for within the block; one that nobody has asked for ends it."""
        self.at_once = False
        try:
            yield
        finally:
            self.at_once = True
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def now(self) -> Iterator[None]:
        """Signals interrupt the block, as does one that came before it."""
        self.at_once = True
        if self.asked:
            raise KeyboardInterrupt
        try:
            yield
        finally:
            self.at_once = False
