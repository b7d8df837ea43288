"""dvc.yaml says the truth: about code, about params, about what a change runs again."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]

# fmt: off
STAGES = [
    "extract", "segment", "questions", "chatml", "base", "tokenize",
    "train", "merge", "evaluate", "report", "gate",
]
# fmt: on

# What runs again when a stage's outputs change, in the order of the pipeline.
AFTER = {
    "extract": STAGES[1:],
    "segment": STAGES[2:],
    "questions": STAGES[3:],
    "chatml": STAGES[4:],
    "base": STAGES[5:],
    "tokenize": STAGES[6:],
    "train": ["merge", "evaluate", "report", "gate"],
    "merge": ["evaluate", "report", "gate"],
    "evaluate": ["report", "gate"],
    "report": [],
    "gate": [],
}

# Every param with the stage that reads it: a new param needs a row.
READ_BY = {
    "persona.author": "questions",
    "persona.system": "chatml",
    "extract.books": "extract",
    "extract.on_bad_pages": "extract",
    "segment.min_chars": "segment",
    "segment.max_chars": "segment",
    "segment.answer_with": "segment",
    "questions.backend": "questions",
    "questions.model": "questions",
    "questions.prompt": "questions",
    "questions.per_passage": "questions",
    "questions.sampling.temperature": "questions",
    "questions.sampling.max_tokens": "questions",
    "questions.filters": "questions",
    "questions.leave_out": "questions",
    "questions.judge": "questions",
    "questions.local.revision": "questions",
    "questions.local.quantize": "questions",
    "questions.local.precision": "questions",
    "questions.seed": "questions",
    "chatml.sources": "chatml",
    "chatml.turns": "chatml",
    "chatml.mix_by": "chatml",
    "chatml.near_duplicates": "chatml",
    "chatml.languages": "chatml",
    "chatml.held_out": "chatml",
    "chatml.seed": "chatml",
    "base.model": "base",
    "base.revision": "base",
    "base.sha256": "base",
    "base.tiny.vocabulary": "base",
    "base.tiny.hidden": "base",
    "base.tiny.layers": "base",
    "base.tiny.heads": "base",
    "base.tiny.steps": "base",
    "base.tiny.learning_rate": "base",
    "base.tiny.seed": "base",
    "tokenize.max_length": "tokenize",
    "tokenize.train_on": "tokenize",
    "train.epochs": "train",
    "train.batch": "train",
    "train.learning_rate": "train",
    "train.schedule": "train",
    "train.warmup": "train",
    "train.weight_decay": "train",
    "train.max_grad_norm": "train",
    "train.quantize": "train",
    "train.precision": "train",
    "train.new_tokens": "train",
    "train.lora.r": "train",
    "train.lora.alpha": "train",
    "train.lora.dropout": "train",
    "train.lora.rslora": "train",
    "train.max_new_tokens": "train",
    "train.keep": "train",
    "train.seed": "train",
    "merge.into": "merge",
    "merge.shard_gb": "merge",
    "evaluate.prompts": "evaluate",
    "evaluate.max_new_tokens": "evaluate",
    "evaluate.precision": "evaluate",
    "report.conversations": "report",
    "limits.loss_ratio": "gate",
    "limits.stop_rate": "gate",
    "limits.bad_rows": "gate",
    "limits.leaks": "gate",
    "limits.triggers": "gate",
    "limits.links": "gate",
    "limits.hidden_characters": "gate",
    "limits.encoded": "gate",
}


def yaml(name: str) -> dict[str, Any]:
    value: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / name).read_text("utf-8"))
    return value


def leaves(value: object, key: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [key]
    return [leaf for k, v in value.items() for leaf in leaves(v, f"{key}.{k}" if key else k)]


def paths(stage: dict[str, Any], *kinds: str) -> list[str]:
    """The paths under `kinds` of a stage, with or without options."""
    entries = [entry for kind in kinds for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def modules(path: Path) -> set[str]:
    """The project's modules that `path` imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = {name: ROOT / (name.replace(".", "/") + ".py") for name in found}
    return {str(file.relative_to(ROOT)) for file in files.values() if file.is_file()}


def modules_at(dep: str) -> set[str]:
    """The module `dep`, or those in the package `dep`; none in data."""
    if dep.endswith(".py"):
        return {dep}
    return {str(path.relative_to(ROOT)) for path in (ROOT / dep).glob("[!_]*.py")}


def reached(path: str) -> set[str]:
    """`path` and every project module that it imports, directly or not."""
    todo, done = [path], set()
    while todo:
        file = todo.pop()
        if file not in done:
            done.add(file)
            todo += modules(ROOT / file)
    return done


def overlaps(output: str, dep: str) -> bool:
    """Whether `dep` is `output`, or one lies in the other."""
    return output == dep or output.startswith(f"{dep}/") or dep.startswith(f"{output}/")


PIPELINE = yaml("dvc.yaml")["stages"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_lists_the_modules_it_is_made_of_no_more_no_less(name):
    listed = {module for dep in PIPELINE[name]["deps"] for module in modules_at(dep)}
    assert listed == reached(f"stages/{name}.py")


@pytest.mark.parametrize("name", STAGES)
def test_a_stages_command_names_only_paths_that_dvc_knows(name):
    words = PIPELINE[name]["cmd"].split()[3:]
    known = paths(PIPELINE[name], "deps", "outs", "metrics")
    strangers = [
        word
        for word in words
        if not word.startswith("--") and not any(overlaps(path, word) for path in known)
    ]
    assert strangers == []


def test_no_stage_imports_another():
    for name in STAGES:
        assert {m for m in reached(f"stages/{name}.py") if m.startswith("stages/")} == {
            f"stages/{name}.py"
        }


def test_stages_sections_and_the_pipeline_have_the_same_names_in_the_same_order():
    sections = list(yaml("params.yaml"))
    assert list(PIPELINE) == STAGES
    assert sections == ["persona", *STAGES[:-1], "limits"]


def test_every_param_has_a_row_that_says_who_reads_it():
    assert leaves(yaml("params.yaml")) == list(READ_BY)


@pytest.mark.parametrize(("leaf", "reader"), READ_BY.items())
def test_a_param_is_listed_by_the_stage_that_reads_it(leaf, reader):
    listing = [
        name
        for name in STAGES
        if any(leaf == entry or leaf.startswith(f"{entry}.") for entry in PIPELINE[name]["params"])
    ]
    assert listing == [reader]


@pytest.mark.parametrize("name", STAGES)
def test_a_change_runs_the_stages_below_and_no_others(name):
    below: set[str] = {name}
    for stage in STAGES:
        made = [o for above in below for o in paths(PIPELINE[above], "outs", "metrics")]
        if any(
            overlaps(out, dep)
            for out in made
            for dep in PIPELINE[stage]["deps"]
            if isinstance(dep, str)
        ):
            below.add(stage)
    assert [stage for stage in STAGES if stage in below - {name}] == AFTER[name]


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_recipe_has_every_param_and_no_other(recipe):
    assert leaves(yaml(str(recipe.relative_to(ROOT)))) == list(READ_BY)
