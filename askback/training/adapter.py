"""What is trained: LoRA on the seven projections and ChatML's tokens, in PEFT's own file format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from torch import Tensor
from transformers import PreTrainedModel

from askback import chat, files, model
from askback.training.lora import LoraParams
from askback.training.new_tokens import NewTokens, train_new_tokens
from askback.training.tensors import write_tensors

PREFIX = "base_model.model."  # PEFT's, before the names of the base's modules
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def adapted(
    network: PreTrainedModel, ids: list[int], lora: LoraParams, how: NewTokens, seed: int
) -> PeftModel:
    """The network, frozen, with LoRA in fp32 on its projections and trainable tokens `ids`."""
    train_new_tokens(network, ids, how)
    torch.manual_seed(seed)  # of the adapter's first weights
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        target_modules=model.PROJECTIONS,
        task_type="CAUSAL_LM",
    )
    tuned: PeftModel = get_peft_model(network, config)  # freezes all that is not LoRA
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()  # PEFT leaves some in the base's precision
    for module in (network.get_input_embeddings(), network.get_output_embeddings()):
        trained: Any = module.rows if how == "rows" else module.weight
        trained.requires_grad_(True)
    return tuned


def new_ids(base: Path) -> list[int]:
    """The ids of ChatML's marks, in the tokenizer of `base`."""
    vocabulary = chat.Chat.load(base)
    return [vocabulary.token_id(mark) for mark in (chat.IM_START, chat.IM_END)]


def trained(tuned: PeftModel) -> dict[str, Tensor]:
    """The parameters that are trained, by name; those that two modules share once."""
    return {name: p for name, p in tuned.named_parameters() if p.requires_grad}


def save(tuned: PeftModel, folder: Path, base: str) -> None:
    """Writes the adapter as PEFT does, but without the base's embeddings, the same bytes each time.

    `base` names the model that it belongs to.
    """
    write_tensors(folder / WEIGHTS, tensors(tuned))
    files.write_json(folder / CONFIG, config(tuned, base))


def tensors(tuned: PeftModel) -> dict[str, Tensor]:
    """The adapter's tensors by PEFT's names."""
    lora = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    return {**{n: t for n, t in lora.items() if ".lora_" in n}, **token_tensors(tuned)}


def token_tensors(tuned: PeftModel) -> dict[str, Tensor]:
    """The trained rows or matrices by PEFT's names.

    PEFT wants the rows of a tied base once, its matrix twice.
    """
    found: dict[str, Tensor] = {}
    for name, module in token_modules(tuned).items():
        if not hasattr(module, "rows"):
            found[f"{PREFIX}{name}.weight"] = module.weight
        elif not (tied(tuned) and found):
            found[f"{PREFIX}{name}.token_adapter.trainable_tokens_delta"] = module.rows
    return found


def token_modules(tuned: PeftModel) -> dict[str, Any]:
    """The embeddings and the head by their names in the base."""
    network: Any = tuned.get_base_model()
    names = {module: name for name, module in network.named_modules()}
    both = [network.get_input_embeddings(), network.get_output_embeddings()]
    return {names[module]: module for module in both}


def tied(tuned: PeftModel) -> bool:
    """Whether embeddings and head are one matrix."""
    network: Any = tuned.get_base_model()
    return bool(network.config.tie_word_embeddings)


def config(tuned: PeftModel, base: str) -> dict[str, Any]:
    """adapter_config.json, with all that PEFT needs to put the tokens back."""
    found: dict[str, Any] = tuned.peft_config["default"].to_dict()
    modules = token_modules(tuned)
    short = [name.rsplit(".", 1)[-1] for name in modules]
    ids = [module.ids.tolist() for module in modules.values() if hasattr(module, "rows")]
    once = short[:1] if tied(tuned) else short
    return found | {
        "base_model_name_or_path": base,
        "inference_mode": True,
        "target_modules": sorted(found["target_modules"]),  # PEFT has a set
        "trainable_token_indices": dict.fromkeys(once, ids[0]) if ids else None,
        "modules_to_save": None if ids else short,
        "ensure_weight_tying": not ids and tied(tuned),
    }
