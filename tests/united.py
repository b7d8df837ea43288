"""Checkouts whose stores are those of others together."""

import shutil
from dataclasses import replace
from pathlib import Path

from askback.asking.lines import digest
from askback.asking.replies import Reply, decode, encode
from tests.checkout import Checkout


def united(folder: Path, **stores: tuple[Checkout, int]) -> Checkout:
    """A checkout with the stores of others, under other names and as of other years."""
    made = next(iter(stores.values()))[0].copied(folder)
    replies = made.folder / ".askback/replies"
    shutil.rmtree(replies)
    replies.mkdir()
    for name, (checkout, year) in stores.items():
        for number, path in enumerate((checkout.folder / ".askback/replies").glob("*.jsonl")):
            lines = [dated(line, year, checkout) for line in path.read_bytes().splitlines()]
            for copy in "xy":
                (replies / f"{name}{number}{copy}.jsonl").write_bytes(b"".join(lines))
    return made


def dated(line: bytes, year: int, checkout: Checkout) -> bytes:
    """The line as of that year, of a call whose name hangs on nothing but the checkout's server."""
    record = decode(line)
    seed = checkout.endpoint.behaviour.seed
    record = replace(record, nonce=digest(f"{seed}:{record.key}".encode())[:16])
    return encode(
        replace(record, time=f"{year}-01-01T00:00:00+00:00")
        if isinstance(record, Reply)
        else record
    )
