"""Training on packs is what PEFT trains row by row: the same loss, the same gradients."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from askback import attention, model
from askback.loss import summed_loss
from askback.packs import Pack, bins
from askback.records import IGNORED, Row
from askback.training import adapter
from askback.training.lora import LoraParams
from askback.training.new_tokens import (
    FullEmbedding,
    FullHead,
    NewTokens,
    RowsEmbedding,
    RowsHead,
    train_new_tokens,
)
from askback.training.plan import recompute

WORDS = 90
IDS = [88, 41]  # not in their order, and not at the end
LENGTHS = [3, 17, 5, 30, 2, 17, 8, 24, 11]


@dataclass(frozen=True)
class Kind:
    """A kind of base, and of what is trained in it."""

    heads: int  # of keys and values; there are four of queries
    how: NewTokens
    tied: bool
    rslora: bool
    window: int | None = None

    def __str__(self) -> str:
        """Its name among the tests."""
        parts = [
            "MHA" if self.heads == 4 else "GQA",
            self.how,
            "tied" if self.tied else "untied",
            "rslora" if self.rslora else "lora",
        ]
        return "-".join(parts + ([f"window {self.window}"] if self.window else []))

    @property
    def lora(self) -> LoraParams:
        """The adapter, without dropout."""
        return LoraParams(r=4, alpha=8, dropout=0.0, rslora=self.rslora)

    def network(self) -> PreTrainedModel:
        """A base with random weights, the same each time."""
        torch.manual_seed(0)
        sizes: dict[str, Any] = {
            "vocab_size": WORDS,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": self.heads,
            "max_position_embeddings": 128,
            "tie_word_embeddings": self.tied,
            "initializer_range": 0.3,
        }
        if self.window:
            return MistralForCausalLM(MistralConfig(**sizes, sliding_window=self.window))
        return LlamaForCausalLM(LlamaConfig(**sizes))

    def ours(self) -> PeftModel:
        """The base with what we train in it, none of it zero."""
        return stirred(adapter.adapted(self.network(), IDS, self.lora, self.how, seed=1))


HOWS: list[NewTokens] = ["rows", "full"]
BOTH = [True, False]
KINDS = [Kind(*one) for one in product([2, 4], HOWS, BOTH, BOTH)]
WINDOWED = [Kind(2, how, tied=False, rslora=False, window=7) for how in HOWS]


def stirred(tuned: PeftModel, by: float = 0.1) -> PeftModel:
    """The same with every trained number moved: LoRA's B is zero at first, and A has no slope."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in adapter.trained(tuned).values():
            parameter += by * torch.randn_like(parameter)
    return tuned


def row(length: int, words: int = WORDS, ids: Sequence[int] = IDS) -> Row:
    """Random ids, a new token every fourth, about half of them supervised."""
    draw = random.Random(length)
    found = [draw.choice(ids) if n % 4 == 1 else draw.randrange(words) for n in range(length)]
    return Row(found, [token if draw.random() < 0.5 else IGNORED for token in found])


ROWS = [row(length) for length in LENGTHS]


def by_peft(
    network: PreTrainedModel, ours: PeftModel, how: NewTokens, lora: LoraParams
) -> PeftModel:
    """The plain base with PEFT's own LoRA and its own trained tokens, of our values."""
    tied = adapter.tied(ours)
    ids = next(m.ids.tolist() for m in adapter.token_modules(ours).values()) if how == "rows" else 0
    tokens: dict[str, Any] = (
        {"trainable_token_indices": dict.fromkeys(["embed_tokens", "lm_head"][: 2 - tied], ids)}
        if how == "rows"
        else {"modules_to_save": ["embed_tokens", "lm_head"], "ensure_weight_tying": tied}
    )
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        target_modules=model.PROJECTIONS,
        task_type="CAUSAL_LM",
        **tokens,
    )
    made = cast(PeftModel, get_peft_model(network, config))
    theirs = adapter.trained(made)
    pairs = {same(name): tensor for name, tensor in adapter.trained(ours).items()}
    assert {same(name) for name in theirs} == pairs.keys()
    with torch.no_grad():
        for name, parameter in theirs.items():
            parameter.copy_(pairs[same(name)])
    return made


def same(name: str) -> str:
    """The name of one of our parameters or of PEFT's, alike on both sides."""
    for module in ("embed_tokens", "lm_head"):
        if f".{module}." in name:
            return module
    return name


def rows_losses(tuned: PeftModel, rows: Sequence[Row]) -> Iterator[Tensor]:
    """Each row's summed loss as transformers has it: one forward pass, all logits."""
    for one in rows:
        device = tuned.device
        ids = torch.tensor([one.ids], device=device)
        labels = torch.tensor(one.labels[1:], device=device)
        logits = tuned(input_ids=ids, use_cache=False).logits[0, :-1].float()
        yield cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")


def packs_losses(tuned: PeftModel, rows: Sequence[Row], tokens: int) -> Iterator[Tensor]:
    """Each pack's summed loss, as training has it."""
    network = cast(PreTrainedModel, tuned.get_base_model())
    with attention.of_packs(network):
        for group in bins([len(one.ids) for one in rows], tokens):
            yield summed_loss(network, Pack.of([rows[n] for n in group], network.device))


