"""The base: built or adopted, pinned, safe, and ready for ChatML."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from askback import model
from askback.chat import IM_END, IM_START, PAD
from askback.errors import UserError
from askback.tiny import TinyParams, pretrain, train_tokenizer
from stages.base import BaseParams, adopt
from tests.bases import TEXT, change_config, write_base

TINY = TinyParams(vocabulary=300, hidden=32, layers=1, heads=2, steps=2, learning_rate=1e-3, seed=0)
MARKS = [IM_START, IM_END, PAD]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_base(tmp_path / "source")


def params(source: Path, sha256: str | None = None) -> BaseParams:
    return BaseParams(model=str(source), revision=None, sha256=sha256, tiny=TINY)


def pinned(source: Path) -> BaseParams:
    names = [p.name for p in source.glob("*.safetensors")] + ["config.json", "tokenizer.json"]
    return params(source, model.fingerprint(source, names))


def adopted(source: Path, folder: Path) -> Path:
    folder.mkdir()
    adopt(pinned(source), folder).save(folder)
    return folder


def test_new_rows_are_the_mean_of_the_old_ones(source, tmp_path):
    base = adopted(source, tmp_path / "base")
    loaded = model.load(base, "none", "fp32")
    for matrix in [loaded.get_input_embeddings().weight, loaded.get_output_embeddings().weight]:
        assert matrix.shape == (303, 64)
        for row in matrix[300:]:
            torch.testing.assert_close(row, matrix[:300].mean(0))


def test_the_old_rows_and_layers_stay_as_they_were(source, tmp_path):
    loaded = model.load(adopted(source, tmp_path / "base"), "none", "fp32").cpu().state_dict()
    for shard in source.glob("*.safetensors"):
        for name, tensor in load_file(shard).items():
            assert torch.equal(loaded[name][: len(tensor)], tensor)


def test_a_tied_base_gets_one_set_of_rows_and_stays_tied(tmp_path):
    base = adopted(write_base(tmp_path / "source", tied=True), tmp_path / "base")
    assert list(load_file(base / model.ROWS)) == ["model.embed_tokens.weight"]
    loaded = model.load(base, "none", "fp32")
    assert loaded.get_input_embeddings().weight is loaded.get_output_embeddings().weight


def test_weights_in_four_bits_get_the_same_rows(source, tmp_path):
    loaded = model.load(adopted(source, tmp_path / "base"), "nf4", "fp32")
    matrix = loaded.get_output_embeddings().weight
    torch.testing.assert_close(matrix[301], matrix[:300].mean(0))


def test_the_chatml_marks_are_special_tokens_of_their_own(source, tmp_path):
    base = adopted(source, tmp_path / "base")
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    added = {t.content: t for t in tokenizer.get_added_tokens_decoder().values()}
    assert [tokenizer.token_to_id(mark) for mark in MARKS] == [300, 301, 302]
    assert all(added[mark].special and not added[mark].normalized for mark in MARKS)


def test_a_base_that_knows_chatml_keeps_its_own_marks(source, tmp_path):
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.add_special_tokens([IM_END])
    tokenizer.save(str(source / "tokenizer.json"))
    base = adopted(source, tmp_path / "base")
    assert model.Base.of(base).new_tokens == {IM_START: 301, PAD: 302}


def test_a_folder_is_pinned_by_its_bytes(source, tmp_path):
    (tmp_path / "base").mkdir()
    with pytest.raises(UserError, match=r"is not pinned; write base\.sha256: [0-9a-f]{64}"):
        adopt(params(source), tmp_path / "base")
    with pytest.raises(UserError, match=r"is not what base\.sha256 says"):
        adopt(params(source, "0" * 64), tmp_path / "base")


def test_weights_that_changed_after_the_base_stage_are_not_loaded(source, tmp_path):
    base = adopted(source, tmp_path / "base")
    shard = sorted(source.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes() + b"\0")
    with pytest.raises(UserError, match="is not what stage `base` saw"):
        model.load(base, "none", "fp32")


def test_a_base_that_asks_for_its_own_code_is_refused_and_none_of_it_runs(source, tmp_path):
    canary = tmp_path / "canary"
    (source / "modeling_own.py").write_text(f"open({str(canary)!r}, 'w')\n")
    change_config(source, auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    result = run_stage(source, tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "config.json: auto_map" in result.stderr
    assert not canary.exists()


def test_a_tokenizer_that_asks_for_its_own_code_is_refused(source):
    (source / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["own.Own"]}}')
    with pytest.raises(UserError, match=r"tokenizer_config.json: auto_map"):
        model.refuse_unsafe(source)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth"])
def test_pickled_weights_are_refused_by_name_and_never_opened(name, source, tmp_path):
    canary = tmp_path / "canary"
    torch.save(Trap(canary), source / name)
    with pytest.raises(UserError, match=f"{name}: pickled files can run code"):
        model.refuse_unsafe(source)
    assert not canary.exists()


class Trap:
    """An object whose unpickling creates a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.canary), "w")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "t5 is no causal"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "bert is no causal"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "llama is no causal"),
        ({"quantization_config": {"quant_method": "gptq"}}, "already quantised"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "gpt2 is no causal"),
        ({"model_type": "nobody-knows"}, "nobody-knows is no causal"),
    ],
)
def test_a_base_that_cannot_be_tuned_is_refused_with_its_kind(values, message, source):
    change_config(source, **values)
    with pytest.raises(UserError, match=message):
        model.refuse_unsafe(source)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "no config.json"),
        ("tokenizer.json", "no tokenizer.json"),
        ("*.safetensors", "no \\*.safetensors"),
    ],
)
def test_a_base_that_lacks_a_part_is_refused_by_the_parts_name(name, message, source):
    for file in source.glob(name):
        file.unlink()
    with pytest.raises(UserError, match=message):
        model.refuse_unsafe(source)


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("nowhere", None, "is no folder and no Hub id"),
        ("owner/name", None, "pin owner/name to a commit"),
        ("owner/name", "main", "pin owner/name to a commit"),
    ],
)
def test_a_hub_id_must_be_pinned_to_a_commit(name, revision, message):
    with pytest.raises(UserError, match=message):
        model.locate(name, revision)


def test_the_tiny_model_is_the_same_when_it_is_built_again():
    tokenizers = [train_tokenizer(TEXT, 300) for _ in range(2)]
    assert tokenizers[0].to_str() == tokenizers[1].to_str()
    models = [pretrain(TEXT, tokenizers[0], TINY).state_dict() for _ in range(2)]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_the_tiny_model_learns_its_text():
    tokenizer = train_tokenizer(TEXT, 300)
    ids = torch.tensor([tokenizer.encode(TEXT[0]).ids])
    losses = [
        pretrain(TEXT, tokenizer, TINY.model_copy(update={"steps": steps}))(ids, labels=ids).loss
        for steps in (1, 12)
    ]
    assert losses[1] < losses[0]


def run_stage(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Stage `base` by hand, in a folder that has only a params.yaml."""
    section = params(source).model_dump()
    (folder / "params.yaml").write_text(json.dumps({"base": section}))
    (folder / "train.parquet").touch()
    command = [sys.executable, "-m", "stages.base", "train.parquet", "models/base"]
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
