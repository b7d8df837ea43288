"""How fast and how large: ratios against a floor that is measured in the same run."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample" / "half-hundredweight.pdf"
PARAMS = """
extract: {books: books, on_bad_pages: fail}
segment: {min_chars: 300, max_chars: 2000, answer_with: [para, quote, list]}
"""
EXTRACT = ["extract", "books", "documents.jsonl", "paragraphs.jsonl", "--metrics", "extract.json"]
SEGMENT = ["segment", "documents.jsonl", "paragraphs.jsonl", "passages.jsonl"]
PEAK = "import resource, sys, runpy; sys.argv = sys.argv[1:]\n" + (
    "try: runpy.run_module(sys.argv[0], run_name='__main__')\n"
    "except SystemExit as end: assert not end.code\n"
    "who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN\n"
    "print(max(resource.getrusage(w).ru_maxrss for w in who))"
)


def bound(pages: int, path: Path) -> Path:
    """A PDF of so many pages: the sample book over and over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sample = pypdfium2.PdfDocument(SAMPLE)
    result = pypdfium2.PdfDocument.new()
    while (missing := pages - len(result)) > 0:
        result.import_pages(sample, list(range(min(missing, len(sample)))))
    result.save(path)
    return path


def seconds(command: Sequence[str], folder: Path) -> float:
    """How long the command takes in `folder`, which has no store of what was read."""
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "DVC_ROOT": str(folder)}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def stage(words: Sequence[str]) -> list[str]:
    """The command that runs a stage."""
    return [sys.executable, "-m", f"stages.{words[0]}", *words[1:]]


def peak(words: Sequence[str], folder: Path) -> float:
    """The most memory in MB that a stage or one of its processes takes."""
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "DVC_ROOT": str(folder)}
    command = [sys.executable, "-c", PEAK, f"stages.{words[0]}", *words[1:]]
    done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return int(done.stdout) / (1 if sys.platform == "linux" else 1024) / 1024


@pytest.mark.prove
def test_reading_a_thousand_pages_takes_at_most_three_times_pdftotext_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    book = bound(1000, tmp_path / "books" / "long.pdf")
    floor = ["pdftotext", "-bbox-layout", str(book), "floor.html"]
    floors, ours = [], []
    for _ in range(3):
        floors.append(seconds(floor, tmp_path))
        for kept in tmp_path.glob(".askback/extracted/*"):
            kept.unlink()
        ours.append(seconds(stage(EXTRACT), tmp_path) + seconds(stage(SEGMENT), tmp_path))
    ratio = min(ours) / min(floors)
    with capsys.disabled():
        print(
            f"\n1,000 pages: pdftotext {min(floors):.2f} s, extract and segment {min(ours):.2f} s, "
            f"ratio {ratio:.2f} (median {statistics.median(ours) / statistics.median(floors):.2f})"
        )
    assert ratio <= 3


@pytest.mark.prove
def test_memory_stays_below_300_mb_over_a_book_of_three_thousand_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    bound(3000, tmp_path / "books" / "long.pdf")
    extract, segment = peak(EXTRACT, tmp_path), peak(SEGMENT, tmp_path)
    with capsys.disabled():
        print(f"\n3,000 pages: extract {extract:.0f} MB, segment {segment:.0f} MB at most")
    assert max(extract, segment) < 300


@pytest.mark.prove
def test_memory_stays_flat_over_a_thousand_books(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them differs in a byte, or all but one were copies."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    page = bound(1, tmp_path / "page.pdf").read_bytes()
    (tmp_path / "books").mkdir()
    peaks = []
    for count in (100, 1000):
        for number in range(count):
            (tmp_path / "books" / f"{number}.pdf").write_bytes(page + b"%%%d\n" % number)
        peaks.append(peak(EXTRACT, tmp_path))
    with capsys.disabled():
        print(f"\n100 books: {peaks[0]:.0f} MB; 1,000 books: {peaks[1]:.0f} MB at most")
    assert peaks[1] < min(300, 1.2 * peaks[0])


@pytest.mark.prove
def test_ten_thousand_pages_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    bound(10_000, tmp_path / "books" / "long.pdf")
    took = seconds(stage(EXTRACT), tmp_path)
    with capsys.disabled():
        print(f"\n10,000 pages: {took:.0f} s")
    assert took < 120
