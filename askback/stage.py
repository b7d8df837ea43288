"""How a stage's `main` becomes a program: its paths, its ledger, its exit code.

    def main(paragraphs: In, passages: Out, ledger: Ledger) -> None: ...

    if __name__ == "__main__":
        run(main)

makes `python -m stages.segment PARAGRAPHS PASSAGES [--metrics FILE] [--dropped FILE]`.
"""

import argparse
import errno
import inspect
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NoReturn, get_args, get_type_hints

from askback.errors import Halt, UserError, WorldError
from askback.ledger import Ledger
from askback.lock import locked

In = Annotated[Path, "in"]
Out = Annotated[Path, "out"]

DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
# Rounds in which a thread of OpenMP looks for work before it sleeps. With its own default, training
# beside another run takes three times as long; with none, waking up takes longer than small work.
SPINS = "3000"


def run(main: Callable[..., None], first: bool = True) -> NoReturn:
    """Runs `main` on the command line's paths and exits: 0 done, else the Halt's code.

    Of processes that run a stage together only the `first` locks its outputs and saves its ledger.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `except Exception` lets it pass
    stop_when_orphaned()
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read when torch is loaded
    try:
        call(main, sys.argv[1:], first)
    except Halt as halt:
        print(f"{stage_name(main)}: {halt}", file=sys.stderr)
        sys.exit(halt.exit_code)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one follows when dvc got it too
        if first:
            kept = "stopped; what was gained is kept, run again"
            print(f"{stage_name(main)}: {kept}", file=sys.stderr)
        sys.exit(WorldError.exit_code)
    except OSError as error:
        if error.errno not in DISK:
            raise
        print(f"{stage_name(main)}: {error}; make room and run again", file=sys.stderr)
        sys.exit(WorldError.exit_code)
    sys.exit(0)


def call(main: Callable[..., None], argv: list[str], first: bool = True) -> None:
    """Calls `main` with `argv` as its paths, its outputs locked, and saves its ledger."""
    arguments = vars(parser(main).parse_args(argv))
    metrics, dropped = arguments.pop("metrics"), arguments.pop("dropped")
    ledger = Ledger()
    with ExitStack() as stack:
        for name in outputs(main) if first else []:
            stack.enter_context(locked(arguments[name]))
        for name in inputs(main):
            if not arguments[name].exists():
                raise UserError(f"{arguments[name]} is missing; `dvc repro` makes it")
        main(**arguments, ledger=ledger)
        if first:
            ledger.save(metrics, dropped)


def parser(main: Callable[..., None]) -> argparse.ArgumentParser:
    """The command line that `main`'s signature spells."""
    result = argparse.ArgumentParser(
        prog=f"python -m stages.{stage_name(main)}",
        description=inspect.getdoc(main),
        allow_abbrev=False,
    )
    for name in [*inputs(main), *outputs(main)]:
        result.add_argument(name, type=Path, metavar=name.upper())
    result.add_argument("--metrics", type=Path, help="where the counts go, as JSON")
    result.add_argument("--dropped", type=Path, help="where the dropped records go, as JSON lines")
    return result


def inputs(main: Callable[..., None]) -> list[str]:
    """The names of `main`'s input paths, in order."""
    return marked(main, "in")


def outputs(main: Callable[..., None]) -> list[str]:
    """The names of `main`'s output paths, in order."""
    return marked(main, "out")


def marked(main: Callable[..., None], mark: str) -> list[str]:
    """The names of `main`'s parameters annotated In ("in") or Out ("out")."""
    hints = get_type_hints(main, include_extras=True)
    return [name for name, hint in hints.items() if mark in get_args(hint)]


def stage_name(main: Callable[..., None]) -> str:
    """The stage's one word: the name of the file that holds `main`."""
    return Path(inspect.getfile(main)).stem


def stop_when_orphaned(every: float = 0.5) -> None:
    """Sends SIGTERM to this process soon after the `dvc` that started it is gone.

    SIGKILL and SIGTERM end dvc alone; without this the stage would run on beside the next one.
    Outside DVC (`nohup python -m stages.train &`) nothing is watched.
    """
    if "DVC_STAGE" not in os.environ:
        return
    family = ancestors()

    def watch() -> None:
        while ancestors() == family:
            time.sleep(every)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def end_with_parent() -> None:
    """In a worker process: ends it when the process that started it does, however that ends."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(WorldError.exit_code)

    threading.Thread(target=watch, daemon=True).start()


def ancestors() -> tuple[int, ...]:
    """The ids of dvc's process and of those between: a shell, and what launches many processes.

    Dvc is the first that has no DVC_STAGE in its own environment.
    """
    found = [os.getppid()]
    while found[-1] > 1 and b"DVC_STAGE=" in told(found[-1], "environ"):
        status = told(found[-1], "stat").rpartition(b") ")[2].split()
        if len(status) < 2:
            break
        found.append(int(status[1]))
    return tuple(found)


def told(process: int, what: str) -> bytes:
    """What /proc tells of a process; nothing where there is none, as on macOS, or it is gone."""
    try:
        return Path(f"/proc/{process}/{what}").read_bytes()
    except OSError:
        return b""
