"""What is learned hangs on data, params and seed: not on kills, packs, processes or memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from askback import attention, model
from askback.loss import held_out_loss
from askback.packs import bins
from askback.tokens import Rows
from askback.training.checkpoints import Checkpoints
from askback.training.order import Order
from askback.training.plan import Plan, recompute
from askback.training.trainer import ConversationTrainer
from stages import train
from tests import trained
from tests.trained import STEPS, Workplace, material, undisturbed

EPOCHS = 2
DEFAULT, EACH = "15", "0"  # minutes between checkpoints: only where an epoch ends, after each step

KILLS = [
    ("step 1", EACH),  # nothing is saved
    ("pack 5.1", EACH),  # in the middle of an epoch and of a step
    ("seal checkpoint-3", DEFAULT),  # half of it is written
    ("evaluation", DEFAULT),  # the epoch's steps are over
]
MOMENTS = [
    *(f"pack {step}.{pack}" for step in range(1, EPOCHS * STEPS + 1) for pack in (0, 1)),
    *(f"step {step}" for step in range(1, EPOCHS * STEPS + 1)),
    *(f"{what} checkpoint-{step}" for what in ("seal", "verify") for step in (3, 6)),
    *(f"seal epoch-{epoch}" for epoch in (1, 2)),
    "evaluation",
    "samples",
    "hand on",
]


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Workplace]:
    """Makes workplaces, each with its params."""
    return lambda name="work", **changes: Workplace.create(tmp_path / name, **changes)


# Kills.


def check_kill(work: Workplace, moment: str, minutes: str, processes: int = 1) -> None:
    """A run that is killed at a moment ends, when run again, as one that nobody kills."""
    env = {"ASKBACK_CHECKPOINT_MINUTES": minutes}
    killed = work.start(processes, AT=moment, DO="kill", **env)
    assert -9 in killed.ends(), killed.said
    again = work.run(processes, **env)
    assert work.made == undisturbed(processes).made, again
    assert "no longer equal" not in again


@pytest.mark.parametrize(("moment", "minutes"), KILLS)
def test_a_killed_run_ends_when_it_goes_on_as_if_nothing_had_been(place, moment, minutes):
    check_kill(place(), moment, minutes)


@pytest.mark.prove
@pytest.mark.parametrize("minutes", [EACH, DEFAULT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_it_does_so_whenever_it_is_killed(place, moment, minutes):
    check_kill(place(), moment, minutes)


def test_two_processes_that_are_killed_go_on_as_if_nothing_had_been(place):
    check_kill(place(), "step 5", EACH, processes=2)


@pytest.mark.prove
@pytest.mark.parametrize("moment", MOMENTS)
def test_so_they_do_whenever_they_are_killed(place, moment):
    check_kill(place(), moment, DEFAULT, processes=2)


@pytest.mark.prove
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_is_killed_again_and_again_gets_as_far(place, processes):
    """Each time one step further on."""
    work = place()
    for step in range(1, EPOCHS * STEPS + 1):
        killed = work.start(
            processes, AT=f"pack {step}.0", DO="kill", ASKBACK_CHECKPOINT_MINUTES=EACH
        )
        assert -9 in killed.ends(), killed.said
        assert step <= 2 or f"going on from step {step - 2}\n" in killed.said
    work.run(processes)
    assert work.made == undisturbed(processes).made


# Packs, processes, shards.


@dataclass(frozen=True)
class Bench:
    """A loaded model without dropout, and the rows of its steps."""

    trainer: ConversationTrainer
    rows: Rows
    held_out: Rows

    def step(self, packs: int, recomputed: int) -> tuple[float, dict[str, Tensor]]:
        """The loss of a step of seven conversations in so many packs, and its gradients."""
        self.plan(Plan(tokens_for([int(n) for n in self.rows.lengths[:7]], packs), recomputed))
        with attention.of_packs(self.trainer.network):
            loss: Tensor = self.trainer.training_step(None, range(7))
        ours = self.trainer.tuned.named_parameters()
        found: dict[str, Tensor] = {n: p.grad.clone() for n, p in ours if p.grad is not None}
        self.trainer.forget_gradients()
        return loss.item(), found

    def plan(self, plan: Plan) -> None:
        """Has the trainer follow a plan."""
        model.quieten()  # as the run's own loading does, but pytest forgets it after each test
        self.trainer.plan = plan
        recompute(self.trainer.tuned, plan.recomputed)


def tokens_for(lengths: Sequence[int], packs: int) -> int:
    """The fewest tokens in a pack with which the conversations take so many packs."""
    return next(n for n in range(1, sum(lengths) + 1) if len(bins(lengths, n)) == packs)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A model whose adapter is not zero: where B is, A's gradients are."""
    folder = tmp_path_factory.mktemp("bench")
    tokens, base = material() / "tokens", material() / "base"
    rows, held_out = Rows(tokens / "train.arrow"), Rows(tokens / "validation.arrow")
    params = train.TrainParams.model_validate(trained.params(dropout=0))
    trainer = train.trainer_of(
        rows,
        held_out,
        base,
        params,
        saved=Checkpoints({}),
        order=Order(len(rows), params.batch, params.seed, longest=0),
        args=train.arguments(params, folder),
    )
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainer.learned():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return Bench(trainer, rows, held_out)


