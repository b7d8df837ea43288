"""Checkpoints: only whole ones of this very run are used, and what is wrong with others is told."""

import shutil
from pathlib import Path

import pytest

from askback.checkpoints import MANIFEST, Checkpoints, find_damage, seal, step

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
