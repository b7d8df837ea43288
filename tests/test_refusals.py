"""Bases of kinds that cannot be tuned: each refused by name, in a line, before a weight is read."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import (
    BartConfig,
    BertConfig,
    Ernie4_5_MoeConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    Glm4MoeConfig,
    GptOssConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    OlmoeConfig,
    PreTrainedConfig,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    T5Config,
)

from askback import model
from askback.errors import UserError

SMALL: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
}
EXPERTS: list[type[PreTrainedConfig]] = [
    Ernie4_5_MoeConfig,
    Glm4MoeConfig,
    GptOssConfig,
    MixtralConfig,
    OlmoeConfig,
    Qwen2MoeConfig,
    Qwen3MoeConfig,
]
SCALED: list[type[PreTrainedConfig]] = [GemmaConfig, Gemma2Config, Gemma3TextConfig]


def name_of(kind: object) -> str:
    """A config's name among the tests."""
    return getattr(kind, "__name__", str(kind)).removesuffix("Config")


@pytest.fixture(autouse=True)
def _no_weight_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that loads a model, or opens its weights."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("safetensors.safe_open", fail)
    monkeypatch.setattr("safetensors.torch.load_file", fail)
    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", fail)


def base(folder: Path, config: PreTrainedConfig, architecture: str, **more: object) -> Path:
    """A folder as a base's, whose weights are no weights at all."""
    config.architectures = [architecture]
    config.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def refusal(folder: Path) -> str:
    """What the user is told: one line, that begins with the file."""
    with pytest.raises(UserError) as refused:
        model.refuse_unsafe(folder)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith(f"{folder / 'config.json'}: ")
    return said.removeprefix(f"{folder / 'config.json'}: ")


def causal(kind: type[PreTrainedConfig], folder: Path, **more: object) -> Path:
    """A folder with a small causal LM of a kind."""
    architecture = kind.__name__.replace("TextConfig", "Config").replace("Config", "ForCausalLM")
    return base(folder, kind(**SMALL), architecture, **more)


@pytest.mark.parametrize("kind", [LlamaConfig, MistralConfig, Qwen3Config], ids=name_of)
def test_a_dense_causal_model_is_not_refused(kind: type[PreTrainedConfig], tmp_path: Path) -> None:
    model.refuse_unsafe(causal(kind, tmp_path))


@pytest.mark.parametrize("kind", EXPERTS, ids=name_of)
def test_a_mixture_of_experts_is_refused(kind: type[PreTrainedConfig], tmp_path: Path) -> None:
    """Its experts would be neither quantised nor tuned."""
    said = refusal(causal(kind, tmp_path))
    assert said == (f"{kind.model_type} is a mixture of experts; choose a dense base as base.model")


@pytest.mark.parametrize("kind", SCALED, ids=name_of)
def test_a_base_that_scales_its_embeddings_is_refused(
    kind: type[PreTrainedConfig], tmp_path: Path
) -> None:
    """The scale is in the module that the new tokens' rows take the place of."""
    said = refusal(causal(kind, tmp_path))
    assert said == (f"{kind.model_type} has embeddings of its own kind; choose a Llama or Mistral")


@pytest.mark.parametrize(
    ("config", "architecture", "kind"),
    [
        (T5Config(), "T5ForConditionalGeneration", "t5"),
        (BartConfig(), "BartForConditionalGeneration", "bart"),
        (BertConfig(), "BertForMaskedLM", "bert"),
        (BertConfig(), "BertModel", "bert"),
        (BertConfig(is_decoder=True), "BertLMHeadModel", "bert"),
        (LlamaConfig(**SMALL), "LlamaModel", "llama"),
        (MistralConfig(**SMALL), "MistralModel", "mistral"),
        (LlamaConfig(**SMALL), "LlamaForSequenceClassification", "llama"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_causal_language_model_is_refused(
    config: PreTrainedConfig, architecture: str, kind: str, tmp_path: Path
) -> None:
    said = refusal(base(tmp_path, config, architecture))
    assert said == f"{kind} is no causal language model; choose one as base.model"


def test_a_decoder_whose_layers_have_other_names_is_refused_by_them(tmp_path: Path) -> None:
    config = BartConfig(
        vocab_size=50, d_model=32, encoder_layers=1, decoder_layers=1, decoder_attention_heads=4
    )
    assert refusal(base(tmp_path, config, "BartForCausalLM")) == (
        "bart lacks the layers down_proj, gate_proj, o_proj, up_proj; choose a Llama or Mistral"
    )


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"])
@pytest.mark.parametrize("kind", [LlamaConfig, MistralConfig], ids=name_of)
def test_a_base_that_is_quantised_already_is_refused(
    kind: type[PreTrainedConfig], method: str, tmp_path: Path
) -> None:
    folder = causal(kind, tmp_path, quantization_config={"quant_method": method, "bits": 4})
    assert refusal(folder) == "already quantised; choose the original as base.model"
