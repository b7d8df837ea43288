"""Merging: the merged model says what the trained one said, and stands on its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from bitsandbytes.functional import dequantize_4bit
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
)

from askback import model
from askback.chat import IM_END, IM_START, PAD, Chat
from askback.errors import UserError
from askback.records import Message
from stages.merge import (
    Adapter,
    Into,
    merged_tensors,
    model_card,
    nf4,
    write_settings,
    write_shards,
)
from tests.bases import write_base
from tests.test_base import adopted

IDS = torch.tensor([[0, 300, 17, 40, 301, 90, 300, 12, 250, 301]])


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def base(request, tmp_path: Path) -> Path:
    return adopted(write_base(tmp_path / "source", tied=request.param), tmp_path / "base")


def as_rows(base: Path) -> dict[str, Any]:
    """The settings that train a row for each of ChatML's marks."""
    ids = [Chat.load(base).token_id(mark) for mark in (IM_START, IM_END)]
    matrices = ["embed_tokens"] if is_tied(base) else ["embed_tokens", "lm_head"]
    return {"trainable_token_indices": dict.fromkeys(matrices, ids)}


def as_matrices(base: Path) -> dict[str, Any]:
    """The settings that train both matrices whole, one for both where they are tied."""
    return {"modules_to_save": ["embed_tokens", "lm_head"], "ensure_weight_tying": is_tied(base)}


def is_tied(base: Path) -> bool:
    tied: bool = model.read_json(base / "config.json")["tie_word_embeddings"]
    return tied


def trained(base: Path, folder: Path, quantize: model.Quantize, **settings: Any) -> torch.nn.Module:
    """A model with an adapter that changes every answer, saved into `folder`."""
    return with_adapter(model.load(base, quantize, "fp32"), folder, **(settings or as_rows(base)))


def with_adapter(network: PreTrainedModel, folder: Path, **settings: Any) -> torch.nn.Module:
    """The same from a model that is loaded already."""
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=model.PROJECTIONS, task_type="CAUSAL_LM", **settings
    )
    tuned = get_peft_model(network, config).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    tuned.save_pretrained(str(folder), save_embedding_layers=False)
    return tuned


def said(network: torch.nn.Module) -> torch.Tensor:
    """The logits for IDS, wherever the model is."""
    device = next(network.parameters()).device
    logits: torch.Tensor = network(IDS.to(device)).logits
    return logits.cpu()


def merge(base: Path, adapter: Path, folder: Path, into: Into, shard_bytes: float = 1e9) -> Path:
    folder.mkdir()
    write_shards(merged_tensors(base, Adapter(adapter), into), folder, shard_bytes)
    write_settings(base, folder)
    return folder


