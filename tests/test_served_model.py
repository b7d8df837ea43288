"""Real models, small as they are: one served by `transformers serve`, one in the stage itself."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.inquiries import Inquiry
from tests.project import environment
from tests.test_local import parrot


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address at which `transformers serve` serves the model for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    transformers = str(Path(sys.executable).with_name("transformers"))
    server = subprocess.Popen(
        [transformers, "serve", str(model), "--port", str(port)],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while server.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def test_a_model_served_by_transformers_asks_and_is_asked_once(tmp_path: Path) -> None:
    model = parrot(tmp_path / "parrot", "Why not?</s>")
    inquiry = Inquiry(
        tmp_path / "inquiry", 3, model=str(model), filters=["not_a_question"],
        sampling={"temperature": 0.0, "max_tokens": 40},
    )  # fmt: skip
    inquiry.prompt("{passage}:")
    with served(model) as address:
        variables = {"OPENAI_BASE_URL": address, "ASKBACK_TIMEOUT": "60"}
        code, told = inquiry.run(**variables)
        assert code == 0, told
    assert [one.question for one in inquiry.exchanges] == ["Why not?"] * 3
    assert {one.asked_by for one in inquiry.exchanges} == {str(model)}
    assert all(reply.usage["output"] > 0 for reply in inquiry.replies)
    assert inquiry.run(**variables)[0] == 0, "what is known needs no server"


def test_a_model_in_the_stages_own_process_asks_and_is_asked_once(tmp_path: Path) -> None:
    model = parrot(tmp_path / "parrot", " Why?</s>")
    inquiry = Inquiry(
        tmp_path / "inquiry", 3, backend="local", model=str(model), filters=["not_a_question"],
        sampling={"temperature": 0.0, "max_tokens": 40},
    )  # fmt: skip
    inquiry.prompt("{passage}:")
    code, told = inquiry.run()
    assert code == 0, told
    assert [one.question for one in inquiry.exchanges] == ["Why?"] * 3
    [name] = {one.asked_by for one in inquiry.exchanges}
    assert name.startswith("parrot@")
    [primed] = {reply.messages[-1].content for reply in inquiry.replies}
    assert primed == "Question:"
    code, told = inquiry.run(ASKBACK_OFFLINE="1")
    assert code == 0, told
    assert "3 known, 0 to ask" in told
