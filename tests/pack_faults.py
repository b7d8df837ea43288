"""Packs a store while its Nth operation goes wrong: N = 1, 2, 3 … until none does.

python -m tests.pack_faults {fail,kill,full} FOLDER STEP

Prints, as JSON, for each N whether nothing went wrong, the union that stood there afterwards, that
after one more, untouched run, and the files then. See tests.faults for what goes wrong.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from askback.asking.replies import Intent, read
from askback.asking.store import Store
from askback.packing import pack
from tests.faults import run_child
from tests.paid import reply, state, store


def several(folder: Path) -> None:
    """A store of four files: replies, rivals, a copy, intents with and without; a damaged line."""
    with Store(folder) as opened:
        opened.intend(Intent(reply().key, 0.5, "n"), Intent(reply().key, 0.5, "lost"))
        opened.add(reply())
    rival = replace(reply("Rival?", "r", "Else?"), price=None)
    path = store(folder, reply("Else?", "e", "Else?"), rival)
    shutil.copy(path, folder / "copy.jsonl")
    with (folder / "copy.jsonl").open("ab") as file:
        file.write(bytes(4096))  # a rescue that was killed
    damaged = store(folder, reply("gone", "d", "Damaged?"), reply("there", "t", "Damaged?"))
    damaged.write_bytes(damaged.read_bytes().replace(b"gone", b"gome"))
    damaged.rename(folder / "damaged.jsonl")


def packed(folder: Path) -> None:
    """Packs it, without a word."""
    pack(folder)


def attempts(fault: str, root: Path, step: int) -> Iterator[dict[str, Any]]:
    """What each attempt left behind, the untouched one last."""
    several(root / "0")
    shutil.copytree(root / "0", root / "warm")
    pack(root / "warm")  # imports what it needs before calls are counted
    for number in count(1, step):
        folder = root / str(number)
        shutil.copytree(root / "0", folder)
        passed = run_child(partial(packed, folder), fault, number)
        union = repr(state(read([folder])))
        packed(folder)
        names = sorted(path.name for path in folder.iterdir())
        yield {
            "passed": passed,
            "union": union,
            "again": repr(state(read([folder]))),
            "names": ["*" if name[0] == "2" else name for name in names],
        }
        if passed:
            return


if __name__ == "__main__":
    os.fsync = lambda fd: None  # a power cut is not among these faults, and it takes 4 ms
    print(json.dumps(list(attempts(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
