"""Training tells what it did: nothing is learned in silence from what cannot be learned from."""

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from askback import files, model, tokens
from askback.chat import Chat
from askback.errors import UserError
from askback.ledger import Ledger
from askback.records import IGNORED, Epoch, TokenRow
from askback.training import advice
from askback.training.lora import LoraParams
from askback.training.order import Order
from askback.training.samples import PROMPTS
from stages import train
from tests.bases import write_base
from tests.test_base import adopted
from tests.test_train import PARAMS, token_row, write_params

RATE = 1e-2
STEPS = 3  # of an epoch: ten rows, four a step
OUTS = ["adapter", "epochs.jsonl", "curves"]
LORA = {"r": 4, "alpha": 16, "dropout": 0.1, "rslora": False}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base and token rows of both sides."""
    folder = tmp_path_factory.mktemp("prepared")
    base = adopted(write_base(folder / "source"), folder / "base")
    chat = Chat.load(base)
    for side, count in [("train", 10), ("validation", 3)]:
        write_rows([token_row(chat, number) for number in range(count)], folder, side)
    return folder


@pytest.fixture
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that the test is in, with params of two epochs."""
    here = Path(shutil.copytree(prepared, tmp_path / "place"))
    monkeypatch.chdir(here)
    for name in ("DVC_ROOT", "ASKBACK_REPORT_TO"):
        monkeypatch.delenv(name, raising=False)
    write_params(epochs=2)
    return here


def write_rows(rows: Sequence[TokenRow], folder: Path = Path(), side: str = "train") -> None:
    """Makes them the rows of a side."""
    tokens.write(folder / f"tokens/{side}.arrow", rows)


def rows(side: str = "train") -> list[TokenRow]:
    """The rows of a side."""
    return list(tokens.rows(Path(f"tokens/{side}.arrow")))


def run() -> Ledger:
    """Trains in the working folder."""
    ledger = Ledger()
    adapter, epochs, curves = map(Path, OUTS)
    train.main(Path("tokens"), Path("base"), adapter, epochs, curves, ledger)
    return ledger


def order_of(batch: int, epoch: int = 0) -> list[list[int]]:
    """The numbers of the rows of each step of an epoch, from 0."""
    found = tokens.Rows(Path("tokens/train.arrow"))
    order = Order(len(found), batch, 0, longest=int(found.lengths.argmax()))
    order.set_epoch(epoch)
    return list(order)


def curve(name: str = "train") -> list[dict[str, str]]:
    """The rows of a curve."""
    with Path(f"curves/{name}.csv").open() as file:
        return list(csv.DictReader(file))


def column(name: str) -> list[float]:
    """A column of the training's curve, as numbers."""
    return [float(row[name]) for row in curve()]


def refused(step: int, what: str, numbers: Sequence[int]) -> None:
    """Trains, which must end in one line with the step and its rows, and with nothing handed on."""
    ids = ", ".join(rows()[number].id for number in numbers)
    with pytest.raises(UserError) as refusal:
        run()
    told = str(refusal.value)
    assert told.startswith(f"step {step}: {what}; its rows are {ids}: "), told
    assert "\n" not in told
    assert refusal.value.exit_code == 2
    assert not [name for name in OUTS if Path(name).exists()]


@pytest.fixture
def with_gradients(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Tensor], Tensor]], None]:
    """Has each gradient of what is trained be what a function makes of it."""

    def change(gradient: Callable[[Tensor], Tensor]) -> None:
        loaded = train.trainer_of

        def hooked(*arguments: Any, **named: Any) -> Any:
            trainer = loaded(*arguments, **named)
            for parameter in trainer.learned():
                parameter.register_hook(gradient)
            return trainer

        monkeypatch.setattr(train, "trainer_of", hooked)

    return change


def spoil(token: int) -> None:
    """Makes a token's row of the base's embeddings NaN."""
    name = "model.embed_tokens.weight"
    source = Path(model.Base.of(Path("base")).model)
    shutil.copytree(source, "spoilt")
    (shard,) = [path for path in Path("spoilt").glob("*.safetensors") if name in load_file(path)]
    found = load_file(shard)
    found[name] = found[name].clone()
    found[name][token] = math.nan
    save_file(found, shard, {"format": "pt"})
    replace(model.Base.of(Path("base")), model=str(Path("spoilt").resolve())).save(Path("base"))


def foreign_token(side: str, number: int) -> int:
    """A token that from now on stands in one row of a side, and nowhere else."""
    chat, changed = Chat.load(Path("base")), rows(side)
    (token,) = chat.encode_text("~")
    ids = changed[number].input_ids
    assert changed[number].labels[2] == IGNORED  # so that the loss is no number, and not its label
    changed[number] = replace(changed[number], input_ids=[*ids[:2], token, *ids[3:]])
    write_rows(changed, side=side)
    return token


def test_a_loss_that_is_no_number_ends_the_stage_with_its_step_and_rows(place: Path) -> None:
    spoil(foreign_token("train", 5))
    write_params(batch=1)
    step = order_of(1).index([5]) + 1
    refused(step, "the loss is nan", [5])


