"""How fast a store opens, and in how much memory."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from askback.asking import lines
from askback.asking.lines import digest

ROOT = Path(__file__).parents[1]
OPENER = """
import resource, sys
from pathlib import Path
from askback.asking.replies import read

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
replies = read([Path(sys.argv[1])])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(replies), len(replies.unanswered), round(replies.spent), before, after)
assert replies.get(sys.argv[2]).text == sys.argv[3]
"""
PAGE = "The sea at ten degrees below zero is not yet ice, and the boats still go out. " * 40
BODY = (
    b'"reply":{"messages":[{"content":"%s","role":"user"}],"model":"gpt-4o-mini",'
    b'"sampling":{"max_tokens":200,"seed":1,"temperature":0.7},"text":"%d?",'
    b'"time":"2026-01-01T00:00:00+00:00","usage":{"input":734,"output":17},"verdict":"answer"}'
)
ASKED = (
    b'["gpt-4o-mini",[{"content":"%s","role":"user"}],'
    b'{"max_tokens":200,"seed":1,"temperature":0.7}]'
)


def fill(folder: Path, count: int) -> str:
    """Ten files of intents and replies to prompts of 3,000 characters; the last reply's key."""
    for part in range(10):
        with (folder / f"{part}.jsonl").open("wb", buffering=1 << 20) as file:
            for number in range(part * count // 10, (part + 1) * count // 10):
                prompt = b"%08d %s" % (number, PAGE[:2991].encode())
                key = digest(ASKED % prompt)
                call = b'"key":"%s","nonce":"%016x"' % (key.encode(), number)
                head = b'"paid":{%s,"price":1.0}' % call
                body = BODY % (prompt, number)
                sums = digest(head).encode(), digest(head + body).encode()
                file.write(lines.intent(call, 2.0))
                file.write(
                    lines.START + b'%s",%s,"whole":"%s",%s}\n' % (sums[0], head, sums[1], body)
                )
            file.flush()
            os.fsync(file.fileno())
    return key


def opened(folder: Path, key: str, count: int) -> tuple[float, float, float]:
    """Seconds, with the start of Python; MB before the store is opened; MB at most."""
    command = [sys.executable, "-c", OPENER, str(folder), key, f"{count - 1}?"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    assert done.stderr == ""
    *found, before, after = map(int, done.stdout.split())
    assert found == [count, 0, count]
    unit = 1 << (10 if sys.platform == "linux" else 20)
    return seconds, before / unit, after / unit


def test_twenty_thousand_replies_open_at_once(tmp_path: Path) -> None:
    """A million take about 6 µs and 0.4 kB each; this is for whoever doubles that by mistake."""
    count = 20_000
    key = fill(tmp_path, count)
    seconds, before, after = opened(tmp_path, key, count)
    assert seconds < 0.5 + count * 30e-6
    assert (after - before) * 1e6 / count < 1500


@pytest.mark.prove
def test_a_million_replies_open_in_ten_seconds_and_a_gigabyte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 1_000_000
    try:
        key = fill(tmp_path, count)
        size = sum(path.stat().st_size for path in tmp_path.iterdir()) / 1e9
        measured = [opened(tmp_path, key, count) for _ in range(3)]
    finally:
        for path in tmp_path.iterdir():
            path.unlink()
    seconds, _, megabytes = min(measured)
    with capsys.disabled():
        print(
            f"\na million replies and their intents, {size:.1f} GB: opened in "
            f"{seconds:.1f} s and {megabytes:.0f} MB at most"
        )
    assert seconds < 10
    assert megabytes < 1000
