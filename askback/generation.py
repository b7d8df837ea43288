"""Greedy answers, many side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH = 24  # questions answered side by side


def generate(
    network: PreTrainedModel,
    prompts: Sequence[list[int]],
    pad_id: int,
    max_new_tokens: int,
    ends: Sequence[int] | None = None,
) -> list[list[int]]:
    """The greedy continuation of each prompt, all of one length, fillers after the end.

    It ends with one of `ends`, which are the network's own where none are given.
    """
    import torch

    longest = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (longest - len(p)) + p for p in prompts])
    real = torch.arange(longest) >= torch.tensor([[longest - len(p)] for p in prompts])
    with torch.no_grad():
        output = network.generate(  # type: ignore[operator]  # a mixin that mypy does not see
            ids.to(network.device),
            attention_mask=real.to(network.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=pad_id,
            eos_token_id=stops(network) if ends is None else list(ends),
        )
    return [row[longest:] for row in output.tolist()]


def stops(network: PreTrainedModel) -> list[int]:
    """The ids that end an answer: ChatML's mark and the base's own."""
    return list(network.generation_config.eos_token_id)


def before_stop(ids: list[int], ends: Sequence[int]) -> list[int]:
    """`ids` up to the first end; all of them where there is none."""
    found = [number for number, token in enumerate(ids) if token in ends]
    return ids[: found[0]] if found else ids
