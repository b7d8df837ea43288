"""The ways a stage ends early, each with its exit code.

Whatever is raised besides these is a bug and keeps its traceback.
"""

from typing import ClassVar


class Halt(Exception):  # noqa: N818  # a signal or a broken limit is no error
    """An end that the user is told about in one line."""

    exit_code: ClassVar[int]


class UserError(Halt):
    """The user must change something; the message says what, where, and what to do."""

    exit_code = 2


class WorldError(Halt):
    """The world failed (endpoint, disk, signal); what was gained is kept, and a rerun goes on."""

    exit_code = 3


class LimitError(Halt):
    """A limit of params.yaml is broken."""

    exit_code = 4
