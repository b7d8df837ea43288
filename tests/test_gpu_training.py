"""Training on a card: its kernels, its precision, its memory, and the same bits again."""

import csv
import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, cast

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from torch.nn import Parameter
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel

from askback import attention, files, model, tokens
from askback.chat import Chat
from askback.loss import summed_loss
from askback.packs import Pack
from askback.records import Message, Row, TokenRow
from askback.training import adapter, optimizer, plan
from askback.training.lora import LoraParams
from askback.training.new_tokens import NewTokens
from askback.training.plan import Memory, Plan, measure, recompute
from askback.training.selftest import check
from tests import bases
from tests.test_base import adopted
from tests.test_new_tokens import by_peft, learn, packs_losses, row, rows_losses, stirred

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings(
        "ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning"  # 5.17 has no other
    ),
]

ROOT = Path(__file__).parents[1]
WORDS = 512
IDS = [509, 17]
LORA = LoraParams(r=8, alpha=16, dropout=0.0, rslora=False)
MIB = 2**20
BY = 0.01  # half of what a fresh base has for weights
Where = Literal["cuda", "cpu"]


def mistral(
    heads: int = 2, words: int = WORDS, where: Where = "cuda", **more: Any
) -> MistralForCausalLM:
    """A small Mistral in bf16, the same each time: four heads of 64, and so many of keys."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": words,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": heads,
        "head_dim": 64,
        "sliding_window": None,
        "max_position_embeddings": 8192,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    network: torch.nn.Module = MistralForCausalLM(MistralConfig(**(sizes | more)))
    return cast(MistralForCausalLM, network.bfloat16().to(where))


def error(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference over the norm of what it should be."""
    found, expected = found.detach().float(), expected.detach()
    return float((found - expected).norm() / expected.norm())


@pytest.fixture(autouse=True)
def _memory_given_back() -> Iterator[None]:
    """Leaves the card as it was found."""
    yield
    gc.collect()
    torch.cuda.empty_cache()


def attended(states: list[Tensor], pack: Pack, window: int | None) -> Tensor:
    """Ours over the pack: the card's kernel in half precision, each conversation alone in fp32."""
    query, key, value = states
    return attention.attend(
        torch.nn.Module(), query, key, value, None, pack=pack, scaling=0.125, sliding_window=window
    )[0]


def alone(states: list[Tensor], pack: Pack, window: int | None) -> Tensor:
    """Each conversation alone, as on a card that is older than the kernel."""
    query, key, value = states
    return attention.one_by_one(query, key, value, pack, 0.125, window)


@pytest.mark.parametrize("attend", [attended, alone])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("window", [None, 2, 64, 1000])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_in_half_precision_packs_attend_as_each_conversation_by_itself_in_fp32(
    heads: int,
    window: int | None,
    dtype: torch.dtype,
    attend: Callable[[list[Tensor], Pack, int | None], Tensor],
) -> None:
    lengths = [5, 1, 200, 64, 130]
    pack = Pack.of([Row([1] * length, [1] * length) for length in lengths], "cuda")
    torch.manual_seed(0)
    shapes = [(1, h, sum(lengths), 64) for h in (4, heads, heads)]
    half = [torch.randn(s, device="cuda").to(dtype).requires_grad_() for s in shapes]
    whole = [tensor.detach().float().requires_grad_() for tensor in half]
    found, expected = attend(half, pack, window), attended(whole, pack, window)
    assert (found.dtype, expected.dtype) == (dtype, torch.float32)
    assert found.shape == expected.shape
    assert error(found, expected) < 1e-2
    slope = torch.randn_like(expected).to(dtype)
    slopes = torch.autograd.grad(found, half, slope)
    exact = torch.autograd.grad(expected, whole, slope.float())
    assert max(map(error, slopes, exact)) < 2e-2  # two roundings more


@dataclass(frozen=True)
class Kind:
    """What is trained, in which base."""

    heads: int
    how: NewTokens
    rslora: bool

    def __str__(self) -> str:
        """Its name among the tests."""
        heads = "MHA" if self.heads == 4 else "GQA"
        return f"{heads}-{self.how}-{'rslora' if self.rslora else 'lora'}"

    @property
    def lora(self) -> LoraParams:
        """The adapter, without dropout."""
        return LORA.model_copy(update={"rslora": self.rslora})


