"""Shows the run on one page: reads metrics/, data/ and the tokenizer, writes reports/report.html.

python -m stages.report metrics data models/base reports/report.html

The page needs nothing but itself: no script, no font, no picture from elsewhere. It has no dates,
so equal inputs give equal bytes.
"""

import csv
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from askback import charts, epochs_page, evaluation, files, mixture
from askback.charts import Point
from askback.errors import UserError
from askback.evaluation import Evaluation
from askback.ledger import Ledger
from askback.params import Section, load
from askback.records import Answer, Document, Passage
from askback.spans import Span, spans
from askback.stage import In, Out, run
from askback.tokens import Rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEMPLATE = Path(__file__).with_suffix(".html.j2")
SIDES = ("train", "validation")
ANSWERS = 10  # enough to hear the voice, few enough to read
UNITS = {  # the stages that account for what they drop, and what they count
    "extract": "paragraphs",
    "segment": "passages",
    "questions": "exchanges",
    "chatml": "conversations",
    "tokenize": "conversations",
}

T = TypeVar("T")


class ReportParams(Section):
    """How much the page shows."""

    conversations: int  # with their supervised spans


@dataclass(frozen=True, slots=True)
class Account:
    """What one stage kept and dropped, and what else it counted."""

    stage: str
    unit: str
    kept: int
    dropped: list[tuple[str, int]]  # by reason, most first
    figures: list[tuple[str, float | str]]

    @property
    def total(self) -> int:
        """All that it decided on; at least 1, since bars are shares of it."""
        return max(1, self.kept + sum(count for _, count in self.dropped))


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation as the model reads it."""

    id: str
    document: str
    length: int  # tokens
    spans: list[Span]


def account(stage: str, counts: dict[str, Any]) -> Account:
    """The ledger of one stage from its metrics."""
    reasons = sorted(counts["dropped"].items(), key=lambda item: (-item[1], item[0]))
    apart = ("kept", "dropped", "by_document", "sources")  # these two have tables of their own
    figures = {name: value for name, value in counts.items() if name not in apart}
    return Account(stage, UNITS[stage], counts["kept"], reasons, list(flat(figures)))


def flat(figures: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    """Every number or word in nested figures, such as `train: chapters`; no lists."""
    for name, value in sorted(figures.items()):
        if isinstance(value, dict):
            yield from ((f"{name}: {inner}", leaf) for inner, leaf in flat(value))
        elif isinstance(value, int | float | str):
            yield name, value


@dataclass(frozen=True, slots=True)
class Characters:
    """Where the characters of one book went, spaces aside."""

    document: str
    read: int
    counts: list[int]  # in the order of `characters`' names

    @property
    def missing(self) -> int:
        """Those that were read and are nowhere."""
        return self.read - sum(self.counts)


def characters(extract: dict[str, Any]) -> tuple[list[str], list[Characters]]:
    """The names of kinds and buckets that any book has, most first, and each book's counts."""
    books = {name: book["kept"] | book["left_out"] for name, book in by_document(extract).items()}
    totals = sum(map(Counter, books.values()), Counter[str]())
    names = [name for name, _ in totals.most_common()]
    return names, [
        Characters(name, by_document(extract)[name]["read"], [counts.get(n, 0) for n in names])
        for name, counts in books.items()
    ]


