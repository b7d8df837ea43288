import re
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from askback.gathering import ngrams
from askback.gathering.known import Known

LETTER = rb"[0-9A-Za-z]|[\xc3-\xdf].|\xe2[^\x80\x81].|[\xe0\xe1\xea-\xef]..|[\xf0-\xf4]..."  # UTF-8
WORD = re.compile(rb"[\xe3-\xe9]..|(?:%s)+" % LETTER, re.DOTALL)
SPACE = r"[\0-\x20\x7f\x85\xa0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
HIDDEN = r"\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"
TOKEN = re.compile(rf"[{HIDDEN}]+|(?:(?!{SPACE})[^{HIDDEN}])+")

PIECES = ["a", "B", "zz", "Zz", "0", " ", "\n", ",", "-", "é", "Ж", "世", "界", "。", "’", "\xa0"]
HASHES = [
    "69603e7821a35e3c",
    "3af7c8a648d7148d",
    "b7f179153db8092b",
    "4441c67156ab6b78",
    "431307b0778ca8e9",
    "abb0107020472cce",
    "1546d9cac139b512",
]
GRAM = "9d922c956357838b"
ODD = ["\u200b", "\u2060", "\ufeff", "\U000e0041", "😀", "\xad", "\0", "x" * 9, "Y" * 300, "한"]
STRINGS = st.lists(st.sampled_from(PIECES + ODD), max_size=30).map("".join) | st.text()
TEXTS = st.lists(st.none() | STRINGS, max_size=6)
KINDS = st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])


def array(texts: list[str | None], kind: pa.DataType) -> pa.Array:
    """The texts in the middle of a longer array, as a slice of it."""
    rows = [None if text is None else text.encode() for text in ["before", *texts, "after"]]
    return pa.array(rows, pa.large_binary()).cast(kind).slice(1, len(texts))


def spelt(words: ngrams.Words) -> list[tuple[int, bytes]]:
    """Each text's words as they are spelt, by the number of the text."""
    spans = zip(words.owner.tolist(), words.start, words.end, strict=True)
    return [(owner, bytes(words.data[start:end])) for owner, start, end in spans]


def distinct(keys: Sequence[object], hashes: ngrams.Hashes) -> bool:
    """That equal keys have equal hashes, and others do not."""
    pairs = set(zip(keys, hashes.tolist(), strict=True))
    return len(pairs) == len(set(keys)) == len(set(hashes.tolist()))


@given(TEXTS, KINDS)
@settings(deadline=None)
@example(["ab", "cd"], pa.string())
@example(["x" * 256, "x" * 257, "x" * 258, "X" * 257], pa.string())
def test_words_are_those_that_a_regular_expression_finds(texts, kind):
    words = ngrams.words(array(texts, kind))
    found = [(n, w) for n, t in enumerate(texts) if t for w in WORD.findall(t.encode())]
    assert spelt(words) == found
    assert words.texts == len(texts)
    assert distinct([word.lower() for _, word in found], words.hash)


@given(TEXTS, KINDS)
@settings(deadline=None)
def test_tokens_stand_between_white_space_and_hidden_characters_apart(texts, kind):
    tokens = ngrams.tokens(array(texts, kind))
    found = [(n, w.encode()) for n, t in enumerate(texts) if t for w in TOKEN.findall(t)]
    assert spelt(tokens) == found
    assert distinct([token for _, token in found], tokens.hash)


@given(TEXTS, st.integers(1, 13))
@settings(deadline=None)
def test_grams_are_all_runs_of_words_within_a_text(texts, n):
    words = ngrams.words(array(texts, pa.string()))
    grams = ngrams.grams(words, n)
    runs = [
        (number, tuple(spoken[at : at + n]))
        for number, text in enumerate(texts)
        for spoken in [WORD.findall((text or "").encode().lower())]
        for at in range(len(spoken) - n + 1)
    ]
    assert grams.owner.tolist() == [number for number, _ in runs]
    assert distinct([run for _, run in runs], grams.hash)
    shown = [words.text(first, n).encode().lower() for first in grams.first]
    assert [tuple(WORD.findall(text)) for text in shown] == [run for _, run in runs]


def test_the_hash_of_a_word_is_the_same_on_every_machine():
    words = ngrams.words(pa.array(["One small-hold, ＡＢ, and extraordinarily " + "x" * 300]))
    assert [f"{number:016x}" for number in words.hash] == HASHES
    assert f"{ngrams.grams(words, 3).hash[0]:016x}" == GRAM


def test_an_array_without_texts_or_with_nulls_alone_has_no_words():
    for texts in [pa.array([], pa.string()), pa.nulls(3, pa.string()), pa.array(["", " ", None])]:
        words = ngrams.words(texts)
        assert (len(words.hash), words.texts) == (0, len(texts))
        assert len(ngrams.grams(words, 2).hash) == 0


def test_bytes_below_a_null_are_no_words():
    whole = pa.array(["one", "two", "three"])
    mask = pa.py_buffer(bytes([0b101]))
    hidden = pa.StringArray.from_buffers(3, *whole.buffers()[1:], mask, 1)
    assert spelt(ngrams.words(hidden)) == [(0, b"one"), (2, b"three")]


def test_the_texts_are_not_copied():
    texts = pa.array(["one two", "three"])
    assert ngrams.words(texts).data.ctypes.data == texts.buffers()[2].address


def test_a_word_of_ten_megabytes_takes_no_longer_than_other_texts():
    start = time.perf_counter()
    words = ngrams.words(pa.array(["x" * 10_000_000]))
    assert spelt(words) == [(0, b"x" * 10_000_000)]
    assert time.perf_counter() - start < 5  # some 0.3 seconds; eight bytes at a time take a minute


@settings(deadline=None)
@given(st.sets(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_known_hashes_are_found_with_their_numbers_and_no_others(known, others):
    hashes = np.array(sorted(known), np.uint64)
    asked = [*others, *known, *others[:3]]
    places, numbers = Known(hashes).find(np.array(asked, np.uint64))
    assert places.tolist() == [place for place, number in enumerate(asked) if number in known]
    assert [int(hashes[number]) for number in numbers] == [asked[place] for place in places]


def test_a_large_set_knows_all_of_its_own_and_none_of_many_others():
    numbers = ngrams.mixed(np.arange(200_000, dtype=np.uint64))
    known = Known(np.sort(numbers[:100_000]))
    places, found = known.find(numbers)
    assert places.tolist() == list(range(100_000))
    assert np.array_equal(known.hashes[found], numbers[:100_000])
