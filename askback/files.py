"""Files that appear whole or not at all, and JSON lines typed by their record."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from askback.errors import UserError

T = TypeVar("T")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file or folder to; renamed to `path` when the block succeeds.

    A block that raises leaves `path` as it was. A killed one leaves a `.NAME.part`, which the next
    run replaces; while a folder takes another's place, neither is there.
    """
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(part)
    try:
        yield part
        for file in [part, *part.rglob("*")]:
            sync(file)
        swap(part, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write does not know its file
        raise
    finally:
        remove(part)


def swap(new: Path, path: Path) -> None:
    """`new` at `path`; a folder there, which no rename replaces, stands aside until then."""
    old = path.with_name(f".{path.name}.old")
    remove(old)
    try:
        if path.is_dir():
            path.replace(old)
        new.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
    sync(path.parent)
    remove(old)


def remove(path: Path) -> None:
    """No file and no folder at `path`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """The file's bytes, or the folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, records: Iterable[Any]) -> None:
    """`records`, dataclasses of one type, as JSON lines: UTF-8, keys in field order."""
    with whole(path) as part, part.open("wb") as file:
        file.writelines(map(line, records))


def line(record: Any) -> bytes:
    """A dataclass as a line of JSON: UTF-8, keys in field order."""
    return adapter(type(record)).dump_json(record) + b"\n"


def read(path: Path, record: type[T]) -> Iterator[T]:
    """The records of a JSON lines file, split on newline bytes alone.

    Raises UserError with file and line where a line is no such record.
    """
    parse = adapter(record).validate_json
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield parse(line.removesuffix(b"\n"))
            except ValidationError as error:
                fault = error.errors(include_url=False)[0]
                key = "".join(f"{part}: " for part in fault["loc"])
                reason = fault["msg"].lower().partition(" at line ")[0]
                raise UserError(
                    f"{path}:{number}: not a {record.__name__}: {key}{reason}"
                ) from None


def read_figures(path: Path, record: type[T], stage: str) -> T:
    """The record in a JSON file of metrics; what else is there is left alone.

    Raises UserError where a figure is missing or no number: the `stage` writes it anew.
    """
    try:
        return adapter(record).validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        raise UserError(
            f"{path}: {key} {fault['msg'].lower()}; `dvc repro {stage}` writes it anew"
        ) from None


def adapter(record: type[T]) -> TypeAdapter[T]:
    """Pydantic's reader and writer of one record type, built once."""
    if record not in _adapters:
        _adapters[record] = TypeAdapter(record)
    return _adapters[record]


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def write_json(path: Path, value: Any) -> None:
    """`value` as sorted, indented JSON for people to diff."""
    import json

    with whole(path) as part:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", "utf-8")


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
