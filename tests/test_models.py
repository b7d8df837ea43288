"""Whether the model that answered is the one that was asked."""

import pytest

from askback.asking.models import check_model
from askback.errors import UserError


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("m", "m"),
        ("m", None),
        ("m", ""),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-0613"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b-instruct-v0.3"),
        ("mistral-small", "mistralai/mistral-small"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("qwen3", "qwen3:latest"),
        ("/models/salt", "/models/salt@main"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
    ],
)
def test_a_version_or_an_owner_makes_no_other_model(asked: str, answered: object) -> None:
    check_model(asked, answered)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4", "gpt-4.1"),
        ("llama-3-8b", "llama-3-70b"),
        ("mistral-7b", "mistral-7b-v0.1"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("salt@one", "salt@other"),
        ("large", "small"),
    ],
)
def test_another_model_is_refused_with_both_names(asked: str, answered: str) -> None:
    with pytest.raises(UserError, match=f"asked {asked}, and '{answered}' answered"):
        check_model(asked, answered)
