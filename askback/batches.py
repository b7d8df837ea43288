"""Batch files: request lines go to a provider, result and error lines come back for half the price.

The format is OpenAI's, which `vllm run-batch` and others speak as well. A line is named by the key
of its request and the nonce of its call. What went out, and what came back without a reply, is kept
beside the store: a reply is put under its own key even where the params have changed since.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from askback import files
from askback.asking.budget import Price, most_tokens
from askback.asking.client import reply
from askback.asking.lines import dump
from askback.asking.replies import Intent, Replies, Reply, Request, nonce
from askback.asking.store import Store, new_name
from askback.errors import UserError

URL = "/v1/chat/completions"
MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000  # of a file; OpenAI takes 50,000 and 200 MB
CALLS, FAILED = "calls", "failed"  # the folders of what is kept


@dataclass(frozen=True, slots=True)
class Call:
    """A request in a batch file."""

    request: Request
    nonce: str
    price: Price | None  # on the day of the export

    @property
    def name(self) -> str:
        """Its line's `custom_id`."""
        return f"{self.request.key}-{self.nonce}"

    @property
    def intent(self) -> Intent:
        """That it is about to be made, and the most that it can cost."""
        most = self.price.of(most_tokens(self.request)) if self.price else None
        return Intent(self.request.key, most, self.nonce)


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that came back without a reply."""

    name: str
    passage: str
    code: str  # the provider's, or an HTTP status


def calls(requests: Iterable[Request], price: Price | None) -> list[Call]:
    """A call for each request, one where several are the same."""
    unique = {request.key: request for request in requests}
    return [Call(request, nonce(), price) for request in unique.values()]


def affordable(calls: Iterable[Call], left: float | None) -> Iterator[Call]:
    """The first calls, as many as `left` US dollars pay for whatever comes; all where it is None.

    Raises UserError where dollars are counted and no price is known.
    """
    for call in calls:
        if left is not None:
            most = call.intent.most
            if most is None:
                raise UserError("ASKBACK_BUDGET needs prices: set ASKBACK_PRICE=in,out too")
            left -= most
            if left < 0:
                return
        yield call


def export(calls: Sequence[Call], path: Path, store: Store, kept: Path) -> list[Path]:
    """Writes `path`, and `-2`, `-3` and so on beside it where one file cannot take all.

    The calls count as spent before there is a file that anyone could send. Raises UserError where
    a file is there already, and OSError where the disk fails.
    """
    batches = list(groups(calls))
    paths = [
        path if n == 1 else path.with_stem(f"{path.stem}-{n}") for n in range(1, len(batches) + 1)
    ]
    for one in paths:
        if one.exists():
            raise UserError(f"{one} is there already, and may have been sent; choose another name")
    with ExitStack() as stack:  # the files get their names at its end
        for one, batch in zip(paths, batches, strict=True):
            part = stack.enter_context(files.whole(one))
            with part.open("wb") as file:
                file.writelines(map(line, batch))
        if calls:
            files.write(kept / CALLS / new_name(), calls)
            store.intend(*(call.intent for call in calls))
    return paths


def groups(
    calls: Iterable[Call], requests: int = MOST_REQUESTS, size: int = MOST_BYTES
) -> Iterator[list[Call]]:
    """The calls in groups of one model each, with no more requests and bytes than a file takes."""
    by_model: dict[str, list[Call]] = {}
    for call in calls:
        by_model.setdefault(call.request.model, []).append(call)
    for of_model in by_model.values():
        group: list[Call] = []
        room = size
        for call in of_model:
            length = len(line(call))
            if group and (len(group) == requests or length > room):
                yield group
                group, room = [], size
            group.append(call)
            room -= length
        yield group


def line(call: Call) -> bytes:
    """A call's line in a batch file."""
    request = call.request
    body = {"model": request.model, "messages": list(map(asdict, request.messages))}
    fields = {"custom_id": call.name, "method": "POST", "url": URL, "body": body | request.sampling}
    return dump(fields) + b"\n"


def exported(kept: Path) -> Iterator[Call]:
    """Every call that has been exported."""
    for path in sorted((kept / CALLS).glob("*.jsonl")):
        yield from files.read(path, Call)


def out(kept: Path, replies: Replies) -> set[str]:
    """The keys of the requests that are with a provider: neither answered nor failed so far."""
    unanswered = {(intent.key, intent.nonce) for intent in replies.unanswered}
    failed = {failure.name for failure in failures(kept)}
    return {
        call.request.key
        for call in exported(kept)
        if (call.request.key, call.nonce) in unanswered and call.name not in failed
    }


def failures(kept: Path) -> Iterator[Failure]:
    """Every call that has come back without a reply."""
    for path in sorted((kept / FAILED).glob("*.jsonl")):
        yield from files.read(path, Failure)


def keep_failures(found: Iterable[Failure], kept: Path) -> None:
    """Keeps that these calls are with nobody any more, so that they are exported again."""
    known = {failure.name for failure in failures(kept)}
    if new := [failure for failure in found if failure.name not in known]:
        files.write(kept / FAILED / new_name(), new)


def results(
    lines: Iterable[tuple[str, bytes]], calls: Mapping[str, Call]
) -> Iterator[Reply | Failure | str]:
    """What each line of result and error files brings, and where it brings nothing, why.

    `lines` come with their places, such as `output.jsonl:7`, in whatever order.
    """
    for place, data in lines:
        try:
            yield result(data, calls)
        except (ValueError, UserError) as fault:
            yield f"{place}: {fault}"


def result(data: bytes, calls: Mapping[str, Call]) -> Reply | Failure:
    """The reply or the failure in a line; raises ValueError or UserError, saying why, for none."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("damaged; download the file again") from None
    name = fields.get("custom_id") if isinstance(fields, dict) else None
    if not isinstance(name, str):
        raise ValueError("no line of a batch's results")
    if name not in calls:
        raise ValueError(f"no export here has the custom_id {name[:80]}")
    call = calls[name]
    body, code = outcome(fields)
    if body is None:
        return Failure(name, call.request.passage, code)
    return reply(call.request, body, call.price, call.nonce)


def outcome(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The body of a chat completion, or none and the error's code."""
    response, error = fields.get("response"), fields.get("error")
    if error:
        return None, str((isinstance(error, dict) and error.get("code")) or "an error")
    if not isinstance(response, dict):
        raise ValueError("neither a result nor an error")
    status, body = response.get("status_code"), response.get("body")
    if status != HTTPStatus.OK:
        return None, str(status)
    if not isinstance(body, dict):
        raise ValueError("a result without a body")
    return body, ""
