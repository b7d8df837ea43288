"""Training: what is learned, what is kept, what a run leaves behind."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from askback import files, tokens
from askback.chat import Chat
from askback.errors import UserError
from askback.ledger import Ledger
from askback.records import Message, TokenRow
from askback.training import advice
from stages import train
from tests.bases import TEXT, write_base
from tests.test_base import adopted

PARAMS = {
    "epochs": 3,
    "batch": 4,
    "learning_rate": 1e-2,
    "schedule": "constant",
    "warmup": 0,
    "weight_decay": 0.0,
    "max_grad_norm": 0.3,
    "quantize": "nf4",
    "precision": "fp32",
    "new_tokens": "rows",
    "lora": {"r": 4, "alpha": 8, "dropout": 0.1, "rslora": False},
    "max_new_tokens": 16,
    "keep": "best",
    "seed": 0,
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a base, token rows of both sides, and a params.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    base = adopted(write_base(tmp_path / "source"), tmp_path / "base")
    chat = Chat.load(base)
    for side, count in [("train", 10), ("validation", 3)]:
        rows = [token_row(chat, number) for number in range(count)]
        tokens.write(tmp_path / f"tokens/{side}.arrow", rows)
    write_params()
    return tmp_path


def token_row(chat: Chat, number: int, answer: str | None = None) -> TokenRow:
    said = [
        Message("user", f"What of the rain, {number}?"),
        Message("assistant", answer or TEXT[number % 2]),
    ]
    encoded = chat.encode(said, "answers")
    return TokenRow(str(number), "book", encoded.ids, encoded.labels)


def write_params(**changes: object) -> None:
    Path("params.yaml").write_text(json.dumps({"train": PARAMS | changes}))


def run(name: str = "adapter") -> Ledger:
    ledger = Ledger()
    epochs, curves = Path(f"{name}-epochs.jsonl"), Path(f"{name}-curves")
    train.main(Path("tokens"), Path("base"), Path(name), epochs, curves, ledger)
    return ledger


def curve(path: str) -> list[tuple[int, float]]:
    with Path(path).open() as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def test_training_lowers_the_held_out_loss_epoch_by_epoch(workplace):
    ledger = run()
    held_out = curve("adapter-curves/held_out.csv")
    assert [step for step, _ in held_out] == [3, 6, 9]
    assert held_out[0][1] > held_out[1][1] > held_out[2][1]
    assert ledger.figures["best_epoch"] == 3
    assert len(curve("adapter-curves/train.csv")) == 9


def test_the_adapter_holds_lora_and_two_rows_and_nothing_of_the_base(workplace):
    run()
    adapter = load_file("adapter/adapter_model.safetensors")
    rows = [name for name in adapter if "token_adapter" in name]
    assert {name.split(".")[-2] for name in adapter if name not in rows} == {"lora_A", "lora_B"}
    assert len(adapter) - len(rows) == 2 * 7 * 2  # A and B, seven projections, two layers
    assert [adapter[name].shape for name in rows] == [(2, 64)] * 2
    assert all(tensor.dtype == torch.float32 for tensor in adapter.values())
    assert sorted(p.name for p in Path("adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_the_epoch_with_the_lowest_held_out_loss_is_kept(workplace):
    chat = Chat.load(Path("base"))
    strange = [token_row(chat, number, "zxqj0192%&$KVW" * 8) for number in range(3)]
    tokens.write(Path("tokens/validation.arrow"), strange)  # more training makes these less likely
    write_params(epochs=6)
    ledger = run()
    losses = [loss for _, loss in curve("adapter-curves/held_out.csv")]
    best = losses.index(min(losses))
    assert best < 5, "the run never got worse, so nothing was chosen"
    assert ledger.figures["best_epoch"] == best + 1
    assert ledger.figures["held_out_loss"] == min(losses)


def test_two_runs_of_one_seed_are_equal_and_another_seed_is_not(workplace):
    made = []
    for name, seed in [("one", 0), ("two", 0), ("three", 1)]:
        write_params(seed=seed, epochs=1)
        run(name)
        files.remove(Path(".askback/checkpoints"))
        made.append(files.sha256(Path(name, "adapter_model.safetensors")))
    assert made[0] == made[1] != made[2]


def test_a_finished_run_is_not_trained_again(workplace, capsys):
    run("one")
    run("two")
    assert "going on from step 9" in capsys.readouterr().err
    assert files.sha256(Path("one/adapter_model.safetensors")) == files.sha256(
        Path("two/adapter_model.safetensors")
    )


def test_other_data_starts_over_and_says_so(workplace, capsys):
    run()
    chat = Chat.load(Path("base"))
    tokens.write(Path("tokens/train.arrow"), [token_row(chat, n) for n in range(5)])
    run("other")
    said = capsys.readouterr().err
    assert "starting over: data was" in said
    assert "going on" not in said


def test_a_run_says_how_often_it_shows_each_answer_and_warns_where_that_is_often(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten rows have two answers: five questions each, over three epochs."""
    counts = tokens.Rows(Path("tokens/train.arrow")).counts
    assert advice.exposures(counts, epochs=3) == 15.0
    advice.tell_exposures(counts, epochs=3)
    told = capsys.readouterr().err
    assert "3 epochs show each answer 15 times" in told
    assert "warning: more than 6 times" in told
    advice.tell_exposures(replace(counts, rows=2), epochs=6)
    assert capsys.readouterr().err == "train: 6 epochs show each answer 6 times\n"


def test_a_damaged_row_ends_the_run_by_name_when_it_is_met(workplace: Path) -> None:
    path = Path("tokens/train.arrow")
    damaged = bytearray(path.read_bytes())
    ids = np.array(tokens.Rows(path)[3].ids, "int32").tobytes()
    damaged[damaged.index(ids)] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"train\.arrow: row 4 is damaged; .*`dvc repro`"):
        run()
