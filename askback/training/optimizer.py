"""The optimizer's state in files, exactly, and paged again where it was paged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from askback import files
from askback.training.tensors import read_tensors, write_tensors

TENSORS = "optimizer.safetensors"
REST = "optimizer.json"


def save(optimizer: Optimizer, folder: Path) -> None:
    """Writes its state: tensors as such, the rest as JSON."""
    found = optimizer.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    rest: dict[str, dict[str, Any]] = {}
    for number, state in found["state"].items():
        for key, value in flat(state).items():
            if isinstance(value, torch.Tensor):
                tensors[f"{number}.{key}"] = value
            else:
                rest.setdefault(str(number), {})[key] = value
    write_tensors(folder / TENSORS, tensors)
    files.write_json(folder / REST, {"state": rest, "groups": found["param_groups"]})


def flat(state: dict[str, Any]) -> dict[str, Any]:
    """A parameter's state; bitsandbytes keeps it from FSDP in a dictionary within."""
    inner = [value for value in state.values() if isinstance(value, dict)]
    own = {key: value for key, value in state.items() if not isinstance(value, dict)}
    return own | {key: value for one in inner for key, value in one.items()}


def load(optimizer: Optimizer, folder: Path) -> None:
    """Gives it the state that `save` wrote."""
    rest = json.loads((folder / REST).read_text("utf-8"))
    state: dict[int, dict[str, Any]] = {int(n): found for n, found in rest["state"].items()}
    for name, tensor in read_tensors(folder / TENSORS).items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": rest["groups"]})
    page(optimizer)


def page(optimizer: Any) -> None:
    """Has bitsandbytes page what it would have paged: loading a state puts it on the card for good.

    Without this a run that fitted runs out of memory once it is resumed.
    """
    inner = getattr(optimizer, "optimizer", optimizer)  # within accelerate's
    if not getattr(inner, "is_paged", False):
        return
    for parameter, state in inner.state.items():
        for key in ("state1", "state2"):
            if key in state and not getattr(state[key], "is_paged", False):
                buffer = inner.get_state_buffer(parameter, dtype=state[key].dtype)
                buffer.copy_(state[key])
                state[key] = buffer
    torch.cuda.synchronize()
