"""What `evaluate` found out about the tuned model, for those who read it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from askback import files
from askback.errors import UserError


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
    try:
        figures: Evaluation = files.adapter(Evaluation).validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        raise UserError(
            f"{path}: {key} {fault['msg'].lower()}; `dvc repro evaluate` writes it anew"
        ) from None
    return figures
