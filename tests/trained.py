"""Small training runs as processes of their own: killed, stopped, short of memory, or left alone.

To start one anew takes longer than all its steps. So one process imports everything, and each run
is a fork of it: a process with its own id, its own signals and its own exit code, as any other.

    python -m tests.trained serve                 forks runs, as `Starter` asks it to
    python -m tests.trained TOKENS BASE …         is one run, which what launches stages can start

In a run something may happen at a moment: `AT="pack 4.1" DO=kill` in its environment ends it before
the second pack of its fourth step.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from askback import files
from askback.training.checkpoints import find_damage
from askback.training.checkpoints import step as step_of
from tests.processes import wait_until

ROOT = Path(__file__).parents[1]
PATHS = ["tokens", "base", "adapter", "epochs.jsonl", "curves", "--metrics", "metrics.json"]
STEPS = 3  # of an epoch
LINGERING = "0.7"  # seconds in which a test sends a signal
REACHED = "reached"  # a file: the moment has come
CODE = "code"  # a file: what a run that was not forked has exited with
PARAMS: dict[str, object] = {
    "epochs": 2,
    "batch": 4,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup": 0,
    "weight_decay": 0.0,
    "max_grad_norm": 0.3,
    "quantize": "none",
    "precision": "fp32",
    "new_tokens": "rows",
    "max_new_tokens": 4,
    "keep": "last",
    "seed": 0,
}


def params(dropout: float = 0.1, **changes: object) -> dict[str, object]:
    """The section `train` of params.yaml."""
    lora = {"r": 4, "alpha": 8, "dropout": dropout, "rslora": False}
    return {**PARAMS, "lora": lora, **changes}


# What tests use.


@dataclass(frozen=True)
class Made:
    """What a run has made, as bytes that are equal where it did the same."""

    adapter: str
    epochs: str
    curves: tuple[str, str]


class Workplace:
    """A folder with a base, token rows of both sides, and a params.yaml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, **changes: Any) -> Workplace:
        """A new one, nothing run yet, with those params."""
        shutil.copytree(material(), folder)
        made = cls(folder)
        made.set(**changes)
        return made

    def set(self, **changes: Any) -> None:
        """Writes params.yaml."""
        (self.folder / "params.yaml").write_text(json.dumps({"train": params(**changes)}))

    def start(self, processes: int = 1, /, **env: str) -> Run:
        """A run that has begun."""
        return starter().start(self.folder, processes, env)

    def run(self, processes: int = 1, /, **env: str) -> str:
        """What a run said that has ended well."""
        run = self.start(processes, **env)
        assert run.ends() == [0] * processes, run.said
        return run.said

    def fail(self, code: int, /, **env: str) -> str:
        """What a run said that has ended with that exit code."""
        run = self.start(**env)
        assert run.ends() == [code], run.said
        return run.said

    def copy(self, folder: Path) -> Workplace:
        """The same, with all that was made, elsewhere."""
        shutil.copytree(self.folder, folder)
        return Workplace(folder)

    @property
    def made(self) -> Made:
        """What the last run that ended well has made."""
        curves = [files.sha256(self.folder / "curves" / f"{n}.csv") for n in ("train", "held_out")]
        return Made(
            files.sha256(self.folder / "adapter/adapter_model.safetensors"),
            (self.folder / "epochs.jsonl").read_text("utf-8"),
            (curves[0], curves[1]),
        )

    @property
    def losses(self) -> list[float]:
        """Of each step."""
        lines = (self.folder / "curves/train.csv").read_text("utf-8").splitlines()[1:]
        return [float(line.split(",")[1]) for line in lines]

    @property
    def held_out(self) -> list[float]:
        """The loss at each epoch's end."""
        lines = (self.folder / "curves/held_out.csv").read_text("utf-8").splitlines()[1:]
        return [float(line.split(",")[1]) for line in lines]

    def check_checkpoint(self, step: int) -> None:
        """The newest checkpoint that the runs have left is whole, and of that step."""
        found = self.folder.glob(".askback/checkpoints/*/checkpoint-*")
        newest = max(found, key=step_of, default=None)
        assert newest is not None
        assert (step_of(newest), find_damage(newest)) == (step, None)


