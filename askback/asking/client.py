"""One call to one endpoint: the request goes out, a reply or a named failure comes back.

The `openai` client speaks the protocol; its retries, its timeouts and its redirects are ours.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from askback.asking.budget import Price, most_tokens
from askback.asking.endpoints import Endpoint
from askback.asking.models import check_model
from askback.asking.replies import Reply, Request, Verdict
from askback.errors import UserError, WorldError
from askback.terminal import visible

if TYPE_CHECKING:
    import httpx2
    from openai import APIStatusError, AsyncOpenAI

PATH = "/chat/completions"
MAX_BODY = 1 << 20  # bytes; a reply of one question has some hundred
CONNECT = 10.0  # seconds
HEADERS = {
    "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type",
    "host", "user-agent",
}  # fmt: skip
MAX_WAIT = 120.0  # seconds that an endpoint can make a call wait, whatever it asks for
TOLD = 300  # characters of what an endpoint says that people are shown

# Too much at once, for now. 529 is Anthropic's and others' "overloaded".
OVERLOADED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529}
FOR_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, *OVERLOADED}
# About this request alone; all else between 300 and 499 is about the settings.
OF_REQUEST = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


class CallError(Exception):
    """A call that brought no reply, and may bring one another time."""

    def __init__(
        self,
        told: str,
        *,
        charged: bool = True,
        overloaded: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(told)
        self.charged = charged  # whether it may have been paid for all the same
        self.overloaded = overloaded
        self.wait = wait  # seconds that the endpoint asks for


class RequestError(Exception):
    """A request that the endpoint will never answer, such as one too long for its model."""


class Client:
    """One endpoint, and the connections to it."""

    def __init__(self, endpoint: Endpoint, connections: int, timeout: float) -> None:
        self.endpoint = endpoint
        self.timeout = timeout  # seconds for a whole call
        self._client = connect(endpoint, connections)

    async def send(self, request: Request) -> dict[str, Any]:
        """The body of the reply.

        Raises CallError where another try may help, RequestError where it never will, UserError
        where a setting is wrong, and WorldError where the endpoint wants money.
        """
        import asyncio

        import aiohttp
        import openai

        try:
            async with asyncio.timeout(self.timeout):
                return await self._post(request)
        except TimeoutError:
            raise CallError(f"no reply within {self.timeout:g} s", overloaded=True) from None
        except openai.APIStatusError as error:
            raise self._failure(error) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error  # httpx2's, whose own cause is aiohttp's
            unsent = aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError
            charged = not isinstance(cause.__cause__, unsent)
            raise CallError(self._told(str(cause)), charged=charged) from None

    async def _post(self, request: Request) -> dict[str, Any]:
        import httpx2

        body = {"model": request.model, "messages": list(map(asdict, request.messages))}
        response = await self._client.post(
            PATH, cast_to=httpx2.Response, body=body | request.sampling
        )
        try:
            value = json.loads(response.content)
        except (ValueError, RecursionError):
            raise CallError("the reply is no JSON") from None
        if not isinstance(value, dict):
            raise CallError("the reply is no chat completion")
        return value

    def _failure(self, error: APIStatusError) -> Exception:
        """What an HTTP status of 300 or more means for the call."""
        status, told = error.status_code, f"{error.status_code} {self._told(message(error))}"
        if status == HTTPStatus.PAYMENT_REQUIRED or error.code == "insufficient_quota":
            return WorldError(
                f"{self.endpoint.host}: out of credit: {told}; all is kept, run again"
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in FOR_NOW:
            return CallError(
                told, charged=False, overloaded=status in OVERLOADED, wait=retry_after(error)
            )
        if status in OF_REQUEST:
            return RequestError(told)
        return UserError(f"{self.endpoint.host}: {told}; {advice(error)}")

    def _told(self, text: str) -> str:
        """What was said, on one line, without the key and without what steers a terminal."""
        line = " ".join(self.endpoint.scrubbed(text).split())
        return visible(line[:TOLD] or "nothing said")

    async def close(self) -> None:
        """Ends all connections."""
        await self._client.close()


def connect(endpoint: Endpoint, connections: int) -> AsyncOpenAI:
    """A client of the endpoint that follows no redirect and tries nothing twice.

    What the library would add from its own variables, another key among it, and what it tells of
    this machine stays here. A proxy only carries what is encrypted: it could read the rest.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def bare(request: httpx2.Request) -> None:
        for name in set(request.headers) - HEADERS:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {endpoint.key}"

    return AsyncOpenAI(
        base_url=endpoint.url,
        api_key=endpoint.key,
        max_retries=0,
        http_client=DefaultAioHttpClient(
            follow_redirects=False,
            trust_env=endpoint.url.startswith("https:"),
            timeout=httpx2.Timeout(None, connect=CONNECT),  # `send` has one for the whole call
            limits=httpx2.Limits(max_connections=connections),
            headers={"accept-encoding": "identity"},
            event_hooks={"request": [bare], "response": [capped]},
        ),
    )