def test_a_held_out_loss_that_is_no_number_ends_the_stage(place: Path) -> None:
    spoil(foreign_token("validation", 1))
    with pytest.raises(UserError, match=r"^epoch 1: the held-out loss is nan; [^\n]+$"):
        run()
    assert not [name for name in OUTS if Path(name).exists()]


@pytest.mark.parametrize("batch", [4, 10])
def test_a_rate_at_which_training_diverges_ends_the_stage(place: Path, batch: int) -> None:
    """Within the first epoch, or where the epoch's only step is over."""
    write_params(epochs=2, batch=batch, learning_rate=1e30)
    with pytest.raises(
        UserError, match=r"^(step 2|epoch 1): [^\n]*\bnan\b[^\n]+learning_rate"
    ) as told:
        run()
    if batch == 4:
        assert ", ".join(rows()[number].id for number in order_of(4)[1]) in str(told.value)
    assert not [name for name in OUTS if Path(name).exists()]


@pytest.mark.parametrize(("factor", "norm"), [(math.nan, "nan"), (math.inf, "inf"), (0.0, "0.0")])
def test_gradients_that_teach_nothing_end_the_stage_with_the_step_and_its_rows(
    place: Path, with_gradients: Any, factor: float, norm: str
) -> None:
    """Each norm that is no number above 0, at the first step."""
    with_gradients(lambda gradient: torch.full_like(gradient, factor))
    refused(1, f"the gradient's norm is {norm}", order_of(4)[0])


def test_a_gradient_that_vanishes_later_ends_the_stage_at_its_step(
    place: Path, with_gradients: Any
) -> None:
    """In the second epoch, whose order is another."""
    seen: list[Tensor] = []
    first = STEPS + 1

    def vanish(gradient: Tensor) -> Tensor:
        seen.append(gradient)
        return gradient * (len(seen) <= len(once) * first)

    once: list[None] = []
    with_gradients(vanish)
    loaded = train.trainer_of

    def counted(*arguments: Any, **named: Any) -> Any:
        trainer = loaded(*arguments, **named)
        once.extend([None] * len(trainer.learned()))
        return trainer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train, "trainer_of", counted)
        refused(first + 1, "the gradient's norm is 0.0", order_of(4, epoch=1)[1])


@pytest.mark.parametrize("number", [0, 4, 9])
def test_a_step_in_which_nothing_is_supervised_ends_the_stage_with_its_rows(
    place: Path, number: int
) -> None:
    """The first token's label is no prediction. Also where the self-test looks at the row."""
    changed = rows()
    ids = changed[number].input_ids
    changed[number] = replace(changed[number], labels=[ids[0]] + [IGNORED] * (len(ids) - 1))
    write_rows(changed)
    write_params(batch=1)
    refused(order_of(1).index([number]) + 1, "nothing in it is supervised", [number])


def test_the_curve_has_every_step_with_the_numbers_that_were_there(place: Path) -> None:
    run()
    assert list(curve()[0]) == ["step", "loss", "grad_norm", "supervised", "learning_rate"]
    assert column("step") == [1, 2, 3, 4, 5, 6]
    counted = [
        sum(label != IGNORED for number in step for label in rows()[number].labels[1:])
        for epoch in (0, 1)
        for step in order_of(4, epoch)
    ]
    assert column("supervised") == counted
    told = json.loads(Path("tokens/tokens.json").read_text())["train.arrow"]["supervised"]
    assert [sum(counted[:STEPS]), sum(counted[STEPS:])] == [told, told]
    assert column("learning_rate") == [RATE] * 6
    assert all(norm > 0 and math.isfinite(norm) for norm in column("grad_norm"))
    assert all(loss > 0 and math.isfinite(loss) for loss in column("loss"))
    assert [row["step"] for row in curve("held_out")] == ["3", "6"]


def test_the_first_loss_of_the_curve_is_the_models_own(place: Path) -> None:
    """LoRA adds nothing yet: without dropout it is the mean over the step's tokens."""
    write_params(epochs=1, quantize="none", lora=LORA | {"dropout": 0.0})
    run()
    network = model.load(Path("base"), "none", "fp32").eval()
    total, count = 0.0, 0
    for number in order_of(4)[0]:
        row = rows()[number]
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        count += int((labels != IGNORED).sum())
    assert column("loss")[0] == pytest.approx(total / count, rel=1e-5)


def closed_form(schedule: str, warmup: int, last: int) -> Iterator[float]:
    """The rate of each of a run's steps."""
    for done in range(last):
        share = (done - warmup) / (last - warmup)
        falling = {
            "constant": 1.0,
            "linear": 1 - share,
            "cosine": (1 + math.cos(math.pi * share)) / 2,
        }
        yield RATE * (done / warmup if done < warmup else falling[schedule])


