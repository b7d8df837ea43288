"""Adds the adapter to the base: reads models/base/ and models/adapter/, writes models/merged/.

python -m stages.merge models/base models/adapter models/merged --metrics metrics/merge.json

One tensor at a time, so that memory stays small however large the model: each delta is computed
in fp32 and cast once. The folder is complete: plain transformers loads it, and it serves as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from askback import chat, files, model
from askback.ledger import Ledger
from askback.model import Base
from askback.params import Section, load
from askback.stage import In, Out, run

if TYPE_CHECKING:
    import torch

PREFIX = "base_model.model."  # PEFT's, before the names of the base's modules
Into = Literal["original", "nf4"]

CARD = """---
{facts}---

# A voice in ChatML

Answers questions as the author of the text it was tuned on. Its chat template is ChatML:

    transformers serve THIS_FOLDER
    transformers chat THIS_FOLDER http://localhost:8000 max_new_tokens=1024

Text that itself holds ChatML's marks is parsed as turns by servers that apply the template; strip
the marks from what users type.

| lineage | |
|---|---|
| base | {base} |
| its bytes | SHA-256 {sha256} |
| adapter | {lora} |
"""


class MergeParams(Section):
    """Which weights the adapter is added to, and how large a file gets."""

    into: Into
    shard_gb: float


class Adapter:
    """What training adds to the base, by the names of the base's modules."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        self.tensors = {
            name.removeprefix(PREFIX): tensor
            for name, tensor in load_file(folder / "adapter_model.safetensors").items()
        }
        self.config = json.loads((folder / "adapter_config.json").read_text("utf-8"))

    def delta(self, module: str) -> torch.Tensor | None:
        """alpha / r * B @ A in fp32, shaped as the module's weight; none for one without LoRA."""
        if f"{module}.lora_A.weight" not in self.tensors:
            return None
        a, b = (self.tensors[f"{module}.lora_{x}.weight"].float() for x in "AB")
        scale: float = self.config["lora_alpha"] / self.config["r"]
        return scale * b @ a

    def rows(self, module: str) -> dict[int, torch.Tensor]:
        """The trained row of each of ChatML's marks by its id; empty for other modules."""
        trained = self.tensors.get(f"{module}.token_adapter.trainable_tokens_delta")
        if trained is None:
            return {}
        ids = self.config["trainable_token_indices"][module.rsplit(".", 1)[-1]]
        return dict(zip(ids, trained, strict=True))


def merged_tensors(base: Path, adapter: Adapter, into: Into) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the merged model with its name, in the order of the base's files."""
    from safetensors.torch import load_file

    first = load_file(base / model.ROWS) if (base / model.ROWS).is_file() else {}
    new_ids = list(Base.of(base).new_tokens.values())
    for name, weight in model.tensors(model.weights(base)):
        module = name.removesuffix(".weight")
        if name in first:
            weight = with_rows(weight, dict(zip(new_ids, first[name], strict=True)))
        weight = with_rows(weight, adapter.rows(module))
        delta = adapter.delta(module)
        if delta is not None:
            start = nf4(weight) if into == "nf4" else weight.float()
            weight = (start + delta).to(weight.dtype)
        yield name, weight


def with_rows(weight: torch.Tensor, rows: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """A matrix with `rows` at their ids, grown where an id lies beyond its end."""
    if not rows:
        return weight
    import torch

    size = max(len(weight), 1 + max(rows))
    grown = torch.cat([weight, weight.new_zeros(size - len(weight), weight.shape[1])])
    for number, row in rows.items():
        grown[number] = row.to(grown)
    return grown


def nf4(weight: torch.Tensor) -> torch.Tensor:
    """`weight` as the model saw it while training: to 4 bits and back, in fp32."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    packed, state = quantize_4bit(weight.contiguous(), quant_type="nf4")
    return dequantize_4bit(packed, state).float()


def write_shards(
    tensors: Iterable[tuple[str, torch.Tensor]], folder: Path, shard_bytes: float
) -> None:
    """Writes safetensors of about `shard_bytes` each, named as transformers does, with an index."""
    from safetensors.torch import save_file

    shards: list[list[str]] = []
    waiting: dict[str, torch.Tensor] = {}
    total = 0

    def write() -> None:
        save_file(waiting, folder / f"{len(shards)}.safetensors", metadata={"format": "pt"})
        shards.append(list(waiting))
        waiting.clear()

    for name, tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        if (
            waiting
            and sum(t.numel() * t.element_size() for t in waiting.values()) + size > shard_bytes
        ):
            write()
        waiting[name] = tensor
        total += size
    write()
    name_shards(shards, folder, total)


def name_shards(shards: list[list[str]], folder: Path, total: int) -> None:
    """Gives the shards their final names, known once their number is."""
    if len(shards) == 1:
        (folder / "0.safetensors").rename(folder / "model.safetensors")
        return
    index: dict[str, str] = {}
    for number, names in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        (folder / f"{number}.safetensors").rename(folder / file)
        index |= dict.fromkeys(names, file)
    value = {"metadata": {"total_size": total}, "weight_map": index}
    files.write_json(folder / "model.safetensors.index.json", value)


def write_settings(base: Path, folder: Path) -> None:
    """Config, generation config and tokenizer: both the base's end mark and ChatML's stop."""
    vocabulary = chat.Chat.load(base)
    config = model.read_json(base / "config.json")
    ends = config.get("eos_token_id")
    stops = [vocabulary.token_id(chat.IM_END), *(ends if isinstance(ends, list) else [ends])]
    ids = {
        "bos_token_id": config.get("bos_token_id"),
        "eos_token_id": [stop for stop in stops if stop is not None],
        "pad_token_id": vocabulary.token_id(chat.PAD),
    }
    files.write_json(folder / "config.json", config | ids)
    files.write_json(folder / "generation_config.json", ids)
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(base / name, folder)


def model_card(base: Base, adapter: Adapter, into: Into) -> str:
    """README.md of the merged folder: how to talk to it, and where it comes from."""
    import yaml

    facts = {
        "base_model": base.model,
        "base_model_relation": "finetune",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["askback", "chatml", "qlora"],
    }
    r, alpha = adapter.config["r"], adapter.config["lora_alpha"]
    return CARD.format(
        facts=yaml.safe_dump(facts, sort_keys=False),
        base=f"{base.model}" + (f" at {base.revision}" if base.revision else ""),
        sha256=base.sha256,
        lora=f"LoRA, r {r}, alpha {alpha}, added to the {into} weights",
    )


def main(base: In, adapter: In, merged: Out, ledger: Ledger) -> None:
    """Merges the adapter into the base, into a folder ready to serve."""
    params = load("merge", MergeParams)
    trained = Adapter(adapter)
    with files.whole(merged) as folder:
        folder.mkdir()
        tensors = merged_tensors(base, trained, params.into)
        write_shards(tensors, folder, params.shard_gb * 1e9)
        write_settings(base, folder)
        (folder / "README.md").write_text(model_card(Base.of(base), trained, params.into), "utf-8")
    size = sum(path.stat().st_size for path in merged.glob("*.safetensors"))
    ledger.figures |= {"weights_mb": round(size / 1e6, 1)}


if __name__ == "__main__":
    run(main)
