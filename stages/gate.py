"""Holds the tuned model to the limits of params.yaml: reads metrics/evaluate.json.

python -m stages.gate metrics/evaluate.json
"""

from collections.abc import Iterator
from dataclasses import dataclass

from askback.errors import LimitError
from askback.evaluation import Evaluation, read
from askback.ledger import Ledger
from askback.params import Section, load
from askback.stage import In, run

WORSE = (
    "against its base the tuned model predicts held-out answers too badly: look at the loss curves "
    "in reports/report.html, then change train.epochs or train.learning_rate, or add books"
)
RUNS_ON = (
    "too many answers do not end by themselves: train longer (train.epochs), "
    "on shorter passages (segment.max_chars), or allow more tokens (evaluate.max_new_tokens)"
)


class LimitsParams(Section):
    """What a model that may be used keeps to."""

    loss_ratio: float  # tuned loss over the base's, at most
    stop_rate: float  # share of answers that end by themselves, at least


@dataclass(frozen=True, slots=True)
class Check:
    """One figure beside its limit, and what to do where it breaks it."""

    limit: str
    figure: float
    bound: str
    kept: bool
    remedy: str

    def __str__(self) -> str:
        """Such as `stop_rate is 0.958333, limit at least 0.9`."""
        return f"{self.limit} is {self.figure:.6g}, limit {self.bound}"


def checks(evaluated: Evaluation, limits: LimitsParams) -> Iterator[Check]:
    """Each limit with the figure that it is about."""
    ratio, stops = evaluated.tuned_loss / evaluated.base_loss, evaluated.stop_rate
    most, least = limits.loss_ratio, limits.stop_rate
    yield Check("loss_ratio", ratio, f"at most {most:g}", ratio <= most, WORSE)
    yield Check("stop_rate", stops, f"at least {least:g}", stops >= least, RUNS_ON)


def main(evaluation: In, ledger: Ledger) -> None:
    """Prints each limit with its figure; raises LimitError that names all broken ones."""
    done = list(checks(read(evaluation), load("limits", LimitsParams)))
    for check in done:
        print(f"{check}: {'kept' if check.kept else 'BROKEN'}")
    broken = [f"{check}: {check.remedy}" for check in done if not check.kept]
    if broken:
        raise LimitError("; ".join(broken))


if __name__ == "__main__":
    run(main)