@pytest.mark.parametrize(
    ("schedule", "warmup"),
    [("linear", 0), ("cosine", 2), *(
        pytest.param(*pair, marks=pytest.mark.prove)
        for pair in [("constant", 2), ("linear", 2), ("cosine", 0)]
    )],
)  # fmt: skip
def test_the_rate_follows_its_schedule(place: Path, schedule: str, warmup: int) -> None:
    write_params(epochs=2, schedule=schedule, warmup=warmup)
    run()
    wanted = list(closed_form(schedule, warmup, last=2 * STEPS))
    assert column("learning_rate") == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def params(**changes: Any) -> train.TrainParams:
    """The section of params.yaml."""
    return train.TrainParams.model_validate(PARAMS | changes)


@pytest.mark.parametrize(
    ("rslora", "rate", "alpha", "warned"),
    [
        (True, 2e-4, 16, True),
        (True, 5e-5, 16, False),
        (True, 5e-5, 32, True),
        (True, 2.5e-5, 32, False),
        (False, 2e-4, 16, False),
    ],
)
def test_a_rate_that_is_meant_for_lora_is_warned_of_with_rslora(
    capsys: pytest.CaptureFixture[str], rslora: bool, rate: float, alpha: int, warned: bool
) -> None:
    lora = LORA | {"rslora": rslora, "alpha": alpha}
    advice.warn_of_rate(LoraParams.model_validate(lora), rate)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == warned
    assert all("rslora" in line and f"{rate:g}" in line and "diverge" in line for line in told)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_fp16_without_a_gpu_is_refused_by_name(place: Path) -> None:
    write_params(precision="fp16")
    with pytest.raises(UserError, match=r"params\.yaml: train\.precision: fp16 needs a GPU"):
        run()


def test_nothing_is_reported_to_anyone_unless_it_is_asked_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train.arguments(params(), Path("there")).report_to == []
    monkeypatch.setenv("ASKBACK_REPORT_TO", "")
    assert train.arguments(params(), Path("there")).report_to == []
    monkeypatch.setenv("ASKBACK_REPORT_TO", "nowhere")
    with pytest.raises(UserError, match="ASKBACK_REPORT_TO=nowhere: nowhere is not supported"):
        train.arguments(params(), Path("there"))
    monkeypatch.setenv("ASKBACK_REPORT_TO", "tensorboard")
    with pytest.raises(UserError, match=r"ASKBACK_REPORT_TO=tensorboard: .* requires tensorboard"):
        train.arguments(params(), Path("there"))


def epochs() -> list[Epoch]:
    """The record of all epochs."""
    return list(files.read(Path("epochs.jsonl"), Epoch))


def test_every_choice_of_an_epoch_hands_on_its_adapter_and_trains_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    (saved,) = Path(".askback/checkpoints").iterdir()
    losses = [one.held_out_loss for one in epochs()]
    best = losses.index(min(losses)) + 1
    capsys.readouterr()
    for keep, number in [("best", best), ("last", 2), (1, 1), (2, 2), ("all", best)]:
        write_params(epochs=2, keep=keep)
        figures = run().figures
        assert "nothing is left to train" in capsys.readouterr().err
        assert [one.epoch for one in epochs() if one.kept] == [number]
        assert (figures["kept_epoch"], figures["best_epoch"]) == (number, best)
        assert figures["held_out_loss"] == losses[number - 1]
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            kept = (saved / f"epoch-{number}" / name).read_bytes()
            assert Path("adapter", name).read_bytes() == kept
        assert [path.name for path in sorted(Path("adapter").glob("*/"))] == (
            ["epoch-1", "epoch-2"] if keep == "all" else []
        )


def test_of_all_epochs_each_is_an_adapter_that_peft_loads(place: Path) -> None:
    write_params(epochs=2, keep="all")
    run()
    hashes = []
    for number in (1, 2):
        folder = Path(f"adapter/epoch-{number}")
        tuned = PeftModel.from_pretrained(model.load(Path("base"), "none", "fp32"), folder)
        loaded = {n.replace(".default", ""): p for n, p in tuned.named_parameters()}
        written = load_file(folder / "adapter_model.safetensors")
        assert len(written) == 2 * 7 * 2 + 2
        for name, tensor in written.items():
            torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0)
        hashes.append(files.sha256(folder / "adapter_model.safetensors"))
    assert hashes[0] != hashes[1]


def test_an_epoch_that_there_is_not_is_refused_by_name(place: Path) -> None:
    write_params(epochs=1, keep=2)
    with pytest.raises(UserError, match=r"train\.keep: there is no epoch 2, train\.epochs is 1"):
        run()
    assert not Path("adapter").exists()


def test_each_epoch_answers_the_same_few_held_out_questions(place: Path) -> None:
    chat = Chat.load(Path("base"))
    held_out = [token_row(chat, number, "I let it.") for number in range(PROMPTS + 6)]
    write_rows(held_out, side="validation")
    run()
    first, second = epochs()
    assert [(one.epoch, one.step) for one in (first, second)] == [(1, 3), (2, 6)]
    assert len(first.samples) == PROMPTS == 24
    asked = [[(said.id, said.question) for said in one.samples] for one in (first, second)]
    assert asked[0] == asked[1]
    assert len(set(asked[0])) == PROMPTS
    assert all(question == f"What of the rain, {number}?" for number, question in asked[0])
