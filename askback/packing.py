"""Checks a store line by line, and packs its files into one that says the same."""

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from askback.asking import lines
from askback.asking.lines import digest
from askback.asking.replies import Intent, Reply, decode
from askback.asking.store import new_name
from askback.errors import WorldError
from askback.files import remove, whole


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a store, all of it checked."""

    number: int  # in its file, from 1
    data: bytes  # with its line break, and without zeros behind it
    record: Intent | Reply | None
    fault: str  # why there is no record; empty for the torn tail that a crash leaves


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing did to a store."""

    files: int  # that are one now; 0 where that would have changed nothing
    lines: int  # in these
    kept: int  # of these lines
    left: list[Path]  # files that stay, for what is not sound in them or who still writes to them


def checked(path: Path) -> Iterator[Line]:
    """The lines of a file."""
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            if not (text := data.rstrip(b"\n\0")):
                continue
            try:
                yield Line(number, text + b"\n", decode(data), "")
            except ValueError as fault:
                torn = not data.endswith(b"\n") and data.count(lines.START) < 2
                yield Line(number, text + b"\n", None, "" if torn else str(fault))


def pack(folder: Path) -> Packed:
    """Puts the lines of all sound files into a new one, which takes their place.

    Left out are copies of a line, and intents whose reply is there. At every moment the folder
    holds all the rest: the new file appears when it has been read back whole, then the others go.
    Whoever calls this holds the store's lock. Raises WorldError where the disk gave back other
    bytes than were written.
    """
    for part in folder.glob(".*.jsonl.part"):  # of a run that was killed
        remove(part)
    paths = sorted(folder.glob("*.jsonl"))
    sound = [path for path in paths if closed(path) and all(line.record for line in checked(path))]
    left = sorted({*paths} - {*sound})
    count, keep = worth_keeping(line for path in sound for line in checked(path))
    if len(sound) < 2 and len(keep) == count:
        return Packed(0, 0, 0, left)
    with whole(folder / new_name()) as part:
        with part.open("xb") as file:
            file.writelines(chosen(sound, keep))
        check(part, keep)
    for path in sound:
        path.unlink()
    return Packed(len(sound), count, len(keep), left)


def closed(path: Path) -> bool:
    """Whether no process writes to the file any more."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def worth_keeping(sound: Iterable[Line]) -> tuple[int, set[str]]:
    """How many lines there are, and the digests of those to keep."""
    count = 0
    replies: set[str] = set()
    answered: set[bytes] = set()
    intents: dict[str, bytes] = {}  # the calls by their digests
    for line in sound:
        assert line.record
        count += 1
        call = lines.name(line.record.key, line.record.nonce)
        if isinstance(line.record, Reply):
            answered.add(call)
            replies.add(digest(line.data))
        else:
            intents[digest(line.data)] = call
    return count, replies | {mark for mark, call in intents.items() if call not in answered}


def chosen(paths: Iterable[Path], keep: Collection[str]) -> Iterator[bytes]:
    """The lines with these digests, each once."""
    missing = {*keep}
    for line in (line for path in paths for line in texts(path)):
        if (mark := digest(line)) in missing:
            missing.remove(mark)
            yield line


def check(path: Path, keep: Collection[str]) -> None:
    """Raises WorldError where the file, read from the disk, has other lines than these."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):  # or it would come from memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if sorted(map(digest, texts(path))) != sorted(keep):
        raise WorldError(
            f"{path.parent}: the disk gave back other bytes than were written; nothing is removed, "
            "but bring a copy of this folder to another disk"
        )


def texts(path: Path) -> Iterator[bytes]:
    """The lines of a sound file, as `checked` has them."""
    with path.open("rb") as file:
        for data in file:
            if text := data.rstrip(b"\n\0"):
                yield text + b"\n"
