"""The self-test lets a sound model pass, and refuses one that a pack would teach other things."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from askback import attention
from askback.errors import UserError
from askback.packs import Pack
from askback.records import IGNORED, Row
from askback.training import adapter, selftest
from askback.training.selftest import check
from tests.test_new_tokens import HOWS, IDS, KINDS, WINDOWED, Kind, row

ONE, OTHER = row(24), row(30)
ADVICE = "this model cannot be tuned with this version of torch and transformers"


def checked(network: PreTrainedModel, one: Row = ONE, other: Row = OTHER) -> None:
    """The self-test, as training does it."""
    with attention.of_packs(network):
        check(network, one, other)


def base(kind: Kind) -> PreTrainedModel:
    """The model with what is trained in it."""
    return cast(PreTrainedModel, kind.ours().get_base_model())


@pytest.mark.parametrize("kind", KINDS + WINDOWED, ids=str)
def test_a_sound_model_passes_whichever_row_comes_first(kind: Kind) -> None:
    network = base(kind)
    checked(network)
    checked(network, OTHER, ONE)


@pytest.mark.parametrize("how", HOWS)
def test_a_model_in_bf16_passes(how: str) -> None:
    """The matrices of new tokens are in fp32 there, but what is computed is not."""
    kind = next(k for k in KINDS if k.how == how)
    network = kind.network().bfloat16()
    adapter.adapted(network, IDS, kind.lora, kind.how, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        checked(network, row(60), row(90))
        checked(network, row(90), row(7))


@pytest.mark.parametrize("how", HOWS)
def test_a_model_in_bf16_passes_where_its_kernels_round_otherwise(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of fp32 there are only the new tokens' matrices; a card's kernels differ by bf16's steps."""
    attend = attention.attend

    def rounding(*given: Any, **more: Any) -> Any:
        out, nothing = attend(*given, **more)
        return out * (1 + 2**-8), nothing

    monkeypatch.setattr(attention, "attend", rounding)
    kind = next(k for k in KINDS if k.how == how)
    network = kind.network().bfloat16()
    adapter.adapted(network, IDS, kind.lora, kind.how, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        checked(network)


def test_it_leaves_the_network_as_it_was() -> None:
    network = base(KINDS[0])
    before = network.config._attn_implementation
    checked(network)
    assert network.config._attn_implementation == before
    assert all(p.grad is None for p in network.parameters())


def leaking(
    module: object, query: Tensor, key: Tensor, value: Tensor, mask: object, **more: Any
) -> tuple[Tensor, None]:
    """Causal attention over the whole pack, its edges forgotten."""
    out = scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=more["scaling"], enable_gqa=True
    )
    return out.transpose(1, 2), None


def test_attention_across_edges_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "attend", leaking)
    with pytest.raises(UserError, match=f"moves when its neighbour in the pack changes.*{ADVICE}"):
        checked(base(KINDS[0]))


def counting(place: Callable[[Tensor], Tensor]) -> Callable[..., Pack]:
    """`Pack.of`, with other positions."""
    of = Pack.of

    def wrongly(rows: list[Row], device: torch.device) -> Pack:
        pack = of(rows, device)
        more = {name: getattr(pack, name) for name in ("ids", "edges", "lengths", "before")}
        return Pack(positions=place(pack.positions), wanted=pack.wanted, **more)

    return wrongly


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(torch.zeros_like, id="all zero"),
        pytest.param(lambda positions: positions // 2, id="each twice"),
        pytest.param(lambda positions: positions.flip(1), id="backwards"),
    ],
)
def test_positions_that_are_not_the_conversations_own_are_refused(
    place: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pack, "of", counting(place))
    with pytest.raises(UserError, match=r"is not the model's own|is another in a pack"):
        checked(base(KINDS[0]))


def scaled_by_length(network: PreTrainedModel) -> None:
    """Gives the model rotary frequencies that hang on the largest position of a pass."""
    rotary = cast(Any, network.base_model).rotary_emb
    forward = rotary.forward

    def stretched(hidden: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = forward(hidden, position_ids * (20.0 / (1 + position_ids.max())))
        return cos, sin

    rotary.forward = stretched


def test_positions_that_do_not_restart_are_refused_where_the_model_minds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rotary positions are relative: shifted, they are the same, unless their scale shifts, too."""

    def through(positions: Tensor) -> Tensor:
        return torch.arange(positions.shape[1])[None]

    network = base(KINDS[0])
    monkeypatch.setattr(Pack, "of", counting(through))
    checked(network)
    scaled_by_length(network)
    with pytest.raises(UserError, match="is another in a pack"):
        checked(network)


def test_a_model_that_scales_its_logits_after_the_head_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = base(KINDS[0])
    forward = network.forward

    def scaled(**given: Any) -> Any:
        out = forward(**given)
        out.logits = out.logits / 8
        return out

    monkeypatch.setattr(network, "forward", scaled)
    with pytest.raises(UserError, match=f"is not the model's own.*{ADVICE}"):
        checked(network)


@pytest.mark.parametrize("tolerance", [1e-5, 2e-2])
def test_what_is_no_number_is_refused(tolerance: float) -> None:
    for pair in [(float("nan"), 1.0), (1.0, float("nan")), (float("inf"), 1.0)]:
        with pytest.raises(UserError, match="is odd"):
            selftest.refuse_unequal(*pair, tolerance, "is odd")
    selftest.refuse_unequal(100.0, 100.0 * (1 + 0.9 * tolerance), tolerance, "is odd")
    with pytest.raises(UserError):
        selftest.refuse_unequal(100.0, 100.0 * (1 + 1.1 * tolerance), tolerance, "is odd")


def test_of_a_long_conversation_a_beginning_with_supervised_tokens_is_looked_at() -> None:
    late = Row([1] * 3000, [IGNORED] * 2000 + [1] * 1000)
    assert len(selftest.begun(late).ids) == 2001
    assert selftest.begun(late).supervised == 1
    early = Row([1] * 3000, [1] * 3000)
    assert len(selftest.begun(early).ids) == selftest.LOOKED_AT
    assert selftest.begun(ONE).ids == ONE.ids
    assert selftest.begun(ONE).labels == ONE.labels


def test_it_is_measured_without_dropout_though_the_model_is_in_training() -> None:
    """What is trained is in training mode when the self-test comes."""
    kind = Kind(2, "rows", tied=False, rslora=False)
    lora = kind.lora.model_copy(update={"dropout": 0.5})
    tuned = adapter.adapted(kind.network(), IDS, lora, "rows", seed=1)
    with torch.no_grad():
        for parameter in adapter.trained(tuned).values():
            parameter += 0.1 * torch.randn_like(parameter)
    tuned.train()
    checked(cast(PreTrainedModel, tuned.get_base_model()))


def test_a_base_of_one_layer_and_one_head_passes() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=90,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    checked(LlamaForCausalLM(config).eval())