async def capped(response: httpx2.Response) -> None:
    """Lets a response have MAX_BODY bytes at most, none of which can swell."""
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("a compressed reply, which nobody asked for")
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = capped_stream(response.stream)


def capped_stream(stream: httpx2.AsyncByteStream) -> httpx2.AsyncByteStream:
    """The stream, up to MAX_BODY bytes."""
    import httpx2

    class Capped(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_BODY
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.ReadError(f"a reply of more than {MAX_BODY} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Capped()


def message(error: APIStatusError) -> str:
    """What the endpoint says about its error."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return error.response.text


def advice(error: APIStatusError) -> str:
    """What to do about an error of settings."""
    match error.status_code:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "check OPENAI_API_KEY"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            return "check questions.model, and that OPENAI_BASE_URL ends as the endpoint's, in /v1"
        case status if status < HTTPStatus.BAD_REQUEST:
            return (
                "it sends callers elsewhere, where neither key nor book will go; "
                "if you trust that address, set OPENAI_BASE_URL to it"
            )
    return "check OPENAI_BASE_URL and questions.sampling"


def retry_after(error: APIStatusError) -> float | None:
    """The seconds that the endpoint asks to wait, MAX_WAIT at most; None where it does not say."""
    text = error.response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), MAX_WAIT) if seconds == seconds else None


def reply(request: Request, body: Mapping[str, Any], price: Price | None, nonce: str) -> Reply:
    """The reply in the body of a chat completion, priced.

    Raises ValueError for a body that is none, and UserError where another model has answered.
    """
    check_model(request.model, body.get("model"))
    try:
        choice = body["choices"][0]
        text, finish = choice["message"].get("content"), choice.get("finish_reason")
        refused = bool(choice["message"].get("refusal"))
    except (LookupError, TypeError, AttributeError):
        raise ValueError("the reply is no chat completion") from None
    if not isinstance(text, str | None):
        raise ValueError("the reply is no chat completion")
    usage = tokens(request, body.get("usage"))
    return Reply(
        key=request.key,
        model=request.model,
        messages=request.messages,
        sampling=request.sampling,
        text=text or "",
        verdict=verdict(finish, refused),
        usage=usage,
        price=price.of(usage) if price else None,
        nonce=nonce,
    )


def verdict(finish: object, refused: bool) -> Verdict:
    """Whether the model ended by itself; what it said is not looked at."""
    if refused:
        return "refusal"
    if finish == "length":
        return "cut_off"
    return "filtered" if finish == "content_filter" else "answer"


def tokens(request: Request, usage: object) -> dict[str, int]:
    """The tokens in and out; the most that there can be, where the endpoint counts none or more."""
    most = most_tokens(request)
    told = usage if isinstance(usage, dict) else {}
    counts = {"input": told.get("prompt_tokens"), "output": told.get("completion_tokens")}
    return {
        name: count if isinstance(count, int) and 0 <= count <= most[name] else most[name]
        for name, count in counts.items()
    }
