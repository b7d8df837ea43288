"""The folder for what outlives a stage: replies, locks, checkpoints."""

import os
from pathlib import Path


def home(*parts: str) -> Path:
    """`.askback/` of the main repository, or a path in it.

    DVC_ROOT names the main repository also inside temporary and queued experiments, whose own
    folders are thrown away. Outside DVC it is the folder that the stage runs in.
    """
    return Path(os.environ.get("DVC_ROOT", "."), ".askback", *parts)