def by_document(extract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each book's part of extract's metrics."""
    found: dict[str, dict[str, Any]] = extract["by_document"]
    return found


def verdict(evaluated: Evaluation) -> str:
    """One sentence on what tuning did to the loss."""
    times = math.exp(abs(evaluated.base_loss - evaluated.tuned_loss))
    if evaluated.tuned_loss < evaluated.base_loss:
        return (
            "On chapters that it never saw, the tuned model gives the tokens that the author "
            f"wrote {times:.2f} times the probability that its base gives them, on average."
        )
    return (
        "On chapters that it never saw, the tuned model gives the tokens that the author wrote "
        f"no more probability than its base does; the base gives {times:.2f} times as much, "
        "on average."
    )


def examples(rows: Rows, tokenizer: "Tokenizer", count: int) -> list[Example]:
    """`count` of the rows, the same for the same rows, with what is supervised in them."""
    chosen = random.Random("report").sample(range(len(rows)), min(count, len(rows)))
    return [
        Example(
            row.id,
            row.document,
            len(row.input_ids),
            spans(tokenizer, row.input_ids, row.labels),
        )
        for row in map(rows.record, sorted(chosen))
    ]


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items, evenly from first to last."""
    chosen = min(count, len(items))
    return [items[n * len(items) // chosen] for n in range(chosen)]


def page(view: dict[str, Any]) -> str:
    """The HTML page; whatever a book says stands in it as text, never as markup."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"line": charts.line, "dots": charts.dots}
    environment.filters |= {
        "figure": figure,
        "count": count,
        "loss": "{:.3f}".format,
        "percent": "{:.1%}".format,
    }
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(view)


def figure(value: float | str) -> str:
    """A number with its thousands apart; a word as it is."""
    if isinstance(value, float):
        return f"{value:,.6g}"
    return value if isinstance(value, str) else f"{value:,}"


def count(number: int, noun: str) -> str:
    """Such as `1 chapter` or `1,024 chapters`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def read_metrics(path: Path) -> dict[str, Any]:
    """The counts that a stage wrote; UserError where it wrote none."""
    if not path.is_file():
        raise UserError(f"{path} is missing; `dvc repro {path.stem}` makes it")
    counts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return counts


def read_curve(path: Path, column: str = "loss") -> list[Point]:
    """The (step, value) points of a curve; none where the file lacks the column."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(column)]
    return [(float(row["step"]), float(row[column])) for row in rows]


def read_curves(folder: Path) -> dict[str, Any]:
    """What the page shows of training, step by step; no gradient where none was written."""
    train = folder / "train.csv"
    both = charts.curves(read_curve(train), read_curve(folder / "held_out.csv"))
    norms = [point for point in read_curve(train, "grad_norm") if math.isfinite(point[1])]
    return {"curves": both, "gradient": charts.trace(norms, both.x) if norms else None}


def read_measures(metrics: Path) -> dict[str, Any]:
    """What the page shows of metrics/."""
    evaluated = evaluation.read(metrics / "evaluate.json")
    counts = {stage: read_metrics(metrics / f"{stage}.json") for stage in UNITS}
    names, books = characters(counts["extract"])
    learnt, held_out = (counts["chatml"]["chapters"][side] for side in SIDES)
    return {
        "evaluated": evaluated,
        "verdict": verdict(evaluated),
        "accounts": [account(stage, counts[stage]) for stage in UNITS],
        "buckets": names,
        "characters": books,
        "exchanges": counts["questions"]["kept"],
        "held_out_chapters": held_out,
        "chapters": learnt + held_out,
        "mixture": mixture.read(metrics / "chatml.json"),
        "max_length": counts["tokenize"].get("max_length", 0),
        **read_curves(metrics / "curves"),
    }


def read_books(data: Path) -> dict[str, Any]:
    """What the page shows of the books, their passages, and what the model answers."""
    documents = list(files.read(data / "documents.jsonl", Document))
    passages = [len(passage.text) for passage in files.read(data / "passages.jsonl", Passage)]
    return {
        "documents": documents,
        "languages": {document.document: document.language for document in documents},
        "passages": charts.histogram(passages),
        "answers": spread(list(files.read(data / "answers.jsonl", Answer)), ANSWERS),
    }


def read_conversations(data: Path, tokenizer: Path, number: int, rule: int) -> dict[str, Any]:
    """What the page shows of the token rows."""
    from tokenizers import Tokenizer

    train, validation = (Rows(data / "tokens" / f"{side}.arrow") for side in SIDES)
    lengths = [length for side in (train, validation) for length in side.lengths.tolist()]
    known = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    return {
        "conversations": charts.histogram(lengths, rule),
        "examples": examples(train, known, number),
    }


def main(measures: In, data: In, tokenizer: In, report: Out, ledger: Ledger) -> None:
    """Gathers the figures, curves, ledgers and samples of the run on one page."""
    params = load("report", ReportParams)
    view = read_measures(measures) | read_books(data) | epochs_page.read(data)
    view |= read_conversations(data, tokenizer, params.conversations, view["max_length"])
    with files.whole(report) as part:
        part.write_text(page(view), "utf-8")


if __name__ == "__main__":
    run(main)