HOWS: list[NewTokens] = ["rows", "full"]
KINDS = [Kind(*one) for one in product([2, 4], HOWS, [False, True])]


def errors(kind: Kind, where: Where) -> tuple[float, float]:
    """The relative errors of loss and gradient in bf16, against PEFT's own in fp32."""
    lengths = [40, 300, 17, 128, 64, 250]
    rows = [row(length, WORDS, IDS) for length in lengths]
    base = mistral(kind.heads, where=where)
    ours = stirred(adapter.adapted(base, IDS, kind.lora, kind.how, seed=1), BY)
    plain = mistral(kind.heads, where=where).float()
    theirs = by_peft(plain, ours, kind.how, kind.lora)
    with torch.autocast(where, torch.bfloat16):
        loss, found = learn(ours, packs_losses(ours, rows, tokens=512))
    expected_loss, expected = learn(theirs, rows_losses(theirs, rows))
    assert found.keys() == expected.keys()
    names = sorted(expected)
    ours_together, theirs_together = (
        torch.cat([grads[name].flatten() for name in names]) for grads in (found, expected)
    )
    return abs(loss - expected_loss) / expected_loss, error(ours_together, theirs_together)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_in_bf16_loss_and_gradients_are_pefts_own_in_fp32_to_a_hundredth(kind: Kind) -> None:
    of_loss, of_gradient = errors(kind, "cuda")
    assert of_loss < 1e-2
    assert of_gradient < 1e-2


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_self_test_lets_a_sound_model_in_bf16_pass(kind: Kind) -> None:
    tuned = adapter.adapted(mistral(kind.heads), IDS, kind.lora, kind.how, seed=1)
    network = cast(PreTrainedModel, tuned.get_base_model())
    with attention.of_packs(network), torch.autocast("cuda", torch.bfloat16):
        check(network, row(300, WORDS, IDS), row(700, WORDS, IDS))


@pytest.mark.parametrize("recomputed", [2, 4])
def test_layers_that_are_computed_again_give_the_same_gradients_in_bf16(recomputed: int) -> None:
    rows = [row(length, WORDS, IDS) for length in (40, 300, 128)]
    gradients = []
    for layers in (0, recomputed):
        tuned = stirred(adapter.adapted(mistral(), IDS, LORA, "rows", seed=1), BY)
        tuned.train()
        recompute(tuned, layers)
        with torch.autocast("cuda", torch.bfloat16):
            gradients.append(learn(tuned, packs_losses(tuned, rows, tokens=512)))
    (loss, kept), (again, computed) = gradients
    assert again == pytest.approx(loss, rel=1e-6)
    assert max(error(computed[name], grad) for name, grad in kept.items()) < 1e-2


PARAMS: dict[str, Any] = {
    "epochs": 1,
    "batch": 4,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup": 0,
    "weight_decay": 0.0,
    "max_grad_norm": 0.3,
    "quantize": "nf4",
    "precision": "bf16",
    "new_tokens": "rows",
    "lora": {"r": 8, "alpha": 16, "dropout": 0.1, "rslora": False},
    "max_new_tokens": 64,
    "keep": "last",
    "seed": 0,
}
LONGEST = 4000  # letters of an answer, each of which is a token
KILLED = """
import os, signal
from askback.training.trainer import ConversationTrainer
learn = ConversationTrainer.training_step
def dying(self, *given, **more):
    if self.state.global_step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(self, *given, **more)
ConversationTrainer.training_step = dying
"""
MISJUDGED = """
from askback.training import plan
plan.measure = lambda tuned: plan.Cost(layer=1.0, input=1.0, layers=4, head=0)
"""


