"""Attention within each conversation of a pack, and never across their edges.

Transformers finds it under NAME. It gets no mask and builds none: the pack says where the
conversations begin. Dropout of attention weights, which no Llama or Mistral sets, is not applied.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from askback.packs import Pack

NAME = "askback_packs"
LARGEST_HEAD = 256  # of FlashAttention


@contextmanager
def of_packs(network: PreTrainedModel) -> Iterator[None]:
    """Has the network attend as packs need it, for the block."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    with switched(network, NAME):
        yield


@contextmanager
def switched(network: PreTrainedModel, name: str) -> Iterator[None]:
    """Has the network use the attention of that name, for the block."""
    before = network.config._attn_implementation  # the public setter has no getter
    network.set_attn_implementation(name)
    try:
        yield
    finally:
        network.set_attn_implementation(before)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    pack: Pack,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """[1, tokens, heads, size] of [1, heads, tokens, size], as AttentionInterface wants it."""
    import torch

    if attention_mask is not None:
        raise ValueError("a pack has edges and no mask")
    card = torch.cuda.get_device_capability(query.device) if query.is_cuda else (0, 0)
    attention = varying_lengths if has_kernel(card, query.dtype, query.shape[-1]) else one_by_one
    return attention(query, key, value, pack, scaling, sliding_window), None


def has_kernel(card: tuple[int, int], dtype: torch.dtype, size: int) -> bool:
    """Whether FlashAttention works on heads of `size`: in half precision, from Ampere (8.0) on."""
    import torch

    half = dtype in (torch.bfloat16, torch.float16)
    return card >= (8, 0) and half and size <= LARGEST_HEAD


def varying_lengths(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pack: Pack,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """All conversations in one kernel: `torch.nn.attention.varlen` of torch 2.11 and later."""
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    known = inspect.signature(varlen_attn).parameters
    more: dict[str, Any] = {}
    if "enable_gqa" in known:  # from 2.12 on
        more["enable_gqa"] = q.shape[1] != k.shape[1]
    else:
        groups = q.shape[1] // k.shape[1]
        k, v = (states.repeat_interleave(groups, dim=1) for states in (k, v))
    longest = max(pack.lengths)
    left = -1 if window is None else window - 1
    out: Any = varlen_attn(
        q,
        k,
        v,
        pack.edges,
        pack.edges,
        longest,
        longest,
        scale=scaling,
        window_size=(left, 0),  # nothing to the right: causal
        **more,
    )
    together: torch.Tensor = out[None]
    return together


def one_by_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pack: Pack,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Each conversation by itself, wherever there is no such kernel; exact in any precision.

    The work is the sum of their squares, where a block mask over the pack takes the square of the
    sum.
    """
    import torch

    lengths = list(pack.lengths)
    parts = zip(*(s.split(lengths, dim=2) for s in (query, key, value)), strict=True)
    out = [
        torch.nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=band(q, window),
            is_causal=window is None or q.shape[2] <= window,
            scale=scaling,
            enable_gqa=q.shape[1] != k.shape[1],
        )
        for q, k, v in parts
    ]
    return torch.cat(out, dim=2).transpose(1, 2).contiguous()


def band(query: torch.Tensor, window: int | None) -> torch.Tensor | None:
    """[tokens, tokens]: who may look at whom in a sliding window; none where it has no effect."""
    import torch

    size = query.shape[2]
    if window is None or size <= window:
        return None
    allowed = torch.ones(size, size, dtype=torch.bool, device=query.device).tril()
    return allowed.triu(1 - window)
