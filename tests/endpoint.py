"""An endpoint that misbehaves on order: a real HTTP server in a process of its own.

    with Endpoint(tmp_path, latency=0.1, faults={"429": 0.1, "hang": 0.05}) as endpoint:
        ...  # ask endpoint.url
    assert endpoint.answered()

What it can be told is `Behaviour` in misbehaviour.py; what it remembers, `Event` in call_log.py.
"""

import json
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.call_log import Event, read
from tests.misbehaviour import Behaviour

ROOT = Path(__file__).parents[1]


class Endpoint:
    """An OpenAI-compatible endpoint on this machine, with a folder of its own for its account."""

    def __init__(self, folder: Path, **behaviour: Any) -> None:
        self.behaviour = Behaviour(**behaviour)
        self.port = 0  # the system's choice, kept until the end
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._place: socket.socket | None = None
        self._settling = threading.Lock()

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._place:
            self._place.close()
        complaints = (self._folder / "stderr").read_text()
        if complaints and error is None:
            raise AssertionError(complaints)

    def start(self, **changes: Any) -> None:
        """Serves, from now on with these changes of behaviour; on the same port as ever."""
        self.behaviour = replace(self.behaviour, **changes)
        (self._folder / "behaviour.json").write_text(json.dumps(asdict(self.behaviour)))
        server = "tests.endpoint_server", str(self._folder.absolute()), str(self.port)
        if self._place:
            self._place.close()
        with (self._folder / "stderr").open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *server], cwd=ROOT,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self.port = self._told()

    def stop(self) -> None:
        """Is down: connections end, and new ones are refused, until `start`."""
        if self._process is None:
            return
        with self._process as process:  # waits for its end, and closes the pipes
            process.terminate()
        self._process = None
        # Holds the port without listening, so that nothing else is given it meanwhile.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.port))

    def _told(self) -> int:
        """The port, when the process says it."""
        assert self._process
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError((self._folder / "stderr").read_text())
        return int(line)

    def _settle(self) -> None:
        """Waits until all that anybody has received from the process has been logged."""
        with self._settling:
            if self._process:
                assert self._process.stdin
                self._process.stdin.write(b".")
                self._process.stdin.flush()
                self._told()

    def events(self) -> list[Event]:
        """All that happened so far, in its order."""
        self._settle()
        return read(self._folder / "events.jsonl")

    def received(self) -> list[Event]:
        """The calls that came in."""
        return [event for event in self.events() if event.event == "received"]

    def answered(self) -> list[Event]:
        """The calls that were sent a whole chat completion, whatever it says."""
        return [event for event in self.events() if event.whole]

    def cost(self, price: tuple[float, float], abandoned: bool = False) -> float:
        """Dollars for the answers so far, at dollars per million tokens in and out.

        Answers that were damaged on their way count; those that nobody waited for if asked.
        """
        kinds = ["answered", "abandoned"] if abandoned else ["answered"]
        used = [event.usage for event in self.events() if event.event in kinds and event.usage]
        counts = [sum(u[name] for u in used) for name in ("prompt_tokens", "completion_tokens")]
        return sum(count * each for count, each in zip(counts, price, strict=True)) / 1e6

    def most_at_once(self) -> int:
        """How many calls were open at the busiest moment."""
        steps = {"received": 1, "answered": -1, "abandoned": -1, "other": 0}
        now, most = 0, 0
        for event in self.events():
            now += steps[event.event]
            most = max(most, now)
        return most

    def saw(self, text: str) -> bool:
        """Whether the text was anywhere in what came in; needs `transcript`."""
        assert self.behaviour.transcript, "the endpoint keeps no transcript"
        return any(text in event.text for event in self.events())
