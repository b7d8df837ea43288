"""The endpoints that see the book: their addresses and keys, from the environment alone."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from askback.errors import UserError

OPENAI = "https://api.openai.com/v1"
NO_ADDRESS = "what is there is no address such as http://localhost:8000/v1"
NO_KEY = "-"  # stands in OPENAI_API_KEY for an endpoint that asks for none
# What clouds tell a machine about itself: secrets for whoever can make it call there.
METADATA = {"169.254.169.254", "fd00:ec2::254", "metadata.google.internal"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that speaks OpenAI's protocol, and the key that goes nowhere else."""

    url: str
    key: str = field(repr=False)

    @property
    def host(self) -> str:
        """Scheme, host and port: what a key is bound to, and what people are told."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def scrubbed(self, text: str) -> str:
        """`text` without the key: endpoints repeat it in their errors."""
        return text.replace(self.key, "<key>") if len(self.key) > 3 else text


def endpoints(environment: Mapping[str, str]) -> list[Endpoint]:
    """The endpoints that OPENAI_BASE_URL names, each with its own key of OPENAI_API_KEY.

    Both may be lists with commas. Raises UserError where an address is none, or where it is not
    plain which key belongs to which: no key is ever tried at another endpoint.
    """
    urls = listed(environment.get("OPENAI_BASE_URL", ""))
    keys = listed(environment.get("OPENAI_API_KEY", ""))
    if not urls and not keys:
        raise UserError(
            "no endpoint to ask: set OPENAI_BASE_URL, such as http://localhost:8000/v1, and "
            "OPENAI_API_KEY where it needs a key; or questions.backend: embedded in params.yaml"
        )
    urls = urls or [OPENAI]
    keys = keys or [NO_KEY] * len(urls)
    if len(keys) != len(urls):
        raise UserError(
            f"OPENAI_BASE_URL names {len(urls)} endpoints and OPENAI_API_KEY has {len(keys)} "
            f"keys; give each its own, in the same order, and {NO_KEY} where none is needed"
        )
    return [Endpoint(checked(url), plain(key)) for url, key in zip(urls, keys, strict=True)]


def listed(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def plain(key: str) -> str:
    """The key; raises UserError where it is none that HTTP can carry, without saying it."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(
            "OPENAI_API_KEY: a key there has a space, a quotation mark or the like in it; "
            "copy it again, and put commas between several"
        )
    return key


def checked(url: str) -> str:
    """The address without a slash at its end; raises UserError where the book may not go there."""
    try:
        parts = urlsplit(url)
        sound = parts.port != 0  # one that is no number up to 65535 raises ValueError
    except ValueError:
        raise UserError(f"OPENAI_BASE_URL: {NO_ADDRESS}") from None
    if parts.username or parts.password or parts.query:
        raise UserError(
            "OPENAI_BASE_URL: an address there has a key in it, which would end up in logs; "
            "put it into OPENAI_API_KEY"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not sound:
        raise UserError(f"OPENAI_BASE_URL: {NO_ADDRESS}")  # it may be a key
    if parts.hostname in METADATA:
        raise UserError(f"OPENAI_BASE_URL: {url} belongs to the cloud's own machinery")
    return url.rstrip("/")


def introduction(found: Sequence[Endpoint]) -> Iterator[str]:
    """What to tell before the first call: who will see the book, and over which wire."""
    yield f"the book goes to {', '.join(endpoint.host for endpoint in found)}"
    for endpoint in found:
        if endpoint.url.startswith("http:") and not is_loopback(endpoint):
            yield f"warning: {endpoint.host} is not encrypted; others can read the book and the key"


def is_loopback(endpoint: Endpoint) -> bool:
    """Whether the endpoint is this machine."""
    host = urlsplit(endpoint.url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
