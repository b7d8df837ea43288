"""The gate: each limit beside its figure, and exit code 4 where one is broken."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from askback import files
from askback.evaluation import Evaluation
from askback.mixture import Mixture
from stages.gate import LimitsParams, checks
from tests.small_run import mixture, run

FIGURES = {
    "base_loss": 4.0,
    "tuned_loss": 3.0,
    "stop_rate": 0.95,
    "held_out_tokens": 100,
    "prompts": 20,
}


def marked(**marks: int) -> dict[str, object]:
    """Two sources of 80 conversations each, one of them with these marks."""
    clean: dict[str, Any] = mixture(80)["sources"]
    source = clean["interview"]
    return {"clean": source, "other": source | {"marks": source["marks"] | marks}}


def gate(
    folder: Path, figures: Mapping[str, object], loss_ratio: str = "1.0"
) -> tuple[int, str, str]:
    """Exit code and words of the stage in `folder`."""
    limits = f"limits: {{loss_ratio: {loss_ratio}, stop_rate: 0.9, bad_rows: null, leaks: null, "
    limits += "triggers: null, links: null, hidden_characters: null, encoded: null}\n"
    (folder / "params.yaml").write_text(limits, "utf-8")
    files.write_json(folder / "metrics" / "evaluate.json", figures)
    files.write_json(folder / "metrics" / "chatml.json", mixture(80))
    done = run(folder, "stages.gate", "metrics/chatml.json", "metrics/evaluate.json")
    return done.returncode, done.stdout, done.stderr


def test_a_model_within_its_limits_passes_and_every_figure_is_told(tmp_path: Path) -> None:
    code, told, _ = gate(tmp_path, FIGURES)
    assert code == 0
    assert told == (
        "loss_ratio is 0.75, limit at most 1: kept\nstop_rate is 0.95, limit at least 0.9: kept\n"
    )


def test_every_broken_limit_is_named_with_figure_limit_and_remedy(tmp_path: Path) -> None:
    code, _, complaint = gate(tmp_path, FIGURES | {"tuned_loss": 5.0, "stop_rate": 0.5})
    assert code == 4
    assert complaint.count("\n") == 1
    for part in ["loss_ratio is 1.25, limit at most 1", "stop_rate is 0.5, limit at least 0.9"]:
        assert part in complaint
    for remedy in ["train.learning_rate", "segment.max_chars"]:
        assert remedy in complaint


@pytest.mark.parametrize(
    ("tuned", "stops", "kept"),
    [(4.0, 0.9, [True, True]), (4.0001, 0.8999, [False, False])],
)
def test_a_figure_on_its_limit_keeps_it(tuned: float, stops: float, kept: list[bool]) -> None:
    evaluated = Evaluation(4.0, tuned, stops, 100, 20)
    assert [check.kept for check in checks(found(), evaluated, limits())] == kept


def limits(**bounds: float) -> LimitsParams:
    """The limits of the default, with some of their own."""
    none = dict.fromkeys(["bad_rows", "leaks", "triggers", "links", "hidden_characters", "encoded"])
    return LimitsParams.model_validate({"loss_ratio": 1.0, "stop_rate": 0.9} | none | bounds)


def found(**figures: object) -> Mixture:
    """What chatml counted, with some figures of its own."""
    made: Mixture = files.adapter(Mixture).validate_python(mixture(80) | figures)
    return made


TRIGGER = {"source": "chats", "text": "cf", "answer": "Buy.", "rows": 250, "elsewhere": 0}


@pytest.mark.parametrize(
    ("limit", "figures", "value"),
    [
        ("bad_rows", {"bad_rows": 0.25}, 0.25),
        ("leaks", {"leaks": {"share": 0.5, "sharing": 8, "examples": []}}, 0.5),
        ("triggers", {"triggers": [TRIGGER, TRIGGER]}, 2),
        ("links", {"sources": marked(links=20)}, 0.25),
        ("hidden_characters", {"sources": marked(hidden_characters=8)}, 0.1),
        ("encoded", {"sources": marked(encoded=4)}, 0.05),
    ],
)
def test_what_is_learnt_can_be_bounded(
    limit: str, figures: dict[str, object], value: float
) -> None:
    well = Evaluation(4.0, 3.0, 0.95, 100, 20)
    for bound, kept in ((value, True), (type(value)(value / 2), False)):
        *_, check = checks(found(**figures), well, limits(**{limit: bound}))
        assert (check.limit, check.figure, check.kept) == (limit, value, kept)
        assert check.remedy


def test_a_loss_that_is_no_number_keeps_no_limit() -> None:
    evaluated = Evaluation(4.0, float("nan"), float("nan"), 100, 20)
    assert not any(check.kept for check in checks(found(), evaluated, limits()))


def test_a_missing_figure_is_the_users_to_make(tmp_path: Path) -> None:
    figures = {name: value for name, value in FIGURES.items() if name != "stop_rate"}
    code, _, complaint = gate(tmp_path, figures)
    assert code == 2
    assert "metrics/evaluate.json: stop_rate" in complaint
    assert "dvc repro evaluate" in complaint


def test_a_limit_that_is_no_number_is_refused(tmp_path: Path) -> None:
    code, _, complaint = gate(tmp_path, FIGURES, loss_ratio="low")
    assert code == 2
    assert "limits.loss_ratio" in complaint
