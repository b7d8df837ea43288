"""Tensors in a file of safetensors, whose faults are those of a disk."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from askback import files


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes the tensors and waits until they are on the disk; raises OSError where it fails."""
    try:
        save_file({name: here(tensor) for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from None
    files.sync(path)


def here(tensor: Tensor) -> Tensor:
    """A tensor that shares its memory with no other, as the format wants it."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by name, in memory: mapped, they would hold the room of a file that is gone."""
    return {name: tensor.clone() for name, tensor in load_file(path).items()}
