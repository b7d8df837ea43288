"""How much goes through at once: what is planned for a memory, and what for less of it."""

from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from torch.autograd.graph import saved_tensors_hooks
from transformers import PreTrainedModel

from askback import attention
from askback.errors import UserError
from askback.head import PART
from askback.packs import Pack
from askback.records import Row
from askback.training import adapter, plan
from askback.training.plan import Cost, Memory, Plan, choose, fewest_recomputed, measure, recompute
from tests.test_new_tokens import IDS, KINDS, WORDS, Kind

pytestmark = pytest.mark.filterwarnings(
    "ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning"  # 5.17 has no other
)

COST = Cost(layer=200_000.0, input=8192.0, layers=32, head=3 * 4 * PART * 32_000)  # a 7B in bf16
LONGEST, STEP = 1024, 6000
GIB = 2**30


def network(tuned: PeftModel) -> Any:
    """The causal LM with the adapter in it."""
    return tuned.get_base_model()


@given(st.integers(1, 20_000), st.integers(1, 4096), st.integers(1, 80))
def test_smaller_plans_take_less_each_time_and_come_to_an_end(
    tokens: int, longest: int, layers: int
) -> None:
    cost = Cost(COST.layer, COST.input, layers, COST.head)
    found = [Plan(max(tokens, longest), 0)]
    while (smaller := found[-1].smaller(longest, layers)) is not None:
        assert cost.of(smaller) < cost.of(found[-1])
        assert smaller.tokens >= longest
        found.append(smaller)
    assert found[-1] == Plan(longest, layers)
    assert len(found) < 30


def test_packs_are_halved_first_and_then_layers_recomputed_by_the_quarter() -> None:
    found = [Plan(5000, 0)]
    while (smaller := found[-1].smaller(2000, 10)) is not None:
        found.append(smaller)
    assert [(one.tokens, one.recomputed) for one in found] == [
        (5000, 0),
        (2500, 0),
        (2000, 0),
        *((2000, layers) for layers in (2, 4, 6, 8, 10)),
    ]


def test_where_memory_is_ample_nothing_is_recomputed_and_a_step_is_one_pack() -> None:
    found = choose(1e15, COST, LONGEST, STEP)
    assert found.recomputed == 0
    assert found.tokens >= STEP


def test_layers_are_recomputed_as_memory_shrinks_and_in_the_end_all_of_them() -> None:
    found = [choose(free * GIB, COST, LONGEST, STEP) for free in (80, 40, 20, 10, 5, 3)]
    shares = [one.recomputed for one in found]
    assert shares[0] == 0
    assert max(shares) > 16
    nothing = choose(0, COST, LONGEST, STEP)
    assert nothing == Plan(LONGEST, COST.layers)
    assert choose(-1e12, COST, LONGEST, STEP) == nothing


@given(st.floats(1e8, 1e11), st.floats(0, 1), st.integers(1, 8192), st.integers(1, 40_000))
def test_what_is_planned_fits_and_less_memory_never_gives_a_costlier_plan(
    free: float, share: float, longest: int, step: int
) -> None:
    smallest = Plan(longest, COST.layers)
    much, little = choose(free, COST, longest, step), choose(free * share, COST, longest, step)
    assert COST.of(much) <= free or much == smallest
    assert COST.of(little) <= free * share or little == smallest
    assert COST.of(little) <= COST.of(much)
    assert little.tokens >= longest


@pytest.mark.parametrize("free", [1, 2, 5, 10, 20, 40, 80])
@pytest.mark.parametrize("step", [500, 6000, 40_000])
def test_no_plan_that_fits_is_faster(free: int, step: int) -> None:
    found = choose(free * GIB, COST, LONGEST, step)
    most = max(LONGEST, min(plan.MOST_TOKENS, round(1.5 * step)))
    for tokens in range(1024, most + 1, 1024):
        other = fewest_recomputed(free * GIB, COST, tokens)
        if other is not None:
            ours, theirs = (plan.pace(one, COST.layers, step) for one in (found, other))
            assert ours <= theirs


def test_a_plan_recomputes_no_layer_more_than_its_memory_asks_for() -> None:
    for free in range(2, 60):
        found = fewest_recomputed(free * GIB, COST, 4096)
        if found is None:
            assert COST.of(Plan(4096, COST.layers)) > free * GIB
        elif found.recomputed:
            assert COST.of(Plan(4096, found.recomputed - 1)) > free * GIB


def test_a_packs_bytes_are_what_is_kept_and_the_layer_at_work_and_the_head() -> None:
    cost = Cost(layer=100.0, input=10.0, layers=4, head=7000)
    assert cost.of(Plan(50, 0)) == 50 * (4 * 100 + 100) + 7000
    assert cost.of(Plan(50, 3)) == 50 * (1 * 100 + 3 * 10 + 100) + 7000
    assert cost.of(Plan(50, 4)) == 50 * (4 * 10 + 100) + 7000


def lora_numbers(kind: Kind, r: int = 4) -> int:
    """How many A and B of the seven projections of both layers have together."""
    hidden, between, keys = 32, 48, 32 * kind.heads // 4
    shapes = [(hidden, hidden)] * 2 + [(hidden, keys)] * 2 + [(hidden, between)] * 3
    return 2 * sum(r * (one + other) for one, other in shapes)


