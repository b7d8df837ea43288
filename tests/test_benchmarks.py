"""How fast and how large: ratios against a floor that is measured in the same run."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pytest

from askback.reading import pdf
from askback.reading.account import Account
from askback.reading.chapters import paragraphs

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample" / "half-hundredweight.pdf"
PARAMS = """
extract: {books: books, on_bad_pages: fail}
segment: {min_chars: 300, max_chars: 2000, answer_with: [para, quote, list]}
"""
EXTRACT = ["extract", "books", "documents.jsonl", "paragraphs.jsonl", "--metrics", "extract.json"]
SEGMENT = ["segment", "documents.jsonl", "paragraphs.jsonl", "passages.jsonl"]
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


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
    command = [sys.executable, "-c", PEAK, *stage(words)]
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


YARDSTICK = os.environ.get("ASKBACK_YARDSTICK")  # a folder with score.py and books/


@pytest.mark.prove
@pytest.mark.skipif(YARDSTICK is None, reason="ASKBACK_YARDSTICK names no folder of typeset books")
def test_the_paragraphs_of_typeset_books_are_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(YARDSTICK or "")
    scores = {
        book.stem: measured(book, folder) for book in sorted((folder / "books").glob("*.pdf"))
    }
    names = ["f1", "exact_f1", "cer", "heads", "numbers", "notes_alone", "notes_glued"]
    names += ["broken_words"]
    with capsys.disabled():
        print(f"\n{'':18}" + "".join(f"{name:>13}" for name in names))
        for book, score in scores.items():
            print(f"{book:18}" + "".join(f"{score[name]:13.3f}" for name in names))
    real = {book: score for book, score in scores.items() if book.endswith("-real")}
    typeset = [score for book, score in scores.items() if book not in real]
    assert statistics.mean(score["f1"] for score in typeset) >= 0.99
    assert statistics.mean(score["exact_f1"] for score in typeset) >= 0.97
    for score in typeset:
        assert score["f1"] >= 0.96
        assert score["cer"] <= 0.002
        assert score["notes_alone"] == score["notes_glued"] == 0
        assert score["heads"] + score["numbers"] <= 3
        assert score["broken_words"] <= 2
    for score in real.values():
        assert score["f1"] >= 0.95
        assert score["cer"] <= 0.025


def measured(book: Path, folder: Path) -> dict[str, float]:
    """The yardstick's figures for a book."""
    account = Account()
    text = pdf.read(book, None, account)
    found = paragraphs(book.stem, text.blocks, account)
    rows = [{"text": paragraph.text, "kind": paragraph.kind} for paragraph in found]
    assert account.missing == 0
    spec = importlib.util.spec_from_file_location("score", folder / "score.py")
    assert spec is not None
    assert spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    truth = json.loads((folder / "books" / f"{book.stem.split('-')[0]}.truth.json").read_text())
    score: dict[str, float] = scorer.score(truth, rows)
    return score
