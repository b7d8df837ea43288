"""The loss: the same number however rows are padded and grouped."""

import random
from collections.abc import Iterator

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from askback.loss import held_out_loss, padded, passes, summed_loss
from askback.records import IGNORED, Row

VOCABULARY = 50


@pytest.fixture(scope="module")
def network() -> MistralForCausalLM:
    """Three thousand random weights with heavy dropout, in evaluation mode."""
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        attention_dropout=0.5,
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


def plain_losses(network: MistralForCausalLM, row: Row) -> Iterator[float]:
    """The nats of each supervised token by the definition: one row, no padding, in double."""
    logits = network(input_ids=torch.tensor([row.ids])).logits[0].double()
    for place, label in enumerate(row.labels[1:]):
        if label != IGNORED:
            scores = logits[place]
            yield (scores.exp().sum().log() - scores[label]).item()


def plain_loss(network: MistralForCausalLM, rows: list[Row]) -> float:
    """The sum of the rows' losses by the definition."""
    with torch.no_grad():
        return sum(sum(plain_losses(network, row)) for row in rows)


def test_passes_hold_every_row_once():
    for tokens in [1, 30, 60, 100, 1000]:
        grouped = [row for group in passes(ROWS, tokens) for row in group]

        assert sorted(map(id, grouped)) == sorted(map(id, ROWS))


def test_passes_go_from_the_longest_row_to_the_shortest():
    """So that a plan too large for the memory fails in the first pass."""
    lengths = [len(row.ids) for group in passes(ROWS, 60) for row in group]

    assert lengths == [30, 24, 17, 17, 11, 8, 5, 3, 2]


def test_a_pass_holds_no_more_tokens_than_allowed_padding_included():
    for tokens in range(30, 280):
        for group in passes(ROWS, tokens):
            assert max(len(row.ids) for row in group) * len(group) <= tokens


def test_a_pass_is_filled_before_the_next_begins():
    lengths = [[len(row.ids) for row in group] for group in passes(ROWS, 60)]

    assert lengths == [[30, 24], [17, 17, 11], [8, 5, 3, 2]]


def test_a_row_longer_than_a_pass_goes_alone():
    assert [len(group) for group in passes(ROWS, 1)] == [1] * len(ROWS)


def test_rows_of_one_length_keep_their_order():
    same = [row(7, seed) for seed in range(5)]

    assert [row for group in passes(same, 14) for row in group] == same


def test_no_rows_make_no_pass():
    assert list(passes([], 10)) == []


def test_rows_are_filled_on_the_right():
    assert padded([[1, 2], [3]], 3, 9).tolist() == [[1, 2, 9], [3, 9, 9]]


def test_the_loss_is_that_of_each_row_alone_without_padding(network):
    assert summed_loss(network, ROWS).item() == pytest.approx(plain_loss(network, ROWS), rel=1e-6)


def test_the_gradient_is_that_of_each_row_alone(network):
    def gradient(groups: list[list[Row]]) -> torch.Tensor:
        network.zero_grad()
        for group in groups:
            summed_loss(network, group).backward()
        return torch.cat([weight.grad.flatten() for weight in network.parameters()])

    together, alone = gradient([ROWS]), gradient([[row] for row in ROWS])
    network.zero_grad()

    assert (together - alone).norm() < 1e-5 * alone.norm()


def test_labels_of_context_add_nothing(network):
    masked = Row([4, 8, 15, 16], [IGNORED] * 4)

    assert summed_loss(network, [masked]).item() == 0
    assert summed_loss(network, [*ROWS, masked]).item() == pytest.approx(
        summed_loss(network, ROWS).item(), rel=1e-6
    )


def test_each_supervised_token_adds_its_own_loss(network):
    whole = Row([4, 8, 15, 16, 23], [4, 8, 15, 16, 23])
    each = [
        Row(whole.ids, [IGNORED] * place + [label] + [IGNORED] * (4 - place))
        for place, label in enumerate(whole.labels)
    ]
    with torch.no_grad():
        parts = [summed_loss(network, [row]).item() for row in each]

        assert parts[0] == 0  # nothing comes before the first token
        assert all(part > 0 for part in parts[1:])
        assert sum(parts) == pytest.approx(summed_loss(network, [whole]).item(), rel=1e-6)


def test_the_loss_is_summed_in_fp32_though_the_model_is_not(network):
    half = MistralForCausalLM(network.config).bfloat16()

    assert summed_loss(half, ROWS).dtype == torch.float32


def test_the_held_out_loss_is_the_mean_per_supervised_token(network):
    supervised = sum(label != IGNORED for row in ROWS for label in row.labels[1:])

    assert held_out_loss(network, ROWS) == pytest.approx(
        plain_loss(network, ROWS) / supervised, rel=1e-6
    )


@pytest.mark.parametrize("tokens", [1, 40, 100, 10**6])
def test_the_held_out_loss_does_not_depend_on_what_goes_through_at_once(network, tokens):
    with torch.no_grad():
        total = sum(summed_loss(network, group).item() for group in passes(ROWS, tokens))
    supervised = sum(row.supervised for row in ROWS)

    assert total / supervised == pytest.approx(held_out_loss(network, ROWS), rel=1e-6)


def test_the_held_out_loss_does_not_depend_on_the_order_of_rows(network):
    assert held_out_loss(network, ROWS[::-1]) == pytest.approx(
        held_out_loss(network, ROWS), rel=1e-6
    )


@pytest.mark.parametrize("training", [True, False])
def test_the_held_out_loss_knows_no_dropout_and_leaves_the_mode_as_it_was(network, training):
    expected = held_out_loss(network.eval(), ROWS)
    network.train(training)
    measured = held_out_loss(network, ROWS)
    modes = {module.training for module in network.modules()}
    network.eval()

    assert measured == expected
    assert modes == {training}


def test_the_held_out_loss_keeps_nothing_for_a_gradient(network):
    kept = []
    watch = network.lm_head.register_forward_hook(
        lambda _module, _inputs, logits: kept.append(logits.requires_grad)
    )
    held_out_loss(network, ROWS)
    watch.remove()

    assert set(kept) == {False}