@pytest.mark.parametrize(("quantize", "into"), [("none", "original"), ("nf4", "nf4")])
def test_the_merged_model_computes_what_the_trained_one_did(quantize, into, base, tmp_path):
    tuned = trained(base, tmp_path / "adapter", quantize)
    merged = merge(base, tmp_path / "adapter", tmp_path / "merged", into)
    alone = AutoModelForCausalLM.from_pretrained(merged).eval()
    with torch.no_grad():
        torch.testing.assert_close(said(alone), said(tuned), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("use_rslora", [False, True], ids=["alpha/r", "alpha/sqrt(r)"])
@pytest.mark.parametrize("new_tokens", [as_rows, as_matrices])
def test_every_kind_of_adapter_merges_to_what_peft_computes(new_tokens, use_rslora, base, tmp_path):
    settings = new_tokens(base) | {"use_rslora": use_rslora}
    with_peft = trained(base, tmp_path / "adapter", "none", **settings)
    merged = merge(base, tmp_path / "adapter", tmp_path / "merged", "original")
    alone = AutoModelForCausalLM.from_pretrained(merged).eval()
    with torch.no_grad():
        assert relative_error(said(alone), said(with_peft)) < 1e-5
    assert (alone.lm_head.weight is alone.model.embed_tokens.weight) == is_tied(base)
    assert ("lm_head.weight" in load_file(merged / "model.safetensors")) != is_tied(base)


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def test_whole_matrices_are_cast_once_to_what_the_base_has(tmp_path):
    source = write_base(tmp_path / "source")
    for shard in source.glob("*.safetensors"):
        halved = {name: tensor.bfloat16() for name, tensor in load_file(shard).items()}
        save_file(halved, shard, metadata={"format": "pt"})
    base = adopted(source, tmp_path / "base")
    trained(base, tmp_path / "adapter", "none", **as_matrices(base))
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    merged = dict(merged_tensors(base, Adapter(tmp_path / "adapter"), "original"))
    assert {tensor.dtype for tensor in merged.values()} == {torch.bfloat16}
    for name in ["model.embed_tokens.weight", "lm_head.weight"]:
        assert saved[f"base_model.model.{name}"].dtype == torch.float32
        assert torch.equal(merged[name], saved[f"base_model.model.{name}"].bfloat16())


@pytest.mark.parametrize("new_tokens", [as_rows, as_matrices])
def test_a_copy_of_the_embeddings_as_a_tied_head_is_left_out(new_tokens, tmp_path):
    source = write_base(tmp_path / "source", tied=True)
    embeddings = dict(model.tensors(source))["model.embed_tokens.weight"]
    save_file({"lm_head.weight": embeddings}, source / "z.safetensors", metadata={"format": "pt"})
    base = adopted(source, tmp_path / "base")
    with_peft = trained(base, tmp_path / "adapter", "none", **new_tokens(base))
    merged = merge(base, tmp_path / "adapter", tmp_path / "merged", "original")
    alone = AutoModelForCausalLM.from_pretrained(merged).eval()
    with torch.no_grad():
        assert relative_error(said(alone), said(with_peft)) < 1e-5


def doubly_quantised(base: Path) -> PreTrainedModel:
    """The base with its scales quantised too, on the CPU as transformers loads it."""
    model.quieten()
    double = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    )
    network: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        model.weights(base), dtype=torch.float32, quantization_config=double, device_map="cpu"
    )
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]  # see model.py
    model.add_rows(network, base)
    return network


def test_scales_quantised_twice_come_back_as_transformers_has_them(base):
    network = doubly_quantised(base)
    plain = dict(model.tensors(model.weights(base)))
    for name in [n for n in plain if n.split(".")[-2] in model.PROJECTIONS]:
        weight: Any = network.get_parameter(name)
        theirs = dequantize_4bit(weight.data, weight.quant_state)
        assert weight.quant_state.nested
        assert torch.equal(nf4(plain[name], double=True), theirs)
        assert not torch.equal(nf4(plain[name]), theirs)


@pytest.mark.parametrize("new_tokens", [as_rows, as_matrices])
def test_an_adapter_merges_into_scales_quantised_twice(new_tokens, base, tmp_path):
    with_peft = with_adapter(doubly_quantised(base), tmp_path / "adapter", **new_tokens(base))
    merged = merge(base, tmp_path / "adapter", tmp_path / "merged", "nf4-double")
    alone = AutoModelForCausalLM.from_pretrained(merged).eval()
    with torch.no_grad():
        assert relative_error(said(alone), said(with_peft)) < 1e-5


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rank_pattern", {"q_proj": 8}),
        ("alpha_pattern", {"q_proj": 8}),
        ("use_dora", True),
        ("fan_in_fan_out", True),
        ("bias", "all"),
        ("lora_bias", True),
        ("init_lora_weights", "pissa"),
        ("layer_replication", [[0, 2], [1, 2]]),
    ],
)
def test_what_is_more_than_plain_lora_is_refused_by_its_key(key, value, tmp_path):
    LoraConfig(r=4).save_pretrained(str(tmp_path))
    save_file({}, tmp_path / "adapter_model.safetensors")
    Adapter(tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UserError, match=rf"adapter_config\.json: {key} is .*train without it$"):
        Adapter(tmp_path)


def spoilt(base: Path, folder: Path, spoil: Callable[[dict[str, torch.Tensor]], object]) -> Adapter:
    """An adapter with whole matrices whose tensors `spoil` has changed."""
    trained(base, folder, "none", **as_matrices(base))
    tensors = load_file(folder / "adapter_model.safetensors")
    spoil(tensors)
    save_file(tensors, folder / "adapter_model.safetensors")
    return Adapter(folder)


