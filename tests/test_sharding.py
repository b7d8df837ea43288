"""Frozen weights that processes share: the same losses, gradients and texts, in less memory."""

import gc
import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft import set_peft_model_state_dict as put_back
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from askback import model
from askback.model import Quantize
from askback.training.sharding import shard
from tests import bases

KINDS: list[Quantize] = ["nf4", "none"]
ALL_KINDS: list[Quantize] = [*KINDS, "nf4-double"]
IDS = torch.arange(40).view(2, 20) * 7 % 290
Figures = dict[str, Any]


def tuned(folder: Path, kind: Quantize) -> PeftModel:
    """A small base with LoRA, none of it zero, and two trainable rows in embeddings and head."""
    network = model.load_plain(folder, "fp32", kind)
    torch.manual_seed(1)
    config = LoraConfig(
        r=4,
        target_modules=model.PROJECTIONS,
        trainable_token_indices={"embed_tokens": [5, 7], "lm_head": [5, 7]},
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    return cast(PeftModel, get_peft_model(network, config))


def base(network: PeftModel) -> PreTrainedModel:
    """The model that the adapters are in."""
    return cast(PreTrainedModel, network.get_base_model())


def loss(network: PeftModel) -> Tensor:
    """Of the same words in every process."""
    return cast(Tensor, network(input_ids=IDS, labels=IDS, use_cache=False).loss)


def trained(network: PeftModel) -> dict[str, Tensor]:
    """The parameters that are trained."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def gradients(network: PeftModel, checkpointing: bool) -> dict[str, Tensor]:
    """The loss and its gradients by the parameters' names, which have none afterwards."""
    if checkpointing:
        base(network).gradient_checkpointing_enable({"use_reentrant": False})
    else:
        base(network).gradient_checkpointing_disable()
    network.train()
    value = loss(network)
    value.backward()
    found = {name: p.grad for name, p in trained(network).items() if p.grad is not None}
    network.zero_grad()
    return {"loss": value.detach(), **found}


def difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest, relative to the tensor's own size."""
    assert ours.keys() == theirs.keys()
    pairs = [(ours[name], theirs[name]) for name in ours]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def descend(network: PeftModel) -> None:
    """Takes a large step, so that what is saved afterwards is not what training began with."""
    found = gradients(network, checkpointing=False)
    with torch.no_grad():
        for name, parameter in trained(network).items():
            parameter -= found[name]


def evaluated(network: PeftModel) -> tuple[float, list[int]]:
    """The loss in evaluation and a greedy continuation of a few words."""
    network.eval()
    with torch.no_grad():
        words: Tensor = network.generate(
            input_ids=IDS[:1, :5], max_new_tokens=12, min_new_tokens=12, do_sample=False
        )
        return loss(network).item(), words[0].tolist()


def frozen_bytes(network: PeftModel) -> int:
    """What the layers' frozen weights take where they are whole."""
    layers = base(network).get_submodule("model.layers")
    return sum(p.nbytes for p in layers.parameters() if not p.requires_grad)


def held_bytes() -> int:
    """What all tensors of this process take."""
    gc.collect()
    kinds = {type(thing) for thing in gc.get_objects() if issubclass(type(thing), Tensor)}
    kinds.discard(DTensor)  # has no memory of its own: the part it stands for is a tensor too
    storages = [thing.untyped_storage() for thing in gc.get_objects() if type(thing) in kinds]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def compare(folder: Path, kind: Quantize) -> Figures:
    """What a sharded network does beside one that is whole."""
    whole, shared = tuned(folder, kind), tuned(folder, kind)
    before = held_bytes()
    shard(base(shared))
    found: Figures = {
        str(checkpointing): difference(
            gradients(shared, checkpointing), gradients(whole, checkpointing)
        )
        for checkpointing in (False, True)
    }
    found["kept"] = 1 - (before - held_bytes()) / frozen_bytes(whole)
    for network in (whole, shared):
        descend(network)
    found["evaluated"] = [evaluated(whole), evaluated(shared)]
    fresh = tuned(folder, kind)
    put_back(fresh, get_peft_model_state_dict(shared, save_embedding_layers=False))
    found["fresh"] = evaluated(fresh)
    put_back(shared, get_peft_model_state_dict(fresh, save_embedding_layers=False))
    found["again"] = difference(gradients(shared, True), gradients(fresh, True))
    return found


def main(folder: Path, kinds: list[Quantize]) -> None:
    """Compares in one of several processes, and writes what it found."""
    distributed.init_process_group("gloo")
    for kind in kinds:
        found = compare(folder, kind)
        (folder / f"{kind}-{distributed.get_rank()}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


def run(folder: Path, processes: int, kinds: list[Quantize]) -> dict[str, list[Figures]]:
    """What as many processes found, by the kind of the base."""
    bases.write_base(folder)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    worker = [f"--nproc-per-node={processes}", "-m", "tests.test_sharding", str(folder), *kinds]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, *worker], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {
        kind: [
            json.loads((folder / f"{kind}-{rank}.json").read_text()) for rank in range(processes)
        ]
        for kind in kinds
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Figures]]:
    """What two processes found."""
    return run(tmp_path_factory.mktemp("two"), 2, KINDS)


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
def test_shared_weights_give_the_loss_and_the_gradients_of_whole_ones(kind, two):
    assert all(found["False"] <= 1e-6 for found in two[kind])


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
def test_so_they_do_when_activations_are_computed_again(kind, two):
    assert all(found["True"] <= 1e-6 for found in two[kind])


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
def test_between_steps_each_process_holds_half_of_the_frozen_weights(kind, two):
    assert [found["kept"] for found in two[kind]] == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
def test_every_process_evaluates_and_writes_as_one_with_whole_weights_does(kind, two):
    for found in two[kind]:
        (loss_whole, words_whole), (loss_shared, words_shared) = found["evaluated"]
        assert loss_shared == pytest.approx(loss_whole, rel=1e-6)
        assert words_shared == words_whole


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_from_shared_weights_goes_on_with_whole_ones_and_back(kind, two):
    for found in two[kind]:
        assert found["fresh"][0] == pytest.approx(found["evaluated"][1][0], rel=1e-6)
        assert found["fresh"][1] == found["evaluated"][1][1]
        assert found["again"] <= 1e-6


def test_a_process_on_its_own_keeps_all_weights(tmp_path):
    network = tuned(bases.write_base(tmp_path), "nf4")
    names = [type(module) for module in network.modules()]
    shard(base(network))
    assert [type(module) for module in network.modules()] == names


@pytest.mark.prove
def test_three_processes_share_what_three_does_not_divide(tmp_path):
    for found in chain(*run(tmp_path, 3, ALL_KINDS).values()):
        assert max(found["False"], found["True"], found["again"]) <= 1e-6
        assert found["kept"] == pytest.approx(1 / 3, abs=0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), cast(list[Quantize], sys.argv[2:]))
