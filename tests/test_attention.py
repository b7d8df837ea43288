"""Attention over packs: each conversation by itself, as transformers attends to it alone."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from askback import attention
from askback.packs import Pack
from askback.records import Row

LENGTHS = [5, 1, 12, 3]
SIZE = 8


def pack(lengths: list[int] = LENGTHS) -> Pack:
    """Conversations of those lengths."""
    return Pack.of([Row([1] * length, [1] * length) for length in lengths], "cpu")


def states(heads: int, tokens: int = sum(LENGTHS), seed: int = 0) -> Tensor:
    """[1, heads, tokens, size], random, in double and with a gradient."""
    torch.manual_seed(100 * heads + seed)
    return torch.randn(1, heads, tokens, SIZE, dtype=torch.float64, requires_grad=True)


def by_definition(q: Tensor, k: Tensor, v: Tensor, scaling: float, window: int | None) -> Tensor:
    """[1, tokens, heads, size]: a mask over the whole pack, softmax, and a sum."""
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    whose = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    places = torch.arange(len(whose))
    behind = places[:, None] - places[None]
    seen = (whose[:, None] == whose[None]) & (behind >= 0)
    if window is not None:
        seen &= behind < window
    scores = (q @ k.transpose(2, 3) * scaling).masked_fill(~seen, -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2)


def attended(q: Tensor, k: Tensor, v: Tensor, **more: Any) -> Tensor:
    """What ours gives over the pack."""
    return attention.attend(torch.nn.Module(), q, k, v, None, pack=pack(), **more)[0]


@pytest.mark.parametrize("window", [None, 1, 3, 5, 12, 100])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_it_is_attention_by_definition_within_each_conversation(
    heads: int, window: int | None
) -> None:
    given = states(4), states(heads, seed=1), states(heads, seed=2)
    found = attended(*given, scaling=0.3, sliding_window=window)
    expected = by_definition(*given, scaling=0.3, window=window)
    assert found.shape == (1, sum(LENGTHS), 4, SIZE)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    weights = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), given),
        torch.autograd.grad((expected * weights).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_without_a_scale_it_is_that_of_the_heads_size() -> None:
    given = states(4), states(2, seed=1), states(2, seed=2)
    expected = by_definition(*given, scaling=SIZE**-0.5, window=None)
    torch.testing.assert_close(attended(*given), expected, rtol=1e-9, atol=1e-12)


def test_no_conversation_has_a_slope_with_respect_to_another() -> None:
    given = states(4), states(2, seed=1), states(2, seed=2)
    attended(*given)[0, 6:18].sum().backward()  # of the third conversation alone
    for tensor in given:
        assert tensor.grad is not None
        moved = tensor.grad.abs().amax((0, 1, 3)).nonzero()[:, 0].tolist()
        assert set(moved) <= set(range(6, 18))


def test_a_conversation_stays_to_the_bit_whatever_its_neighbours_are() -> None:
    q, k, v = states(4), states(2, seed=1), states(2, seed=2)
    before = attended(q, k, v)[0, 6:18]
    with torch.no_grad():
        for tensor in (q, k, v):
            tensor[:, :, :6] = 1e6
            tensor[:, :, 18:] = -1e6
    assert torch.equal(attended(q, k, v)[0, 6:18], before)


def test_a_mask_is_refused_since_a_pack_has_none() -> None:
    given = states(4), states(2, seed=1), states(2, seed=2)
    with pytest.raises(ValueError, match="a pack has edges and no mask"):
        attention.attend(torch.nn.Module(), *given, torch.ones(1, 1), pack=pack())


def test_there_is_no_band_where_a_window_has_no_effect() -> None:
    query = torch.zeros(1, 1, 4, 2)
    assert attention.band(query, None) is None
    assert attention.band(query, 4) is None
    found = attention.band(query, 2)
    assert found is not None
    assert found.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


@pytest.fixture(scope="module")
def network() -> LlamaForCausalLM:
    """A Llama of a few hundred weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    return LlamaForCausalLM(config)


def test_the_network_attends_as_before_after_the_block_and_after_an_error(network) -> None:
    before = network.config._attn_implementation
    with attention.of_packs(network), attention.switched(network, "eager"):
        assert network.config._attn_implementation == "eager"
    assert network.config._attn_implementation == before
    with pytest.raises(KeyError), attention.of_packs(network):
        raise KeyError(network.config._attn_implementation)
    assert network.config._attn_implementation == before


def test_transformers_builds_no_mask_for_a_pack(network, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take the square of the pack's tokens."""
    seen: list[object] = []

    def watch(module: Any, q: Any, k: Any, v: Any, mask: object, **more: Any) -> Any:
        seen.append(mask)
        return attend(module, q, k, v, None, **more)

    attend = attention.attend
    monkeypatch.setattr(attention, "attend", watch)
    one = pack()
    with attention.of_packs(network):
        network.base_model(input_ids=one.ids, position_ids=one.positions, use_cache=False, pack=one)
    assert seen == [None]


@pytest.mark.parametrize(
    ("card", "dtype", "size", "there"),
    [
        ((8, 0), torch.bfloat16, 128, True),
        ((8, 6), torch.float16, 256, True),
        ((12, 0), torch.bfloat16, 64, True),
        ((7, 5), torch.float16, 128, False),  # Turing, of which there are cards of 24 GB
        ((8, 0), torch.float32, 128, False),
        ((9, 0), torch.bfloat16, 512, False),
        ((0, 0), torch.bfloat16, 128, False),  # no card
    ],
)
def test_the_kernel_is_used_on_cards_and_heads_that_it_works_on(
    card: tuple[int, int], dtype: torch.dtype, size: int, there: bool
) -> None:
    assert attention.has_kernel(card, dtype, size) == there
