"""On what a checkpoint was made: equal results are promised only where it is the same again."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from askback import files
from askback.training import processes
from askback.training.plan import Plan

NAME = "surroundings.json"
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes")


def write(folder: Path, plan: Plan) -> None:
    """Writes what this run runs on."""
    files.write_json(folder / NAME, found(plan))


def found(plan: Plan) -> dict[str, object]:
    """Plan, processes, device and versions, by name."""
    plans = {f"plan's {name}": value for name, value in asdict(plan).items()}
    libraries = {name: version(name) for name in LIBRARIES}
    return {**plans, "processes": processes.count(), **device(), **libraries}


def device() -> dict[str, object]:
    """What computes: the card; without one, which instructions, and how many threads share sums."""
    if torch.cuda.is_available():
        return {"device": torch.cuda.get_device_name()}
    instructions = torch.backends.cpu.get_cpu_capability()
    return {"device": f"{platform.machine()} {instructions}", "threads": torch.get_num_threads()}


def differences(folder: Path, plan: Plan) -> Iterator[str]:
    """How this run's differ from those that a checkpoint was made in."""
    before = json.loads((folder / NAME).read_text("utf-8"))
    for name, value in found(plan).items():
        if before.get(name) != value:
            yield f"{name} was {before.get(name)}, is {value}"