@pytest.mark.parametrize("recomputed", [0, 1, 2])
@pytest.mark.parametrize("packs", [1, 2, 7])
def test_a_step_has_one_loss_and_one_gradient_in_however_many_packs(bench, packs, recomputed):
    loss, gradients = bench.step(packs=1, recomputed=0)
    other_loss, others = bench.step(packs, recomputed)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    assert len(gradients) == 2 * 7 * 2 + 2  # A and B, seven projections, two layers; two times rows
    assert others.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert gradient.norm() > 0, name
        assert (others[name] - gradient).norm() < 1e-5 * gradient.norm(), name


def test_the_held_out_loss_is_the_same_to_the_bit_under_any_plan(bench):
    losses = set()
    for plan in [Plan(1, 0), Plan(60, 1), Plan(4096, 2)]:
        bench.plan(plan)
        losses.add(held_out_loss(bench.trainer.network, bench.held_out))
    assert len(losses) == 1


def check_close(work: Workplace, other: Workplace) -> None:
    """Both have learned the same, to rounding."""
    assert work.losses == pytest.approx(other.losses, rel=1e-5)
    assert work.held_out == pytest.approx(other.held_out, rel=1e-5)
    ours, theirs = (
        load_file(one.folder / "adapter/adapter_model.safetensors") for one in (work, other)
    )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert (tensor - theirs[name]).norm() < 1e-2 * tensor.norm(), name


PACKS = {"one": "4096", "two": "100", "each its own": "1"}


@pytest.mark.parametrize(("processes", "packs"), [(1, "each its own"), (2, "one")])
def test_a_run_learns_the_same_in_other_packs_and_processes(place, processes, packs):
    """Of two processes with one pack the second has nothing of its own to learn from."""
    work = place(dropout=0)
    work.run(processes, TOKENS=PACKS[packs])
    check_close(work, undisturbed(dropout=0))


@pytest.mark.prove
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("packs", PACKS)
def test_a_run_learns_the_same_in_all_packs_and_processes(place, processes, packs):
    work = place(dropout=0)
    work.run(processes, TOKENS=PACKS[packs])
    check_close(work, undisturbed(dropout=0))


@pytest.mark.parametrize(
    ("processes", "env", "told"),
    [
        (1, {"TOKENS": PACKS["one"]}, "plan's tokens was 100, is 4096"),
        (1, {"THREADS": "2"}, "threads was 1, is 2"),
        (2, {}, "processes was 1, is 2"),
    ],
)
def test_a_run_that_goes_on_in_other_surroundings_says_so_and_learns_the_same(
    place, processes, env, told
):
    work = place(dropout=0)
    work.start(AT="pack 5.1", DO="kill", ASKBACK_CHECKPOINT_MINUTES=EACH).ends()
    said = work.run(processes, **env)
    assert "going on from step 4" in said
    assert f"no longer equal to the bit: {told}" in said
    check_close(work, undisturbed(dropout=0))


def test_dropout_falls_the_same_in_two_processes_as_in_one(place):
    work = place()
    work.run(2)
    check_close(work, undisturbed())


def test_processes_that_train_together_say_what_one_says(place):
    assert place().run(2) == place("one").run()


def test_two_processes_that_share_a_base_in_four_bits_learn_what_one_learns(place):
    """And the adapter gives one process that has all of the base the same held-out loss."""
    work, one = place(quantize="nf4", dropout=0), place("one", quantize="nf4", dropout=0)
    work.run(2, ASKBACK_SHARD="1")
    one.run()
    check_close(work, one)
    assert loss_of(work) == pytest.approx(work.held_out[-1], rel=1e-5)


def loss_of(work: Workplace) -> float:
    """The held-out loss of the base in four bits with the saved adapter, loaded by PEFT."""
    from peft import PeftModel

    network = model.load(work.folder / "base", "nf4", "fp32")
    tuned: Any = PeftModel.from_pretrained(network, str(work.folder / "adapter"))
    tuned.eval()
    total, count = 0.0, 0
    rows = Rows(work.folder / "tokens/validation.arrow")
    for row in (rows[number] for number in range(len(rows))):
        ids, labels = torch.tensor([row.ids]), torch.tensor(row.labels[1:])
        with torch.no_grad():
            logits: Tensor = tuned(input_ids=ids).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        count += int((labels != -100).sum())
    return total / count


