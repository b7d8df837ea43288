"""How fast and how large chatml is: from a hundred thousand conversations to a million."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.gathered import ARGUMENTS, OPTIONS, PARAMS, Gathering

ROOT = Path(__file__).parents[1]
WORDS = 30_000
BLOCK = 1000  # conversations made at once
TURNS = 3.7  # in the mean, as in Open Assistant's trees; 1.3 kB of text


@dataclass(frozen=True)
class Measured:
    """What a run took."""

    conversations: int
    cpu: float  # seconds, of all cores
    peak: float  # MB

    @property
    def microseconds(self) -> float:
        """Of CPU for one conversation."""
        return self.cpu / self.conversations * 1e6


def conversations(count: int, seed: int = 0) -> Iterator[str]:
    """Lines of made-up conversations, lengths and words spread as people spread them."""
    draw = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvb"))
    words = ["".join(draw.choice(letters, draw.integers(2, 9))) for _ in range(WORDS)]
    weights = 1 / np.arange(1, WORDS + 1) ** 0.9
    for start in range(0, count, BLOCK):
        text = [words[n] for n in draw.choice(WORDS, 300 * BLOCK, p=weights / weights.sum())]
        lengths = draw.lognormal(3.55, 0.8, 6 * BLOCK).astype(int) + 2
        turns = 2 * (1 + (draw.random((BLOCK, 2)) < (0.5, 0.35)).sum(axis=1))
        at = 0
        for number in range(min(BLOCK, count - start)):
            messages = []
            for turn in range(turns[number]):
                length = int(lengths[6 * number + turn] * (0.5, 1.7)[turn % 2]) + 1
                at = at + length if at + 2 * length < len(text) else 0
                content = " ".join(text[at : at + length]).capitalize() + "."
                messages.append({"role": ("user", "assistant")[turn % 2], "content": content})
            yield json.dumps({"id": start + number, "messages": messages}) + "\n"


def measured(folder: Path, count: int, near_duplicates: bool = False) -> Measured:
    """What the stage takes for so many conversations."""
    here = Gathering(folder)
    here.write()
    with (folder / "sources" / "chats.jsonl").open("w") as file:
        file.writelines(conversations(count))
    source = {"name": "chats", "kind": "messages", "path": "chats.jsonl"}
    params = PARAMS | {"sources": [source], "near_duplicates": near_duplicates}
    persona = {"author": None, "system": ""}
    (folder / "params.yaml").write_text(json.dumps({"persona": persona, "chatml": params}))
    command = [sys.executable, "-m", "stages.chatml", *ARGUMENTS, *OPTIONS]
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert here.metrics["kept"] > 0.99 * count
    wall = time.perf_counter() - start
    size = (folder / "sources" / "chats.jsonl").stat().st_size / count
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(
        f"\n{count:,} conversations of {size:.0f} bytes: {cpu:.1f} s of CPU, {wall:.1f} s, "
        f"{count / cpu:,.0f} a second a core, peak {peak:.0f} MB"
    )
    return Measured(count, cpu, peak)


@pytest.mark.prove
def test_a_million_conversations_take_what_a_hundred_thousand_take_each(tmp_path, capsys):
    with capsys.disabled():
        few = min((measured(tmp_path, 100_000) for _ in range(3)), key=lambda run: run.cpu)
        many = measured(tmp_path, 1_000_000)
        print(f"ratio of the costs of one: {many.microseconds / few.microseconds:.2f}")
    assert many.conversations / many.cpu >= 15_000
    assert many.microseconds <= 1.1 * few.microseconds
    assert many.peak < 1500


@pytest.mark.prove
def test_near_duplicates_among_a_million_are_found_in_the_same_memory(tmp_path, capsys):
    with capsys.disabled():
        assert measured(tmp_path, 1_000_000, near_duplicates=True).peak < 1500


def test_the_made_up_conversations_are_as_long_as_open_assistants():
    lines = list(conversations(2000))
    talks = [json.loads(line)["messages"] for line in lines]
    assert np.mean([len(line) for line in lines]) == pytest.approx(1400, rel=0.1)
    assert np.mean([len(talk) for talk in talks]) == pytest.approx(TURNS, rel=0.05)
    assert len(set(lines)) == 2000
