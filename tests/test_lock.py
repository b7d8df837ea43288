"""The lock of an output: one holder at a time, and never left behind."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from askback.errors import WorldError
from askback.lock import locked

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from askback.lock import locked
with locked(Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", "2"], stdout=subprocess.DEVNULL)
    print("held", flush=True)
    time.sleep(30)
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Locks lie below the working folder, or DVC_ROOT where it is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


def refused(path: Path, patience: float = 0.0) -> str:
    """What is said of a lock that somebody else keeps."""
    with pytest.raises(WorldError) as caught, locked(path, patience):
        pass
    return str(caught.value)


def test_a_lock_that_is_held_is_refused_once_patience_is_over():
    with locked(Path("out")):
        start = time.monotonic()

        assert refused(Path("out"), patience=0.3) == "another run still writes out; wait for it"
        assert 0.3 < time.monotonic() - start < 3


def free(path: Path) -> bool:
    """That nobody else holds the lock of `path`; WorldError where somebody does."""
    with locked(path, patience=0.0):
        return True


def test_a_lock_is_free_after_the_block():
    with locked(Path("out")):
        pass
    assert free(Path("out"))


def test_a_lock_is_free_after_a_block_that_raised():
    with pytest.raises(ValueError, match="enough"), locked(Path("out")):
        raise ValueError("enough")
    assert free(Path("out"))


def test_other_outputs_are_free():
    with locked(Path("out")):
        assert free(Path("out2"))
        assert free(Path("a/out"))


def test_one_path_by_two_names_is_one_lock(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with locked(Path("real", "out")):
        for name in [tmp_path / "real" / "out", Path("link", "out"), Path("real/../link/out")]:
            assert refused(name).startswith("another run")


def test_the_lock_does_not_touch_what_it_guards(tmp_path):
    with locked(tmp_path / "out"):
        assert [path.name for path in tmp_path.iterdir()] == [".askback"]


def test_folders_of_one_main_repository_share_the_lock(tmp_path, monkeypatch):
    """DVC runs experiments in folders of their own, with DVC_ROOT as ever."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "experiment").mkdir()
    with locked(tmp_path / "out"):
        monkeypatch.chdir("experiment")
        assert refused(tmp_path / "out").startswith("another run")


def test_the_kernel_frees_the_lock_of_a_killed_process_whose_children_live_on():
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, "out"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert refused(Path("out")).startswith("another run")
        holder.kill()
        holder.wait()

        with locked(Path("out"), patience=0.0):
            pass