def layer_numbers(kind: Kind) -> int:
    """How many numbers the base's layers and its last norm have."""
    hidden, between, keys = 32, 48, 32 * kind.heads // 4
    one = 2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * between + 2 * hidden
    return 2 * one + hidden


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_ledger_is_exact_to_the_byte(kind: Kind) -> None:
    """A base in bf16: its own numbers have two bytes each, all that is trained has four."""
    base = kind.network().bfloat16()
    tuned = adapter.adapted(base, IDS, kind.lora, kind.how, seed=1)
    found = Memory.of(tuned, shards=1)
    matrices = 1 if kind.tied else 2
    full = kind.how == "full"
    assert found.adapters == 4 * lora_numbers(kind)
    assert found.new_tokens == 4 * 32 * matrices * (WORDS if full else len(IDS))
    assert found.base == 2 * (layer_numbers(kind) + (0 if full else 32 * WORDS * matrices))
    assert found.gradients == found.adapters + found.new_tokens
    assert found.optimizer == 2 * found.gradients


def test_what_is_left_is_the_limit_less_a_spare_and_all_that_is_taken() -> None:
    found = Memory(limit=10_000, base=1000, adapters=100, new_tokens=10)
    assert found.free == pytest.approx(10_000 * 0.94 - 1000 - 110 - 110 - 220)


def test_in_shards_a_process_has_its_own_and_the_layers_at_work() -> None:
    tuned = KINDS[0].ours()
    whole = Memory.of(tuned, shards=1).base
    assert Memory.of(tuned, shards=4).base == whole // 4 + plan.GATHERED * whole // 2


def test_the_ledger_is_told_in_mebibytes() -> None:
    cost = Cost(layer=1024.0, input=0.0, layers=1, head=0)
    memory = Memory(limit=0, base=5 * plan.MIB, adapters=2 * plan.MIB, new_tokens=0)
    assert list(memory.lines(cost, Plan(1024, 0))) == [
        "memory in MiB: base 5, adapters 2, new tokens 0, gradients 2, optimizer 4, a pack 2"
    ]
    limited = Memory(limit=9 * plan.MIB, base=0, adapters=0, new_tokens=0)
    assert next(limited.lines(cost, Plan(1, 0))).startswith("memory of 9 MiB: ")


def kept_bytes(tuned: PeftModel, tokens: int) -> int:
    """What a pack of so many tokens leaves in the layers for its backward pass."""
    kept: dict[int, int] = {}
    held: list[torch.Tensor] = []
    own = {p.untyped_storage().data_ptr() for p in tuned.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        held.append(tensor)  # or its place would be given to another
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pack = Pack.of([Row([1] * tokens, [1] * tokens)], "cpu")
    with attention.of_packs(network(tuned)), saved_tensors_hooks(note, lambda tensor: tensor):
        network(tuned).base_model(
            input_ids=pack.ids, position_ids=pack.positions, use_cache=False, pack=pack
        )
    return sum(kept.values())


def test_what_a_token_keeps_is_measured_and_recomputed_layers_keep_their_input() -> None:
    tuned = KINDS[0].ours()
    tuned.train()
    with attention.of_packs(network(tuned)):
        cost = measure(tuned)
    assert (cost.layers, cost.head) == (2, 3 * 4 * PART * WORDS)
    assert cost.input == 32 * 4
    for tokens in (plan.PROBE, 2 * plan.PROBE):
        assert kept_bytes(tuned, tokens) == pytest.approx(2 * tokens * cost.layer, rel=0.02)
    recompute(tuned, 1)
    saved = plan.PROBE * 2 * cost.layer - kept_bytes(tuned, plan.PROBE)
    assert 0.7 * plan.PROBE * cost.layer < saved < plan.PROBE * cost.layer


def test_the_first_layers_are_the_ones_that_are_recomputed() -> None:
    tuned = KINDS[0].ours()
    for layers in (0, 1, 2, 1, 0):
        recompute(tuned, layers)
        found = [layer.gradient_checkpointing for layer in network(tuned).base_model.layers]
        assert found == [number < layers for number in range(2)]


def test_without_a_card_there_is_no_limit_and_packs_have_a_size_of_their_own() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    assert plan.limit() == 0
    plan.keep_within(0)
    tuned = KINDS[0].ours()
    found, lines = plan.plan_for(tuned, longest=100, step=1000)
    assert found == Plan(plan.CPU_TOKENS, 0)
    assert lines[-1] == "plan: packs of up to 4096 tokens, 0 of 2 layers recomputed"
    assert isinstance(network(tuned), PreTrainedModel)


class Card:
    """A card of 80 GB."""

    total_memory = 80_000_000_000


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> type[Card]:
    """Has torch see one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: cast(Any, Card))
    return Card


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Card.total_memory),
        ("", Card.total_memory),
        ("16", 16_000_000_000),
        ("7.5", 7_500_000_000),
        ("1e9", Card.total_memory),  # no more than there is
        ("inf", Card.total_memory),
    ],
)
def test_the_limit_is_the_cards_or_fewer_gigabytes(
    text: str | None, expected: int, card: type[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASKBACK_GPU_MEMORY", raising=False)
    if text is not None:
        monkeypatch.setenv("ASKBACK_GPU_MEMORY", text)
    assert plan.limit() == expected


@pytest.mark.parametrize("text", ["0", "-3", "much", "16GB", "nan"])
def test_what_is_no_number_of_gigabytes_is_refused(
    text: str, card: type[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKBACK_GPU_MEMORY", text)
    with pytest.raises(UserError, match=f"ASKBACK_GPU_MEMORY={text}: not a number of gigabytes"):
        plan.limit()
