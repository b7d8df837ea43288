"""A Hugging Face model in this process as the interviewer: prompts of like lengths side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from askback import model
from askback.asking.budget import most_output
from askback.asking.draws import Draws
from askback.asking.replies import Reply, Request, nonce
from askback.asking.turns import NEXT_TURN, Turns
from askback.errors import UserError
from askback.model import Precision, Quantize

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ENOUGH = 131_072  # tokens of a batch, prompts and replies; with more an H100 was no faster
ON_CPU = 16_384
RESERVE = 0.2  # of the free GPU memory, for scores and fragments
# What can be asked of a model here. Draws are seeded by the key, and the seed is part of it.
SAMPLING = {"max_completion_tokens", "max_tokens", "seed", "temperature", "top_p"}
LOADING = {"precision", "quantize"}  # in the key as well, since they change what is said
DECIDING = ["*.safetensors", "*.json", "*.jinja"]  # the files that decide what a model says


def identity(name: str, revision: str | None) -> str:
    """The name of a model in keys, the same wherever it lies: with its commit, or its bytes' hash.

    Raises UserError for a Hub id that is not pinned.
    """
    folder = Path(name)
    if folder.is_dir():
        names = {path.name for pattern in DECIDING for path in folder.glob(pattern)}
        return f"{folder.resolve().name}@{model.fingerprint(folder, names)}"
    if revision is None or len(revision) != 40:
        raise UserError(
            f"params.yaml: questions.local.revision: pin {name} to a commit of 40 hex digits"
        )
    return f"{name}@{revision}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as the model reads it."""

    request: Request
    ids: list[int]

    @property
    def most(self) -> int:
        """Tokens that its reply may have."""
        return most_output(self.request)

    @property
    def positions(self) -> int:
        """Tokens of prompt and reply together, at most."""
        return len(self.ids) + self.most


