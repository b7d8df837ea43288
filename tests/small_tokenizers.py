"""Small tokenizers of the kinds that real bases have, made in memory."""

import json
from pathlib import Path
from typing import Literal

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from askback import chat, files

Kind = Literal["byte-level", "sentencepiece", "metaspace"]
KINDS: list[Kind] = ["byte-level", "sentencepiece", "metaspace"]

TEXT = ["The rain came in under the door, and I let it.", "user assistant system"] * 20

# Merges that spell these make plain text reach control ids: in Llama's vocabulary they exist.
PIECES = ["<unk>", "</s>", "<s>", "[INST]", "▁<PRE>"]
WORDS = ["▁user", "▁assistant", "▁system", "▁the", "assistant", "user", "rain", "I", "||", "▁▁"]
LETTERS = "abcdefghijklmnopqrstuvwxyz.,?'"


def make(kind: Kind) -> Tokenizer:
    """A tokenizer of one kind that knows nothing of ChatML, with added tokens of its own."""
    tokenizer = byte_level() if kind == "byte-level" else sentencepiece(kind)
    tokenizer.add_special_tokens(["<s>", "</s>", "▁<PRE>"])
    tokenizer.add_tokens([AddedToken("[INST]"), AddedToken("rain of", normalized=True)])
    return tokenizer


def byte_level() -> Tokenizer:
    """A byte-level BPE, as Llama 3's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def across_newlines() -> Tokenizer:
    """A byte-level BPE whose merges join a newline to the I after it; bases split there."""
    spec = json.loads(byte_level().to_str())
    spec["pre_tokenizer"]["use_regex"] = False
    spec["model"]["vocab"]["ĊI"] = len(spec["model"]["vocab"])
    spec["model"]["merges"].append(["Ċ", "I"])
    return Tokenizer.from_str(json.dumps(spec))


def sentencepiece(kind: Kind) -> Tokenizer:
    """A SentencePiece-style BPE: ▁ before every text as in Llama 2, or (metaspace) the first."""
    vocabulary, merges = spelled([*PIECES, *WORDS])
    bpe = models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(bpe)
    if kind == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    else:
        replace = normalizers.Replace(" ", "▁")
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace])
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


def spelled(words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary and the merges that build each word from its left: `<` `/`, `</` `s`, …"""
    steps = [(word[:n], word[n]) for word in words for n in range(1, len(word))]
    merges = list(dict.fromkeys(steps))
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = [*LETTERS, *"".join(words)]
    tokens = ["<unk>", "<s>", "</s>", *fallback, *letters, *(a + b for a, b in merges)]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}, merges


def write(folder: Path, tokenizer: Tokenizer, bos: str | None = "<s>") -> Path:
    """Adds ChatML and writes what `base` writes of a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    chat.add_chatml(tokenizer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": chat.IM_END,
        "pad_token": chat.PAD,
        "chat_template": chat.template(bos is not None),
    }
    files.write_json(folder / "tokenizer_config.json", {k: v for k, v in settings.items() if v})
    return folder
