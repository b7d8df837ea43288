"""HTTP/1.1 as far as the tests' endpoint needs it: whole requests in, bytes out, keep-alive."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

END = b"\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # linger on, for no time: closing sends RST


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in."""

    line: str  # its first one
    head: str
    headers: Mapping[str, str]  # by names in lower case
    body: bytes

    @property
    def path(self) -> str:
        """What is asked for."""
        return self.line.split(" ")[1]

    @property
    def key(self) -> str:
        """What stands behind `Authorization: Bearer`."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.head}\n{self.body.decode(errors='replace')}"


class Connection(asyncio.Protocol):
    """One client's connection, which has one request at a time."""

    def __init__(
        self, receive: Callable[["Connection", Incoming], None], lost: Callable[[Any], None]
    ) -> None:
        self.call: Any = None  # what is being answered
        self.last = False  # whether it ends with this answer
        self._receive, self._lost = receive, lost
        self._buffer = bytearray()
        self._sent: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Makes the transport say when its buffer is empty."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.peer = ":".join(map(str, transport.get_extra_info("peername")))
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Collects requests."""
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Hands on the next request once it is whole and the one before is answered."""
        end = self._buffer.find(END)
        if self.call or end < 0:
            return
        text = self._buffer[:end].decode("latin-1")
        line, *lines = text.split("\r\n")
        split = (one.split(":", 1) for one in lines)
        headers = {name.lower(): value.strip() for name, value in split}
        start = end + len(END)
        stop = start + int(headers.get("content-length", 0))
        if len(self._buffer) < stop:
            return
        body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        self.last = headers.get("connection", "").lower() == "close"
        self._receive(self, Incoming(line, text, headers, body))

    def send(self, data: bytes, sent: Callable[[], None]) -> None:
        """Sends the data, and calls `sent` when the kernel has all of it; never, if it cannot."""
        self._transport.write(data)
        if self._transport.is_closing():
            return
        if self.drained:
            sent()
        else:
            self._sent = sent

    def resume_writing(self) -> None:
        """The kernel has taken all."""
        sent, self._sent = self._sent, None
        if sent:
            sent()

    @property
    def drained(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._transport.get_write_buffer_size()

    def done(self) -> None:
        """The answer is out; the connection takes the next request."""
        if self.last:
            self._transport.close()
        else:
            self._next()

    def end(self, reset: bool) -> None:
        """Closes the connection, with FIN or with RST."""
        if reset:
            linger = socket.SOL_SOCKET, socket.SO_LINGER, RESET
            self._transport.get_extra_info("socket").setsockopt(*linger)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Tells who was answering."""
        if self.call:
            self._lost(self.call)
