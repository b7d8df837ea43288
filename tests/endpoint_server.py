"""The tests' endpoint, in a process of its own: a small HTTP server that keeps account.

python -m tests.endpoint_server FOLDER PORT

Reads FOLDER/behaviour.json, appends to FOLDER/events.jsonl, prints its port once it listens, and
again for what comes in on its standard input, when all that was sent before has been logged. Ends
with SIGTERM or with the process that holds its standard input.
"""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from tests.call_log import Log, digest, prompt_hash
from tests.connection import Connection, Incoming
from tests.misbehaviour import REJECTED, Asked, Behaviour, delay, fault, said
from tests.wire import completion, dump, head, rejection, response, strange

SPACES = b"10000\r\n" + b" " * 0x10000 + b"\r\n"  # a chunk of an endless body
PAUSE = 0.005  # seconds between two of them


class Call:
    """A call that has not been answered yet."""

    def __init__(self, connection: Connection, asked: Asked, kind: str | None) -> None:
        self.connection, self.asked, self.fault = connection, asked, kind
        self.body: dict[str, Any] = {}
        self.content: str | None = None  # what the model says
        self.usage: dict[str, int] | None = None  # what it took; None: no model was asked
        self.timer: asyncio.TimerHandle | None = None
        self.working = False  # whether it holds a slot

    @property
    def open(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self.connection.call is self


class Server:
    """All calls, and the slots that they share."""

    def __init__(self, behaviour: Behaviour, log: Log) -> None:
        self.behaviour, self.log = behaviour, log
        self.later = asyncio.get_running_loop().call_later
        self.busy = 0
        self.waiting: deque[Call] = deque()

    def receive(self, connection: Connection, incoming: Incoming) -> None:
        """Answers a request, now or later."""
        if incoming.line.startswith("POST ") and incoming.path.endswith("/chat/completions"):
            try:
                asked, seen = self._read(connection, incoming)
            except (ValueError, LookupError, TypeError) as error:
                return self._other(connection, incoming, 400, {"error": {"message": repr(error)}})
            return self._admit(Call(connection, asked, fault(self.behaviour, asked)), seen)
        if self.behaviour.key not in (None, incoming.key):
            return self._other(connection, incoming, 401, {"error": {"message": incoming.key}})
        if incoming.line.startswith("GET ") and incoming.path.endswith("/models"):
            model = {"id": self.behaviour.model, "object": "model", "owned_by": "tests"}
            return self._other(connection, incoming, 200, {"object": "list", "data": [model]})
        return self._other(connection, incoming, 404, {"detail": "Not Found"})

    def _read(self, connection: Connection, incoming: Incoming) -> tuple[Asked, dict[str, Any]]:
        """The call, and what the log says of it; raises what a wrong body makes of it."""
        sampling = json.loads(incoming.body)
        model, messages = sampling.pop("model"), sampling.pop("messages")
        if sampling.pop("stream", False):
            raise ValueError("this endpoint does not stream")
        prompt = "\n".join(message["content"] for message in messages)
        limit = sampling.get("max_completion_tokens", sampling.get("max_tokens"))
        name = prompt_hash(messages)
        request = digest([model, name, sampling])
        number, seen = self.log.count(request)
        account = {
            "number": number, "request": request, "prompt": name, "seen": seen,
            "model": model, "sampling": sampling, "peer": connection.peer,
            "authorization": incoming.headers.get("authorization"),
            "marks": [text for text in self.behaviour.marked if text in prompt],
            "text": f"{incoming.head}\n{prompt}" if self.behaviour.transcript else "",
        }  # fmt: skip
        return Asked(number, model, prompt, limit, request, seen, incoming.key), account

    def _other(
        self, connection: Connection, incoming: Incoming, status: int, body: dict[str, Any]
    ) -> None:
        """Answers what is no call."""
        text = incoming.text if self.behaviour.transcript else ""
        authorization = incoming.headers.get("authorization")
        self.log.add(
            "other", path=incoming.path, status=status, text=text, authorization=authorization
        )
        connection.send(response(status, dump(body)), connection.done)

    def _admit(self, call: Call, account: dict[str, Any]) -> None:
        """Turns the call away, answers it with something else, or lets the model have it."""
        full = self.busy >= self.behaviour.slots
        if full and call.fault is None and self.behaviour.full == "429":
            call.fault = "429"
        self.log.add("received", **account, fault=call.fault)
        call.connection.call = call
        if call.fault in REJECTED:
            status, data = rejection(self.behaviour, call.fault, call.asked.key)
            call.connection.send(data, partial(self._answered, call, status))
        elif call.fault == "endless":
            call.connection.send(head(200, {"transfer-encoding": "chunked"}), nothing)
            self._pour(call)
        elif call.fault in ("html", "json_other", "gzip_bomb"):
            data = strange(self.behaviour, call.fault)
            call.connection.send(data, partial(self._answered, call, 200))
        elif call.fault == "hang":
            self._ask(call)
        elif full:
            self.waiting.append(call)
        else:
            self._work(call)

    def _work(self, call: Call) -> None:
        """Gives the call a slot, and the model its time."""
        self.busy += 1
        call.working = True
        self._ask(call)
        seconds = delay(self.behaviour, call.asked, call.fault)
        call.timer = self.later(seconds, self._deliver, call)

    def _ask(self, call: Call) -> None:
        """What the model says and takes, from now on paid for."""
        text = said(self.behaviour, call.asked)
        call.body, call.usage = completion(call.asked, call.fault, text)
        call.content = call.body["choices"][0]["message"]["content"]

    def _release(self, call: Call) -> None:
        """Gives the call's slot to the one that waits longest."""
        call.working = False
        self.busy -= 1
        while self.waiting:
            following = self.waiting.popleft()
            if following.open:
                return self._work(following)

    def _deliver(self, call: Call) -> None:
        """Sends the model's answer, as far as the fault lets it through."""
        self._release(call)
        data, answered = dump(call.body), partial(self._answered, call)
        whole = head(200, {"content-length": str(len(data))})
        match call.fault:
            case "reset" | "close":
                answered(None)
                call.connection.end(reset=call.fault == "reset")
            case "truncated":
                call.connection.send(response(200, data[: len(data) // 2]), partial(answered, 200))
            case "cut_body":
                call.connection.last = True
                call.connection.send(whole + data[: len(data) // 2], partial(answered, 200))
            case "slow_body":
                call.connection.send(whole, nothing)
                self._drip(call, data)
            case _:
                call.connection.send(whole + data, partial(answered, 200))

    def _drip(self, call: Call, data: bytes) -> None:
        """Sends the data byte by byte."""
        if call.open:
            sent = partial(self._answered, call, 200) if len(data) == 1 else nothing
            call.connection.send(data[:1], sent)
            if data[1:]:
                self.later(self.behaviour.byte_every, self._drip, call, data[1:])

    def _pour(self, call: Call) -> None:
        """Sends white space, as fast as it is read, for as long as somebody reads it."""
        if call.open:
            if call.connection.drained:
                call.connection.send(SPACES, nothing)
            self.later(PAUSE, self._pour, call)

    def _answered(self, call: Call, status: int | None) -> None:
        """All that was to be sent is with the kernel."""
        self._account("answered", call, status)
        call.connection.call = None
        call.connection.done()

    def lost(self, call: Call) -> None:
        """Whoever waited for the answer has left."""
        self._account("abandoned", call, None)
        call.connection.call = None
        if call.timer:
            call.timer.cancel()
        if call.working:
            self._release(call)

    def _account(self, event: str, call: Call, status: int | None) -> None:
        """Logs how the call ended."""
        self.log.add(
            event, number=call.asked.number, request=call.asked.request, status=status,
            fault=call.fault, content=call.content, usage=call.usage,
        )  # fmt: skip


def nothing() -> None:
    """What follows when a part of an answer has been sent."""


def told(path: Path) -> Behaviour:
    """The behaviour in the file."""
    fields = json.loads(path.read_text())
    numbered = {name: {int(n): k for n, k in fields[name].items()} for name in ("nth", "since")}
    return Behaviour(**fields | numbered)


async def serve(folder: Path, port: int) -> None:
    """Answers until it is told to stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    server = Server(told(folder / "behaviour.json"), Log(folder / "events.jsonl"))
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    listening = await loop.create_server(
        lambda: Connection(server.receive, server.lost), "127.0.0.1", port, backlog=1024
    )
    port = listening.sockets[0].getsockname()[1]

    def settle() -> None:
        if os.read(0, 1):
            print(port, flush=True)
        else:
            stop.set()

    loop.add_reader(0, settle)
    print(port, flush=True)
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
