"""The loss of the output matrix in parts: the same numbers as with all logits at once."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from askback import head
from askback.head import head_loss

HIDDEN, WORDS = 16, 70
IDS = [68, 11]


@dataclass
class Plain:
    """A trained matrix."""

    weight: Tensor


@dataclass
class WithRows:
    """A frozen matrix, and trained rows for two of its words."""

    weight: Tensor
    rows: Tensor
    ids: Tensor


@dataclass
class Case:
    """What a head is given, in double and with gradients."""

    hidden: Tensor
    weight: Tensor
    rows: Tensor
    wanted: Tensor


def case(tokens: int) -> Case:
    """Random values; each of the words with a row is wanted at least once."""
    torch.manual_seed(tokens)
    hidden = torch.randn(tokens, HIDDEN, dtype=torch.float64)
    weight = torch.randn(WORDS, HIDDEN, dtype=torch.float64)
    rows = torch.randn(len(IDS), HIDDEN, dtype=torch.float64)
    wanted = torch.randint(WORDS, (tokens,))
    wanted[: len(IDS)] = torch.tensor(IDS)[:tokens]
    return Case(hidden.requires_grad_(), weight.requires_grad_(), rows.requires_grad_(), wanted)


def in_double(case: Case, with_rows: bool) -> Tensor:
    """The loss by the definition: all logits, torch's own cross-entropy."""
    matrix = case.weight.detach() if with_rows else case.weight
    if with_rows:
        matrix = matrix.index_copy(0, torch.tensor(IDS), case.rows)
    return cross_entropy(case.hidden @ matrix.T, case.wanted, reduction="sum")


def in_parts(case: Case, with_rows: bool) -> tuple[Tensor, Case]:
    """Ours in fp32, and the tensors that its gradients go to."""
    hidden, weight, rows = (
        t.detach().float().requires_grad_() for t in (case.hidden, case.weight, case.rows)
    )
    made = (
        WithRows(weight.detach(), rows, torch.tensor(IDS)) if with_rows else Plain(weight)
    )  # fmt: skip
    return head_loss(hidden, made, case.wanted), Case(hidden, weight, rows, case.wanted)


def error(found: Tensor | None, expected: Tensor | None) -> float:
    """The norm of the difference over the norm of what it should be."""
    assert found is not None
    assert expected is not None
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("with_rows", [True, False])
@pytest.mark.parametrize(("tokens", "part"), [(40, 1024), (40, 40), (40, 7), (40, 1), (2, 1)])
def test_loss_and_gradients_are_those_of_all_logits_in_double(
    tokens: int, part: int, with_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "PART", part)
    double = case(tokens)
    expected = 3 * in_double(double, with_rows)
    expected.backward()
    loss, ours = in_parts(double, with_rows)
    assert loss.dtype == torch.float32
    (3 * loss).backward()
    assert 3 * loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert error(ours.hidden.grad, double.hidden.grad) < 1e-5
    if with_rows:
        assert error(ours.rows.grad, double.rows.grad) < 1e-5
        assert ours.weight.grad is None
    else:
        assert error(ours.weight.grad, double.weight.grad) < 1e-5


def test_in_bf16_the_rows_keep_their_own_precision() -> None:
    double = case(40)
    expected = in_double(double, with_rows=True)
    expected.backward()
    hidden = double.hidden.detach().bfloat16().requires_grad_()
    rows = double.rows.detach().float().requires_grad_()
    made = WithRows(double.weight.detach().bfloat16(), rows, torch.tensor(IDS))
    loss = head_loss(hidden, made, double.wanted)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-2)
    assert hidden.grad is not None
    assert (hidden.grad.dtype, rows.grad.dtype if rows.grad is not None else None) == (
        torch.bfloat16,
        torch.float32,
    )
    assert error(rows.grad, double.rows.grad) < 1e-2
    assert error(hidden.grad, double.hidden.grad) < 1e-2


def test_autocast_changes_nothing_of_an_fp32_head() -> None:
    plain, _ = in_parts(case(40), with_rows=True)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = in_parts(case(40), with_rows=True)
    assert cast.item() == plain.item()


@pytest.mark.parametrize("with_rows", [True, False])
def test_no_supervised_token_gives_no_loss_and_gradients_of_nothing(with_rows: bool) -> None:
    """A pack without any must still be back-propagated, where other processes wait for it."""
    loss, ours = in_parts(case(0), with_rows)
    assert loss.item() == 0
    loss.backward()
    learned = ours.rows if with_rows else ours.weight
    assert learned.grad is not None
    assert not learned.grad.any()
    assert ours.hidden.grad is not None
    assert ours.hidden.grad.shape == (0, HIDDEN)


def test_without_gradients_the_loss_is_the_same_and_keeps_nothing() -> None:
    learned, _ = in_parts(case(40), with_rows=True)
    with torch.no_grad():
        measured, _ = in_parts(case(40), with_rows=True)
    assert measured.item() == learned.item()
    assert not measured.requires_grad


class Sizes(TorchDispatchMode):
    """Sees how many numbers each new tensor has."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[int] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The function's result, its size noted."""
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.seen.append(out.numel())
        return out


@pytest.mark.parametrize("with_rows", [True, False])
def test_the_logits_of_all_tokens_are_never_in_memory(
    with_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest tensor of 400 tokens' loss has the logits of the 10 of one part, or the head."""
    monkeypatch.setattr(head, "PART", 10)
    given = case(400)
    with Sizes() as sizes:
        loss, _ = in_parts(given, with_rows)
        loss.backward()
    assert max(sizes.seen) == max(10 * WORDS, WORDS * HIDDEN, 400 * HIDDEN) < 400 * WORDS
