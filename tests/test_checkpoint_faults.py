"""Checkpoints of real runs: damaged ones are passed over, and a disk that fails costs nothing."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from askback import files, stage, tokens
from askback.chat import Chat
from askback.ledger import Ledger
from askback.training.checkpoints import MANIFEST, find_damage, step
from stages import train
from tests.bases import write_base
from tests.power import Disk
from tests.test_base import adopted
from tests.test_checkpoints import flip
from tests.test_train import token_row, write_params

FILES = [
    "trained.safetensors", "optimizer.safetensors", "optimizer.json", "schedule.json",
    "trainer_state.json", "surroundings.json", MANIFEST,
]  # fmt: skip
OF_THEIR_STEP = ["trained.safetensors", "optimizer.safetensors", "schedule.json", MANIFEST]
OUTS = ["adapter", "epochs.jsonl", "curves"]
INTERRUPTED = 5  # the step whose checkpoint the run did not come to
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Runs:
    """A folder with a run that was interrupted, and what an uninterrupted one ends in."""

    interrupted: Path
    outs: dict[str, str]


@pytest.fixture(autouse=True)
def _as_outside_dvc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each step has a checkpoint; what the stage does with signals goes no further than a test."""
    for name in ("DVC_ROOT", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASKBACK_CHECKPOINT_MINUTES", "0")
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two epochs of three steps, once as they are, and once interrupted within the fifth."""
    root = tmp_path_factory.mktemp("runs")
    folder = root / "interrupted"
    folder.mkdir()
    base = adopted(write_base(root / "source"), folder / "base")
    chat = Chat.load(base)
    for side, count in [("train", 10), ("validation", 3)]:
        rows = [token_row(chat, number) for number in range(count)]
        tokens.write(folder / f"tokens/{side}.arrow", rows)
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("DVC_ROOT", raising=False)
        patched.setenv("ASKBACK_CHECKPOINT_MINUTES", "0")
        patched.chdir(folder)
        write_params(epochs=2)
        whole = Path(shutil.copytree(folder, root / "whole"))
        interrupt(INTERRUPTED)
        patched.chdir(whole)
        finish()
    return Runs(folder, outs(whole))


@pytest.fixture
def run(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of checkpoints of an interrupted run, in whose folder the test is."""
    here = Path(shutil.copytree(runs.interrupted, tmp_path / "run"))
    monkeypatch.chdir(here)
    return saved(here)


def saved(place: Path) -> Path:
    """The folder of the one run that left checkpoints there."""
    (found,) = (place / ".askback" / "checkpoints").iterdir()
    return found


def finish(folder: Path = Path()) -> None:
    """Trains in the working folder; the outs come to lie in another."""
    adapter, epochs, curves = (folder / name for name in OUTS)
    train.main(Path("tokens"), Path("base"), adapter, epochs, curves, Ledger())


def interrupt(number: int) -> None:
    """Trains, but for the end of a step, at which everything is let fall."""
    steps = iter(range(1, number))

    def count(optimizer: Optimizer, arguments: Any, named: Any) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt

    hook = register_optimizer_step_post_hook(count)
    try:
        with pytest.raises(KeyboardInterrupt):
            finish()
    finally:
        hook.remove()


def outs(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that the stage hands on."""
    found: dict[str, str] = {}
    for name in OUTS:
        paths = [folder / name, *(folder / name).rglob("*")]
        found |= {str(p.relative_to(folder)): files.sha256(p) for p in paths if p.is_file()}
    return found


def leavings(run: Path) -> dict[str, str | None]:
    """What is wrong with each checkpoint and epoch, by name."""
    return {path.name: find_damage(path) for path in run.iterdir() if path.is_dir()}


def test_an_interrupted_run_leaves_two_checkpoints_and_goes_on_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its curve has every step, those before the interruption included."""
    assert leavings(run) == {"checkpoint-3": None, "checkpoint-4": None, "epoch-1": None}
    finish()
    told = capsys.readouterr().err
    assert "going on from step 4\n" in told
    assert "is not used" not in told
    assert outs(Path()) == runs.outs


@pytest.mark.prove
@pytest.mark.parametrize("number", range(1, 7))
def test_a_run_that_is_interrupted_at_any_step_goes_on_to_the_same_bits(
    runs: Runs, run: Path, number: int
) -> None:
    shutil.rmtree(run)
    interrupt(number)
    finish()
    assert outs(Path()) == runs.outs


def test_a_rate_that_changes_goes_on_where_it_was(run: Path) -> None:
    write_params(epochs=2, schedule="cosine", warmup=2)
    interrupt(INTERRUPTED)
    finish(Path("resumed"))
    shutil.rmtree(".askback")
    finish(Path("whole"))
    assert outs(Path("resumed")) == outs(Path("whole"))


def test_more_epochs_under_a_constant_rate_go_on_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a run of one epoch left is the first of two."""
    shutil.rmtree(run)
    write_params(epochs=1)
    finish()
    capsys.readouterr()
    write_params(epochs=2)
    finish()
    assert "going on from step 3" in capsys.readouterr().err
    assert outs(Path()) == runs.outs


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    flip(path, path.stat().st_size * 4 + 1)


def exchanged(path: Path) -> None:
    other = path.parent.with_name("checkpoint-3") / path.name
    assert other.read_bytes() != path.read_bytes()
    shutil.copyfile(other, path)


DAMAGES = [missing, truncated, flipped]


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        *zip(DAMAGES * 3, FILES, strict=False),
        (exchanged, "optimizer.safetensors"),
        *(pytest.param(*pair, marks=pytest.mark.prove) for pair in product(DAMAGES, FILES)),
        *(pytest.param(exchanged, name, marks=pytest.mark.prove) for name in OF_THEIR_STEP),
    ],
)
def test_a_run_names_a_damaged_checkpoint_and_goes_on_from_the_one_before_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str], damage: Any, name: str
) -> None:
    newest = Path(".askback/checkpoints", run.name, "checkpoint-4")
    damage(newest / name)
    finish()
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if "is not used" in line] == [
        line for line in told if line.startswith(f"train: {newest} is not used: ")
    ]
    assert sum("is not used" in line for line in told) == 1
    assert "train: going on from step 3" in told
    assert outs(Path()) == runs.outs


def test_a_run_without_a_sound_checkpoint_starts_over_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (3, 4):
        flipped(run / f"checkpoint-{number}" / "optimizer.safetensors")
    finish()
    told = capsys.readouterr().err
    assert told.count("is not used") == 2
    assert "going on from" not in told
    assert outs(Path()) == runs.outs


def test_a_run_whose_epoch_is_damaged_finishes_it_again_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the checkpoint at its end, not from the one after."""
    flipped(run / "epoch-1" / "adapter_model.safetensors")
    finish()
    told = [line for line in capsys.readouterr().err.splitlines() if "is not used" in line]
    where = f"train: {Path('.askback/checkpoints', run.name)}"
    assert told == [
        f"{where}/epoch-1 is not used: adapter_model.safetensors is damaged",
        f"{where}/checkpoint-4 is not used: epoch 1 is missing or damaged",
    ]
    assert outs(Path()) == runs.outs


def test_an_epoch_that_is_damaged_after_the_run_is_trained_again_to_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finish()
    flipped(run / "epoch-2" / "adapter_model.safetensors")
    capsys.readouterr()
    finish()
    told = capsys.readouterr().err
    assert told.count("is not used") == 1
    assert "going on from step 6" in told
    assert outs(Path()) == runs.outs


def staged(capsys: pytest.CaptureFixture[str], folder: Path = Path()) -> tuple[int, str]:
    """Runs the stage as its command line does; its exit code, and what it said."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["train", "tokens", "base", *(str(folder / o) for o in OUTS)])
        with pytest.raises(SystemExit) as end:
            stage.run(train.main)
    return int(end.value.code or 0), capsys.readouterr().err


def check_failure(code: int, told: str, number: int, run: Path) -> None:
    """One line says what happened, where, and what to do; what is there is whole."""
    assert code == 3, told
    said = [line for line in told.splitlines() if "[Errno" in line]
    assert said == told.splitlines()[-1:], told
    assert said[0].startswith(f"train: [Errno {number}] {os.strerror(number)}"), told
    assert said[0].endswith("; make room and run again")
    assert "Traceback" not in told
    left = leavings(run)
    assert set(left.values()) == {None}, left
    assert sum(name.startswith("checkpoint-") for name in left) >= 2
    assert "epoch-1" in left
    assert ": '" in said[0]  # where


def fail_sync(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> bool:
    """Trains on a disk whose sync of a number fails, then on a good one; whether one failed."""
    with Disk("fsync", number, 1, code) as disk:
        ended, told = staged(capsys)
    if not disk.struck:
        assert ended == 0, told
    else:
        check_failure(ended, told, code, run)
        again, told = staged(capsys)
        assert again == 0, told
        assert "is not used" not in told
    assert outs(Path()) == runs.outs
    return disk.struck


@pytest.mark.parametrize(
    ("number", "code"),
    [(1, errno.ENOSPC), (5, errno.EIO), (35, errno.ENOSPC), (42, errno.EIO), (57, errno.EIO)],
)
def test_a_sync_that_fails_ends_the_run_by_name_and_the_next_run_in_the_same_bits(
    runs: Runs, run: Path, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    """While the run's account of itself, a checkpoint, the next, an epoch or outs are written."""
    assert fail_sync(runs, run, capsys, number, code)


@pytest.mark.prove
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_each_sync_of_a_run_may_fail(
    runs: Runs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
) -> None:
    """Until a run passes untouched."""
    number, failed = 0, True
    while failed:
        number += 1
        here = Path(shutil.copytree(runs.interrupted, tmp_path / str(number)))
        monkeypatch.chdir(here)
        failed = fail_sync(runs, saved(here), capsys, number, code)
        shutil.rmtree(here)
    assert number > 50


def fill_up(
    runs: Runs, disk: Path, capsys: pytest.CaptureFixture[str], pages: int
) -> tuple[int, str]:
    """Trains with the checkpoints on a disk with so much room, then with more; how it ended."""
    shutil.rmtree(disk / ".askback", ignore_errors=True)
    shutil.copytree(runs.interrupted / ".askback", disk / ".askback")
    for name in OUTS:
        files.remove(Path(name))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DVC_ROOT", str(disk))
        other = leave(disk, pages)
        ended, told = staged(capsys)
        other.unlink()
        if ended:
            check_failure(ended, told, errno.ENOSPC, saved(disk))
            again, more = staged(capsys)
            assert again == 0, more
    assert outs(Path()) == runs.outs
    return ended, told


def leave(disk: Path, pages: int) -> Path:
    """A file that takes all of a disk but for so many pages."""
    path = disk / "other"
    with path.open("wb", buffering=0) as file:
        state = os.statvfs(disk)
        left = state.f_bavail * state.f_frsize - pages * PAGE
        while left > 0:
            left -= file.write(bytes(min(left, PAGE)))
    return path


@pytest.mark.parametrize("pages", [0, 6, 20, 32])
def test_a_disk_that_fills_up_ends_the_run_by_name_and_the_next_run_in_the_same_bits(
    runs: Runs, run: Path, small_disk: Path, capsys: pytest.CaptureFixture[str], pages: int
) -> None:
    """Real ones, full at the run's account of itself, its weights, its optimizer, the rest."""
    ended, told = fill_up(runs, small_disk, capsys, pages)
    assert ended == 3
    assert str(small_disk) in told.splitlines()[-1]


@pytest.mark.prove
def test_a_disk_may_fill_up_at_each_page_of_a_run(
    runs: Runs, run: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until a run passes untouched."""
    pages = 0
    while fill_up(runs, small_disk, capsys, pages)[0]:
        pages += 1
    assert pages > 20


def test_a_full_disk_under_the_outs_leaves_the_old_adapter_and_costs_no_training(
    runs: Runs, run: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "adapter").mkdir()
    (small_disk / "adapter" / "old").write_text("as it was")
    other = leave(small_disk, 5)
    ended, told = staged(capsys, small_disk)
    other.unlink()
    check_failure(ended, told, errno.ENOSPC, run)
    assert str(small_disk) in told.splitlines()[-1]
    assert sorted(path.name for path in small_disk.iterdir()) == ["adapter"]
    assert (small_disk / "adapter" / "old").read_text() == "as it was"
    ended, told = staged(capsys, small_disk)
    assert ended == 0
    assert "nothing is left to train" in told
    assert outs(small_disk) == runs.outs
    assert step(max(run.glob("checkpoint-*"), key=step)) == 6
