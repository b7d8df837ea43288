"""Trainer with checkpoints that are sealed folders: exact, checked, and without pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import Trainer

from askback import files
from askback.training import adapter, optimizer, processes, surroundings
from askback.training.checkpoints import Checkpoints, find_damage
from askback.training.plan import Plan
from askback.training.tensors import read_tensors, write_tensors

TRAINED = "trained.safetensors"
SCHEDULE = "schedule.json"
SCALER = "scaler.json"
STATE = "trainer_state.json"  # Trainer's own name for it


class KeptTrainer(Trainer):
    """What Trainer would save and load as pickles, and trust as it is, saved and loaded by us."""

    tuned: PeftModel
    saved: Checkpoints
    plan: Plan
    optimizer: Any
    lr_scheduler: Any

    def keep(self) -> None:
        """Saves a checkpoint of the steps so far, unless there is one."""
        done = self.state.global_step
        if processes.rank() == 0 and done and find_damage(self.saved.checkpoint(done)):
            self.saved.save(done, self.write)

    def write(self, folder: Path) -> None:
        """Everything that the next step follows from, but the seeds, which it makes itself."""
        write_tensors(folder / TRAINED, adapter.trained(self.tuned))
        optimizer.save(self.optimizer, folder)
        files.write_json(folder / SCHEDULE, self.lr_scheduler.state_dict())
        if self.accelerator.scaler is not None:
            files.write_json(folder / SCALER, self.accelerator.scaler.state_dict())
        self.state.save_to_json(str(folder / STATE))
        surroundings.write(folder, self.plan)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        kept = read_tensors(Path(resume_from_checkpoint, TRAINED))
        with torch.no_grad():
            for name, parameter in adapter.trained(self.tuned).items():
                parameter.copy_(kept[name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            optimizer.load(self.optimizer, Path(checkpoint))
            schedule = json.loads(Path(checkpoint, SCHEDULE).read_text("utf-8"))
            self.lr_scheduler.load_state_dict(schedule)

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self.accelerator.scaler is not None:
            scale = json.loads(Path(checkpoint, SCALER).read_text("utf-8"))
            self.accelerator.scaler.load_state_dict(scale)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Nothing: every pack has its own seed."""
