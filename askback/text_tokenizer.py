"""A tokenizer for text alone: whatever it is given, no control token comes out of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token as the vocabulary spells it; ValueError where it has none."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"a tokenizer without {token}")
    return int(found)


def text_tokenizer(tokenizer: Tokenizer) -> tuple[Tokenizer, frozenset[int]]:
    """What encodes the text of a turn, and the control ids that it can never yield.

    It is `tokenizer` without its added tokens, special or not, and without the vocabulary and
    merges that spell one: `</s>` in a text becomes `</s` and `>`, whatever stands around it. All
    other text gets the ids that it has after a control token. Raises ValueError unless the
    tokenizer is a BPE with a token for each byte, so that no character is ever lost.
    """
    from tokenizers import Tokenizer

    spec = json.loads(tokenizer.to_str(), object_hook=not_first)
    model = spec["model"]
    if model["type"] != "BPE":
        raise ValueError(f"a tokenizer of type {model['type']}, not BPE")
    control = {token["content"] for token in spec["added_tokens"]} | {model["unk_token"]}
    vocabulary = {token: id_ for token, id_ in model["vocab"].items() if token not in control}
    if not byte_tokens(model["byte_fallback"]) <= vocabulary.keys():
        raise ValueError("a tokenizer without a token for each byte, which would lose characters")
    merges = [(a, b) for a, b in model["merges"] if control.isdisjoint((a, b, a + b))]
    model |= {"vocab": vocabulary, "merges": merges, "unk_token": None}
    spec |= {"added_tokens": [], "truncation": None, "padding": None}
    ids = frozenset(token_id(tokenizer, token) for token in control - {None})
    return Tokenizer.from_str(json.dumps(spec)), ids


def not_first(part: dict[str, Any]) -> dict[str, Any]:
    """A tokenizer's part as it works on text that stands after a control token, as turns do."""
    if part.get("type") == "Metaspace" and part.get("prepend_scheme") == "first":
        return part | {"prepend_scheme": "never"}
    return part


def byte_tokens(fallback: bool) -> set[str]:
    """The 256 tokens for bytes, as SentencePiece (`fallback`) or byte-level BPE spells them."""
    from tokenizers.pre_tokenizers import ByteLevel

    return {f"<0x{byte:02X}>" for byte in range(256)} if fallback else set(ByteLevel.alphabet())
