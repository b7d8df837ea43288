"""What a run is warned of before it begins: settings under which models recite, or diverge."""

from __future__ import annotations

import sys

from askback.tokens import Counts
from askback.training.lora import LoraParams

MANY_EXPOSURES = 6  # of an answer; beyond, a model tends to recite it
RSLORA_RATE = 5e-5  # at alpha 16 and r 64 rsLoRA's scale is eight times LoRA's: 2e-4 diverges


def exposures(counts: Counts, epochs: int) -> float:
    """How often a run shows the model each answer, in the mean: once an epoch for each question."""
    return epochs * counts.rows / counts.answers


def tell_exposures(counts: Counts, epochs: int) -> None:
    """Says how often each answer is seen, and warns where the model will rather recite it."""
    times = exposures(counts, epochs)
    print(f"train: {epochs} epochs show each answer {times:g} times", file=sys.stderr)
    if times > MANY_EXPOSURES:
        print(
            f"train: warning: more than {MANY_EXPOSURES} times teaches to recite; make "
            "train.epochs or questions.per_passage smaller",
            file=sys.stderr,
        )


def warn_of_rate(lora: LoraParams, learning_rate: float) -> None:
    """Warns where rsLoRA's larger scale meets a rate that was meant for LoRA's."""
    if lora.rslora and learning_rate * lora.alpha / 16 > RSLORA_RATE:
        print(
            f"train: warning: with rslora at alpha {lora.alpha} a learning_rate of "
            f"{learning_rate:g} is likely to diverge; try {RSLORA_RATE:g} or lower",
            file=sys.stderr,
        )
