"""Replies as tests need them, and what a store says of them."""

from pathlib import Path

from askback.asking.replies import Intent, Replies, Reply, key
from askback.asking.store import Store
from askback.records import Message


def reply(content: str = "Salt?", nonce: str = "n", question: str = "What is salt?") -> Reply:
    """A paid reply to `question`."""
    messages, sampling = [Message("user", question)], {"temperature": 0.5, "seed": 1}
    name = key("m", messages, sampling)
    usage = {"input": 9, "output": 2}
    return Reply(name, "m", messages, sampling, content, "answer", usage, 0.25, nonce, "2026-01-01")


def store(folder: Path, *written: Reply) -> Path:
    """The file of a process that added `written` and ended."""
    with Store(folder) as opened:
        for one in written:
            opened.add(one)
    return opened.path


def winners(found: Replies) -> dict[str, Reply]:
    """The reply of each key that has one."""
    keys = {one.key for one in found}
    return {name: reply for name in keys if (reply := found.get(name))}


def texts(found: Replies) -> list[str]:
    """The texts of the replies that won."""
    return sorted(one.text for one in winners(found).values())


def state(found: Replies) -> tuple[list[Reply], dict[str, Reply], list[Intent], float, int]:
    """All that a union says."""
    return list(found), winners(found), found.unanswered, found.spent, len(found)
