"""The optimizer's state on disk: equal to the bit, nothing pickled, paged again where it was."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.optim.adamw import PagedAdamW32bit
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW, Optimizer

from askback.training import optimizer

SHAPES = [(7, 3), (5,), (2, 2)]
on_the_cpu = pytest.mark.filterwarnings("ignore:Paged optimizers are not supported:UserWarning")


def parameters() -> list[Parameter]:
    """Three, always the same."""
    torch.manual_seed(0)
    return [Parameter(torch.randn(shape)) for shape in SHAPES]


def adamw(found: list[Parameter]) -> AdamW:
    """torch's, in two groups."""
    groups: list[dict[str, Any]] = [
        {"params": found[:1], "weight_decay": 0.1},
        {"params": found[1:]},
    ]
    return AdamW(groups, lr=1e-2, betas=(0.9, 0.98))


def paged(found: list[Parameter]) -> PagedAdamW32bit:
    """bitsandbytes', which pages nothing here but keeps its state as on a card."""
    return PagedAdamW32bit(found, lr=1e-2)  # type: ignore[no-untyped-call]


def learn(found: list[Parameter], one: Optimizer, steps: range) -> None:
    """Steps whose gradients follow from their numbers."""
    for step in steps:
        torch.manual_seed(step)
        for parameter in found:
            parameter.grad = torch.randn_like(parameter)
        one.step()


def equal(one: Any, other: Any) -> bool:
    """Whether two states are, tensors to the bit and with their kinds."""
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(v, other[k]) for k, v in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize("make", [adamw, pytest.param(paged, marks=on_the_cpu)])
def test_a_state_that_was_saved_and_loaded_is_equal_to_the_bit_and_goes_on_alike(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)  # there may be no card
    found = parameters()
    one = make(found)
    learn(found, one, range(3))
    optimizer.save(one, tmp_path)
    again = [Parameter(parameter.detach().clone()) for parameter in found]
    other = make(again)
    optimizer.load(other, tmp_path)
    assert equal(other.state_dict(), one.state_dict())
    learn(found, one, range(3, 6))
    learn(again, other, range(3, 6))
    assert all(map(torch.equal, found, again))


def test_tensors_are_in_safetensors_and_json_has_numbers_only(tmp_path: Path) -> None:
    found = parameters()
    one = adamw(found)
    learn(found, one, range(2))
    optimizer.save(one, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {optimizer.TENSORS, optimizer.REST}
    tensors = load_file(tmp_path / optimizer.TENSORS)
    names = {f"{n}.{key}" for n in range(3) for key in ("exp_avg", "exp_avg_sq", "step")}
    assert tensors.keys() == names
    rest = json.loads((tmp_path / optimizer.REST).read_text())
    assert rest["state"] == {}
    assert [(g["params"], g["weight_decay"]) for g in rest["groups"]] == [
        ([0], 0.1),
        ([1, 2], 0.01),
    ]


@on_the_cpu
def test_what_bitsandbytes_keeps_is_numbers_in_json_and_tensors_beside_it(tmp_path: Path) -> None:
    """It nests its tensors in the state it hands out, and takes them unnested, too."""
    found = parameters()
    one = paged(found)
    learn(found, one, range(2))
    optimizer.save(one, tmp_path)
    tensors = load_file(tmp_path / optimizer.TENSORS)
    assert {f"{n}.{key}" for n in range(3) for key in ("state1", "state2")} <= tensors.keys()
    rest = json.loads((tmp_path / optimizer.REST).read_text())
    assert [rest["state"][str(n)]["step"] for n in range(3)] == [2, 2, 2]


def test_an_optimizer_that_has_not_stepped_yet_is_saved_and_loaded(tmp_path: Path) -> None:
    optimizer.save(adamw(parameters()), tmp_path)
    other = adamw(parameters())
    optimizer.load(other, tmp_path)
    assert other.state_dict()["state"] == {}


class Paging:
    """An optimizer that pages like bitsandbytes', as far as loading goes."""

    def __init__(self, is_paged: bool = True) -> None:
        self.is_paged = is_paged
        torch.manual_seed(1)
        self.state: dict[Parameter, dict[str, Any]] = {
            parameter: {
                "step": 3,
                "state1": torch.randn_like(parameter),
                "state2": torch.rand_like(parameter),
            }
            for parameter in parameters()
        }

    def get_state_buffer(self, parameter: Parameter, dtype: torch.dtype) -> Tensor:
        """A paged buffer of nothing; a small parameter's is not paged."""
        buffer = torch.zeros_like(parameter, dtype=dtype).detach()
        if parameter.numel() > 4:
            buffer.is_paged = True  # type: ignore[attr-defined]
        return buffer


def test_what_was_paged_is_paged_again_with_the_same_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))
    one, expected = Paging(), Paging()
    optimizer.page(one)
    for found, other in zip(one.state.items(), expected.state.values(), strict=True):
        parameter, state = found
        assert equal(state, other)
        for key in ("state1", "state2"):
            assert getattr(state[key], "is_paged", False) is (parameter.numel() > 4)
    assert waited  # paging is asynchronous


def test_it_is_found_within_what_accelerate_wraps_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)

    class Wrapper:
        optimizer = Paging()

    optimizer.page(Wrapper())
    largest = next(iter(Wrapper.optimizer.state.values()))
    assert largest["state1"].is_paged


def test_an_optimizer_that_does_not_page_is_left_alone() -> None:
    one = Paging(is_paged=False)
    before = {key: tensor for state in one.state.values() for key, tensor in state.items()}
    optimizer.page(one)
    after = {key: tensor for state in one.state.values() for key, tensor in state.items()}
    assert all(after[key] is tensor for key, tensor in before.items())
    optimizer.page(adamw(parameters()))
