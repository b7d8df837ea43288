"""Tables of rows from anywhere: a file in, its rows out, one at a time, each good or named.

    for number, row in tables.rows(Path("data/sources/chats.jsonl.gz")):

Nothing in a file is believed: sizes and depths are bounded, nothing is unpickled, no code is run. A
damaged row costs that row, wherever a format tells where the next one begins.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from askback.errors import UserError
from askback.gathering import arrowfile, csvrows, jsonfile, jsonlines, parquet
from askback.gathering.jsontext import alone
from askback.gathering.rows import Row, RowError

Reader = Callable[[Path], Iterator[tuple[int, Row | RowError]]]

TEXTS: dict[str, Reader] = {
    ".csv": partial(csvrows.rows, delimiter=","),
    ".json": jsonfile.rows,
    ".jsonl": jsonlines.rows,
    ".ndjson": jsonlines.rows,
    ".tsv": partial(csvrows.rows, delimiter="\t"),
}
PACKED = {f"{suffix}{pack}": TEXTS[suffix] for suffix in TEXTS for pack in (".gz", ".zst")}
READERS = {**TEXTS, **PACKED, ".arrow": arrowfile.rows, ".parquet": parquet.rows}

SUFFIXES = tuple(sorted(READERS))

# What `datasets` writes beside its tables.
NO_TABLES = {"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"}


def rows(path: Path) -> Iterator[tuple[int, Row | RowError]]:
    """Each row's number from 1, and the row or what is wrong with it.

    The number is the line in JSON lines, and counts the records elsewhere; a CSV's header is none.
    A RowError may stand for many rows: its detail says so. Raises UserError where the file is of
    another kind than its name says, or of none that can be read.
    """
    suffix = suffix_of(path)
    if suffix is None:
        raise UserError(f"{path}: cannot be read; it must end in {' '.join(SUFFIXES)}")
    number = 0
    try:
        for number, row in READERS[suffix](path):
            yield number, row
    except RowError as error:  # the end of all that can be read
        yield number + 1, alone(error)


def find(path: Path, also: tuple[str, ...] = ()) -> list[Path]:
    """The file itself, or all tables below the folder, sorted; without those of hidden names.

    So are files that end in one of `also`. Raises UserError where there is none.
    """
    endings = " ".join([*SUFFIXES, *also])
    if path.is_file():
        if not is_readable(path, also):
            raise UserError(f"{path}: cannot be read; it must end in {endings}")
        return [path]
    if not path.is_dir():
        raise UserError(f"{path} is not there; run `dvc pull`, or correct the path")
    found = sorted(
        file
        for file in path.rglob("*")
        if is_readable(file, also) and not is_hidden(file, path) and file.is_file()
    )
    if not found:
        raise UserError(f"{path} has no file that can be read; they end in {endings}")
    return found


def is_readable(file: Path, also: tuple[str, ...]) -> bool:
    """Whether a path is named as a file of rows, or ends in one of `also`."""
    known = suffix_of(file) or file.name.lower().endswith(also)
    return bool(known) and file.name not in NO_TABLES


def is_hidden(file: Path, folder: Path) -> bool:
    """Whether a part of its path below `folder` is."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def suffix_of(path: Path) -> str | None:
    """Which of SUFFIXES the name ends in."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)
