"""A model in process: what it says hangs on the request alone, and no book ends a turn."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from askback.asking.local import Interviewer, Prompt, identity
from askback.asking.replies import Reply, Request
from askback.asking.turns import Turns
from askback.errors import UserError
from askback.model import Precision, Quantize
from askback.records import Message
from tests.bases import change_config, network, tokenizer, write_base

ROOT = Path(__file__).parents[1]
PRIMING = Message("assistant", "Question:")
BEGIN, END = 0, 1  # the ids of <s> and </s>
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('no system line, please') }}{% endif %}"
    "{{ '<s>' + message['role'] + ':' + message['content'] | trim + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant:' }}{% endif %}"
)
LENGTHS = random.Random(0).sample(range(1, 60), 17)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More only wait for each other, where matrices are this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def speaker(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A small model that has been taught nothing, with a chat template or none."""
    write_base(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    named = {"chat_template": template} if template else {}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | named))
    return folder


def parrot(folder: Path, line: str, template: str | None = TEMPLATE) -> Path:
    """A model that says `line` after any colon, each of its tokens only after the one before.

    Its layers add nothing, so that the last token alone decides the next one.
    """
    speaker(folder, template)
    ids = [tokenizer().token_to_id(":"), *tokenizer().encode(line).ids]
    config = LlamaConfig(
        vocab_size=300, hidden_size=320, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=5, max_position_embeddings=512, tie_word_embeddings=False,
        bos_token_id=BEGIN, eos_token_id=END,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.0 if parameter.ndim > 1 else 1.0)
        model.model.embed_tokens.weight.copy_(torch.eye(300, 320))
        for one, following in pairwise(ids):
            model.lm_head.weight[following, one] = 1.0
    for shard in folder.glob("*.safetensors*"):
        shard.unlink()
    model.save_pretrained(folder)
    return folder


def request(words: str = "Salt.", *, primed: bool = True, **sampling: Any) -> Request:
    """A prompt about one passage."""
    messages = [Message("user", words), *([PRIMING] if primed else [])]
    chosen = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 24, "seed": 0} | sampling
    return Request("m", messages, chosen, "p7")


def requests(**sampling: Any) -> list[Request]:
    """Prompts of many lengths in no order."""
    return [request("rain " * length, **sampling) for length in LENGTHS]


def replies(
    asked: Iterable[Request],
    folder: Path,
    quantize: Quantize = "none",
    precision: Precision = "fp32",
    positions: int | None = None,
) -> Iterator[Reply]:
    """What the model in `folder`, loaded for this, replies."""
    return Interviewer(folder, quantize, precision).replies(asked, positions)


def said(found: Iterable[Reply]) -> dict[str, tuple[str, str, dict[str, int]]]:
    """What is to be equal in replies to the same requests."""
    return {reply.key: (reply.text, reply.verdict, reply.usage) for reply in found}


@pytest.mark.parametrize("sampling", [{"temperature": 0}, {}, {"temperature": 1.7, "top_p": 1.0}])
@pytest.mark.parametrize("template", [TEMPLATE, None])
def test_a_reply_alone_is_the_reply_in_a_batch(tmp_path, sampling, template):
    folder = speaker(tmp_path, template)
    asked = requests(**sampling)
    alone = said(replies(asked, folder, positions=1))
    together = said(replies(asked, folder))
    by_threes = said(replies(asked[::-1], folder, positions=250))
    assert alone == together == by_threes
    assert len(alone) == len(LENGTHS)
    assert len({text for text, _, _ in alone.values()}) > 1


def test_two_runs_say_the_same_whatever_else_was_drawn_before(tmp_path):
    folder = speaker(tmp_path)
    one = said(replies(requests(), folder))
    torch.manual_seed(5)
    random.seed(5)
    assert said(replies(requests(), folder)) == one


def test_another_seed_is_another_sample(tmp_path):
    folder = speaker(tmp_path)
    asked = [request(seed=seed) for seed in range(5)]
    assert len({reply.text for reply in replies(asked, folder)}) == 5


def expected(prompt: list[int], asked: Request) -> list[int]:
    """What the model says, worked out token by token from its plain outputs."""
    model, ids = network().eval(), list(prompt)
    number = random.Random(asked.key)
    temperature, top_p = asked.sampling["temperature"], asked.sampling["top_p"]
    for _ in range(asked.sampling["max_tokens"]):
        with torch.no_grad():
            scores = model(torch.tensor([ids])).logits[0, -1].double()
        chances = (scores / temperature).softmax(-1).tolist()
        kept, mass = set[int](), 0.0
        for token in sorted(range(len(chances)), key=lambda t: -chances[t]):
            if mass < top_p:
                kept.add(token)
                mass += chances[token]
        left = number.random() * mass
        for token in sorted(kept):
            left -= chances[token]
            if left < 0:
                break
        ids.append(token)
        if token in (BEGIN, END):
            break
    return ids[len(prompt) :]


@pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 0.8), (1.0, 1.0), (2.0, 0.3)])
def test_each_token_is_drawn_as_temperature_and_top_p_say(tmp_path, temperature, top_p):
    folder = speaker(tmp_path)
    reader = Turns.load(folder)
    asked = [
        request(seed=seed, temperature=temperature, top_p=top_p, max_tokens=12) for seed in range(6)
    ]
    for reply, one in zip(replies(asked, folder), asked, strict=True):
        ids = expected(reader.encode(one), one)
        ended = ids[-1] in (BEGIN, END)
        assert reply.text == reader.tokenizer.decode(ids[:-1] if ended else ids)
        assert reply.verdict == ("answer" if ended else "cut_off")


def test_a_reply_that_ends_is_an_answer_and_one_cut_at_the_limit_is_not(tmp_path):
    folder = parrot(tmp_path, " Why?</s>")
    length = len(tokenizer().encode(" Why?").ids)
    asked = [request(max_tokens=most) for most in range(1, length + 4)]
    found = {r.sampling["max_tokens"]: r for r in replies(asked, folder)}
    for most, reply in found.items():
        assert reply.verdict == ("answer" if most > length else "cut_off")
        assert reply.usage["output"] == min(most, length + 1)
        assert " Why?".startswith(reply.text)
    assert found[length + 1].text == " Why?"


def test_a_reply_says_what_was_asked_and_what_it_took(tmp_path):
    folder = parrot(tmp_path, " Why?</s>")
    asked = [request("Salt."), request("Rain.")]
    one, other = replies(asked, folder)
    reader = Turns.load(folder)
    for reply, of in [(one, asked[0]), (other, asked[1])]:
        assert (reply.key, reply.model, reply.messages, reply.sampling) == (
            of.key, "m", of.messages, of.sampling,
        )  # fmt: skip
        assert reply.usage["input"] == len(reader.encode(of))
        assert reply.price == 0.0
    assert one.nonce != other.nonce


def test_the_longest_are_asked_first_and_each_batch_is_handed_on_when_it_is_done(tmp_path):
    folder = speaker(tmp_path)
    stream = replies(requests(), folder, positions=1)
    first = next(stream)
    (folder / "config.json").unlink()  # what is loaded is loaded once
    lengths = [first.usage["input"], *(reply.usage["input"] for reply in stream)]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == len(LENGTHS)


class Counting(Interviewer):
    """An interviewer that remembers how its prompts were grouped."""

    groups: list[list[int]]

    def generate(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        self.groups.append([prompt.positions for prompt in prompts])
        return super().generate(prompts)


def test_batches_are_as_large_as_the_tokens_allow_and_no_larger(tmp_path):
    interviewer = Counting(speaker(tmp_path), "none", "fp32")
    interviewer.groups = []
    list(interviewer.replies(requests(), positions=500))
    groups = interviewer.groups
    assert len(groups) > 2
    for group, following in pairwise(groups):
        assert len(group) * group[0] <= 500 < (len(group) + 1) * group[0]
        assert group[-1] >= following[0]


def test_no_request_loads_no_model(tmp_path):
    folder = speaker(tmp_path)
    break_weights(folder)
    assert list(replies([], folder)) == []


def break_weights(folder: Path) -> None:
    """Weights that cannot be loaded."""
    for shard in folder.glob("*.safetensors"):
        shard.unlink()  # and not overwritten: what is loaded is mapped into memory
        shard.touch()


def test_without_template_a_reply_ends_where_the_next_turn_begins(tmp_path):
    folder = parrot(tmp_path, " Why?\nUser:", None)
    [reply] = replies([request(temperature=0)], folder)
    assert (reply.text, reply.verdict) == (" Why?", "answer")
    assert reply.usage["output"] == len(tokenizer().encode(" Why?\nUser:").ids)
    short, rambling = request(max_tokens=3, temperature=0), request(temperature=9, max_tokens=99)
    found = said(replies([request(temperature=0), short, rambling], folder))
    assert found[rambling.key][2]["output"] > reply.usage["output"]
    assert found[reply.key] == (reply.text, reply.verdict, reply.usage)
    assert found[short.key][1:] == ("cut_off", {"input": reply.usage["input"], "output": 3})


def test_with_a_template_a_reply_may_say_what_elsewhere_begins_a_turn(tmp_path):
    folder = parrot(tmp_path, " Why?\nUser:")
    length = len(tokenizer().encode(" Why?\nUser:").ids)
    [reply] = replies([request(temperature=0, max_tokens=length)], folder)
    assert (reply.text, reply.verdict) == (" Why?\nUser:", "cut_off")


def test_the_models_own_taste_in_sampling_changes_nothing(tmp_path):
    folder = speaker(tmp_path)
    plain = said(replies(requests(), folder))
    GenerationConfig(
        do_sample=True, temperature=0.1, top_k=1, repetition_penalty=9.0, max_length=5,
        bos_token_id=BEGIN, eos_token_id=END,
    ).save_pretrained(folder)  # fmt: skip
    assert said(replies(requests(), folder)) == plain


def test_every_end_that_the_model_names_ends_a_reply(tmp_path):
    folder = parrot(tmp_path, " Why?")
    question = tokenizer().token_to_id("?")
    GenerationConfig(eos_token_id=[question, 299]).save_pretrained(folder)
    [reply] = replies([request()], folder)
    assert (reply.text, reply.verdict) == (" Why", "answer")


def test_a_prompt_too_long_is_named_before_the_weights_are_loaded(tmp_path):
    folder = speaker(tmp_path)
    reader = Turns.load(folder)
    break_weights(folder)
    size = len(reader.encode(request()))
    list(replies([], folder))
    with pytest.raises(UserError) as raised:
        list(replies([request(max_tokens=512 - size + 1)], folder))
    assert "passage p7" in str(raised.value)
    assert f"{size} tokens of prompt" in str(raised.value)
    assert "segment.max_chars" in str(raised.value)


def test_a_prompt_may_fill_the_context_to_its_last_token(tmp_path):
    folder = parrot(tmp_path, " Why?</s>")
    size = len(Turns.load(folder).encode(request()))
    [reply] = replies([request(max_tokens=512 - size)], folder)
    assert reply.text == " Why?"


def test_how_the_model_was_loaded_may_stand_beside_the_sampling(tmp_path):
    folder = parrot(tmp_path, " Why?</s>")
    [reply] = replies([request(quantize="none", precision="fp32")], folder)
    assert reply.sampling["quantize"] == "none"


def test_sampling_that_it_does_not_know_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="presence_penalty"):
        list(replies([request(presence_penalty=1)], speaker(tmp_path)))


