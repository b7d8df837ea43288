"""Checkpoints: only whole ones of this very run are used, and what is wrong with others is told."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from askback.records import Epoch
from askback.training.checkpoints import MANIFEST, RUN, Checkpoints, find_damage, seal, step

INGREDIENTS = {"data": "a1", "base": "b2", "code": "c3", "train.epochs": 5, "train.seed": 0}
FILES = {
    "adapter_model.safetensors": bytes(range(256)) * 20,
    "optimizer.pt": b"\x00" * 3000,
    "trainer_state.json": b'{"global_step": 1}',
}
NAMES = [*FILES, MANIFEST]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Checkpoints lie below the working folder, or DVC_ROOT where it is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)


def save(checkpoints: Checkpoints, number: int, sealed: bool = True) -> Path:
    """A checkpoint of a few files."""
    folder = checkpoints.folder / f"checkpoint-{number}"
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data + str(number).encode())
    if sealed:
        seal(folder)
    return folder


def run_with(*numbers: int) -> Checkpoints:
    """A run that left these checkpoints."""
    checkpoints = Checkpoints(INGREDIENTS)
    checkpoints.open()
    for number in numbers:
        save(checkpoints, number)
    return checkpoints


def write(folder: Path) -> None:
    """A checkpoint's files, for `Checkpoints.save`."""
    for name, data in FILES.items():
        (folder / name).write_bytes(data + folder.name.encode())


def keep_epochs(checkpoints: Checkpoints, *numbers: int) -> None:
    """Epochs of ten steps each."""
    for number in numbers:
        record = Epoch(number, 10 * number, 1.0, kept=False, samples=[])
        checkpoints.keep_epoch(record, [], write)


def flip(path: Path, bit: int) -> None:
    """Turns one bit of the file over."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_a_first_run_finds_none_and_says_nothing(capsys):
    assert Checkpoints(INGREDIENTS).open() is None
    assert capsys.readouterr().err == ""


def test_the_newest_is_chosen_by_its_number_not_by_its_name(capsys):
    checkpoints = run_with(9, 10, 100)

    chosen = checkpoints.open()

    assert chosen == checkpoints.folder / "checkpoint-100"
    assert step(chosen) == 100
    assert capsys.readouterr().err == ""


def test_a_sealed_checkpoint_has_no_damage():
    assert find_damage(save(Checkpoints(INGREDIENTS), 1)) is None


@pytest.mark.parametrize("name", FILES)
def test_a_checkpoint_that_lacks_a_file_is_named_and_the_one_before_it_used(capsys, name):
    checkpoints = run_with(10, 20)
    (checkpoints.folder / "checkpoint-20" / name).unlink()

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == (
        f"train: {checkpoints.folder / 'checkpoint-20'} is not used: {name} is missing\n"
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_checkpoint_with_a_truncated_file_is_named_and_the_one_before_it_used(
    capsys, name, share
):
    checkpoints = run_with(10, 20)
    path = checkpoints.folder / "checkpoint-20" / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert f"is not used: {name} is damaged\n" in capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_a_checkpoint_with_one_bit_flipped_is_named_and_the_one_before_it_used(capsys, name):
    checkpoints = run_with(10, 20)
    path = checkpoints.folder / "checkpoint-20" / name
    flip(path, path.stat().st_size * 4)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert f"is not used: {name} is damaged\n" in capsys.readouterr().err


def test_a_checkpoint_is_not_used_whichever_bit_of_its_manifest_is_flipped():
    checkpoint = save(Checkpoints(INGREDIENTS), 1)
    manifest = checkpoint / MANIFEST
    data = manifest.read_bytes()
    for bit in range(0, len(data) * 8, 5):  # each of a byte's bits, in one byte or another
        flip(manifest, bit)
        assert find_damage(checkpoint), f"bit {bit}"
        manifest.write_bytes(data)

    assert find_damage(checkpoint) is None


def test_a_checkpoint_without_manifest_is_named_and_the_one_before_it_used(capsys):
    checkpoints = run_with(10)
    save(checkpoints, 20, sealed=False)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == (
        f"train: {checkpoints.folder / 'checkpoint-20'} is not used: it was not finished\n"
    )


def test_a_file_of_another_step_is_damage():
    """A mix of two whole checkpoints loads without an error, and trains something else."""
    checkpoints = run_with(10, 20)
    name = "adapter_model.safetensors"
    shutil.copy(
        checkpoints.folder / "checkpoint-10" / name, checkpoints.folder / "checkpoint-20" / name
    )

    assert find_damage(checkpoints.folder / "checkpoint-20") == f"{name} is damaged"


@pytest.mark.parametrize("name", NAMES)
def test_any_file_of_another_step_is_named_and_the_checkpoint_before_it_used(capsys, name):
    checkpoints = run_with(10, 20)
    newest = checkpoints.folder / "checkpoint-20"
    shutil.copy(checkpoints.folder / "checkpoint-10" / name, newest / name)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    what = "it is of another step" if name == MANIFEST else f"{name} is damaged"
    assert capsys.readouterr().err == f"train: {newest} is not used: {what}\n"


def test_a_manifest_with_one_bit_flipped_is_named_and_the_checkpoint_before_it_used(capsys):
    checkpoints = run_with(10, 20)
    flip(checkpoints.folder / "checkpoint-20" / MANIFEST, 8)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    newest = checkpoints.folder / "checkpoint-20"
    assert capsys.readouterr().err == f"train: {newest} is not used: {MANIFEST} is damaged\n"


def test_a_folder_that_was_given_another_step_is_named_and_the_one_before_it_used(capsys):
    checkpoints = run_with(10, 20)
    moved = (checkpoints.folder / "checkpoint-20").rename(checkpoints.folder / "checkpoint-30")

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == f"train: {moved} is not used: it is of another step\n"


def test_a_checkpoint_of_another_run_is_named_and_the_one_before_it_used(capsys):
    other = Checkpoints(INGREDIENTS | {"data": "a2"})
    stranger = save(other, 20)
    checkpoints = run_with(10)
    capsys.readouterr()
    copied = shutil.copytree(stranger, checkpoints.folder / "checkpoint-20")

    assert find_damage(stranger) is None
    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == f"train: {copied} is not used: it is of another run\n"


def other_shapes(manifest: dict[str, Any]) -> list[Any]:
    """What else a JSON file can hold in a manifest's place, from afar to near."""
    lacking = [{k: v for k, v in manifest.items() if k != key} for key in manifest]
    scalars: list[Any] = [None, "20", 0, 20.5, [20], {}]
    wrong: list[Any] = [None, 0, "", [], {}, [*manifest["files"]], {"optimizer.pt": None}]
    return [
        *[None, True, 0, 1.5, "text", [], [1, 2], {}, manifest["files"], [manifest]],
        *lacking,
        *[manifest | {"files": value} for value in wrong],
        *[manifest | {key: value} for key in ("number", "fingerprint") for value in scalars],
        manifest | {"more": 1},
    ]


