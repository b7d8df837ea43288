"""What the tests' endpoint sends: HTTP responses, sound ones and those of each kind of fault."""

import json
import struct
import time
import zlib
from collections.abc import Mapping
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from typing import Any

from tests.fake_model import tokens
from tests.misbehaviour import Asked, Behaviour

YEAR = 31_536_000  # seconds
MEGABYTE = 1 << 20
NONE: Mapping[str, str] = {}
PHRASES = {one.value: one.phrase for one in HTTPStatus} | {529: "Overloaded"}

# Status, type and code of the error, and what it says.
ERRORS: dict[str, tuple[int, str, object, str]] = {
    "400": (400, "invalid_request_error", None, "Unsupported value: 'temperature'."),
    "400_context": (
        400, "invalid_request_error", "context_length_exceeded",
        "This model's maximum context length is 4096 tokens. However, your messages resulted in "
        "5120 tokens. Please reduce the length of the messages.",
    ),
    "400_context_llama": (
        400, "exceed_context_size_error", 400,
        "the request exceeds the available context size. try increasing the context size",
    ),
    "401": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    "402": (402, "insufficient_credits", 402, "Insufficient credits."),
    "403": (403, "invalid_request_error", "unsupported_country", "Not from where you are, {key}."),
    "404": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "408": (408, "timeout", None, "Request timed out."),
    "409": (409, "conflict", None, "The model is being loaded."),
    "413": (413, "invalid_request_error", None, "Request too large."),
    "422": (422, "invalid_request_error", None, "Unprocessable."),
    "429": (429, "requests", "rate_limit_exceeded", "Rate limit reached."),
    "429_quota": (
        429, "insufficient_quota", "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "500": (500, "server_error", None, "The server had an error."),
    "502": (502, "server_error", None, "Bad gateway."),
    "503": (503, "server_error", None, "Overloaded."),
    "504": (504, "server_error", None, "Gateway timeout."),
    "529": (529, "overloaded_error", None, "Overloaded."),
}  # fmt: skip
WAITS = {
    "429_retry_after": "429", "retry_after_date": "429", "retry_after_year": "429",
    "retry_after_nonsense": "429", "503_retry_after": "503",
}  # fmt: skip


def completion(asked: Asked, kind: str | None, text: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The chat completion that says `text`, as `kind` has it, and the tokens that it took."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    finish = "stop"
    if kind == "length" or (asked.limit is not None and tokens(text) > asked.limit):
        size = len(text) // 2 if kind == "length" else 4 * (asked.limit or 0)
        message["content"], finish = cut(text, size), "length"
    elif kind == "content_filter":
        message["content"], finish = "", "content_filter"
    elif kind == "refusal":
        message["content"], message["refusal"] = None, "I'm sorry, I can't help with that."
    elif kind == "empty":
        message["content"] = ""
    written = message["content"] or message["refusal"] or ""
    usage = {"prompt_tokens": tokens(asked.prompt), "completion_tokens": tokens(written)}
    body = {
        "id": f"chatcmpl-{asked.number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "another-model" if kind == "other_model" else asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": told(kind, usage),
    }
    if kind == "no_usage":
        del body["usage"]
    return body, usage


def cut(text: str, size: int) -> str:
    """As many characters of the text as so many bytes hold."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")


def told(kind: str | None, usage: Mapping[str, int]) -> dict[str, int]:
    """The tokens that the endpoint says it took."""
    absurd = {"absurd_usage": 10**12, "negative_usage": -7}
    if kind in absurd:
        usage = dict.fromkeys(usage, absurd[kind])
    return {**usage, "total_tokens": sum(usage.values())}


def rejection(behaviour: Behaviour, kind: str, key: str) -> tuple[int, bytes]:
    """The status and the bytes of an answer that no model had a part in."""
    if kind == "redirect":
        headers = {"location": behaviour.redirect}
        return 307, response(307, b"", headers)
    headers = {"retry-after": wait(behaviour, kind)} if kind in WAITS else {}
    status, sort, code, text = ERRORS[WAITS.get(kind, kind)]
    error = {"message": text.replace("{key}", key), "type": sort, "param": None, "code": code}
    return status, response(status, dump({"error": error}), headers)


def wait(behaviour: Behaviour, kind: str) -> str:
    """The value of a Retry-After header."""
    if kind == "retry_after_date":
        return formatdate(time.time() + behaviour.retry_after, usegmt=True)
    if kind == "retry_after_year":
        return str(YEAR)
    return "soon" if kind == "retry_after_nonsense" else f"{behaviour.retry_after:g}"


def strange(behaviour: Behaviour, kind: str) -> bytes:
    """The bytes of a 200 that is no chat completion."""
    if kind == "html":
        page = b"<!doctype html><title>Sign in</title><p>Your session has ended.</p>"
        return response(200, page, {"content-type": "text/html"})
    if kind == "json_other":
        return response(200, dump({"detail": "still warming up", "status": "ok"}))
    return response(200, bomb(behaviour.bomb), {"content-encoding": "gzip"})


@cache
def bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, in a thousandth of that."""
    zeros, checksum = bytes(MEGABYTE), 0
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        checksum = zlib.crc32(zeros, checksum)
    size = (megabytes * MEGABYTE) % 2**32
    start, end = b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x03\0"
    return start + block * megabytes + end + struct.pack("<II", checksum, size)


def response(status: int, body: bytes, headers: Mapping[str, str] = NONE) -> bytes:
    """A whole HTTP response."""
    return head(status, {"content-length": str(len(body)), **headers}) + body


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The head of a response; JSON where nothing else is said."""
    named = {"content-type": "application/json", **headers}
    lines = [f"HTTP/1.1 {status} {PHRASES[status]}", *(f"{n}: {v}" for n, v in named.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def dump(value: Any) -> bytes:
    """JSON in ASCII, so that half a surrogate pair passes."""
    return json.dumps(value).encode()
