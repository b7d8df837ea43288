"""The lines of a store: JSON with checksums, told from whatever a crash or a bad disk left.

    {"sum":S,"intent":{"key":K,"nonce":N,"most":M}}
    {"sum":S,"paid":{"key":K,"nonce":N,"price":P},"whole":W,"reply":{...}}

S is the checksum of the line's head, the intent or what was paid; W that of head and reply. So a
store is opened by its heads, and hardly any JSON is parsed.
"""

import hashlib
import json
import math
import re
from typing import Any

START = b'{\t"sum":"'  # JSON escapes tabs in texts, so this is the only one in a line
LINE = re.compile(START + rb'([0-9a-f]{32})",(.+?)(?:,"whole":"([0-9a-f]{32})",(.+))?\}', re.DOTALL)
HEADS = [
    re.compile(
        START
        + rb'(.{32})",("(intent|paid)":\{("key":"(%b)","nonce":"%b"),' % (key, nonce)
        + rb'"(?:most|price)":(null|-?\d{1,9}(?:\.\d+)?(?:e-\d\d)?)\})[},]',
        re.DOTALL,
    )
    for key, nonce in [(b".{32}", b".{16}"), (rb'[^"\\]*', rb'(?:[^"\\]|\\.)*')]
]  # the second takes any, and three times as long
DAMAGED = "damaged line; a copy of the file may have it whole"
STRANGE = "neither an intent nor a reply"  # another version's, or written by another hand

Head = tuple[bool, bytes, bytes, float | None]  # paid or only intended; call; key; US dollars


def dump(value: Any) -> bytes:
    """Canonical JSON on one line; half a surrogate pair, which models do send, survives."""
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def digest(data: bytes) -> str:
    """32 hex digits that tell `data` from all else."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def name(key: str, nonce: str) -> bytes:
    """The name of a call, as lines have it."""
    return b'"key":%b,"nonce":%b' % (dump(key), dump(nonce))


def intent(call: bytes, most: float | None) -> bytes:
    """The line of an intent to make a call that costs at most so many US dollars."""
    head = b'"intent":{%b,"most":%b}' % (call, dump(most))
    return START + b'%b",%b}\n' % (digest(head).encode(), head)


def reply(call: bytes, price: float | None, fields: dict[str, Any]) -> bytes:
    """The line of a reply that cost so many US dollars."""
    head = b'"paid":{%b,"price":%b}' % (call, dump(price))
    body = b'"reply":' + dump(fields)
    sums = digest(head).encode(), digest(head + body).encode()
    return START + b'%b",%b,"whole":"%b",%b}\n' % (sums[0], head, sums[1], body)


def sound(line: bytes) -> bytes:
    """The JSON of a line, all of it checked; raises ValueError where it is damaged."""
    found = LINE.fullmatch(line.rstrip(b"\n\0"))
    if not found:
        raise ValueError(DAMAGED)
    first, head, whole, body = found.groups()
    if digest(head) != first.decode() or (whole and digest(head + body) != whole.decode()):
        raise ValueError(DAMAGED)
    return found[0]


def head(line: bytes) -> Head:
    """The head of a line, checked; raises ValueError, saying why, where nobody can believe it."""
    found = HEADS[0].match(line) or HEADS[1].match(line)
    if found and digest(found[2]).encode() == found[1]:
        _, _, kind, call, key, digits = found.groups()
        if line.rfind(b"\t") == 1 and line[-1:] == b"\n":  # one line, and all of it
            return kind == b"paid", call, key, None if digits == b"null" else float(digits)
    return unusual(line)


def unusual(line: bytes) -> Head:
    """The head of a sound line with a number such as few have, with other fields, or at a tail."""
    text = sound(line)
    try:
        fields = json.loads(text)
        paid = "paid" in fields
        head = fields["paid"] if paid else fields["intent"]
        dollars = head["price"] if paid else head["most"]
        texts = isinstance(head["key"], str) and isinstance(head["nonce"], str)
        if not texts or not (dollars is None or math.isfinite(dollars)):
            raise ValueError(STRANGE)
        return paid, name(head["key"], head["nonce"]), dump(head["key"])[1:-1], dollars
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(STRANGE) from None
