"""Who will see the book: from the environment alone, each key bound to its own address."""

import pytest

from askback.asking.endpoints import Endpoint, endpoints, introduction, is_loopback
from askback.errors import UserError

KEY = "sk-marker-0123456789"


def test_each_endpoint_has_the_key_of_its_own_place() -> None:
    found = endpoints(
        {
            "OPENAI_BASE_URL": "http://one:8000/v1, https://two.example/v1/",
            "OPENAI_API_KEY": f"-,{KEY}",
        }
    )
    assert [(one.url, one.key) for one in found] == [
        ("http://one:8000/v1", "-"),
        ("https://two.example/v1", KEY),
    ]


def test_without_an_address_a_key_is_openais() -> None:
    assert endpoints({"OPENAI_API_KEY": KEY}) == [Endpoint("https://api.openai.com/v1", KEY)]


def test_endpoints_that_need_no_key_need_none() -> None:
    found = endpoints({"OPENAI_BASE_URL": "http://localhost:1/v1,http://localhost:2/v1"})
    assert [one.key for one in found] == ["-", "-"]


@pytest.mark.parametrize(
    ("urls", "keys", "complaint"),
    [
        ("", "", "set OPENAI_BASE_URL"),
        ("http://a/v1,http://b/v1", KEY, "names 2 endpoints and OPENAI_API_KEY has 1 keys"),
        ("http://a/v1", f"{KEY},other", "names 1 endpoints and OPENAI_API_KEY has 2 keys"),
        (f"http://user:{KEY}@a/v1", "", "has a key in it"),
        (f"http://a/v1?key={KEY}", "", "has a key in it"),
        ("a.example/v1", "", "is no address"),
        ("ftp://a/v1", "", "is no address"),
        ("http://169.254.169.254/v1", "", "belongs to the cloud's own machinery"),
    ],
)
def test_an_address_or_a_key_that_is_not_plain_is_refused(
    urls: str, keys: str, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint) as refused:
        endpoints({"OPENAI_BASE_URL": urls, "OPENAI_API_KEY": keys})
    assert KEY not in str(refused.value)


def test_who_sees_the_book_is_said_and_a_wire_that_others_can_read_is_warned_about() -> None:
    found = endpoints(
        {"OPENAI_BASE_URL": "http://localhost:8000/v1,http://box.example:9/v1,https://a.example/v1"}
    )
    assert list(introduction(found)) == [
        "the book goes to http://localhost:8000, http://box.example:9, https://a.example",
        "warning: http://box.example:9 is not encrypted; others can read the book and the key",
    ]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("localhost.example", False),
        ("192.168.0.2", False),
        ("127.0.0.1.example", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(Endpoint(f"http://{host}:1/v1", "-")) is loopback


def test_a_key_shows_neither_in_a_repr_nor_in_what_an_endpoint_says() -> None:
    endpoint = Endpoint("http://a/v1", KEY)
    assert KEY not in repr(endpoint)
    assert endpoint.scrubbed(f"wrong key {KEY}!") == "wrong key <key>!"
    assert Endpoint("http://a/v1", "-").scrubbed("a - b") == "a - b"
