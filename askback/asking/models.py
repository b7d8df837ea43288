"""Whether the model that answered is the one that was asked."""

import re

from askback.errors import UserError

# What servers add to a name without changing the model: a date, a build's number, a tag, a commit.
VERSION = re.compile(r"-(?:\d{3,4}|\d{4}-?\d{2}-?\d{2})$|[-:]latest$|@[\w.-]+$")


def check_model(asked: str, answered: object) -> None:
    """Raises UserError where another model has answered than was asked.

    An endpoint that does not say is believed. Hubs leave out, or add, whose model it is.
    """
    if not isinstance(answered, str) or not answered or is_same(asked, answered):
        return
    raise UserError(
        f"asked {asked}, and {answered!r} answered; nothing of it is kept: set questions.model to "
        "what the endpoint serves"
    )


def is_same(asked: str, answered: str) -> bool:
    """Whether one name is the other, but for a version at one's end and an owner before it."""
    one, other = bare(asked), bare(answered)
    if one.endswith("latest"):
        return unversioned(one) == unversioned(other)
    return one in (other, unversioned(other)) or unversioned(one) == other


def bare(name: str) -> str:
    """The name without owner and folders, in small letters."""
    return name.rstrip("/").rpartition("/")[2].lower()


def unversioned(name: str) -> str:
    """The name without the version at its end."""
    return VERSION.sub("", name)