def workplace(folder: Path, **changes: object) -> Path:
    """A folder with a base, 24 rows to learn (six steps), 3 held out, and a params.yaml."""
    folder.mkdir()
    source = folder / "source"
    mistral(words=bases.tokenizer().get_vocab_size(), where="cpu").save_pretrained(source)
    bases.tokenizer().save(str(source / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    (source / "tokenizer_config.json").write_text(json.dumps(settings))
    chat = Chat.load(adopted(source, folder / "base"))
    for side, count in [("train", 24), ("validation", 3)]:
        tokens.write(folder / f"tokens/{side}.arrow", [token_row(chat, n) for n in range(count)])
    (folder / "params.yaml").write_text(json.dumps({"train": PARAMS | changes}))
    return folder


def token_row(chat: Chat, number: int) -> TokenRow:
    """A question, and letters that no merge joins: some 200 to LONGEST of them."""
    draw = random.Random(number)
    letters = LONGEST if number == 5 else draw.randrange(200, LONGEST)
    answer = "".join(draw.choices("zxqj0192%&$KVW", k=letters))
    said = [Message("user", f"What of the rain, {number}?"), Message("assistant", answer)]
    encoded = chat.encode(said, "answers")
    return TokenRow(str(number), "book", encoded.ids, encoded.labels)


def copied(folder: Path, name: str) -> Path:
    """Another folder like it; its base stays where it was found."""
    return Path(shutil.copytree(folder, folder.with_name(name)))


def run(folder: Path, before: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """`python -m stages.train` in the folder, after some lines of Python."""
    run_stage = (
        "import runpy\nrunpy.run_module('stages.train', run_name='__main__', alter_sys=True)"
    )
    start = ["-c", before + run_stage] if before else ["-m", "stages.train"]
    paths = ["tokens", "base", "adapter", "epochs.jsonl", "curves"]
    given = {key: text for key, text in os.environ.items() if not key.startswith("ASKBACK_")}
    given.pop("DVC_ROOT", None)
    return subprocess.run(
        [sys.executable, *start, *paths, "--metrics", "train.json"],
        cwd=folder,
        env=given | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])} | more,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def done(folder: Path, before: str = "", **more: str) -> str:
    """What a run says that comes to its end."""
    result = run(folder, before, **more)
    assert result.returncode == 0, result.stderr
    return result.stderr


def curve(folder: Path) -> list[float]:
    """The loss of each step, and at last the held-out one."""
    found = []
    for name in ("train.csv", "held_out.csv"):
        with (folder / "curves" / name).open() as file:
            found += [float(entry["loss"]) for entry in csv.DictReader(file)]
    return found


def weights(folder: Path) -> str:
    """The SHA-256 of the adapter."""
    return files.sha256(folder / "adapter" / adapter.WEIGHTS)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_run_is_equal_to_the_bit_again_and_when_it_is_killed_between(
    tmp_path: Path, precision: str
) -> None:
    one = workplace(tmp_path / "one", precision=precision)
    other, killed = copied(one, "other"), copied(one, "killed")
    settings = {"ASKBACK_DETERMINISTIC": "1", "ASKBACK_CHECKPOINT_MINUTES": "0"}
    done(one, **settings)
    done(other, **settings)
    assert len(curve(one)) == 6 + 1
    assert curve(one) == curve(other)
    assert weights(one) == weights(other)
    assert run(killed, KILLED, **settings).returncode == -signal.SIGKILL
    assert not (killed / "adapter").exists()
    assert "going on from step 3" in done(killed, **settings)
    assert curve(killed) == curve(one)
    assert weights(killed) == weights(one)


def learned(parameter: Parameter, one: Any, steps: range) -> None:
    """Steps whose gradients follow from their numbers."""
    for step in steps:
        torch.manual_seed(step)
        parameter.grad = torch.randn_like(parameter)
        one.step()


def test_a_state_that_was_paged_is_paged_again_and_goes_on_to_the_same_bits(
    tmp_path: Path,
) -> None:
    from bitsandbytes.optim.adamw import PagedAdamW32bit

    torch.manual_seed(0)
    first = Parameter(torch.randn(400, 300, device="cuda"))  # at 100,000 numbers paging begins
    one = PagedAdamW32bit([first], lr=1e-2)  # type: ignore[no-untyped-call]
    learned(first, one, range(3))
    optimizer.save(one, tmp_path)
    again = Parameter(first.detach().clone())
    other = PagedAdamW32bit([again], lr=1e-2)  # type: ignore[no-untyped-call]
    optimizer.load(other, tmp_path)
    for key in ("state1", "state2"):
        assert one.state[first][key].is_paged
        assert other.state[again][key].is_paged
        assert torch.equal(other.state[again][key], one.state[first][key])
    learned(first, one, range(3, 6))
    learned(again, other, range(3, 6))
    assert torch.equal(first, again)


def tight_gigabytes(folder: Path) -> float:
    """So much that the longest conversation fits with all layers recomputed, and not with none."""
    network = model.load(folder / "base", "none", "bf16")
    ids = adapter.new_ids(folder / "base")
    tuned = adapter.adapted(network, ids, LORA, "rows", seed=0)
    memory = Memory.of(tuned, shards=1)
    with attention.of_packs(network):
        cost = measure(tuned)
    longest = int(tokens.Rows(folder / "tokens/train.arrow").lengths.max())
    least, most = (cost.of(Plan(longest, layers)) for layers in (4, 0))
    workspace = 100 * MIB  # of cuBLAS
    taken = memory.limit * (1 - plan.SPARE) - memory.free
    limit = (taken + least + workspace) / (1 - plan.SPARE)
    assert least + workspace < most, "the model is too small for this test"
    return limit / 1e9


def test_with_little_memory_the_losses_are_the_same_and_so_after_running_out_of_it(
    tmp_path: Path,
) -> None:
    lora = PARAMS["lora"] | {"dropout": 0.0}  # or each pack would draw its own
    ample = workplace(tmp_path / "ample", quantize="none", lora=lora)
    little, misjudged = copied(ample, "little"), copied(ample, "misjudged")
    limit = {"ASKBACK_GPU_MEMORY": f"{tight_gigabytes(ample):.6f}"}
    gc.collect()
    torch.cuda.empty_cache()
    assert ", 0 of 4 layers recomputed" in done(ample)
    told = done(little, **limit)
    assert "of 4 layers recomputed" in told
    assert ", 0 of 4 layers recomputed" not in told
    assert "out of memory in step 1; now packs of up to" in done(misjudged, MISJUDGED, **limit)
    assert curve(little) == pytest.approx(curve(ample), rel=1e-2)
    assert curve(misjudged) == pytest.approx(curve(ample), rel=1e-2)


@pytest.mark.parametrize("recomputed", [0, 4, 8])
@pytest.mark.parametrize("how", HOWS)
def test_a_steps_peak_of_memory_is_what_the_ledger_says_to_a_quarter(
    how: NewTokens, recomputed: int
) -> None:
    """With torch's AdamW, whose state is on the card, where that of the paged one need not be."""
    sizes: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 8}
    start = torch.cuda.memory_allocated()
    base = mistral(4, 32_000, num_attention_heads=16, **sizes)
    tuned = adapter.adapted(base, IDS, LORA.model_copy(update={"r": 64}), how, seed=1)
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated() - start
    one = Plan(4096, recomputed)
    memory = Memory.of(tuned, shards=1)
    with attention.of_packs(base), torch.autocast("cuda", torch.bfloat16):
        cost = measure(tuned)
    assert memory.base + memory.adapters + memory.new_tokens == pytest.approx(before, rel=0.05)
    adamw = torch.optim.AdamW(adapter.trained(tuned).values(), foreach=False)
    step(tuned, one, adamw)  # gives it its state, and cuBLAS its workspace
    torch.cuda.reset_peak_memory_stats()
    step(tuned, one, adamw)
    taken = memory.limit * (1 - plan.SPARE) - memory.free
    peak = torch.cuda.max_memory_allocated() - start
    assert peak == pytest.approx(taken + cost.of(one), rel=0.25)


def step(tuned: PeftModel, one: Plan, adamw: torch.optim.Optimizer) -> None:
    """One pack of the plan's size, in four conversations, learned from as training does it."""
    network = cast(PreTrainedModel, tuned.get_base_model())
    rows = [row(one.tokens // 4, 32_000, IDS)] * 4
    tuned.train()
    recompute(tuned, one.recomputed)
    with attention.of_packs(network):
        with torch.autocast("cuda", torch.bfloat16):
            loss = summed_loss(network, Pack.of(rows, "cuda")) / 4096
        loss.backward()
    adamw.step()
    adamw.zero_grad()
