"""What `evaluate` found out about the tuned model, for those who read it."""

from dataclasses import dataclass
from pathlib import Path

from askback import files


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of metrics/evaluate.json."""

    base_loss: float  # nats per held-out answer token, given the same text without ChatML
    tuned_loss: float  # nats per held-out answer token, end marks apart
    stop_rate: float  # the share of greedy answers that end by themselves
    held_out_tokens: int  # supervised tokens behind both losses
    prompts: int  # held-out questions asked


def read(path: Path) -> Evaluation:
    """The figures in `path`; raises UserError where one is missing or no number."""
    return files.read_figures(path, Evaluation, "evaluate")
