"""Checkpoints of one training run: whole ones only, and only of this very run.

They live in `.askback/checkpoints/<fingerprint>/`, so that killed runs and temporary experiments
find them, and a run with other data, params, base or code never does.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from askback import files
from askback.home import home

MANIFEST = "manifest.json"
RUN = "run.json"

Ingredients = Mapping[str, object]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of the run made of `ingredients`: data, params, base and code by name."""

    ingredients: Ingredients

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        text = json.dumps(dict(self.ingredients), sort_keys=True)
        return home("checkpoints", sha256(text.encode()).hexdigest()[:16])

    def open(self) -> Path | None:
        """The newest valid checkpoint, or none; says why where an earlier run's cannot be used."""
        if not self.folder.is_dir():
            for line in self.differences():
                print(f"train: starting over: {line}", file=sys.stderr)
        files.write_json(self.folder / RUN, dict(self.ingredients))
        for checkpoint in sorted(self.folder.glob("checkpoint-*"), key=step, reverse=True):
            damage = find_damage(checkpoint)
            if damage is None:
                return checkpoint
            print(f"train: {checkpoint} is not used: {damage}", file=sys.stderr)
        return None

    def differences(self) -> list[str]:
        """How this run differs from the latest other one that left checkpoints."""
        others = home("checkpoints").glob(f"*/{RUN}")
        latest = max(others, key=lambda path: path.stat().st_mtime_ns, default=None)
        if latest is None:
            return []
        before = json.loads(latest.read_text("utf-8"))
        names = sorted({*before, *self.ingredients})
        pairs = [(name, before.get(name), self.ingredients.get(name)) for name in names]
        return [f"{name} was {old}, is {new}" for name, old, new in pairs if old != new]


def step(checkpoint: Path) -> int:
    """The optimizer step after which `checkpoint` was saved."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def seal(checkpoint: Path) -> None:
    """Writes the manifest, last: its presence means that everything it names is on the disk."""
    for path in [*checkpoint.iterdir(), checkpoint]:
        files.sync(path)
    files.write_json(checkpoint / MANIFEST, entries(checkpoint))


def entries(checkpoint: Path) -> dict[str, dict[str, object]]:
    """The size and SHA-256 of every file but the manifest, by name."""
    paths = [path for path in checkpoint.iterdir() if path.name != MANIFEST]
    return {p.name: {"size": p.stat().st_size, "sha256": files.sha256(p)} for p in paths}


def find_damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or none."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        return "it was not finished"
    except ValueError:
        return f"{MANIFEST} is damaged"
    found = entries(checkpoint)
    for name, entry in manifest.items():
        if found.get(name) != entry:
            return f"{name} is {'damaged' if name in found else 'missing'}"
    return None
