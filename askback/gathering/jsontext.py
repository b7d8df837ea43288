"""A row as JSON text: strict, since what a lenient parser lets pass is another row."""

import json
from json import JSONDecodeError
from typing import Any, NoReturn

from askback.gathering.bounds import MAX_DEPTH
from askback.gathering.rows import Row, RowError

NAMES = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def parse(text: bytes) -> Row | RowError:
    """The row, or what is wrong with it: it is returned, and so holds on to nothing."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        return not_utf8(error)
    try:
        value, end = scan(decoded, 0)
    except JSONDecodeError as error:
        return not_json(error)
    except RowError as error:
        return alone(error)
    if end < len(decoded):
        return RowError("not_json", f"it goes on after its end at character {end + 1}")
    return checked(value, decoded)


def scan(text: str, at: int) -> tuple[Any, int]:
    """The value at `text[at]`, and where it ends.

    Raises JSONDecodeError where it is no JSON or not all of it, else RowError.
    """
    try:
        return _decoder.raw_decode(text, at)
    except (JSONDecodeError, RowError):
        raise
    except RecursionError:
        raise too_deep() from None
    except ValueError:  # Python's own, which no hook can change
        raise RowError("not_json", "a number of thousands of digits") from None


def checked(value: Any, text: str) -> Row | RowError:
    """`value` if it can be a row, else what is wrong with it; `text` is its JSON."""
    if not isinstance(value, dict):
        return RowError("not_an_object", f"it is {NAMES.get(type(value), 'a number')}")
    if text.count("{") + text.count("[") > MAX_DEPTH and deeper(value, MAX_DEPTH):
        return too_deep()
    if "\\" in text and ("\\ud" in text or "\\uD" in text) and halved(value):
        return RowError("lone_surrogate", "half a character, as an escape")
    return value


def deeper(value: Any, depth: int) -> bool:
    """Whether there are more than `depth` lists and objects within each other."""
    level = [value]
    while level and depth:
        depth -= 1
        level = [item for outer in level for item in inside(outer)]
    return bool(level)


def inside(outer: Any) -> list[Any]:
    """The lists and objects that `outer` is made of."""
    items = outer.values() if isinstance(outer, dict) else outer
    return [item for item in items if isinstance(item, dict | list)]


def halved(value: Any) -> bool:
    """Whether half a surrogate pair is in any string; whole pairs have become characters."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def unique(pairs: list[tuple[str, Any]]) -> Row:
    """An object; RowError where it has a key twice, of which json would drop the first."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise RowError("duplicate_key", f"{twice!r:.60}")
    return found


def refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise RowError("not_json", constant)


def not_json(error: JSONDecodeError, start: int = 0) -> RowError:
    """Why it is no JSON, and from where on; the row starts at `start`."""
    return RowError("not_json", f"{error.msg} at character {error.pos - start + 1}")


def not_utf8(error: UnicodeError) -> RowError:
    """Where the text ends to be UTF-8."""
    start = error.start if isinstance(error, UnicodeDecodeError | UnicodeEncodeError) else 0
    return RowError("not_utf8", f"at byte {start + 1}")


def alone(error: RowError) -> RowError:
    """The same error without where it was raised: that would keep the row in memory."""
    return RowError(error.reason, error.detail)


def too_deep() -> RowError:
    """That a row is nested too deeply."""
    return RowError("too_deep", f"more than {MAX_DEPTH} lists and objects within each other")


_decoder = json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse)
