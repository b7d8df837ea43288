"""What chatml made in a revision, an experiment or the workspace, read where it lies.

Of a revision that is the file in DVC's cache: nothing is checked out, copied or downloaded.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from askback.conversations import ROWS, opened
from askback.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from dvc.repo import Repo
    from pyarrow.parquet import ParquetFile

WORKSPACE = "workspace"  # as DVC calls it
CHAT = Path("data/chat")
METRICS = Path("metrics/chatml.json")
SIDES = ("train", "validation")
SHOWN = ["id", "source", "messages"]  # of a conversation that is listed


@dataclass(frozen=True)
class Side:
    """One file of conversations, in the workspace or in the cache."""

    name: str  # for people
    path: Path

    def batches(self, *columns: str) -> Iterator[pa.RecordBatch]:
        """The columns, at most `ROWS` rows at once; UserError where the file is damaged."""
        import pyarrow as pa

        count = 0
        with self._sound() as file:
            for group in range(file.num_row_groups):  # iter_batches would keep what it has read
                rows = file.read_row_group(group, list(columns))
                count += len(rows)
                yield from rows.to_batches(ROWS)
            if count != file.metadata.num_rows:  # the footer has no checksum
                raise pa.ArrowInvalid("rows are missing")

    def rows(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The rows of these numbers, counted from 0, as `SHOWN`; quick where they ascend."""
        with self._sound() as file:
            sizes = (file.metadata.row_group(n).num_rows for n in range(file.num_row_groups))
            ends = list(accumulate(sizes))
            for group, those in groupby(numbers, partial(bisect_right, ends)):
                rows = file.read_row_group(group, SHOWN)
                for number in those:
                    yield rows.slice(number - ends[group] + len(rows), 1).to_pylist()[0]

    @cached_property
    def count(self) -> int:
        """How many conversations it has."""
        with self._sound() as file:
            return int(file.metadata.num_rows)

    def _sound(self) -> AbstractContextManager[ParquetFile]:
        """The file; UserError, which names the revision, where it is damaged."""
        complaint = (
            f"{self.name}: {self.path} is damaged, or not a file of conversations; "
            "delete it, and `dvc repro chatml` or `dvc fetch` brings it again"
        )
        return opened(self.path, {*SHOWN, "passages"}, complaint)


@dataclass(frozen=True)
class Revision:
    """The conversations and the figures of a revision."""

    name: str  # as people call it
    train: Side
    validation: Side
    figures: Mapping[str, Any]  # of metrics/chatml.json; none where there is no such file

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both files."""
        return self.train, self.validation

    def batches(self, *columns: str) -> Iterator[pa.RecordBatch]:
        """The columns of all conversations, those to learn from first; UserError as `Side`."""
        for side in self.sides:
            yield from side.batches(*columns)

    def conversations(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """Side, id, source and messages of the conversations of these numbers, over both sides."""
        wanted, learnt = list(numbers), self.train.count
        train = sorted({number for number in wanted if number < learnt})
        held_out = sorted({number for number in wanted if number >= learnt})
        known = {
            n: {"side": "trained on"} | row
            for n, row in zip(train, self.train.rows(train), strict=True)
        }
        rows = self.validation.rows(number - learnt for number in held_out)
        known |= {n: {"side": "held out"} | row for n, row in zip(held_out, rows, strict=True)}
        return [known[number] for number in wanted]


def revision(name: str) -> Revision:
    """The revision or experiment of that name, or the workspace.

    Raises UserError where there is none, or its conversations are not on this machine.
    """
    return workspace() if name == WORKSPACE else committed(name)


def workspace() -> Revision:
    """What lies in data/chat/ now."""
    for side in SIDES:
        if not (CHAT / f"{side}.parquet").is_file():
            raise UserError(f"{CHAT / side}.parquet is missing; `dvc repro chatml` makes it")
    text = METRICS.read_bytes() if METRICS.is_file() else b"{}"
    return found(WORKSPACE, {side: CHAT / f"{side}.parquet" for side in SIDES}, text)


def committed(name: str) -> Revision:
    """What dvc.lock says at a commit, branch, tag or experiment."""
    from dvc.exceptions import DvcException, NotDvcRepoError, OutputNotFoundError
    from dvc.repo import Repo
    from dvc.scm import NoSCMError, RevError

    try:
        with Repo() as repo, repo.switch(name):
            return found(name, cached(repo, name), metrics(repo))
    except RevError:
        raise UserError(
            f"no revision {name}; `git log --all` and `dvc exp show -A` name those there are"
        ) from None
    except OutputNotFoundError:
        raise UserError(f"{name}: no stage writes {CHAT} there; choose another revision") from None
    except (NotDvcRepoError, NoSCMError):
        raise UserError("no Git repository with DVC here; run from the project's folder") from None
    except DvcException as error:
        raise UserError(f"{name}: DVC cannot read it: {error}; choose another revision") from error


def cached(repo: Repo, name: str) -> dict[str, Path]:
    """Where the cache has the files of data/chat; UserError where it lacks them."""
    (out,) = repo.find_outs_by_path(repo.fs.join(repo.root_dir, *CHAT.parts))
    hashes = {key: info.value for key, _, info in out.get_obj() or ()}
    paths = {
        side: Path(out.cache.oid_to_path(hashes[key]))
        for side in SIDES
        if (key := (f"{side}.parquet",)) in hashes
    }
    if len(paths) < len(SIDES) or not all(path.is_file() for path in paths.values()):
        raise UserError(
            f"{name}: its {CHAT} is not in DVC's cache; `dvc fetch --all-commits {CHAT}` brings "
            "it, and `dvc exp pull origin EXPERIMENT` that of an experiment"
        )
    return paths


def metrics(repo: Repo) -> bytes:
    """metrics/chatml.json as Git has it there."""
    path = repo.fs.join(repo.root_dir, *METRICS.parts)
    if not repo.fs.exists(path):
        return b"{}"
    with repo.fs.open(path, "rb") as file:
        return bytes(file.read())


def found(name: str, paths: Mapping[str, Path], figures: bytes) -> Revision:
    """The revision of these files; UserError where the figures are not JSON."""
    try:
        known = json.loads(figures)
    except ValueError:
        raise UserError(f"{name}: {METRICS} is no JSON; `dvc repro chatml` writes it") from None
    train, validation = (Side(name, paths[side]) for side in SIDES)
    return Revision(name, train, validation, known if isinstance(known, dict) else {})
