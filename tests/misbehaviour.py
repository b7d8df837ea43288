"""How the tests' endpoint behaves: which call goes wrong how, and what the model says.

The kinds, for shares of calls, for calls by number and for calls with a marked prompt:

    429, 500, 502, 408, 400, 401, 403, 404 …  these statuses, with OpenAI's kind of body
    429_retry_after, 503_retry_after          `retry_after` seconds; retry_after_date: as a date
    retry_after_year, retry_after_nonsense    429 with such a header
    429_quota, 400_context, 400_context_llama as OpenAI and llama.cpp say them
    redirect                                  307 to `redirect`
    html, json_other                          200, and no chat completion
    endless, gzip_bomb                        200, and more than anybody can keep
    hang, reset, close                        nothing, then RST, then FIN in place of an answer
    truncated, cut_body                       half of it, with the right length or the whole one's
    late, slow_body                           `late` seconds later; a byte each `byte_every` seconds
    empty, length, refusal, content_filter    a model that says nothing, too much, or no
    no_usage, absurd_usage, negative_usage    a count of tokens that is not to be believed
    other_model                               another model's name in the answer
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from tests.fake_model import ordered, passage, question

# Turned away at the door: no model has seen the prompt.
REJECTED = frozenset({
    "400", "400_context", "400_context_llama", "401", "402", "403", "404", "408", "409", "413",
    "422", "429", "429_quota", "429_retry_after", "500", "502", "503", "503_retry_after", "504",
    "529", "redirect", "retry_after_date", "retry_after_nonsense", "retry_after_year",
})  # fmt: skip
BODIES = frozenset({"html", "json_other", "endless", "gzip_bomb"})  # in place of a model's answer
DAMAGED = frozenset({"hang", "reset", "close", "truncated", "cut_body"})
# With these the answer still is a whole chat completion that says what the model said.
WHOLE = frozenset({
    "late", "slow_body", "empty", "length", "refusal", "content_filter", "no_usage",
    "absurd_usage", "negative_usage", "other_model",
})  # fmt: skip
KINDS = REJECTED | BODIES | DAMAGED | WHOLE


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All that an endpoint can be told."""

    latency: float = 0.0  # seconds from a free slot to the answer
    jitter: float = 0.0  # the share of the latency that is drawn
    slots: int = 256  # requests served at once
    full: Literal["queue", "429"] = "queue"  # what becomes of those beyond
    seed: int = 0
    # What the draws depend on: the request and how often it was seen, or the number of the call.
    by: Literal["request", "number"] = "request"
    faults: Mapping[str, float] = field(default_factory=dict)  # shares of all calls, by kind
    nth: Mapping[int, str] = field(default_factory=dict)  # kinds by the number of the call, from 1
    since: Mapping[int, str] = field(default_factory=dict)  # from that call on, all
    marked: Mapping[str, str] = field(default_factory=dict)  # kinds by a text in the prompt
    marked_times: int | None = None  # how often a marked request fails; None: always
    retry_after: float = 1.0  # seconds, which the header has as whole ones if they are
    late: float = 5.0  # seconds
    byte_every: float = 1.0  # seconds
    bomb: int = 256  # megabytes of zeros
    redirect: str = ""  # the address that redirects name
    model: str = "test-model"  # the one that GET /models lists
    key: str | None = None  # the only one that is let in; None: all are, and none is needed
    says: Literal["question", "obedient", "same"] = "question"
    script: Sequence[Sequence[str]] = ()  # [text in the prompt, reply], the first that fits
    judge: str = ""  # a text that judges' prompts have and no others
    judge_says: str = "yes: fine"
    transcript: bool = False  # keep all that comes in: see Endpoint.saw

    def __post_init__(self) -> None:
        told = {*self.faults, *self.nth.values(), *self.since.values(), *self.marked.values()}
        if unknown := told - KINDS:
            raise ValueError(f"no such kinds of fault: {sorted(unknown)}")
        if sum(self.faults.values()) > 1 + 1e-9:
            raise ValueError("the shares of faults are more than all calls")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as it came in."""

    number: int  # from 1
    model: str
    prompt: str  # the messages' texts
    limit: int | None  # the tokens that the answer can have
    request: str  # the hash of model, messages and sampling
    seen: int  # how often that request came in before
    key: str  # what stood behind `Authorization: Bearer`


def fault(behaviour: Behaviour, asked: Asked) -> str | None:
    """What goes wrong with the call; by its prompt, else by its number, else by the shares."""
    if behaviour.key is not None and asked.key != behaviour.key:
        return "401"
    if behaviour.marked_times is None or asked.seen < behaviour.marked_times:
        for text, kind in behaviour.marked.items():
            if text in asked.prompt:
                return kind
    if asked.number in behaviour.nth:
        return behaviour.nth[asked.number]
    started = [number for number in behaviour.since if number <= asked.number]
    if started:
        return behaviour.since[max(started)]
    drawn = draw(behaviour, asked, "fault")
    for kind, share in sorted(behaviour.faults.items()):
        drawn -= share
        if drawn < 0:
            return kind
    return None


def delay(behaviour: Behaviour, asked: Asked, kind: str | None) -> float:
    """Seconds from the moment the call has a slot to its answer."""
    drawn = draw(behaviour, asked, "delay") if behaviour.jitter else 0.0
    late = behaviour.late if kind == "late" else 0.0
    return behaviour.latency * (1 - behaviour.jitter * drawn) + late


def draw(behaviour: Behaviour, asked: Asked, what: str) -> float:
    """A number from 0 to 1, the same in each run."""
    turn = asked.number if behaviour.by == "number" else f"{asked.request}:{asked.seen}"
    drawn = blake2b(f"{behaviour.seed}:{what}:{turn}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) / 2**64


def said(behaviour: Behaviour, asked: Asked) -> str:
    """What the model answers to the prompt."""
    for text, reply in behaviour.script:
        if text in asked.prompt:
            return reply
    judging = bool(behaviour.judge) and behaviour.judge in asked.prompt
    text = asked.prompt if judging else passage(asked.prompt)
    if behaviour.says == "obedient" and (order := ordered(text)) is not None:
        return order
    if judging:
        return behaviour.judge_says
    if behaviour.says == "same":
        return question("", "always the same")
    return question(text, f"{behaviour.seed}:{asked.request}")