def test_a_manifest_of_any_other_shape_is_named_and_the_checkpoint_before_it_used(capsys):
    checkpoints = run_with(10, 20)
    newest = checkpoints.folder / "checkpoint-20"
    for value in other_shapes(json.loads((newest / MANIFEST).read_text())):
        (newest / MANIFEST).write_text(json.dumps(value))

        assert checkpoints.open() == checkpoints.folder / "checkpoint-10", value
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1, value
        assert told[0].startswith(f"train: {newest} is not used: "), value


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 100_000, b"\0" * 500, b"NaN"])
def test_a_manifest_that_no_json_reader_takes_is_named_and_the_checkpoint_before_it_used(
    capsys, data
):
    checkpoints = run_with(10, 20)
    newest = checkpoints.folder / "checkpoint-20"
    (newest / MANIFEST).write_bytes(data)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == f"train: {newest} is not used: {MANIFEST} is damaged\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_a_files_place_is_named_and_the_checkpoint_before_it_used(capsys, name):
    checkpoints = run_with(10, 20)
    newest = checkpoints.folder / "checkpoint-20"
    (newest / name).unlink()
    (newest / name).mkdir()

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err.startswith(f"train: {newest} is not used: {name} is ")


def test_a_file_in_a_checkpoints_place_is_named_and_the_one_before_it_used(capsys):
    checkpoints = run_with(10)
    newest = checkpoints.folder / "checkpoint-20"
    newest.write_text("")

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == f"train: {newest} is not used: it was not finished\n"


@pytest.mark.parametrize("name", ["checkpoint-10.bak", "checkpoint-20 (copy)", "checkpoint-"])
def test_a_copy_that_someone_made_beside_is_no_checkpoint(capsys, name):
    checkpoints = run_with(10)
    shutil.copytree(checkpoints.folder / "checkpoint-10", checkpoints.folder / name)

    assert checkpoints.open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == ""


