"""Callers of the tests' endpoint that keep to HTTP's letter, or hang up when told so."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.endpoint import Endpoint


def body(prompt: str, **fields: Any) -> dict[str, Any]:
    """A call's body."""
    return {"model": "m", "messages": [{"role": "user", "content": prompt}], **fields}


def connect(endpoint: Endpoint) -> http.client.HTTPConnection:
    """A connection that gives up after ten seconds."""
    return http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)


def ask(
    endpoint: Endpoint, prompt: str, key: str = "sk-mine", **fields: Any
) -> tuple[int, Any, bytes]:
    """Status, headers and body of what comes back for the prompt."""
    connection = connect(endpoint)
    try:
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(body(prompt, **fields)),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def said(endpoint: Endpoint, prompt: str, **fields: Any) -> str:
    """What the model answers."""
    content = json.loads(ask(endpoint, prompt, **fields)[2])["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


def until(holds: Callable[[], bool]) -> None:
    """Waits for what has to come within ten seconds."""
    limit = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def raw(endpoint: Endpoint, prompt: str) -> socket.socket:
    """A socket on which the call has been sent."""
    data = json.dumps(body(prompt)).encode()
    client = socket.create_connection(("127.0.0.1", endpoint.port), timeout=10)
    client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: ")
    client.sendall(b"%d\r\n\r\n" % len(data) + data)
    return client


def everything(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    with client:
        return b"".join(iter(partial(client.recv, 1 << 16), b""))
