"""Adds the adapter to the base: reads models/base/ and models/adapter/, writes models/merged/.

python -m stages.merge models/base models/adapter models/merged --metrics metrics/merge.json

One tensor at a time, so that memory stays small however large the model: each delta is computed
in fp32 and cast once. The folder is complete: plain transformers loads it, and it serves as it is.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from askback import chat, files, model
from askback.errors import UserError
from askback.ledger import Ledger
from askback.model import Base
from askback.params import Section, load
from askback.stage import In, Out, run

if TYPE_CHECKING:
    import torch

PREFIX = "base_model.model."  # PEFT's, before the names of the base's modules
PARTS = [".lora_A.weight", ".lora_B.weight", ".token_adapter.trainable_tokens_delta", ".weight"]
EMBEDDINGS, HEAD = "model.embed_tokens", "lm_head"
MORE_THAN_LORA = [  # keys of PEFT's config that change the scale or the form of what is added
    "rank_pattern",
    "alpha_pattern",
    "use_dora",
    "fan_in_fan_out",
    "lora_bias",
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "monteclora_config",
    "alora_invocation_tokens",
    "arrow_config",
    "layer_replication",
    "target_parameters",
]
BASE_STAYS = [True, False, None, "gaussian", "eva", "orthogonal"]  # others change it at the start

Into = Literal["original", "nf4", "nf4-double"]

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
    """What training adds to the base, by the names of the base's modules.

    Raises UserError for one that is more than plain LoRA with new tokens.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        self.config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        refuse_more_than_lora(self.config, folder / "adapter_config.json")
        self.path = folder / "adapter_model.safetensors"
        self.tensors = {
            name.removeprefix(PREFIX): tensor for name, tensor in load_file(self.path).items()
        }

    def delta(self, module: str) -> torch.Tensor | None:
        """scale * B @ A in fp32, shaped as the module's weight; none for one without LoRA."""
        if f"{module}.lora_A.weight" not in self.tensors:
            return None
        a, b = (self.tensors[f"{module}.lora_{x}.weight"].float() for x in "AB")
        return self.scale() * b @ a

    def scale(self) -> float:
        """alpha / r, or alpha / sqrt(r) where the adapter is rank-stabilised."""
        r: int = self.config["r"]
        alpha: float = self.config["lora_alpha"]
        return alpha / (math.sqrt(r) if self.config.get("use_rslora") else r)

    def rows(self, module: str) -> dict[int, torch.Tensor]:
        """The trained row of each of ChatML's marks by its id; empty for other modules."""
        trained = self.tensors.get(f"{module}.token_adapter.trainable_tokens_delta")
        if trained is None:
            return {}
        ids = self.config["trainable_token_indices"][module.rsplit(".", 1)[-1]]
        return dict(zip(ids, trained, strict=True))

    def matrix(self, module: str) -> torch.Tensor | None:
        """The whole matrix trained in place of the module's; none for other modules."""
        return self.tensors.get(f"{module}.weight")

    def refuse_unused(self, merged: Collection[str]) -> None:
        """Raises UserError for a tensor that went into none of the `merged` modules.

        A tied head's may, if it is the embeddings': PEFT needs the matrix under both names.
        """
        unused = {module_of(name) for name in self.tensors} - set(merged)
        if unused == {HEAD} and same(self.matrix(HEAD), self.matrix(EMBEDDINGS)):
            return
        for module in sorted(unused):
            tied = f"differs from {EMBEDDINGS}, to which the base ties it"
            what = tied if module == HEAD else "is no module of the base"
            raise UserError(f"{self.path}: {module} {what}; `dvc repro -f train`")


def refuse_more_than_lora(config: Mapping[str, Any], path: Path) -> None:
    """Raises UserError, naming the first such key, where `config` asks for more than plain LoRA."""
    found = [key for key in MORE_THAN_LORA if config.get(key)]
    found += ["bias"] if config.get("bias", "none") != "none" else []
    found += ["init_lora_weights"] if config.get("init_lora_weights") not in BASE_STAYS else []
    for key in found:
        raise UserError(
            f"{path}: {key} is {config[key]!r}, and only plain LoRA can be merged; train without it"
        )


def module_of(name: str) -> str:
    """The name of the base's module that an adapter's tensor is for."""
    return name.removesuffix(next((part for part in PARTS if name.endswith(part)), ""))


def same(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Whether both are there and equal."""
    import torch

    return one is not None and other is not None and torch.equal(one, other)


def merged_tensors(base: Path, adapter: Adapter, into: Into) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the merged model with its name, in the order of the base's files."""
    from safetensors.torch import load_file

    first = load_file(base / model.ROWS) if (base / model.ROWS).is_file() else {}
    new_ids = list(Base.of(base).new_tokens.values())
    source = model.weights(base)
    left_out = f"{HEAD}.weight" if has_copied_head(base, source) else None
    merged = []
    for name, weight in model.tensors(source):
        if name == left_out:
            continue
        if name in first:
            weight = with_rows(weight, dict(zip(new_ids, first[name], strict=True)))
        merged.append(name.removesuffix(".weight"))
        yield name, merged_weight(weight, adapter, merged[-1], into)
    adapter.refuse_unused(merged)


def has_copied_head(base: Path, source: Path) -> bool:
    """Whether `source` holds the embeddings twice, though the base ties its head to them.

    Such a copy would miss what the embeddings learn.
    """
    from transformers import AutoConfig

    if not AutoConfig.from_pretrained(base).tie_word_embeddings:
        return False
    pair = dict(model.tensors(source, [f"{EMBEDDINGS}.weight", f"{HEAD}.weight"]))
    return same(pair.get(f"{EMBEDDINGS}.weight"), pair.get(f"{HEAD}.weight"))


def merged_weight(weight: torch.Tensor, adapter: Adapter, module: str, into: Into) -> torch.Tensor:
    """The module's weight with what the adapter has for it, in the dtype of `weight`."""
    matrix = adapter.matrix(module)
    if matrix is not None:
        refuse_other_shape(adapter.path, module, matrix, weight)
        return matrix.to(weight.dtype)
    weight = with_rows(weight, adapter.rows(module))
    delta = adapter.delta(module)
    if delta is None:
        return weight
    start = weight.float() if into == "original" else nf4(weight, double=into == "nf4-double")
    return (start + delta).to(weight.dtype)


def refuse_other_shape(path: Path, module: str, matrix: torch.Tensor, weight: torch.Tensor) -> None:
    """Raises UserError where the adapter's matrix could not stand for the base's."""
    if matrix.shape != weight.shape:
        has, needs = list(matrix.shape), list(weight.shape)
        raise UserError(f"{path}: {module} is {has}, but {needs} in the base; `dvc repro -f train`")


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


def nf4(weight: torch.Tensor, double: bool = False) -> torch.Tensor:
    """`weight` as the model saw it while training: to 4 bits and back, in fp32.

    With `double`, the scales of its blocks go to 8 bits and back too.
    """
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    packed, state = quantize_4bit(weight.contiguous(), quant_type="nf4", compress_statistics=double)
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
    kind = "rank-stabilised LoRA" if adapter.config.get("use_rslora") else "LoRA"
    return CARD.format(
        facts=yaml.safe_dump(facts, sort_keys=False),
        base=f"{base.model}" + (f" at {base.revision}" if base.revision else ""),
        sha256=base.sha256,
        lora=f"{kind}, r {r}, alpha {alpha}, added to the {into} weights",
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
