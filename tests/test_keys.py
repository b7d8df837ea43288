"""Keys: each goes to its endpoint and nowhere else, whatever happens."""

import time
from pathlib import Path

import pytest

from tests.endpoint import Endpoint
from tests.inquiries import Inquiry
from tests.reproduced import repro

KEY = "sk-marker-0123456789abcdef"
OTHER = "sk-second-fedcba9876543210"
TALKATIVE = {"OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1"}  # the library tells all it does
PASSAGE = "in the year 1."  # the end of the first one


def check_that_no_key_stays(inquiry: Inquiry, told: str) -> None:
    """Neither what was said nor any file of the folder has a key, or a good part of one."""
    for key in (KEY, OTHER):
        for part in (key, key.removeprefix("sk-"), key[-12:]):
            assert part not in told
            for path in inquiry.folder.rglob("*"):
                assert not path.is_file() or part.encode() not in path.read_bytes(), path


def asking(tmp_path: Path, count: int = 20) -> Inquiry:
    """A folder with so many passages."""
    return Inquiry(tmp_path / "inquiry", count, filters=["several"])


def test_keys_are_in_no_file_and_no_message_of_a_run_in_which_much_goes_wrong(
    tmp_path: Path,
) -> None:
    faults = dict.fromkeys(["429", "500", "hang", "reset", "truncated", "html"], 0.04)
    with (
        Endpoint(tmp_path / "one", key=KEY, faults=faults, transcript=True) as one,
        Endpoint(tmp_path / "two", key=OTHER, faults=faults, transcript=True) as two,
    ):
        inquiry = asking(tmp_path)
        keys = {"OPENAI_API_KEY": f"{KEY},{OTHER}", "ASKBACK_TIMEOUT": "1"}
        code, told = inquiry.run(one, two, **keys, **TALKATIVE)
        assert code == 0, told
        assert "DEBUG" in told.upper()
        assert one.saw(KEY)
        assert not one.saw(OTHER)
        assert two.saw(OTHER)
        assert not two.saw(KEY)
    check_that_no_key_stays(inquiry, told)


@pytest.mark.parametrize(
    "kind",
    ["401", "403", "redirect", *(pytest.param(n, marks=pytest.mark.prove) for n in ("400", "404"))],
)
def test_keys_are_in_no_message_about_a_setting_that_is_wrong(tmp_path: Path, kind: str) -> None:
    """Endpoints repeat them in what they say. Who is redirected to sees neither key nor book."""
    with (
        Endpoint(tmp_path / "two", transcript=True) as two,
        Endpoint(tmp_path / "one", since={4: kind}, redirect=f"{two.url}/chat/completions") as one,
    ):
        inquiry = asking(tmp_path)
        code, told = inquiry.run(one, OPENAI_API_KEY=KEY, ASKBACK_CONCURRENCY="1", **TALKATIVE)
        assert code == 2, told
        assert told.splitlines()[-1].startswith("questions: ")
        assert len(inquiry.replies) == 3
        assert two.events() == []
    check_that_no_key_stays(inquiry, told)


def test_keys_are_in_nothing_that_a_killed_run_leaves_and_in_no_traceback(tmp_path: Path) -> None:
    """A folder stands where the run that goes on finds replies of the one before."""
    with Endpoint(tmp_path / "endpoint", latency=0.2, slots=4) as endpoint:
        inquiry = asking(tmp_path)
        told = inquiry.killed(0.5, endpoint, OPENAI_API_KEY=KEY, **TALKATIVE)
        check_that_no_key_stays(inquiry, told)
        [path] = (inquiry.folder / ".askback" / "replies").glob("*.jsonl")
        asked = len(endpoint.received())
        with inquiry.start(endpoint, OPENAI_API_KEY=KEY, **TALKATIVE) as process:
            while len(endpoint.received()) == asked:
                time.sleep(0.01)
            path.unlink()
            path.mkdir()
            _, told = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "Traceback" in told
        assert "IsADirectoryError" in told
    check_that_no_key_stays(inquiry, told)


def test_nothing_of_the_environment_but_its_own_key_reaches_an_endpoint(tmp_path: Path) -> None:
    """The library has variables of its own; a proxy would read what is not encrypted."""
    with (
        Endpoint(tmp_path / "one", transcript=True) as one,
        Endpoint(tmp_path / "proxy", transcript=True) as proxy,
    ):
        inquiry = asking(tmp_path, 5)
        others = {
            "OPENAI_ADMIN_KEY": "sk-admin-marker",
            "OPENAI_ORG_ID": "org-marker",
            "OPENAI_PROJECT_ID": "project-marker",
            "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-else-marker\nX-Else: sk-else-marker",
        }
        proxies = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY"], proxy.url[: -len("/v1")])
        code, told = inquiry.run(one, OPENAI_API_KEY=KEY, **others, **proxies)
        assert code == 0, told
        assert {event.authorization for event in one.received()} == {f"Bearer {KEY}"}
        assert not [name for name in ("admin", "org", "project", "else") if one.saw(f"{name}-mark")]
        assert not one.saw("x-stainless"), "the library tells about this machine"
        assert proxy.events() == []


def test_an_endpoint_that_is_not_encrypted_nor_this_machine_is_warned_of(tmp_path: Path) -> None:
    """Linux takes 0.0.0.0 for this machine; whoever reads it does not."""
    with Endpoint(tmp_path / "endpoint") as endpoint:
        inquiry = asking(tmp_path, 5)
        url = endpoint.url.replace("127.0.0.1", "0.0.0.0")
        code, told = inquiry.run(OPENAI_BASE_URL=url, OPENAI_API_KEY=KEY)
        assert code == 0, told
        lines = told.splitlines()
        [warning] = [line for line in lines if line.startswith("warning: ")]
        assert f"http://0.0.0.0:{endpoint.port} is not encrypted" in warning
        assert [line[:14] for line in lines[-2:]] == ["5 of 5 replies", "kept 5, droppe"]
        assert lines.index(warning) < len(lines) - 2
    check_that_no_key_stays(inquiry, told)


def test_keys_are_in_nothing_that_dvc_keeps(tmp_path: Path) -> None:
    with Endpoint(tmp_path / "endpoint", key=KEY) as endpoint:
        inquiry = asking(tmp_path)
        with repro(inquiry, endpoint, OPENAI_API_KEY=KEY, **TALKATIVE) as process:
            told = "".join(process.communicate(timeout=60))
        assert process.returncode == 0, told
        assert (inquiry.folder / "dvc.lock").is_file()
    check_that_no_key_stays(inquiry, told)
