"""Which token comes next: the likeliest, or one drawn by the request's sampling.

What a request draws hangs on its key alone, never on the prompts beside it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from askback.asking.replies import Request

if TYPE_CHECKING:
    import torch


class Draws:
    """A logits processor that leaves one token of each row: the drawn, or the likeliest at 0.

    One number for each row and step, from a generator seeded by the request's key, chooses in the
    order of the vocabulary among the tokens that make up `top_p`.
    """

    def __init__(self, requests: Sequence[Request], device: torch.device) -> None:
        self._generators = [random.Random(request.key) for request in requests]
        self._temperature = column((r.sampling.get("temperature", 1) for r in requests), device)
        self._top_p = column((r.sampling.get("top_p", 1) for r in requests), device)

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with the token to come at 0 and all others at minus infinity."""
        import torch

        likeliest = scores.argmax(-1, keepdim=True)
        chances = scores.double().div(self._temperature.clamp(min=1e-6)).softmax(-1)
        cumulative = nucleus(chances, self._top_p).cumsum(-1)
        numbers = column((generator.random() for generator in self._generators), scores.device)
        drawn = torch.searchsorted(cumulative, numbers * cumulative[:, -1:], right=True)
        chosen = torch.where(self._temperature == 0, likeliest, drawn)
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen, 0.0)


def column(values: Iterable[float], device: torch.device) -> torch.Tensor:
    """A number for each row, in double precision."""
    import torch

    return torch.tensor([[value] for value in values], dtype=torch.float64, device=device)


def nucleus(chances: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """The fewest chances of each row that add up to `top_p`, at least one; 0 for all others."""
    ordered, places = chances.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    before[:, 0] = -1.0
    return chances.new_zeros(chances.shape).scatter(-1, places, ordered * (before < top_p))
