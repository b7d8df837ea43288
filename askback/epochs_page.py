"""What the report shows of each epoch, so that a person can choose one by its answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askback import charts, files
from askback.records import Epoch, Sample


@dataclass(frozen=True, slots=True)
class Measured:
    """An epoch, and what its answers come to; none where it has no answers."""

    epoch: Epoch
    stop_rate: float | None
    mean_tokens: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one epoch's model answered."""

    epoch: int
    kept: bool
    sample: Sample


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out question, and the answers to it by epoch."""

    text: str
    answers: list[Said]


def read(data: Path) -> dict[str, Any]:
    """The epochs with their measures, the kept one if any, and the questions that all answered."""
    epochs = list(files.read(data / "epochs.jsonl", Epoch))
    return {
        "epochs": [measured(epoch) for epoch in epochs],
        "kept": next((epoch for epoch in epochs if epoch.kept), None),
        "questions": questions(epochs),
    }


def measured(epoch: Epoch) -> Measured:
    """The epoch with the share of its answers that end by themselves, and their mean length."""
    return Measured(
        epoch,
        mean(epoch.samples, lambda sample: sample.stopped),
        mean(epoch.samples, lambda sample: sample.tokens),
    )


def mean(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float | None:
    """The mean of a value of the samples; none of none."""
    return charts.mean([value(sample) for sample in samples]) if samples else None


def questions(epochs: Sequence[Epoch]) -> list[Question]:
    """Every question in the order of the samples, with the answers in the order of the epochs."""
    found: dict[str, Question] = {}
    for epoch in epochs:
        for sample in epoch.samples:
            question = found.setdefault(sample.id, Question(sample.question, []))
            question.answers.append(Said(epoch.epoch, epoch.kept, sample))
    return list(found.values())
