"""Drawing: tokens come as often as their chances say, each request by a number of its own."""

from typing import Any

import pytest
import torch

from askback.asking.draws import Draws
from askback.asking.replies import Request
from askback.records import Message


def request(words: str, **sampling: Any) -> Request:
    """A prompt with what is asked of its draws."""
    return Request("m", [Message("user", words)], sampling, "p")


def test_at_temperature_0_the_likeliest_token_is_said():
    scores = torch.tensor([[0.0, 3.000002, 3.0]] * 40)
    asked = [request(str(n), temperature=0) for n in range(40)]
    draw = Draws(asked, torch.device("cpu"))
    assert draw(torch.empty(0), scores).argmax(-1).tolist() == [1] * 40


def draws(scores: list[float], count: int, **sampling: Any) -> list[float]:
    """How often each token is drawn, as a share of `count` requests."""
    asked = [request(str(number), **sampling) for number in range(count)]
    drawn = Draws(asked, torch.device("cpu"))(torch.empty(0), torch.tensor([scores] * count))
    assert drawn.isfinite().sum(-1).eq(1).all()
    return [float(share) for share in drawn.isfinite().double().mean(0)]


def test_tokens_are_drawn_as_often_as_their_chances():
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    found = draws((chances.log() * 2).tolist(), 20_000, temperature=2.0, top_p=1.0)
    assert found == pytest.approx(chances.tolist(), abs=0.015)  # four standard deviations


def test_top_p_keeps_the_fewest_tokens_that_reach_it():
    scores = torch.tensor([0.05, 0.5, 0.15, 0.3]).log().tolist()
    assert draws(scores, 4000, top_p=0.6) == pytest.approx([0, 0.625, 0, 0.375], abs=0.03)
    assert draws(scores, 4000, top_p=0.45) == [0, 1, 0, 0]
    assert draws(scores, 100, top_p=0) == [0, 1, 0, 0]


def test_what_a_request_leaves_open_is_as_the_protocol_has_it():
    asked = [request(str(number)) for number in range(4000)]
    scores = torch.tensor([[0.75, 0.25]] * 4000).log()
    drawn = Draws(asked, torch.device("cpu"))(torch.empty(0), scores)
    assert float(drawn[:, 0].isfinite().double().mean()) == pytest.approx(0.75, abs=0.03)
