"""Words of many texts as hashes, and runs of words, at numpy's speed and without copying a text.

A word is a run of letters and digits, ASCII capitals read as small. Every byte beyond ASCII is a
letter, but for spaces and punctuation (U+0080 to U+00BF, U+2000 to U+207F); a character from
U+3000 to U+9FFF, which is written without spaces, is a word of its own. A token is what stands
between white space, as it is spelt; a run of characters that nobody sees is one of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Owners = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Places = tuple[bytes, int, int]  # characters: their first bytes, and the range of their last

# What each byte of a word, or of a token, is read as; zero where it is in none.
READ_AS = [ord(chr(byte).lower()) if chr(byte).isalnum() else 0 for byte in range(128)]
WORD = bytes([*READ_AS, *range(128, 256)])
TOKEN = bytes(byte if byte > 0x20 and byte != 0x7F else 0 for byte in range(256))

PUNCTUATION: list[Places] = [
    (b"\xc2", 0x80, 0xBF), (b"\xe2\x80", 0x80, 0xBF), (b"\xe2\x81", 0x80, 0xBF),
]  # fmt: skip
SPACES: list[Places] = [
    (b"\xc2", 0x85, 0x85), (b"\xc2", 0xA0, 0xA0), (b"\xe2\x80", 0x80, 0x8A),
    (b"\xe2\x80", 0xA8, 0xA9), (b"\xe2\x80", 0xAF, 0xAF), (b"\xe2\x81", 0x9F, 0x9F),
    (b"\xe3\x80", 0x80, 0x80),
]  # fmt: skip
UNSEEN: list[Places] = [  # zero-width, of direction, and tag characters, and the soft hyphen
    (b"\xe2\x80", 0x8B, 0x8F), (b"\xe2\x80", 0xAA, 0xAE), (b"\xe2\x81", 0xA0, 0xAF),
    (b"\xef\xbb", 0xBF, 0xBF), (b"\xf3\xa0\x80", 0x80, 0xBF), (b"\xf3\xa0\x81", 0x80, 0xBF),
    (b"\xc2", 0xAD, 0xAD),
]  # fmt: skip

CHUNK = 8  # bytes of a word that are hashed at once
LONG = 256  # bytes; a longer word is hashed by itself
MASKS = np.array([(1 << 8 * size) - 1 for size in range(CHUNK + 1)], np.uint64)
FACTOR = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, as in splitmix64


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of texts, in their order."""

    data: Bytes  # the texts where Arrow has them
    hash: Hashes  # [words]; that of a word is the same in every run and on every machine
    owner: Owners  # [words]; the number of the text that a word is in
    start: Ints  # [words]; a word's bytes are data[start:end]
    end: Ints
    texts: int

    def text(self, first: int, count: int) -> str:
        """What stands from the word `first` to the end of the `count`-th from there."""
        span = self.data[self.start[first] : self.end[first + count - 1]]
        return bytes(span).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """Runs of n words, none of them across two texts."""

    hash: Hashes  # [grams]
    owner: Owners  # [grams]
    first: Ints  # [grams]; the number of the first word


def words(texts: pa.Array) -> Words:
    """The words of an array of strings or binaries, large or not; a null has none."""
    return split(texts, word_reading)


def tokens(texts: pa.Array) -> Words:
    """What stands between white space, as `words` does."""
    return split(texts, token_reading)


def word_reading(data: Bytes) -> tuple[Bytes, Flags]:
    """What each byte is read as, and before which bytes a word ends in any case."""
    read, cuts = reading(data, WORD), np.zeros(len(data) + 1, np.bool_)
    if not bytes(data).isascii():
        read[: len(data)][covered(data, PUNCTUATION)] = 0
        ideographs = np.flatnonzero(data - np.uint8(0xE3) < 7)  # in UTF-8 a first byte, of three
        cuts[ideographs] = True
        cuts[np.minimum(ideographs + 3, len(data))] = True
    return read, cuts


def token_reading(data: Bytes) -> tuple[Bytes, Flags]:
    """The same for tokens."""
    read, cuts = reading(data, TOKEN), np.zeros(len(data) + 1, np.bool_)
    if not bytes(data).isascii():
        read[: len(data)][covered(data, SPACES)] = 0
        unseen = covered(data, UNSEEN)
        cuts[1:-1] = unseen[1:] != unseen[:-1]
    return read, cuts


def parts(texts: pa.Array) -> tuple[Bytes, Ints]:
    """The texts end to end, and where each begins, and the last one ends."""
    import pyarrow as pa

    large = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    width = np.dtype(np.int64 if large else np.int32)
    begins = np.frombuffer(offsets, width, len(texts) + 1, texts.offset * width.itemsize)
    first, last = int(begins[0]), int(begins[-1])
    return np.frombuffer(data, np.uint8, last - first, first), begins.astype(np.int64) - first


