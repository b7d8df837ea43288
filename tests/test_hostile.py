"""Small PDFs that would keep poppler busy for minutes."""

import contextlib
import time
from functools import partial
from pathlib import Path

import pytest

from askback.sandbox import CpuError, Limits, SpaceError, TimeError, output
from tests import pdfs

BOOKS = {
    "double flate": partial(pdfs.double_flate, 1024),
    "nested forms": partial(pdfs.nested_forms, 9),
    "scattered words": partial(pdfs.scattered, 200_000),
    "turned words": partial(pdfs.turned, 100_000),
}


@pytest.fixture(scope="module", params=BOOKS)
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a file, named after what it has."""
    file = tmp_path_factory.mktemp("hostile") / f"{request.param}.pdf"
    file.write_bytes(BOOKS[request.param]())
    return file


def pdftotext(path: Path, limits: Limits | None = None) -> bytes:
    """What pdftotext prints."""
    return b"".join(output(["pdftotext", "-bbox-layout", str(path), "-"], limits))


def test_reading_it_ends_when_the_time_is_over(hostile: Path) -> None:
    with pytest.raises(TimeError):
        pdftotext(hostile, Limits(seconds=0.5))


def test_reading_it_ends_when_the_cpu_time_is_over(hostile: Path) -> None:
    with pytest.raises(CpuError):
        pdftotext(hostile, Limits(cpu_seconds=1))


@pytest.mark.parametrize("hostile", sorted(BOOKS.keys() - {"double flate"}), indirect=True)
def test_reading_it_gets_no_more_memory(hostile: Path) -> None:
    """Poppler needs none to inflate what it does not keep."""
    with pytest.raises(SpaceError, match="needed over 40 MiB of memory"):
        pdftotext(hostile, Limits(memory=40 << 20))


def test_pages_that_loop_end_at_once(tmp_path: Path) -> None:
    """Poppler sees the loop, and prints pages without words."""
    book = tmp_path / "book.pdf"
    book.write_bytes(pdfs.looping())
    assert b"<word" not in pdftotext(book, Limits(seconds=2))


@pytest.mark.prove
def test_reading_it_ends_within_a_minute_at_the_real_limits(hostile: Path) -> None:
    before = time.monotonic()
    with contextlib.suppress(TimeError, CpuError, SpaceError):
        assert len(pdftotext(hostile)) <= Limits().output
    assert time.monotonic() - before < 62
