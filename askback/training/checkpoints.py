"""What a run leaves behind for itself: checkpoints to go on from, and every epoch's adapter.

They live in `.askback/checkpoints/<fingerprint>/`, so that killed runs and temporary experiments
find them, and a run with other data, params, base or code never does. Each is a folder that is
valid only with its manifest, which is written last; nothing in them is unpickled.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from askback import files
from askback.home import home
from askback.records import Epoch

MANIFEST = "manifest.json"
RUN = "run.json"
RECORD = "epoch.json"
CURVE = "curve.json"
KEPT = 2  # checkpoints: the older one goes once the newer is verified

Ingredients = Mapping[str, object]
Curve = list[dict[str, float]]  # one entry a step: step, loss, grad_norm, supervised, learning_rate


@dataclass(frozen=True)
class Checkpoints:
    """What the run made of `ingredients` left: data, params, base and code by name."""

    ingredients: Ingredients

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        text = json.dumps(dict(self.ingredients), sort_keys=True)
        return home("checkpoints", sha256(text.encode()).hexdigest()[:16])

    def open(self, most: float = float("inf"), epoch: float = float("inf")) -> Path | None:
        """The newest valid checkpoint of at most `most` steps, or none.

        An epoch has `epoch` steps: a checkpoint is of use only with all that were over before it.
        Says why where an earlier run's cannot be used.
        """
        if not self.folder.is_dir():
            for line in self.differences():
                print(f"train: starting over: {line}", file=sys.stderr)
        with naming(self.folder / RUN):
            files.write_json(self.folder / RUN, dict(self.ingredients))
        sound = len(list(self.epochs()))
        if self.epoch(sound + 1).is_dir():
            broken = self.epoch(sound + 1)
            print(f"train: {broken} is not used: {find_damage(broken)}", file=sys.stderr)
        for checkpoint in self.newest_first():
            damage = find_damage(checkpoint)
            if damage is None and step(checkpoint) > (sound + 1) * epoch:
                damage = f"epoch {sound + 1} is missing or damaged"
            if damage:
                print(f"train: {checkpoint} is not used: {damage}", file=sys.stderr)
            elif step(checkpoint) <= most:
                return checkpoint
        return None

    def differences(self) -> list[str]:
        """How this run differs from the latest other one that left checkpoints."""
        others = home("checkpoints").glob(f"*/{RUN}")
        latest = max(others, key=lambda path: path.stat().st_mtime_ns, default=None)
        if latest is None:
            return []
        try:
            before = dict(json.loads(latest.read_text("utf-8")))
        except (ValueError, TypeError):
            return [f"{latest} is damaged"]
        names = sorted({*before, *self.ingredients})
        pairs = [(name, before.get(name), self.ingredients.get(name)) for name in names]
        return [f"{name} was {old}, is {new}" for name, old, new in pairs if old != new]

    def save(self, number: int, write: Callable[[Path], None]) -> None:
        """A checkpoint of that step, of what `write` puts into its folder; then the oldest goes.

        Raises OSError where the disk fails, with those before it untouched.
        """
        new = self.checkpoint(number)
        with sealing(new) as folder:
            write(folder)
        if damage := find_damage(new):
            raise OSError(errno.EIO, f"{damage} as soon as it was written", str(new))
        earlier = [one for one in self.newest_first() if step(one) < number]
        sound = [one for one in earlier if find_damage(one) is None]
        for old in sound[KEPT - 1 :]:
            files.remove(old)

    def checkpoint(self, number: int) -> Path:
        """The folder of the checkpoint of a step."""
        return self.folder / f"checkpoint-{number}"

    def newest_first(self) -> list[Path]:
        """All checkpoints, sound or not; what is merely called alike is none."""
        found = [one for one in self.folder.glob("checkpoint-*") if one.name[11:].isdecimal()]
        return sorted(found, key=step, reverse=True)

    def keep_epoch(self, record: Epoch, curve: Curve, write: Callable[[Path], None]) -> None:
        """Keeps an epoch: its record, its steps' curve, and the adapter that `write` saves."""
        with sealing(self.epoch(record.epoch)) as folder:
            write(folder)
            (folder / RECORD).write_bytes(files.line(record))
            files.write_json(folder / CURVE, curve)

    def epoch(self, number: int) -> Path:
        """The folder of an epoch, from 1."""
        return self.folder / f"epoch-{number}"

    def epochs(self, most: float = float("inf")) -> Iterator[Path]:
        """The folders of the first epochs, at most so many, up to one that is no good."""
        number = 1
        while number <= most and not self.lacks(number):
            yield self.epoch(number)
            number += 1

    def lacks(self, number: int) -> bool:
        """Whether there is no such epoch, or a damaged one."""
        return find_damage(self.epoch(number)) is not None


def record(epoch: Path) -> Epoch:
    """What is on record of an epoch."""
    return files.adapter(Epoch).validate_json((epoch / RECORD).read_bytes())


def curve(epoch: Path) -> Curve:
    """The figures of each of an epoch's steps."""
    found: Curve = json.loads((epoch / CURVE).read_text("utf-8"))
    return found


@contextmanager
def sealing(folder: Path) -> Iterator[Path]:
    """A new folder at that path to write to, sealed when the block succeeds, gone when it fails."""
    files.remove(folder)
    folder.mkdir(parents=True)
    try:
        with naming(folder):
            yield folder
            seal(folder)
    finally:
        if not (folder / MANIFEST).is_file():
            files.remove(folder)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the path into the error of a disk that names none: a write or sync has but a number."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def step(checkpoint: Path) -> int:
    """The optimizer step after which `checkpoint` was saved; of an epoch its number."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def seal(folder: Path) -> None:
    """Writes the manifest, last: its presence means that everything it names is on the disk."""
    for path in [*folder.iterdir(), folder]:
        files.sync(path)
    files.write_json(folder / MANIFEST, {**names(folder), "files": entries(folder)})


def names(folder: Path) -> dict[str, object]:
    """Which run's folder this is, and which of its steps or epochs."""
    return {"fingerprint": folder.parent.name, "number": step(folder)}


def entries(folder: Path) -> dict[str, dict[str, object]]:
    """The size and SHA-256 of every file but the manifest, by name."""
    paths = [path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST]
    return {p.name: {"size": p.stat().st_size, "sha256": files.sha256(p)} for p in paths}


def find_damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint or an epoch, or none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return "it was not finished"
    except (ValueError, RecursionError, IsADirectoryError):
        return f"{MANIFEST} is damaged"
    if not isinstance(manifest, dict) or manifest.keys() != {*names(folder), "files"}:
        return f"{MANIFEST} is damaged"
    if not isinstance(manifest["files"], dict) or not manifest["files"]:
        return f"{MANIFEST} is damaged"
    for name, value in names(folder).items():
        if manifest[name] != value:
            return f"it is of another {'run' if name == 'fingerprint' else 'step'}"
    return find_damaged_file(manifest["files"], entries(folder))


def find_damaged_file(
    expected: dict[str, dict[str, object]], found: dict[str, dict[str, object]]
) -> str | None:
    """Which file is not as the manifest has it, or none."""
    for name, entry in expected.items():
        if found.get(name) != entry:
            return f"{name} is {'damaged' if name in found else 'missing'}"
    return None


def chosen(epochs: list[Epoch], keep: str | int) -> Epoch:
    """The epoch that `train.keep` asks for: of `best`, `all` the one with the lowest loss."""
    if keep == "last":
        return epochs[-1]
    if isinstance(keep, int):
        return epochs[keep - 1]
    return min(epochs, key=lambda epoch: epoch.held_out_loss)
