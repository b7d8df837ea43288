"""`tiny`: a language model of a few million weights, made on the spot from the books' own text.

It gives the pipeline a base where no other can be had: small enough to pre-train in a minute on
two cores, and shaped like Mistral, so that every later stage treats it as any other base.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from askback.params import Section

if TYPE_CHECKING:
    from transformers import MistralForCausalLM

BOS, EOS = "<s>", "</s>"
BOS_ID, EOS_ID = 0, 1  # the trainer numbers special tokens first
CONTEXT = 2048  # positions
ROWS, ROW_TOKENS = 2, 256  # of a pre-training step
WARMUP = 20  # steps


class TinyParams(Section):
    """The size of the model, and how long it reads."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    steps: int
    learning_rate: float
    seed: int


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer of at most `vocabulary` tokens, learned from `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def pretrain(texts: Sequence[str], tokenizer: Tokenizer, params: TinyParams) -> MistralForCausalLM:
    """A model that has read the paragraphs of `texts` for `params.steps` steps.

    Each paragraph is a document of its own, so that the model learns where the author ends one.
    """
    import torch

    torch.manual_seed(params.seed)
    model = untrained(tokenizer.get_vocab_size(), params)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    rows = batches(documents(texts, tokenizer), params.seed)
    for step in range(params.steps):
        for group in optimizer.param_groups:
            group["lr"] = params.learning_rate * pace(step, params.steps)
        ids = torch.tensor(next(rows))
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == params.steps - 1:
            print(f"tiny base: step {step + 1}/{params.steps}, loss {loss:.2f}", file=sys.stderr)
    return model


def untrained(vocabulary: int, params: TinyParams) -> MistralForCausalLM:
    """A Mistral of random weights, its input and output embeddings apart."""
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=vocabulary,
        hidden_size=params.hidden,
        intermediate_size=params.hidden * 8 // 3 // 32 * 32,  # SwiGLU's usual ratio
        num_hidden_layers=params.layers,
        num_attention_heads=params.heads,
        num_key_value_heads=max(1, params.heads // 2),
        max_position_embeddings=CONTEXT,
        sliding_window=None,
        tie_word_embeddings=False,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        dtype="float32",
    )
    return MistralForCausalLM(config)


def documents(texts: Iterable[str], tokenizer: Tokenizer) -> list[list[int]]:
    """Each paragraph's ids between the marks of a document's beginning and end."""
    paragraphs = [paragraph for text in texts for paragraph in text.split("\n\n")]
    encodings = tokenizer.encode_batch(paragraphs, add_special_tokens=False)
    return [[BOS_ID, *encoding.ids, EOS_ID] for encoding in encodings]


def batches(documents: Sequence[list[int]], seed: int) -> Iterator[list[list[int]]]:
    """Rows of one length without end, from the documents in ever new orders, end to end."""
    order = random.Random(seed)
    stream: list[int] = []
    while True:
        while len(stream) < ROWS * ROW_TOKENS:
            stream += [
                id_ for document in order.sample(documents, len(documents)) for id_ in document
            ]
        yield [stream[row * ROW_TOKENS : (row + 1) * ROW_TOKENS] for row in range(ROWS)]
        del stream[: ROWS * ROW_TOKENS]


def pace(step: int, steps: int) -> float:
    """The share of the learning rate at `step`: a warm-up, then half a cosine down to a tenth."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.55 + 0.45 * math.cos(math.pi * (step - WARMUP) / (steps - WARMUP))