DAMAGES = ["missing", "unfinished", "flipped"]


def damage_epoch(epoch: Path, how: str) -> None:
    """Takes away the epoch, its manifest, or a bit of its adapter."""
    if how == "missing":
        shutil.rmtree(epoch)
    elif how == "unfinished":
        (epoch / MANIFEST).unlink()
    else:
        flip(epoch / "adapter_model.safetensors", 99)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize(("number", "used"), [(1, 10), (2, 20)])
def test_a_checkpoint_above_a_damaged_epoch_is_named_and_the_one_before_it_used(
    capsys, how, number, used
):
    """An epoch can be finished again from the checkpoint at its end, and from no later one."""
    checkpoints = run_with(10, 20, 25)
    keep_epochs(checkpoints, 1, 2)
    damage_epoch(checkpoints.epoch(number), how)

    assert checkpoints.open(epoch=10) == checkpoints.folder / f"checkpoint-{used}"
    told = capsys.readouterr().err.splitlines()
    why = f"is not used: epoch {number} is missing or damaged"
    assert [line for line in told if "checkpoint" in line.partition(" is not")[0].split("/")[-1]] \
        == [f"train: {checkpoints.checkpoint(n)} {why}" for n in (25, 20) if n > used]  # fmt: skip
    broken = [line for line in told if f"epoch-{number} is not used" in line]
    assert len(broken) == (how != "missing")


def test_a_checkpoint_within_the_epoch_after_the_last_sound_one_is_used(capsys):
    checkpoints = run_with(10, 15)
    keep_epochs(checkpoints, 1)

    assert checkpoints.open(epoch=10) == checkpoints.folder / "checkpoint-15"
    assert capsys.readouterr().err == ""


def test_two_checkpoints_are_kept_and_both_are_sound():
    checkpoints = run_with()
    for number in (1, 2, 3):
        checkpoints.save(number, write)
        kept = checkpoints.newest_first()
        assert [step(one) for one in kept] == [number, number - 1][:number]
        assert [find_damage(one) for one in kept] == [None] * len(kept)


def test_the_older_one_stays_while_the_newer_is_not_verified():
    """Also while it is written: a kill at any moment leaves one that is sound."""
    checkpoints = run_with()
    seen: list[list[int]] = []

    def look(folder: Path) -> None:
        seen.append(sorted(step(p) for p in checkpoints.newest_first() if not find_damage(p)))
        write(folder)

    for number in (1, 2, 3, 4):
        checkpoints.save(number, look)
    assert seen == [[], [1], [1, 2], [2, 3]]


def test_a_damaged_one_does_not_count_among_the_two_that_are_kept():
    checkpoints = run_with()
    for number in (1, 2):
        checkpoints.save(number, write)
    flip(checkpoints.checkpoint(2) / "optimizer.pt", 9)
    checkpoints.save(3, write)

    sound = [step(one) for one in checkpoints.newest_first() if find_damage(one) is None]
    assert sound == [3, 1]


