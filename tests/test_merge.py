"""Merging: the merged model says what the trained one said, and stands on its own."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from askback import model
from askback.chat import IM_END, PAD, Chat
from askback.records import Message
from stages.merge import Adapter, Into, merged_tensors, model_card, write_settings, write_shards
from stages.train import new_rows
from tests.bases import write_base
from tests.test_base import adopted

IDS = torch.tensor([[0, 300, 17, 40, 301, 90, 300, 12, 250, 301]])


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def base(request, tmp_path: Path) -> Path:
    return adopted(write_base(tmp_path / "source", tied=request.param), tmp_path / "base")


def trained(base: Path, folder: Path, quantize: model.Quantize) -> torch.nn.Module:
    """A model with an adapter that changes every answer, saved into `folder`."""
    network = model.load(base, quantize, "fp32")
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=model.PROJECTIONS,
        trainable_token_indices=new_rows(network, base),
        task_type="CAUSAL_LM",
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
