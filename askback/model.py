"""The base that is tuned: where its weights lie, what makes one unsafe, and how it is loaded.

`models/base/` holds what `base` made of it: base.json, config, tokenizer, and the rows of the new
tokens. Only `tiny` keeps its weights there; those of others stay where they were found.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from askback import files, hub
from askback.errors import UserError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

NEEDED = ["*.safetensors", "*.json", "*.jinja"]  # of a Hub repository; no pickles, no code
PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROWS = "new_rows.safetensors"

Quantize = Literal["nf4", "nf4-double", "none"]  # double: the scales in 8 bits as well
Precision = Literal["bf16", "fp16", "fp32"]


@dataclass(frozen=True)
class Base:
    """Which model is tuned, pinned to its bytes."""

    model: str  # `tiny`, a Hub id, or a folder
    revision: str | None
    sizes: dict[str, int]  # of the files that hold it, in bytes
    sha256: str  # over those files' names and hashes
    new_tokens: dict[str, int]  # ChatML tokens that the base's tokenizer lacked, with their ids

    def save(self, folder: Path) -> None:
        """Writes base.json into `folder`."""
        files.write_json(folder / "base.json", vars(self))

    @staticmethod
    def of(folder: Path) -> Base:
        """The base that `models/base/` describes."""
        return Base(**json.loads((folder / "base.json").read_text("utf-8")))


def weights(folder: Path) -> Path:
    """The folder that holds the weights of the base described in `folder`.

    Raises UserError where files of another size have taken their place.
    """
    base = Base.of(folder)
    found = folder if base.model == "tiny" else locate(base.model, base.revision)
    for name, size in base.sizes.items():
        if not (found / name).is_file() or (found / name).stat().st_size != size:
            raise UserError(f"{found / name} is not what stage `base` saw; `dvc repro -f base`")
    return found


def locate(model: str, revision: str | None, section: str = "base") -> Path:
    """The folder of `model`: itself, or the snapshot of a Hub repository at `revision`.

    Raises UserError, naming the params' section, for an id that is not there or not pinned, and
    WorldError where the Hub is not.
    """
    if Path(model).is_dir():
        return Path(model)
    if model.count("/") != 1:
        raise UserError(
            f"params.yaml: {section}.model: {model} is no folder and no Hub id (owner/name)"
        )
    if revision is None or len(revision) != 40:
        raise UserError(
            f"params.yaml: {section}: pin {model} to a commit of 40 hex digits, as its `revision`"
        )
    return hub.snapshot(model, revision, NEEDED, f"{section}.model", "model")


def refuse_unsafe(folder: Path) -> None:
    """Raises UserError, naming file and key, for a base that could run code or cannot be tuned.

    Reads JSON and file names only, so nothing of the base has run when it is refused.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so no model to tune; check base.model")
    for name in ["config.json", "tokenizer_config.json"]:
        if (folder / name).is_file() and "auto_map" in read_json(folder / name):
            raise UserError(
                f"{folder / name}: auto_map asks to run the model's own code; choose a base without"
            )
    for file in sorted(folder.iterdir()):
        if file.suffix in PICKLED:
            raise UserError(
                f"{file}: pickled files can run code; convert to safetensors, remove it"
            )
    for name, what in [("*.safetensors", "weights"), ("tokenizer.json", "fast tokenizer")]:
        if not any(folder.glob(name)):
            raise UserError(f"{folder}: no {name}, so no {what}; choose a base that has one")
    refuse_untunable(folder / "config.json")


def refuse_untunable(path: Path) -> None:
    """Raises UserError unless `path` configures an unquantised, dense causal LM."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    config = read_json(path)
    kind = config.get("model_type")
    causal = any(name.endswith("ForCausalLM") for name in config.get("architectures") or [])
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or not causal:
        raise UserError(f"{path}: {kind} is no causal language model; choose one as base.model")
    if "quantization_config" in config:
        raise UserError(f"{path}: already quantised; choose the original as base.model")
    network = empty(path.parent)
    if any("experts" in name.split(".") for name, _ in network.named_modules()):
        raise UserError(
            f"{path}: {kind} is a mixture of experts; choose a dense base as base.model"
        )
    missing = set(PROJECTIONS) - {name.rsplit(".", 1)[-1] for name in linears(network)}
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(f"{path}: {kind} lacks the layers {names}; choose a Llama or Mistral")
    if type(network.get_input_embeddings()).__name__ != "Embedding":  # such as Gemma's, which scale
        raise UserError(f"{path}: {kind} has embeddings of its own kind; choose a Llama or Mistral")


def linears(network: PreTrainedModel) -> list[str]:
    """The names of its linear layers."""
    import torch

    return [name for name, m in network.named_modules() if isinstance(m, torch.nn.Linear)]


def empty(folder: Path) -> PreTrainedModel:
    """The model that `folder` configures, shapes without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(folder)
        )
    return model


def tensors(
    folder: Path, wanted: Collection[str] | None = None
) -> Iterator[tuple[str, torch.Tensor]]:
    """A folder's tensors by name, or the `wanted` ones of them; one in memory at a time."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as shard:
            for name in shard.keys():  # noqa: SIM118  # safe_open is no mapping
                if wanted is None or name in wanted:
                    yield name, shard.get_tensor(name)


def fingerprint(folder: Path, names: Iterable[str]) -> str:
    """One SHA-256 over the files' names and contents, in the order of their names."""
    lines = [f"{files.sha256(folder / name)}  {name}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def load(folder: Path, quantize: Quantize, precision: Precision) -> PreTrainedModel:
    """The base of `folder` with a row for every new token, in `quantize` and `precision`.

    On the GPU where there is one. Embeddings, norms and head keep `precision`.
    """
    model = load_plain(weights(folder), precision, quantize)
    add_rows(model, folder)
    return model


def load_plain(folder: Path, precision: Precision, quantize: Quantize = "none") -> PreTrainedModel:
    """The model of a folder with weights, as they are there."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quieten()
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=quantize == "nf4-double",
        bnb_4bit_compute_dtype=dtype,
    )
    card = int(os.environ.get("LOCAL_RANK", "0"))  # one for each process, as they are launched
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        quantization_config=None if quantize == "none" else nf4,
        attn_implementation="sdpa",  # stated, since a config can name code on the Hub
        device_map={"": card if torch.cuda.is_available() else "cpu"},
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # In evaluation bitsandbytes would repack the weights, for good, with scales in bf16:
            # training after it would differ from training that has not evaluated yet.
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]  # a plain flag
    return model


def quieten() -> None:
    """Keeps the libraries' progress bars and notices to developers off the user's screen."""
    import logging
    import warnings

    from transformers.utils import logging as transformers_logging

    logging.getLogger("bitsandbytes").setLevel(
        logging.ERROR
    )  # a kernel that this run has no use for
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|peft")


def add_rows(model: PreTrainedModel, folder: Path) -> None:
    """Gives `model` the rows that stage `base` computed for the new tokens, if it lacks them."""
    import torch
    from safetensors.torch import load_file

    if not (folder / ROWS).is_file():
        return
    new = load_file(folder / ROWS)
    size = read_json(folder / "config.json")["vocab_size"]
    model.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        for name, rows in new.items():
            parameter = model.get_parameter(name)
            ids = list(Base.of(folder).new_tokens.values())
            parameter[ids] = rows.to(parameter)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a base; UserError where there is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}; fetch the base again") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object; fetch the base again")
    return value
