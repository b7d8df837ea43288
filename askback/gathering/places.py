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

SPLIT = re.compile(
    r"(?:^|[^a-z0-9])(?:train(?:ing)?|test(?:ing)?|val(?:id|idation)?|dev|eval(?:uation)?)"
    r"(?:$|[^a-z0-9])",
    re.IGNORECASE,
)
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
    splits = [source.split, own] if own else [source.split]
    sides = [of_split(source, split) for split in splits]
    refuse_other_bytes(source, [path for side in sides for _, path in side])
    return sides[0], sides[1] if own else []


def of_split(source: Files, split: str) -> list[Named]:
    """The files of a data set that have the split's name in theirs.

    Where none is named as any split all are of `train`, and a file that `path` names is what it is.
    """
    assert source.hub
    below = f"{source.path}/*" if source.path else "*"
    known = downloaded(source, [f"{below}{split}*{suffix}" for suffix in tables.SUFFIXES])
    chosen = [(name, path) for name, path in known if names(split, name) or name == source.path]
    if not chosen and split == "train":
        known = downloaded(source, [f"{below}{suffix}" for suffix in tables.SUFFIXES])
        chosen = [] if any(SPLIT.search(name) for name, _ in known) else known
    if not chosen:
        raise UserError(
            f"params.yaml: {key(source)}: {source.hub} has no table with {split} in its name; name "
            "its split, or a file or folder in it as path"
        )
    return [(f"{source.hub}/{name}", path) for name, path in chosen]


def downloaded(source: Files, patterns: list[str]) -> list[Named]:
    """The tables of a data set that fit the patterns, or that its path names."""
    assert source.hub
    assert source.revision
    wanted = [*patterns, source.path] if source.path else patterns
    root = hub.snapshot(source.hub, source.revision, wanted, key(source), "dataset")
    place = root / (source.path or "")
    return named(tables.find(place), root) if place.exists() else []


def names(split: str, name: str) -> bool:
    """Whether a file's name has the split as a word in it."""
    word = rf"(?:^|[^a-z0-9]){re.escape(split)}(?:$|[^a-z0-9])"
    return re.search(word, name, re.IGNORECASE) is not None


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