class Forgetful:
    """A disk on which a bit of a checkpoint turns over as its manifest comes to lie beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sync = folder, os.fsync

    def fsync(self, file: int) -> None:
        """Stands for os.fsync."""
        self.sync(file)
        if (self.folder / MANIFEST).exists():
            flip(self.folder / "optimizer.pt", 77)


@pytest.mark.parametrize("number", [3, 2])
def test_where_the_newest_is_damaged_when_it_is_saved_the_older_ones_stay(monkeypatch, number):
    """A new one, and one that was damaged and is saved again."""
    checkpoints = run_with()
    for earlier in (1, 2):
        checkpoints.save(earlier, write)
    if number == 2:
        flip(checkpoints.checkpoint(2) / "optimizer.pt", 9)
    new = checkpoints.checkpoint(number)
    disk = Forgetful(new)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", disk.fsync)
        with pytest.raises(OSError, match="damaged as soon as it was written") as failure:
            checkpoints.save(number, write)

    assert failure.value.errno == errno.EIO
    assert failure.value.filename == str(new)
    sound = [step(one) for one in checkpoints.newest_first() if find_damage(one) is None]
    assert sound == [n for n in (2, 1) if n != number]
    checkpoints.save(number, write)
    assert find_damage(new) is None


def test_a_save_that_fails_leaves_nothing_of_its_own_and_names_the_folder():
    checkpoints = run_with()
    for number in (1, 2):
        checkpoints.save(number, write)

    def fail(folder: Path) -> None:
        write(folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as failure:
        checkpoints.save(3, fail)
    assert failure.value.filename == str(checkpoints.checkpoint(3))
    assert [step(one) for one in checkpoints.newest_first()] == [2, 1]
    assert [find_damage(one) for one in checkpoints.newest_first()] == [None, None]


def test_a_run_that_starts_over_below_old_checkpoints_keeps_its_own():
    """They are of use once more when the epochs that they lack are there again."""
    checkpoints = run_with(20, 30)
    keep_epochs(checkpoints, 2)
    assert checkpoints.open(epoch=10) is None

    checkpoints.save(5, write)
    assert checkpoints.open(epoch=10) == checkpoints.checkpoint(5)


def test_when_all_are_damaged_none_is_used_and_each_is_named(capsys):
    checkpoints = run_with(10, 20)
    for number in (10, 20):
        (checkpoints.folder / f"checkpoint-{number}" / "optimizer.pt").unlink()

    assert checkpoints.open() is None
    told = capsys.readouterr().err.splitlines()
    assert [line.split("/")[-1].split()[0] for line in told] == ["checkpoint-20", "checkpoint-10"]


def test_a_checkpoint_saved_again_is_valid_again():
    """A run that fell back comes by the damaged step once more."""
    checkpoints = run_with(10)
    folder = checkpoints.folder / "checkpoint-10"
    flip(folder / "optimizer.pt", 7)
    (folder / "optimizer.pt").write_bytes(b"as it is now")
    assert find_damage(folder) == "optimizer.pt is damaged"

    seal(folder)
    assert find_damage(folder) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": "a9"}, "data was a1, is a9"),
        ({"train.epochs": 6}, "train.epochs was 5, is 6"),
        ({"train.new": "x"}, "train.new was None, is x"),
    ],
)
def test_a_run_of_other_ingredients_starts_over_and_says_what_differs(capsys, change, told):
    run_with(10)

    assert Checkpoints(INGREDIENTS | change).open() is None
    assert capsys.readouterr().err == f"train: starting over: {told}\n"


def test_every_difference_is_told_by_name(capsys):
    run_with(10)
    Checkpoints({**INGREDIENTS, "train.seed": 1, "code": "c4"}).open()

    assert capsys.readouterr().err.splitlines() == [
        "train: starting over: code was c3, is c4",
        "train: starting over: train.seed was 0, is 1",
    ]


@pytest.mark.parametrize("text", ["", "[1]", "null", "7", '{"data": '])
def test_another_runs_damaged_account_of_itself_is_named(capsys, text):
    account = run_with(10).folder / RUN
    account.write_text(text)

    assert Checkpoints(INGREDIENTS | {"data": "a2"}).open() is None
    assert capsys.readouterr().err == f"train: starting over: {account} is damaged\n"


def test_the_difference_is_to_the_latest_run(capsys):
    run_with(10)
    Checkpoints(INGREDIENTS | {"data": "a2"}).open()
    capsys.readouterr()
    Checkpoints(INGREDIENTS | {"data": "a3"}).open()

    assert capsys.readouterr().err == "train: starting over: data was a2, is a3\n"


def test_a_run_finds_its_own_checkpoints_after_another_ran(capsys):
    checkpoints = run_with(10)
    Checkpoints(INGREDIENTS | {"data": "a2"}).open()
    capsys.readouterr()

    assert Checkpoints(INGREDIENTS).open() == checkpoints.folder / "checkpoint-10"
    assert capsys.readouterr().err == ""


def test_the_order_in_which_ingredients_are_named_does_not_matter():
    turned = dict(reversed(INGREDIENTS.items()))

    assert list(turned) != list(INGREDIENTS)
    assert Checkpoints(turned).folder == Checkpoints(INGREDIENTS).folder


@pytest.mark.parametrize("value", [1, 0.0, "0", None, False])
def test_values_that_merely_look_alike_are_other_ingredients(value):
    changed = Checkpoints(INGREDIENTS | {"train.seed": value})

    assert changed.folder != Checkpoints(INGREDIENTS).folder


def test_experiments_find_the_checkpoints_of_the_main_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    run_with(10)
    (tmp_path / "experiment").mkdir()
    monkeypatch.chdir(tmp_path / "experiment")

    assert Checkpoints(INGREDIENTS).open() == (
        tmp_path / ".askback" / "checkpoints" / Checkpoints(INGREDIENTS).folder.name
        / "checkpoint-10"
    )  # fmt: skip
