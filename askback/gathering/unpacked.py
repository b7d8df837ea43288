"""The bytes of a text file, unpacked where it is gz or zst: a stream with bounds.

What ends the reading for good is raised as a RowError: a file that is cut off, or a bomb.
"""

from __future__ import annotations

import io
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from askback.errors import UserError
from askback.gathering.bounds import FREE, PACKED
from askback.gathering.rows import RowError

BUFFER = 1 << 18  # bytes read ahead
PIECE = 1 << 10  # packed bytes at once: gzip gives at most 1032 times as many, and loses no more
GZIP = 31  # zlib's name for gzip's frame around a window of any size

Pieces = Iterator[bytes]


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader[Any]]:
    """The file's bytes, unpacked, without UTF-8's byte order mark.

    Raises UserError where it is not packed as its name says, or is UTF-16.
    """
    unpack, magics = PACKINGS.get(path.suffix.lower(), (None, (b"",)))
    with io.BufferedReader(io.FileIO(path), BUFFER) as file:
        if not file.peek().startswith(magics):
            raise UserError(f"{path}: no {path.suffix[1:]} file; name it after what it is")
        stream = io.BufferedReader(Unpacked(file, unpack(file)), BUFFER) if unpack else file
        start_of_text(stream, path)
        yield stream


def start_of_text(stream: io.BufferedReader[Any], path: Path) -> None:
    """Passes over a byte order mark; raises UserError for UTF-16's."""
    start = stream.peek()
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise UserError(f"{path}: UTF-16; write it again as UTF-8")
    if start.startswith(BOM_UTF8):
        stream.read(len(BOM_UTF8))


class Unpacked(io.RawIOBase):
    """Pieces of unpacked bytes as a stream; RowError "too_large" where they are too many."""

    def __init__(self, file: BinaryIO, pieces: Pieces) -> None:
        self._file = file
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._size = 0

    def readable(self) -> bool:
        """As a stream to read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """How many bytes it has put into `buffer`; none at the end."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._weigh(len(piece))
            self._piece = memoryview(piece)
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def _weigh(self, size: int) -> None:
        self._size += size
        if self._size > FREE and self._size > PACKED * self._file.tell():
            raise RowError("too_large", f"over {PACKED} bytes in each packed one; the rest is lost")


def gzipped(file: BinaryIO) -> Pieces:
    """The unpacked bytes of gzip's members, one after another."""
    member, fresh = zlib.decompressobj(GZIP), True
    while packed := file.read(PIECE):
        while packed := packed.lstrip(b"\0") if fresh else packed:  # tapes are padded with zeros
            try:
                yield member.decompress(packed)
            except zlib.error as error:
                raise cut_off(str(error)) from None
            packed, fresh = member.unused_data, member.eof
            if fresh:
                member = zlib.decompressobj(GZIP)
    if not fresh:
        raise cut_off("its end is missing")


FILLER = b"\xff"  # a byte that UTF-8 never has


def zstandard(file: BinaryIO) -> Pieces:
    """The unpacked bytes of zstd's frames, one after another.

    At a fault Arrow has written what it unpacked before it, but does not say how much: that is what
    is no longer filler.
    """
    import pyarrow as pa

    stream, buffer = pa.CompressedInputStream(file, "zstd"), bytearray(BUFFER)
    while True:
        buffer[:] = FILLER * BUFFER
        try:
            count = stream.readinto(buffer)
        except OSError as error:
            if error.errno:  # the disk's; Arrow's own have no number
                raise
            yield bytes(buffer.rstrip(FILLER))
            raise cut_off(str(error)) from None
        if not count:
            return
        yield bytes(buffer[:count])


def cut_off(why: str) -> RowError:
    """That a packed file ends too early, or is damaged from here on."""
    return RowError("cut_off", f"{why:.100}; the rest of the file is lost")


PACKINGS: dict[str, tuple[Callable[[BinaryIO], Pieces], tuple[bytes, ...]]] = {
    ".gz": (gzipped, (b"\x1f\x8b",)),
    ".zst": (zstandard, (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")),  # a frame; one to skip
}