def reading(data: Bytes, table: bytes) -> Bytes:
    """What each byte is read as, and zeros for a chunk that begins at the last."""
    return np.frombuffer(bytearray(bytes(data) + bytes(CHUNK)).translate(table), np.uint8)


def covered(data: Bytes, characters: list[Places]) -> Flags:
    """Which bytes belong to one of `characters`."""
    flags = np.zeros(len(data), np.bool_)
    for lead in {prefix[:1] for prefix, _, _ in characters}:
        starts = np.flatnonzero(data == lead[0])
        for prefix, low, high in characters if len(starts) else ():
            if prefix[:1] == lead:
                mark(flags, data, starts, (prefix, low, high))
    return flags


def mark(flags: Flags, data: Bytes, starts: Ints, places: Places) -> None:
    """Sets the flags of the characters of one range, which begin at some of `starts`."""
    prefix, low, high = places
    starts = starts[starts < len(data) - len(prefix)]
    for ahead, byte in enumerate(prefix):
        starts = starts[data[starts + ahead] == byte]
    last = data[starts + len(prefix)]
    starts = starts[(last >= low) & (last <= high)]
    for ahead in range(len(prefix) + 1):
        flags[starts + ahead] = True


def split(texts: pa.Array, read: Callable[[Bytes], tuple[Bytes, Flags]]) -> Words:
    """The runs of bytes that are read, parted where a text ends."""
    data, offsets = parts(texts)
    start, end, hashed = runs(*read(data), offsets)
    counts = np.diff(np.searchsorted(start, offsets))
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), counts)
    if texts.null_count:  # a null may have bytes
        valid = texts.is_valid().to_numpy(zero_copy_only=False)[owner]
        start, end, owner, hashed = start[valid], end[valid], owner[valid], hashed[valid]
    return Words(data, hashed, owner, start, end, len(texts))


def runs(read: Bytes, cuts: Flags, offsets: Ints) -> tuple[Ints, Ints, Hashes]:
    """Where each word begins and ends, and its hash."""
    cuts[offsets] = True
    inside = read[: len(cuts)] != 0
    before = np.zeros_like(inside)
    before[1:] = inside[:-1]
    cuts |= inside != before
    start, end = np.flatnonzero(inside & cuts), np.flatnonzero(before & cuts)
    return start, end, hashes(read, start, end)


def hashes(read: Bytes, start: Ints, end: Ints) -> Hashes:
    """The hash of each word: of up to eight bytes no two have the same."""
    chunks: Hashes = np.ndarray(len(read) - CHUNK + 1, "<u8", read, strides=(1,))
    length = end - start
    found = mixed(chunks.take(start) & MASKS[np.minimum(length, CHUNK)])
    rest, at = np.flatnonzero((length > CHUNK) & (length <= LONG)), CHUNK
    while len(rest):
        more = chunks[start[rest] + at] & MASKS[np.minimum(length[rest] - at, CHUNK)]
        found[rest] = mixed(found[rest] * np.uint64(FACTOR) + more)
        at += CHUNK
        rest = rest[length[rest] > at]
    for word in np.flatnonzero(length > LONG):
        digest = hashlib.blake2b(bytes(read[start[word] : end[word]]), digest_size=8).digest()
        found[word] = int.from_bytes(digest, "little")
    return found


def mixed(numbers: Hashes) -> Hashes:
    """Each number as another, its bits spread over all 64; one to one, as in splitmix64."""
    spread = numbers ^ (numbers >> np.uint64(30))
    spread *= np.uint64(0xBF58476D1CE4E5B9)
    spread ^= spread >> np.uint64(27)
    spread *= np.uint64(0x94D049BB133111EB)
    spread ^= spread >> np.uint64(31)
    return spread


def grams(words: Words, n: int) -> Grams:
    """Every run of `n` words that stand in one text; `n` is at least 1."""
    count = max(len(words.hash) - n + 1, 0)
    first = np.flatnonzero(words.owner[:count] == words.owner[n - 1 :])
    if not len(first):
        return Grams(np.zeros(0, np.uint64), np.zeros(0, np.int32), first)
    return Grams(mixed(polynomial(words.hash, n)[first]), words.owner[first], first)


def polynomial(hashes: Hashes, n: int) -> Hashes:
    """[len - n + 1]: the n hashes from each on as digits of one number, modulo 2**64.

    A run is doubled, and lengthened by one, as the binary digits of `n` say.
    """
    found, size = hashes, 1
    for digit in f"{n:b}"[1:]:
        found = found[:-size] * power(size) + found[size:]
        size *= 2
        if digit == "1":
            found = found[:-1] * power(1) + hashes[size:]
            size += 1
    return found


def power(size: int) -> np.uint64:
    """FACTOR to the power of `size`."""
    return np.uint64(pow(FACTOR, size, 1 << 64))
