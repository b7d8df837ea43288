"""Pages of a PDF that are pictures: scans, plates, covers.

PDFium reads the pages, in a process of its own that is not trusted (`sandbox`).
"""

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from askback import sandbox

if TYPE_CHECKING:
    from askback.reading.drawing import Page

MOST = 0.5  # of the page, at least, is under its pictures


def find(path: Path, numbers: Collection[int], limits: sandbox.Limits | None = None) -> set[int]:
    """Those of the pages `numbers`, from 1, that are pictures; none where PDFium cannot read them.

    Raises sandbox.ReaderError where that takes too much, or breaks it.
    """
    command = [
        sys.executable,
        "-m",
        "askback.reading.pictures",
        str(path.absolute()),
        *map(str, numbers),
    ]
    printed = b"".join(sandbox.output(command, limits, folder=Path(__file__).parents[2]))
    return set(map(int, json.loads(printed)))


def main() -> None:
    """Prints the numbers of the pages that are pictures, as a JSON list."""
    from askback.reading.drawing import pages

    numbers = set(map(int, sys.argv[2:]))
    wanted = (page for page in pages(Path(sys.argv[1])) if page.number in numbers)
    print(json.dumps([page.number for page in wanted if is_picture(page)]))


def is_picture(page: "Page") -> bool:
    """Whether pictures cover most of the page."""
    covered = sum(mark.shown.area for mark in page.marks() if mark.is_image)
    return covered > MOST * page.crop.area


if __name__ == "__main__":
    main()