@dataclass
class Run:
    """A run in one process, or in more that train together."""

    starter: Starter
    pids: list[int]
    log: Path

    @property
    def said(self) -> str:
        """All that it has told, so far."""
        return self.log.read_text("utf-8")

    def says(self, text: str, seconds: float = 60) -> None:
        """Returns when it has said this."""
        wait_until(lambda: text in self.said or self.ended, seconds)
        assert text in self.said, self.said

    def reaches(self, folder: Path) -> None:
        """Returns when the moment of its environment has come."""
        wait_until(lambda: (folder / REACHED).exists() or self.ended)
        assert (folder / REACHED).exists(), self.said

    @property
    def ended(self) -> bool:
        """Whether all its processes have."""
        return None not in [self.starter.code(pid) for pid in self.pids]

    def ends(self, seconds: float = 90) -> list[int]:
        """The exit codes of its processes, once they have ended; minus the signal's number."""
        try:
            wait_until(lambda: self.ended, seconds)
        except AssertionError:
            self.kill()
            raise AssertionError(f"still there after {seconds} s:\n{self.said}") from None
        return [code for pid in self.pids if (code := self.starter.code(pid)) is not None]

    def signal(self, number: signal.Signals, *ranks: int) -> None:
        """Sends a signal to its processes, or to some of them."""
        for rank in ranks or range(len(self.pids)):
            if self.starter.code(self.pids[rank]) is None:
                os.kill(self.pids[rank], number)

    def kill(self) -> None:
        """Ends all its processes with SIGKILL."""
        self.signal(signal.SIGKILL)


class Starter:
    """The process that is forked for each run."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.count = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.trained", "serve"],
            cwd=ROOT,
            env=surroundings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: object) -> Any:
        """What it answers."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, folder: Path, processes: int, env: Mapping[str, str]) -> Run:
        """A run in `folder`, in so many processes."""
        self.count += 1
        log = folder / f"said-{self.count}"
        log.touch()
        (folder / REACHED).unlink(missing_ok=True)
        pids = self.ask(folder=str(folder), log=str(log), env=env, processes=processes)
        return Run(self, pids, log)

    def code(self, pid: int) -> int | None:
        """The exit code of a process that it has started; none while it runs."""
        if pid not in self.codes and (code := self.ask(code=pid)) is not None:
            self.codes[pid] = code
        return self.codes.get(pid)

    def close(self) -> None:
        """Ends it and what it has started."""
        self.process.communicate()


@cache
def starter() -> Starter:
    """The one of these tests."""
    made = Starter()
    atexit.register(made.close)
    return made


@cache
def undisturbed(processes: int = 1, **changes: Any) -> Workplace:
    """Where a run with those params was left alone."""
    import tempfile

    work = Workplace.create(Path(tempfile.mkdtemp(dir=material().parent)) / "work", **changes)
    work.run(processes)
    return work


