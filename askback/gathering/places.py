"""Where the files of a source lie."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from askback import files, hub
from askback.errors import UserError
from askback.gathering import tables
from askback.gathering.source import FOLDER, Files, Transcript

Named = tuple[str, Path]  # a file, and its name for people

TEXTS = (".vtt", ".srt", ".txt")  # of transcripts


def locate(source: Files, folder: Path) -> tuple[list[Named], list[Named]]:
    """The files of a source, and those of its own validation split, if it has one.

    `folder` is where `path` begins. Raises UserError where there are none, or where those of a data
    set are not the pinned ones.
    """
    own = source.validation if isinstance(source.validation, str) else None
    if source.hub:
        return of_hub(source, own)
    held_out = listing(source, folder, own) if own else []
    listed = [path for path in listing(source, folder, str(source.path)) if path not in held_out]
    return named(listed, folder), named(held_out, folder)


def listing(source: Files, folder: Path, path: str) -> list[Path]:
    """The file, or all files below the folder, that the source's kind can read."""
    if not (folder / path).exists():
        raise UserError(
            f"params.yaml: {key(source)}: {folder / path} is missing; paths are those below "
            f"{FOLDER}/"
        )
    return tables.find(folder / path, also=TEXTS if isinstance(source, Transcript) else ())


def of_hub(source: Files, own: str | None) -> tuple[list[Named], list[Named]]:
    """The same of a data set at its commit."""
    assert source.hub
    assert source.revision
    splits = [source.split, own] if own else [source.split]
    below = f"{source.path}/" if source.path else ""
    patterns = [f"{below}*{split}*{suffix}" for split in splits for suffix in tables.SUFFIXES]
    root = hub.snapshot(source.hub, source.revision, patterns, key(source), "dataset")
    sides = [of_split(source, root, split) for split in splits]
    refuse_other_bytes(source, [path for side in sides for _, path in side])
    return sides[0], sides[1] if own else []


def of_split(source: Files, root: Path, split: str) -> list[Named]:
    """The files of a data set that have the split's name in theirs."""
    word = re.compile(rf"(?:^|[^a-z0-9]){re.escape(split)}(?:$|[^a-z0-9])", re.IGNORECASE)
    known = tables.find(root / (source.path or ""))
    chosen = [path for path in known if word.search(path.relative_to(root).as_posix())]
    if not chosen:
        raise UserError(
            f"params.yaml: {key(source)}: {source.hub} has no table with {split} in its name; name "
            "its split, or a folder in it as path"
        )
    return [(f"{source.hub}/{name}", path) for name, path in named(chosen, root)]


def refuse_other_bytes(source: Files, chosen: Sequence[Path]) -> None:
    """Raises UserError unless a data set's files are those that params.yaml pins."""
    total = hashlib.sha256()
    for path in chosen:
        total.update(f"{path.name}\x1f{files.sha256(path)}\n".encode())
    if source.sha256 != total.hexdigest():
        was = "is not pinned" if source.sha256 is None else "is not what sha256 says"
        raise UserError(
            f"params.yaml: {key(source)}: {source.hub} {was}; write sha256: {total.hexdigest()}"
        )


def named(paths: Sequence[Path], folder: Path) -> list[Named]:
    """The files with their names below the folder."""
    return [(path.relative_to(folder).as_posix(), path) for path in paths]


def key(source: Files) -> str:
    """Where params.yaml has the source."""
    return f"chatml.sources: {source.name}"