# Memory.


@pytest.mark.parametrize(("where", "times"), [("memory", 2), ("memory, backward", 1)])
def test_a_run_that_is_short_of_memory_learns_the_same_and_says_what_it_does(place, where, times):
    """The second pack of a step fails, when the first one's gradients are there."""
    work = place(dropout=0)
    said = work.run(AT="pack 2.1", DO=where, TIMES=str(times))
    told = [line for line in said.splitlines() if "out of memory" in line]
    assert len(told) == times
    for recomputed, line in enumerate(told):
        plan = f"packs of up to 83 tokens, {recomputed} of 2 layers recomputed"
        assert line == f"train: out of memory in step 2; now {plan}"
    check_close(work, undisturbed(dropout=0))


def test_where_one_of_two_processes_is_short_of_memory_both_change_their_plan(place):
    work = place(dropout=0)
    said = work.run(2, AT="pack 2.1", DO="memory", RANKS="1")
    assert said.count("out of memory in step 2; now packs of up to 83 tokens") == 1
    check_close(work, undisturbed(dropout=0))


def test_a_run_that_no_plan_is_small_enough_for_ends_with_one_line(place):
    work = place()
    said = work.fail(2, AT="pack 2.0", DO="memory", TIMES="-1").splitlines()
    assert said[-1].startswith("train: the longest conversation does not fit into memory; lower")
    assert sum("out of memory in step 2; now packs of up to" in line for line in said) > 1
    assert "Traceback" not in " ".join(said)
    assert not (work.folder / "adapter").exists()


@pytest.mark.parametrize(("where", "rank"), [("memory", 1), ("memory, backward", 0)])
def test_a_process_that_shares_its_base_and_is_short_of_memory_ends_the_run(place, where, rank):
    """Its neighbour waits for a layer that never comes, until whoever launched both ends it."""
    work = place(dropout=0)
    run = work.start(
        2, AT="pack 2.0" if rank == 0 else "pack 2.1", DO=where, RANKS=str(rank), ASKBACK_SHARD="1"
    )
    codes = run.ends(20)
    assert codes[rank] == 2, run.said
    assert "train: out of memory, and the processes wait for one another's layers" in run.said


# Going on for more epochs, and keeping others.


def test_more_epochs_go_on_from_the_last_and_equal_a_run_of_as_many(place):
    work, whole = place(epochs=1), place("whole", epochs=3)
    work.run()
    work.set(epochs=3)
    said = work.run()
    whole.run()
    assert f"going on from step {STEPS}\n" in said
    assert work.made == whole.made


def test_fewer_epochs_retrain_nothing_and_are_those_of_a_shorter_run(place):
    work, short = place(epochs=2), place("short", epochs=1)
    work.run()
    work.set(epochs=1)
    said = work.run(AT="load", DO="kill")
    short.run()
    assert "nothing is left to train" in said
    assert work.made == short.made


def test_what_is_kept_is_changed_without_training_or_even_loading_the_model(place):
    work = place(epochs=3)
    work.run()
    adapters = {}
    for keep in ["best", "last", "all", 1, 2, 3]:
        work.set(epochs=3, keep=keep)
        assert "nothing is left to train" in work.run(AT="load", DO="kill")
        adapters[keep] = work.made.adapter
    assert adapters["last"] == adapters["all"] == adapters["best"] == adapters[3]
    assert len({adapters[1], adapters[2], adapters[3]}) == 3
    work.set(epochs=3, keep=9)
    told = "train: params.yaml: train.keep: there is no epoch 9, train.epochs is 3\n"
    assert work.fail(2, AT="load", DO="kill").endswith(told)
    assert work.made.adapter == adapters[3]


def test_where_the_rate_hangs_on_the_number_of_epochs_more_start_over_and_say_why(place):
    work = place(epochs=1, schedule="linear")
    work.run()
    work.set(epochs=2, schedule="linear")
    said = work.run()
    assert "starting over: train.epochs was 1, is 2" in said
    assert "going on" not in said


def test_an_epoch_that_is_lost_is_trained_again_and_those_after_it(place):
    work = place()
    work.run()
    made = work.made
    [epoch] = work.folder.glob(".askback/checkpoints/*/epoch-1")
    shutil.rmtree(epoch)
    assert "nothing is left to train" not in work.run()
    assert work.made == made