class Interviewer:
    """A model that replies; it is loaded when it is first asked.

    Prompts go in groups, not through the continuous batching of `transformers`: that draws for all
    from one generator, logs failures rather than raising them, and was half as fast on an H100.
    """

    def __init__(self, folder: Path, quantize: Quantize, precision: Precision) -> None:
        model.refuse_unsafe(folder)
        model.quieten()
        self.folder, self.quantize, self.precision = folder, quantize, precision
        self.turns = Turns.load(folder)

    def replies(self, requests: Iterable[Request], positions: int | None = None) -> Iterator[Reply]:
        """The reply to each request, those of the longest first, batch by batch.

        Batches of at most `positions` tokens, else of what fits, halved where CUDA runs out of
        memory. Raises UserError, before any reply, for a request that the model cannot read.
        """
        waiting = sorted(self.prompts(requests), key=lambda prompt: -prompt.positions)
        while waiting:
            positions = positions or room(self.network)
            batch = waiting[: max(1, positions // waiting[0].positions)]
            said = self.try_to_reply(batch)
            if said is None:
                positions = halved(len(batch), waiting[0].positions)
                continue
            yield from said
            del waiting[: len(batch)]

    def prompts(self, requests: Iterable[Request]) -> Iterator[Prompt]:
        """The requests as the model reads them; UserError for the first that it cannot."""
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(self.folder, local_files_only=True)
        context = config.get_text_config().max_position_embeddings
        for request in requests:
            prompt = Prompt(request, self.turns.encode(request))
            refuse_unreadable(prompt, context)
            yield prompt

    @cached_property
    def network(self) -> PreTrainedModel:
        """The model itself; what it would do by itself while replying is left out."""
        from transformers import GenerationConfig

        network = model.load_plain(self.folder, self.precision, self.quantize)
        named = network.generation_config.eos_token_id
        ends = named if isinstance(named, list) else [] if named is None else [named]
        stops = sorted({*ends, *self.turns.control})
        network.generation_config = GenerationConfig(
            eos_token_id=stops,
            pad_token_id=stops[0] if stops else 0,
            stop_strings=[NEXT_TURN] if self.turns.plain else None,
        )
        return network

    def try_to_reply(self, prompts: Sequence[Prompt]) -> list[Reply] | None:
        """The replies to prompts side by side; none where CUDA has no memory for them."""
        import torch

        try:
            rows = self.generate(prompts)
        except torch.OutOfMemoryError:
            rows = None
        if rows is None:  # only here are the error's frames gone, with all that they held
            torch.cuda.empty_cache()
            return None
        return [self.reply(prompt, row) for prompt, row in zip(prompts, rows, strict=True)]

    def generate(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """What the model says to each prompt, fillers after its end."""
        import torch

        device = self.network.device
        longest = max(len(prompt.ids) for prompt in prompts)
        ids = torch.tensor([[0] * (longest - len(p.ids)) + p.ids for p in prompts])
        real = torch.arange(longest) >= torch.tensor([[longest - len(p.ids)] for p in prompts])
        with torch.inference_mode():
            output = self.network.generate(  # type: ignore[operator]  # a mixin mypy does not see
                ids.to(device),
                attention_mask=real.to(device),
                max_new_tokens=max(prompt.most for prompt in prompts),
                logits_processor=[Draws([prompt.request for prompt in prompts], device)],
                tokenizer=self.turns.tokenizer,
            )
        return [row[longest:] for row in output.tolist()]

    def reply(self, prompt: Prompt, said: list[int]) -> Reply:
        """The reply in what was said, up to its end or to the most that it may have."""
        text, made, ended = self.heard(said[: prompt.most])
        return Reply(
            key=prompt.request.key,
            model=prompt.request.model,
            messages=prompt.request.messages,
            sampling=prompt.request.sampling,
            text=text,
            verdict="answer" if ended else "cut_off",
            usage={"input": len(prompt.ids), "output": made},
            price=0.0,
            nonce=nonce(),
        )

    def heard(self, said: list[int]) -> tuple[str, int, bool]:
        """The text of a reply, its tokens, a mark at its end included, and whether it has ended."""
        stops = self.network.generation_config.eos_token_id
        end = next((place for place, token in enumerate(said) if token in stops), None)
        text = self.turns.decode(said[:end])
        if self.turns.plain and NEXT_TURN in text:
            return text.partition(NEXT_TURN)[0], len(said[:end]), True
        return text, len(said[:end]) + (end is not None), end is not None


def room(network: PreTrainedModel) -> int:
    """Tokens of a batch that fit into free GPU memory: keys and values, and what a layer holds."""
    import torch

    if network.device.type != "cuda":
        return ON_CPU
    config = network.config.get_text_config()
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * head
    numbers += 4 * config.intermediate_size
    free, _ = torch.cuda.mem_get_info()
    return min(ENOUGH, int(free * (1 - RESERVE) / (numbers * network.dtype.itemsize)))


def halved(count: int, each: int) -> int:
    """The tokens of half a batch of `count` prompts; UserError where one alone is too much."""
    if count == 1:
        raise UserError(
            f"no GPU memory for one prompt of {each} tokens; set questions.local.quantize: nf4, "
            "choose a smaller model, or end what else runs on the card"
        )
    print(f"questions: out of GPU memory; on with {count // 2} prompts at once", file=sys.stderr)
    return count // 2 * each


def refuse_unreadable(prompt: Prompt, context: int) -> None:
    """Raises UserError for sampling that no model here knows, and for a prompt that is too long."""
    request = prompt.request
    if unknown := sorted(request.sampling.keys() - SAMPLING - LOADING):
        raise UserError(
            f"params.yaml: questions.sampling.{unknown[0]}: a model in this process does not know "
            "it; remove it"
        )
    if prompt.positions > context:
        raise UserError(
            f"passage {request.passage}: {len(prompt.ids)} tokens of prompt and {prompt.most} of "
            f"reply are more than the {context} that the model reads; set a lower segment.max_chars"
        )
