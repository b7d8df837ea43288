"""The adapter on disk is PEFT's: PEFT loads it on the plain base, and it says the same."""

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from askback.records import Row
from askback.training import adapter
from tests.test_new_tokens import HOWS, IDS, KINDS, WORDS, Kind, by_peft, row

RANDOM = row(40).ids


def logits(tuned: PeftModel) -> Tensor:
    """Of forty words, in evaluation mode, by transformers' own forward pass."""
    tuned.eval()
    with torch.no_grad():
        return cast(Tensor, tuned(input_ids=torch.tensor([RANDOM]), use_cache=False).logits)


def loaded(network: PreTrainedModel, folder: Path) -> PeftModel:
    """The saved adapter on a base, as PEFT puts it there."""
    return PeftModel.from_pretrained(network, str(folder))


def saved(tuned: PeftModel, folder: Path) -> Path:
    """The folder, with the adapter in it."""
    folder.mkdir(exist_ok=True)
    adapter.save(tuned, folder, "owner/base")
    return folder


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_peft_loads_it_on_the_plain_base_and_gives_the_same_logits(
    kind: Kind, tmp_path: Path
) -> None:
    ours = kind.ours()
    theirs = loaded(kind.network(), saved(ours, tmp_path))
    expected = logits(ours)
    found = logits(theirs)
    assert (found - expected).norm() < 1e-5 * expected.norm()
    plain = logits(cast(PeftModel, kind.network()))
    assert (plain - expected).norm() > 0.1 * expected.norm()  # the adapter is at work


@pytest.mark.parametrize("kind", [k for k in KINDS if k.heads == 2 and not k.rslora], ids=str)
def test_what_peft_loads_it_can_merge_into_the_base(kind: Kind, tmp_path: Path) -> None:
    ours = kind.ours()
    merged = loaded(kind.network(), saved(ours, tmp_path)).merge_and_unload()
    expected = logits(ours)
    found = logits(cast(PeftModel, merged))
    assert (found - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_its_tensors_have_the_names_that_peft_gives_its_own(kind: Kind, tmp_path: Path) -> None:
    ours = kind.ours()
    theirs = by_peft(kind.network(), ours, kind.how, kind.lora)
    theirs.save_pretrained(str(tmp_path / "theirs"), save_embedding_layers=False)
    expected = load_file(tmp_path / "theirs" / adapter.WEIGHTS)
    found = load_file(saved(ours, tmp_path / "ours") / adapter.WEIGHTS)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("how", HOWS)
def test_only_lora_and_the_new_tokens_are_trained_and_all_of_it_in_fp32(how: str) -> None:
    kind = next(k for k in KINDS if k.how == how and not k.tied)
    network = kind.network().bfloat16()
    tuned = adapter.adapted(network, IDS, kind.lora, kind.how, seed=1)
    found = adapter.trained(tuned)
    tokens = {name: tensor for name, tensor in found.items() if "lora_" not in name}
    assert len(found) - len(tokens) == 2 * 7 * 2  # A and B, seven projections, two layers
    assert [tuple(t.shape) for t in tokens.values()] == [(2 if how == "rows" else WORDS, 32)] * 2
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    frozen = [p for p in tuned.parameters() if not p.requires_grad]
    assert {p.dtype for p in frozen} == {torch.bfloat16}


def test_tied_tokens_are_trained_once() -> None:
    for how in HOWS:
        kind = Kind(2, how, tied=True, rslora=False)
        found = adapter.trained(kind.ours())
        assert sum("lora_" not in name for name in found) == 1
        modules = list(adapter.token_modules(kind.ours()).values())
        shared = [getattr(m, "rows" if how == "rows" else "weight") for m in modules]
        assert shared[0] is shared[1]


def test_an_adapter_that_has_learned_nothing_changes_nothing() -> None:
    for kind in KINDS:
        fresh = adapter.adapted(kind.network(), IDS, kind.lora, kind.how, seed=1)
        plain = logits(cast(PeftModel, kind.network()))
        torch.testing.assert_close(logits(fresh), plain, rtol=1e-5, atol=1e-5)


def test_its_first_weights_follow_from_the_seed() -> None:
    def first(seed: int) -> Tensor:
        kind = KINDS[0]
        found = adapter.trained(adapter.adapted(kind.network(), IDS, kind.lora, kind.how, seed))
        return torch.cat([tensor.detach().flatten() for tensor in found.values()])

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_the_same_adapter_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    one, other = (saved(KINDS[0].ours(), tmp_path / name) for name in ("one", "other"))
    for name in (adapter.WEIGHTS, adapter.CONFIG):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert sorted(p.name for p in one.iterdir()) == [adapter.CONFIG, adapter.WEIGHTS]


@pytest.mark.parametrize(
    ("how", "tied", "expected"),
    [
        ("rows", True, ({"embed_tokens": IDS}, None, False)),
        ("rows", False, ({"embed_tokens": IDS, "lm_head": IDS}, None, False)),
        ("full", True, (None, ["embed_tokens", "lm_head"], True)),
        ("full", False, (None, ["embed_tokens", "lm_head"], False)),
    ],
)
def test_its_config_says_where_the_new_tokens_go(
    how: str, tied: bool, expected: object, tmp_path: Path
) -> None:
    kind = next(k for k in KINDS if (k.how, k.tied, k.rslora) == (how, tied, True))
    found = json.loads((saved(kind.ours(), tmp_path) / adapter.CONFIG).read_text())
    keys = ("trainable_token_indices", "modules_to_save", "ensure_weight_tying")
    assert tuple(found[key] for key in keys) == expected
    assert found["base_model_name_or_path"] == "owner/base"
    assert (found["r"], found["lora_alpha"], found["use_rslora"]) == (4, 8, True)
    assert found["inference_mode"] is True


def test_the_base_stays_as_it_was_while_the_adapter_is_saved(tmp_path: Path) -> None:
    tuned = KINDS[0].ours()
    before = logits(tuned)
    saved(tuned, tmp_path)
    assert torch.equal(logits(tuned), before)
    assert Row(RANDOM, RANDOM).supervised == len(RANDOM) - 1