def learn(tuned: PeftModel, losses: Iterator[Tensor]) -> tuple[float, dict[str, Tensor]]:
    """The losses' sum and the gradients, by names that both sides share."""
    total = 0.0
    for loss in losses:
        loss.backward()
        total += loss.item()
    found = {same(name): p.grad for name, p in adapter.trained(tuned).items()}
    return total, {name: grad.float() for name, grad in found.items() if grad is not None}


def worst_error(kind: Kind) -> float:
    """The largest relative error of the loss and of any trained tensor's gradient."""
    ours = kind.ours()
    theirs = by_peft(kind.network(), ours, kind.how, kind.lora)
    loss, found = learn(ours, packs_losses(ours, ROWS, tokens=60))
    expected_loss, expected = learn(theirs, rows_losses(theirs, ROWS))
    assert found.keys() == expected.keys()
    tokens = 1 if kind.tied else 2
    assert len(found) == 2 * 7 * 2 + tokens  # A and B, seven projections, two layers
    errors = [abs(loss - expected_loss) / expected_loss]
    errors += [
        float((found[name] - grad).norm() / grad.norm()) for name, grad in expected.items()
    ]  # fmt: skip
    return max(errors)


@pytest.mark.parametrize("kind", KINDS + WINDOWED, ids=str)
def test_loss_and_gradients_on_packs_are_pefts_own_row_by_row(kind: Kind) -> None:
    """The window is shorter than most of the conversations."""
    assert worst_error(kind) < 1e-5


@pytest.mark.filterwarnings(
    "ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning"  # 5.17 has no other
)
@pytest.mark.parametrize("recomputed", [1, 2])
def test_layers_that_are_computed_again_give_the_same_gradients(recomputed: int) -> None:
    gradients = []
    for layers in (0, recomputed):
        tuned = KINDS[0].ours()
        tuned.train()
        recompute(tuned, layers)
        gradients.append(learn(tuned, packs_losses(tuned, ROWS, tokens=60)))
    (loss, kept), (again, computed) = gradients
    assert loss == again
    assert all(torch.equal(computed[name], grad) for name, grad in kept.items())


@pytest.mark.parametrize("tied", BOTH)
def test_rows_are_fp32_start_as_the_matrices_rows_and_the_matrices_are_frozen(tied: bool) -> None:
    network = Kind(2, "rows", tied, rslora=False).network().bfloat16()
    both: list[Any] = [network.get_input_embeddings(), network.get_output_embeddings()]
    old, out = (module.weight.detach().clone() for module in both)
    train_new_tokens(network, IDS, "rows")
    embeddings, head = network.get_input_embeddings(), network.get_output_embeddings()
    assert isinstance(embeddings, RowsEmbedding)
    assert isinstance(head, RowsHead)
    assert (embeddings.rows is head.rows) is tied
    for module, matrix in ((embeddings, old), (head, out)):
        assert module.rows.dtype == torch.float32
        assert torch.equal(module.rows, matrix[IDS].float())
        assert torch.equal(module.weight, matrix)
        assert not module.weight.requires_grad
    assert embeddings(torch.tensor([[3, IDS[0]]])).dtype == torch.bfloat16


@pytest.mark.parametrize("tied", BOTH)
def test_a_whole_matrix_is_trained_in_fp32_and_none_is_there_twice(tied: bool) -> None:
    network = Kind(2, "full", tied, rslora=False).network().bfloat16()
    train_new_tokens(network, IDS, "full")
    embeddings, head = network.get_input_embeddings(), network.get_output_embeddings()
    assert isinstance(embeddings, FullEmbedding)
    assert isinstance(head, FullHead)
    assert (embeddings.weight is head.weight) is tied
    words = [p for p in network.parameters() if p.shape[0] == WORDS]
    assert len(words) == 2 - tied
    assert {p.dtype for p in words} == {torch.float32}
    hidden = embeddings(torch.tensor([[3, IDS[0]]]))
    assert hidden.dtype == head(hidden).dtype == torch.bfloat16


def test_the_modules_give_what_the_matrix_with_the_rows_in_it_gives() -> None:
    torch.manual_seed(0)
    matrix, rows = torch.randn(WORDS, 8), nn.Parameter(torch.randn(2, 8))
    whole = matrix.index_copy(0, torch.tensor(IDS), rows.detach())
    ids, hidden = torch.tensor([[3, *IDS, 3, IDS[0]]]), torch.randn(1, 5, 8)
    embeddings = RowsEmbedding(matrix, rows, torch.tensor(IDS))
    head = RowsHead(matrix, rows, torch.tensor(IDS))
    assert torch.equal(embeddings(ids), whole[ids])
    torch.testing.assert_close(head(hidden), hidden @ whole.T)
    embeddings(ids).sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [[2.0] * 8, [1.0] * 8]  # as often as each is said


def test_the_ids_are_no_part_of_the_weights_on_the_disk() -> None:
    embeddings = RowsEmbedding(
        torch.zeros(3, 2), nn.Parameter(torch.zeros(1, 2)), torch.tensor([1])
    )
    assert embeddings.state_dict().keys() == {"weight", "rows"}