def test_a_model_is_loaded_once_for_all_that_it_is_asked(tmp_path):
    folder = parrot(tmp_path, " Why?</s>")
    interviewer = Interviewer(folder, "none", "fp32")
    first = [reply.text for reply in interviewer.replies([request()])]
    break_weights(folder)
    assert [reply.text for reply in interviewer.replies([request("Rain.")])] == first == [" Why?"]


def test_a_model_is_named_by_its_bytes_wherever_it_lies(tmp_path):
    one = speaker(tmp_path / "one" / "salt-7b")
    name = identity(str(one), None)
    assert name.startswith("salt-7b@")
    assert identity(str(shutil.move(one, tmp_path / "salt-7b")), None) == name
    template = tmp_path / "salt-7b" / "chat_template.jinja"
    template.write_text(TEMPLATE + " ")
    assert identity(str(tmp_path / "salt-7b"), None) != name


def test_a_hub_id_is_named_with_its_commit_and_must_have_one():
    assert identity("owner/salt-7b", "a" * 40) == f"owner/salt-7b@{'a' * 40}"
    with pytest.raises(UserError, match="pin owner/salt-7b to a commit"):
        identity("owner/salt-7b", "main")


@pytest.mark.parametrize("fault", ["code", "pickle"])
def test_a_model_that_could_run_code_is_refused(tmp_path, fault):
    folder = speaker(tmp_path)
    if fault == "code":
        change_config(folder, auto_map={"AutoModelForCausalLM": "evil.Model"})
    else:
        (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError):
        list(replies([request()], folder))


def test_importing_it_loads_neither_torch_nor_transformers():
    code = (
        "import askback.asking.local, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("quantize", ["none", "nf4"])
@pytest.mark.gpu
def test_on_a_card_greedy_replies_are_the_same_in_batches(tmp_path, quantize: Quantize):
    folder = parrot(tmp_path, " Why?</s>")
    found = list(replies(requests(temperature=0), folder, quantize, "bf16"))
    assert [(r.text, r.verdict) for r in found] == [(" Why?", "answer")] * len(LENGTHS)


def all_memory() -> Iterator[torch.Tensor]:
    """Tensors that leave no room on the card."""
    for size in (1 << 24, 1 << 20, 1 << 14):
        with suppress(torch.OutOfMemoryError):
            while True:
                yield torch.empty(size, dtype=torch.uint8, device="cuda")


@pytest.mark.gpu
def test_where_memory_is_short_batches_are_halved_and_nothing_is_lost(tmp_path, capsys):
    folder = speaker(tmp_path)
    asked = [request(f"{number} " + "rain " * 90) for number in range(4096)]
    whole = said(replies(asked[:64], folder, positions=4096))
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(600e6 / total)
    try:
        found = said(replies(asked, folder, positions=1 << 30))
        assert "out of GPU memory" in capsys.readouterr().err
        assert len(found) == 4096
        same = sum(found[key] == one for key, one in whole.items())
        assert same >= 60  # kernels of other sizes round otherwise, which can change a draw
        interviewer = Interviewer(folder, "none", "fp32")
        taken = [interviewer.network, *all_memory()]
        with pytest.raises(UserError, match="no GPU memory for one prompt"):
            list(interviewer.replies(asked))
        del taken
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
