"""What asking would take: how many prompts, tokens, dollars and minutes, before the first call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from askback.asking.budget import Price, most_output
from askback.asking.progress import duration
from askback.asking.replies import Reply, Request

SAMPLE = 200  # replies of a model that say how many tokens it makes of bytes
BYTES_PER_TOKEN = 4.0  # of English, where no reply has told
OUTPUT = 25  # tokens of a question, where no reply has told


@dataclass(frozen=True, slots=True)
class Plan:
    """A forecast, from what earlier replies have cost."""

    passages: int
    known: int  # passages that need no further reply
    requests: int
    input: int  # tokens
    output: int
    dollars: float | None
    seconds: float | None

    def lines(self) -> Iterator[str]:
        """The forecast for people; what is unknown is called so."""
        yield f"{self.passages:,} passages, {self.known:,} known, {self.requests:,} to ask"
        if not self.requests:
            return
        cost = "price unknown (ASKBACK_PRICE=in,out in $ per million tokens)"
        if self.dollars is not None:
            cost = f"about ${self.dollars:.2f}"
        time = "time unknown" if self.seconds is None else f"about {duration(self.seconds)}"
        yield f"about {self.input:,} tokens in, {self.output:,} out; {cost}; {time}"


def plan(
    passages: int,
    wanted: Sequence[Request],
    earlier: Iterable[Reply],
    price: Price | None,
    rate: float | None,
) -> Plan:
    """The forecast for `wanted`, by `earlier` replies of the same model and calls a second."""
    per_byte, output = measured(earlier)
    tokens_in = round(sum(map(size, wanted)) * per_byte)
    tokens_out = round(sum(min(output, most_output(request) or output) for request in wanted))
    asked = len({request.passage for request in wanted})
    return Plan(
        passages=passages,
        known=passages - asked,
        requests=len(wanted),
        input=tokens_in,
        output=tokens_out,
        dollars=price.of({"input": tokens_in, "output": tokens_out}) if price else None,
        seconds=len(wanted) / rate if rate else None,
    )


def measured(earlier: Iterable[Reply]) -> tuple[float, float]:
    """Tokens per byte of a prompt, and tokens of a reply."""
    told = list(islice(earlier, SAMPLE))
    total = sum(size(reply) for reply in told)
    if not total:
        return 1 / BYTES_PER_TOKEN, OUTPUT
    return (
        sum(reply.usage["input"] for reply in told) / total,
        sum(reply.usage["output"] for reply in told) / len(told),
    )


def size(asked: Request | Reply) -> int:
    """The bytes of a prompt."""
    return sum(len(message.content.encode("utf-8", "replace")) for message in asked.messages)