@cache
def material() -> Path:
    """The folder that workplaces are copied from. What they tune lies here, not in the copies."""
    import tempfile

    from askback import tokens
    from askback.chat import Chat
    from tests.bases import TEXT, write_base
    from tests.test_base import adopted
    from tests.test_train import token_row

    place = Path(tempfile.mkdtemp(prefix="askback-trained-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "workplace"
    folder.mkdir()
    base = adopted(write_base(place / "source"), folder / "base")
    chat = Chat.load(base)
    for side, count in [("train", 10), ("validation", 2)]:
        rows = [
            token_row(chat, number, " ".join([TEXT[number % 2]] * (1 + number % 4)))
            for number in range(count)
        ]
        tokens.write(folder / f"tokens/{side}.arrow", rows)
    return folder


def surroundings(**more: str) -> dict[str, str]:
    """This environment, outside DVC, with one thread for each process."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    return mine | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "DVC_NO_ANALYTICS": "1",
        **more,
    }


# What runs in the other processes.


def serve() -> None:
    """Forks a run for each line that asks for one, until there are no more."""
    from askback.training import callbacks  # noqa: F401  # with all that training imports
    from stages import train  # noqa: F401

    gc.freeze()  # or each run would look through all that was imported
    codes: dict[int, int | None] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "code" in question:
            answer: object = code_of(question["code"], codes)
        else:
            answer = begin(**question)
            codes |= dict.fromkeys(answer)
        print(json.dumps(answer), flush=True)
    for pid in codes:
        if code_of(pid, codes) is None:
            os.kill(pid, signal.SIGKILL)


def code_of(pid: int, codes: dict[int, int | None]) -> int | None:
    """The exit code of a child; none while it runs."""
    if codes[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        codes[pid] = os.waitstatus_to_exitcode(status) if ended else None
    return codes[pid]


def begin(folder: str, log: str, env: dict[str, str], processes: int) -> list[int]:
    """The ids of new processes that run the stage in `folder` together."""
    together = launched(processes) if processes > 1 else [{}]
    return [fork(partial(one, folder, log, env | more)) for more in together]


def launched(processes: int) -> list[dict[str, str]]:
    """What `accelerate launch` sets for each process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
    }
    return [shared | {"RANK": str(n), "LOCAL_RANK": str(n)} for n in range(processes)]


def fork(child: Callable[[], NoReturn]) -> int:
    """The id of a new process that does this and no more."""
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def one(folder: str, log: str, env: dict[str, str]) -> NoReturn:
    """The stage in a folder, its words in a file."""
    os.chdir(folder)
    os.environ.update(env)
    nothing = os.open(os.devnull, os.O_RDWR)
    told = os.open(log, os.O_WRONLY | os.O_APPEND)
    for ours, theirs in [(nothing, 0), (told, 1), (told, 2)]:
        os.dup2(ours, theirs)
    sys.argv[1:] = PATHS
    stage()


def stage() -> NoReturn:
    """The stage as `python -m stages.train` is, with what its environment asks for."""
    from askback import stage
    from stages import train

    prepare()
    stage.run(train.main, first=os.environ.get("RANK", "0") == "0")


def alone() -> None:
    """The stage in this folder; leaves its exit code, for its parent may be gone."""
    try:
        stage()
    except SystemExit as end:
        Path(CODE).write_text(str(end.code))
        raise


def prepare() -> None:
    """Small packs, and something that happens at a moment."""
    import torch

    from askback.training import plan

    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    plan.CPU_TOKENS = int(os.environ.get("TOKENS", "100"))
    if at := os.environ.get("AT"):
        act = ACTS[os.environ["DO"]]
        tell_moments(Moments(at, act, int(os.environ.get("TIMES", "1"))))


class Moments:
    """Does something when a moment comes, as often as it shall."""

    def __init__(self, at: str, act: Callable[[], None], times: int) -> None:
        self.at, self.act, self.times = at, act, times
        self.ranks = os.environ.get("RANKS", "0,1").split(",")

    def come(self, moment: str) -> None:
        """Acts if it is the one."""
        if self.times and moment == self.at and os.environ.get("RANK", "0") in self.ranks:
            self.times -= 1
            self.act()


def tell_moments(moments: Moments) -> None:
    """Has the program's own functions tell when they are called."""
    from askback import model
    from askback.training import callbacks, checkpoints, trainer
    from stages import train

    def before(place: Any, name: str, moment: Callable[..., str]) -> None:
        function = getattr(place, name)

        def told(*arguments: Any, **named: Any) -> Any:
            moments.come(moment(*arguments))
            return function(*arguments, **named)

        setattr(place, name, told)

    def step(one: trainer.ConversationTrainer, pack: int) -> str:
        return f"pack {one.state.global_step + 1}.{pack}"

    before(trainer.ConversationTrainer, "seed", step)
    before(
        callbacks.Keeping, "on_step_end", lambda _, args, state, *__: f"step {state.global_step}"
    )
    before(checkpoints, "seal", lambda folder: f"seal {folder.name}")
    before(checkpoints, "find_damage", lambda folder: f"verify {folder.name}")
    before(trainer, "held_out_loss", lambda *_: "evaluation")
    before(trainer, "samples", lambda *_: "samples")
    before(model, "load", lambda *_: "load")
    before(train, "hand_on", lambda *_: "hand on")


def kill() -> None:
    """Ends this process as a power failure does."""
    os.kill(os.getpid(), signal.SIGKILL)


def linger() -> None:
    """Says that the moment has come, and stays in it until a signal can have been sent."""
    Path(REACHED).touch()
    until = time.monotonic() + float(os.environ.get("LINGERING", LINGERING))
    while time.monotonic() < until:
        time.sleep(0.02)


def hold() -> None:
    """Says that the moment has come, and stays in it until there is a file `go`."""
    Path(REACHED).touch()
    wait_until(Path("go").exists, 600)


def fail_forward() -> None:
    """Has the next attention run out of memory, in the middle of the model."""
    import torch

    functions: Any = torch.nn.functional
    attention = functions.scaled_dot_product_attention

    def failing(*_: Any, **__: Any) -> NoReturn:
        functions.scaled_dot_product_attention = attention
        raise torch.OutOfMemoryError("out of memory")

    functions.scaled_dot_product_attention = failing


def fail_backward() -> None:
    """Has the next attention's backward pass run out of memory."""
    import torch

    functions: Any = torch.nn.functional
    attention = functions.scaled_dot_product_attention

    def fail(_: torch.Tensor) -> NoReturn:
        raise torch.OutOfMemoryError("out of memory")

    def failing(*arguments: Any, **named: Any) -> torch.Tensor:
        functions.scaled_dot_product_attention = attention
        out: torch.Tensor = attention(*arguments, **named)
        out.register_hook(fail)
        return out

    functions.scaled_dot_product_attention = failing


ACTS: dict[str, Callable[[], None]] = {
    "kill": kill,
    "linger": linger,
    "hold": hold,
    "memory": fail_forward,
    "memory, backward": fail_backward,
}


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        alone()
