"""What people see while the calls go out: one line that renews itself, or a line now and then."""

import sys
from contextlib import suppress
from time import monotonic

from askback.asking.replies import Reply

ON_TERMINAL, ELSEWHERE = 0.2, 10.0  # seconds between two lines


class Progress:
    """Counts what comes in, and says so on stderr."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.gained = 0
        self.failed = 0  # calls that brought nothing
        self.tokens = 0
        self.dollars = 0.0
        self._start = self._told = monotonic()
        self._every = ON_TERMINAL if sys.stderr.isatty() else ELSEWHERE

    def gain(self, reply: Reply) -> None:
        """Counts a reply."""
        self.gained += 1
        self.tokens += sum(reply.usage.values())
        self.dollars += reply.price or 0.0
        self.tell()

    def fail(self) -> None:
        """Counts a call without a reply."""
        self.failed += 1
        self.tell()

    def tell(self, last: bool = False) -> None:
        """Says how it goes, if it is time to."""
        now = monotonic()
        if not last and now - self._told < self._every:
            return
        self._told = now
        start, end = ("\r", "\x1b[K" + "\n" * last) if sys.stderr.isatty() else ("", "\n")
        with suppress(OSError):  # whoever read the messages may have gone; the calls go on
            print(start + self.line(now), end=end, file=sys.stderr, flush=True)

    def line(self, now: float) -> str:
        """How it goes: replies, their rate, tokens, money, failures and the time left."""
        rate = self.gained / max(now - self._start, 1e-9)
        parts = [f"{self.gained:,} of {self.total:,} replies", f"{rate:.1f}/s"]
        parts += [f"{self.tokens:,} tokens"]
        parts += [f"${self.dollars:.4f}"] if self.dollars else []
        parts += [f"{self.failed:,} failed calls"] if self.failed else []
        parts += [f"{duration((self.total - self.gained) / rate)} left"] if self.gained else []
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