def test_a_tensor_that_has_no_place_in_the_base_is_refused(base, tmp_path):
    name = "base_model.model.model.embed_tokens"
    adapter = spoilt(
        base,
        tmp_path / "adapter",
        lambda t: t.update({f"{name}.modules_to_save.weight": t.pop(f"{name}.weight")}),
    )
    with pytest.raises(UserError, match=r"safetensors: .*embed_tokens.*; `dvc repro -f train`"):
        list(merged_tensors(base, adapter, "original"))


def test_a_matrix_of_another_vocabulary_is_refused(base, tmp_path):
    name = "base_model.model.model.embed_tokens.weight"
    adapter = spoilt(base, tmp_path / "adapter", lambda t: t.update({name: t[name][:300]}))
    with pytest.raises(UserError, match=r"embed_tokens is \[300, 64\], but \[303, 64\] in"):
        list(merged_tensors(base, adapter, "original"))


def test_two_matrices_for_a_tied_base_are_refused(tmp_path):
    base = adopted(write_base(tmp_path / "source", tied=True), tmp_path / "base")
    name = "base_model.model.lm_head.weight"
    adapter = spoilt(base, tmp_path / "adapter", lambda t: t.update({name: t[name] + 1}))
    with pytest.raises(UserError, match=r"lm_head differs from model\.embed_tokens, to which"):
        list(merged_tensors(base, adapter, "original"))


def test_the_adapter_moves_the_answer_by_far_more_than_rounding(base, tmp_path):
    tuned = trained(base, tmp_path / "adapter", "none")
    untuned = model.load(base, "none", "fp32").eval()
    with torch.no_grad():
        assert (said(tuned) - said(untuned)).abs().max() > 0.05


def test_shards_hold_every_tensor_once_and_load_as_one_model(base, tmp_path):
    trained(base, tmp_path / "adapter", "none")
    whole = merge(base, tmp_path / "adapter", tmp_path / "whole", "original")
    parts = merge(base, tmp_path / "adapter", tmp_path / "parts", "original", shard_bytes=1e5)
    shards = sorted(parts.glob("*.safetensors"))
    index = json.loads((parts / "model.safetensors.index.json").read_text())
    tensors = load_file(whole / "model.safetensors")
    assert len(shards) > 2
    assert shards[0].name == f"model-00001-of-{len(shards):05}.safetensors"
    assert set(index["weight_map"]) == set(tensors)
    assert sum(len(load_file(shard)) for shard in shards) == len(tensors)
    for shard in shards:
        for name, tensor in load_file(shard).items():
            assert index["weight_map"][name] == shard.name
            assert torch.equal(tensor, tensors[name])
    assert AutoModelForCausalLM.from_pretrained(parts).config.vocab_size == 303


def test_the_folder_stops_at_either_end_mark_and_speaks_chatml(base, tmp_path):
    trained(base, tmp_path / "adapter", "none")
    merged = merge(base, tmp_path / "adapter", tmp_path / "merged", "original")
    tokenizer = AutoTokenizer.from_pretrained(merged)
    settings = GenerationConfig.from_pretrained(merged)
    said = [{"role": "user", "content": "Why did you stay?"}]
    ours = Chat.load(merged).prompt([Message("user", "Why did you stay?")])
    assert settings.eos_token_id == [301, 1]
    assert (tokenizer.eos_token, tokenizer.pad_token) == (IM_END, PAD)
    theirs = tokenizer.apply_chat_template(said, add_generation_prompt=True, return_dict=False)
    assert theirs == ours


def test_the_model_card_is_valid_and_names_its_lineage(base, tmp_path):
    trained(base, tmp_path / "adapter", "none")
    described = model.Base.of(base)
    card = model_card(described, Adapter(tmp_path / "adapter"), "original")
    facts = yaml.safe_load(card.split("---\n")[1])
    assert facts["base_model"] == described.model
    assert facts["base_model_relation"] == "finetune"
    assert described.sha256 in card
