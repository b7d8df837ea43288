"""The loss: the same number however conversations are packed."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from askback import attention
from askback.loss import held_out_loss, lengths, summed_loss
from askback.packs import Pack, bins
from askback.records import IGNORED, Row

VOCABULARY = 50


@pytest.fixture(scope="module")
def network() -> MistralForCausalLM:
    """Three thousand random weights, in evaluation mode."""
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=None,
        initializer_range=0.5,  # far from uniform, so that each position counts
    )
    made = MistralForCausalLM(config)
    made.eval()
    return made


def row(length: int, seed: int) -> Row:
    """Random ids, about half of them supervised."""
    draw = random.Random(f"{length}:{seed}")
    ids = [draw.randrange(VOCABULARY) for _ in range(length)]
    return Row(ids, [token if draw.random() < 0.5 else IGNORED for token in ids])


ROWS = [row(length, seed) for seed, length in enumerate([3, 17, 5, 30, 2, 17, 8, 24, 11])]


class Lazy:
    """Rows that know their lengths, and count how often they are read."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self.read = 0

    @property
    def lengths(self) -> list[int]:
        """How many tokens each has."""
        return [len(row.ids) for row in self._rows]

    def __getitem__(self, number: int) -> Row:
        """The row of a number."""
        self.read += 1
        return self._rows[number]


def packed_loss(network: MistralForCausalLM, rows: Sequence[Row]) -> torch.Tensor:
    """The summed loss of the rows in one pack."""
    with attention.of_packs(network):
        return summed_loss(network, Pack.of(rows, "cpu"))


def plain_losses(network: MistralForCausalLM, row: Row) -> Iterator[float]:
    """The nats of each supervised token by the definition: one row, in double."""
    logits = network(input_ids=torch.tensor([row.ids])).logits[0].double()
    for place, label in enumerate(row.labels[1:]):
        if label != IGNORED:
            scores = logits[place]
            yield (scores.exp().sum().log() - scores[label]).item()


def plain_loss(network: MistralForCausalLM, rows: list[Row]) -> float:
    """The sum of the rows' losses by the definition."""
    with torch.no_grad():
        return sum(sum(plain_losses(network, row)) for row in rows)


def test_the_loss_is_that_of_each_row_alone(network):
    assert packed_loss(network, ROWS).item() == pytest.approx(plain_loss(network, ROWS), rel=1e-6)


def test_the_gradient_is_that_of_each_row_alone(network):
    def gradient(groups: list[list[Row]]) -> torch.Tensor:
        network.zero_grad()
        for group in groups:
            packed_loss(network, group).backward()
        grads = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        assert len(grads) == len(list(network.parameters()))
        return torch.cat(grads)

    together, alone = gradient([ROWS]), gradient([[row] for row in ROWS])
    network.zero_grad()

    assert (together - alone).norm() < 1e-5 * alone.norm()


def test_a_conversations_loss_stays_to_the_bit_whatever_its_neighbours_say(network):
    """The neighbours have other words and as many; they are not supervised."""
    conversation = ROWS[3]
    found = set()
    for seed in range(8):
        before, after = (
            Row(row(length, seed).ids, [IGNORED] * length) for length in (17, 11)
        )  # fmt: skip
        found.add(packed_loss(network, [before, conversation, after]).item())

    assert len(found) == 1
    assert found.pop() == pytest.approx(plain_loss(network, [conversation]), rel=1e-6)


def test_labels_of_context_add_nothing(network):
    masked = Row([4, 8, 15, 16], [IGNORED] * 4)

    assert packed_loss(network, [masked]).item() == 0
    assert packed_loss(network, [*ROWS, masked]).item() == pytest.approx(
        packed_loss(network, ROWS).item(), rel=1e-6
    )


def test_each_supervised_token_adds_its_own_loss(network):
    whole = Row([4, 8, 15, 16, 23], [4, 8, 15, 16, 23])
    each = [
        Row(whole.ids, [IGNORED] * place + [label] + [IGNORED] * (4 - place))
        for place, label in enumerate(whole.labels)
    ]
    with torch.no_grad():
        parts = [packed_loss(network, [row]).item() for row in each]

        assert parts[0] == 0  # nothing comes before the first token
        assert all(part > 0 for part in parts[1:])
        assert sum(parts) == pytest.approx(packed_loss(network, [whole]).item(), rel=1e-6)


def test_the_loss_is_summed_in_fp32_though_the_model_is_not(network):
    half = MistralForCausalLM(network.config).bfloat16()

    assert packed_loss(half, ROWS).dtype == torch.float32


def test_the_held_out_loss_is_the_mean_per_supervised_token(network):
    supervised = sum(label != IGNORED for row in ROWS for label in row.labels[1:])

    assert held_out_loss(network, ROWS) == pytest.approx(
        plain_loss(network, ROWS) / supervised, rel=1e-6
    )


@pytest.mark.parametrize("tokens", [1, 40, 100, 10**6])
def test_the_held_out_loss_does_not_depend_on_what_goes_through_at_once(network, tokens):
    with torch.no_grad():
        groups = bins([len(row.ids) for row in ROWS], tokens)
        total = sum(packed_loss(network, [ROWS[n] for n in group]).item() for group in groups)
    supervised = sum(row.supervised for row in ROWS)

    assert total / supervised == pytest.approx(held_out_loss(network, ROWS), rel=1e-6)


def test_the_held_out_loss_does_not_depend_on_the_order_of_rows(network):
    assert held_out_loss(network, ROWS[::-1]) == pytest.approx(
        held_out_loss(network, ROWS), rel=1e-6
    )


def test_the_held_out_loss_of_rows_read_on_demand_is_equal_and_reads_each_once(network):
    lazy = Lazy(ROWS)

    assert lengths(lazy) == [len(row.ids) for row in ROWS]
    assert lazy.read == 0
    assert held_out_loss(network, lazy) == held_out_loss(network, ROWS)
    assert lazy.read == len(ROWS)


@pytest.mark.parametrize("training", [True, False])
def test_the_held_out_loss_knows_no_dropout_and_leaves_the_mode_as_it_was(network, training):
    dropout = network.model.layers[0].mlp.register_forward_hook(
        lambda module, _inputs, out: torch.nn.functional.dropout(out, 0.5, module.training)
    )
    expected = held_out_loss(network.eval(), ROWS)
    network.train(training)
    measured = held_out_loss(network, ROWS)
    modes = {module.training for module in network.modules()}
    network.train()
    assert packed_loss(network, ROWS) != packed_loss(network, ROWS)  # it drops while it learns
    dropout.remove()
    network.eval()

    assert measured == expected
    assert modes == {training}


def test_the_held_out_loss_keeps_nothing_for_a_gradient(network):
    kept = []
    watch = network.model.register_forward_hook(
        lambda _module, _inputs, out: kept.append(out.last_hidden_state.requires_grad)
    )
    held_out_loss(network, ROWS)
    watch.remove()

    assert set(kept) == {False}


def test_the_network_attends_as_before_once_the_held_out_loss_is_known(network):
    before = network.config._attn_implementation
    held_out_loss(network, ROWS)

    assert network.config._attn_implementation == before != attention.NAME


def test_tokens_of_a_row_count_their_places_from_its_own_start(network):
    """Where positions ran on through the pack, each edge would break the run of ones."""
    pack = Pack.of(ROWS, "cpu")
    edges = pack.edges.tolist()
    for start, end in pairwise(edges):
        assert pack.positions[0, start:end].tolist() == list(range(end - start))
