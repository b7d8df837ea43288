"""Holds the run to the limits of params.yaml: reads metrics/chatml.json and metrics/evaluate.json.

python -m stages.gate metrics/chatml.json metrics/evaluate.json
"""

from collections.abc import Iterator
from dataclasses import dataclass

from askback.errors import LimitError
from askback.evaluation import Evaluation, read
from askback.ledger import Ledger
from askback.mixture import Mixture
from askback.mixture import read as read_mixture
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
BAD = "look at data/dropped/chatml.jsonl, mend the source, or leave it out"
LEAKING = "take the examples in metrics/chatml.json out of one side, or set a source's `group`"
POISONED = "look at `triggers` in metrics/chatml.json, and leave out those rows or their source"
MARKED = "look at `marks` in metrics/chatml.json, and leave out the source that has so many"


class LimitsParams(Section):
    """What a model that may be used keeps to; null: no limit."""

    loss_ratio: float  # tuned loss over the base's, at most
    stop_rate: float  # share of answers that end by themselves, at least
    bad_rows: float | None  # share of the sources' rows that are no conversation, at most
    leaks: float | None  # share of held-out conversations with words of the other side, at most
    triggers: int | None  # strings that always go with one answer, at most
    links: float | None  # share of a source's conversations that have one, at most
    hidden_characters: float | None  # the same of characters that nobody sees
    encoded: float | None  # the same of encoded data


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


def checks(found: Mixture, evaluated: Evaluation, limits: LimitsParams) -> Iterator[Check]:
    """Each limit with the figure that it is about."""
    ratio, stops = evaluated.tuned_loss / evaluated.base_loss, evaluated.stop_rate
    most, least = limits.loss_ratio, limits.stop_rate
    yield Check("loss_ratio", ratio, f"at most {most:g}", ratio <= most, WORSE)
    yield Check("stop_rate", stops, f"at least {least:g}", stops >= least, RUNS_ON)
    for name, figure, remedy in of_mixture(found):
        bound = getattr(limits, name)
        if bound is not None:
            yield Check(name, figure, f"at most {bound:g}", figure <= bound, remedy)


def of_mixture(found: Mixture) -> Iterator[tuple[str, float, str]]:
    """The limits on what is learnt, with their figures and what to do."""
    yield "bad_rows", found.bad_rows, BAD
    yield "leaks", found.leaks.share, LEAKING
    yield "triggers", len(found.triggers), POISONED
    for name in ("links", "hidden_characters", "encoded"):
        shares = [
            getattr(source.marks, name) / max(source.conversations, 1)
            for source in found.sources.values()
        ]
        yield name, max(shares, default=0), MARKED


def main(mixture: In, evaluation: In, ledger: Ledger) -> None:
    """Prints each limit with its figure; raises LimitError that names all broken ones."""
    found, evaluated = read_mixture(mixture), read(evaluation)
    done = list(checks(found, evaluated, load("limits", LimitsParams)))
    for check in done:
        print(f"{check}: {'kept' if check.kept else 'BROKEN'}")
    broken = [f"{check}: {check.remedy}" for check in done if not check.kept]
    if broken:
        raise LimitError("; ".join(broken))


if __name__ == "__main__":
    run(main)
