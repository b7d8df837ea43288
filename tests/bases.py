"""Small bases as others publish them: a folder with config, safetensors and a tokenizer."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

TEXT = ["The rain came in under the door, and I let it.", "I never asked her why she stayed."] * 20


def tokenizer() -> Tokenizer:
    """A byte-level BPE of 300 tokens that knows nothing of ChatML."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXT, trainer)
    return made


def network(tied: bool = False, seed: int = 0) -> LlamaForCausalLM:
    """A Llama of two layers and a few thousand random weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer().get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=1,
    )
    return LlamaForCausalLM(config)


def write_base(folder: Path, tied: bool = False) -> Path:
    """Writes such a base into `folder`, in two shards."""
    network(tied).save_pretrained(folder, max_shard_size="150KB")
    tokenizer().save(str(folder / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def change_config(folder: Path, **values: object) -> None:
    """Overwrites keys of the base's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
