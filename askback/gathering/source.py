"""The sources of conversations, as `chatml.sources` lists them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from askback.gathering.messages import Tools
from askback.params import Section

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
FOLDER = Path("data/sources")  # which dvc.yaml names: elsewhere DVC would see no change


class Source(Section):
    """What every source has: a name, how much of it is taken, and a system message."""

    name: Name
    share: float | None = Field(None, gt=0, lt=1)  # of the mix
    limit: int | None = Field(None, ge=1)  # conversations
    system: str | None = None  # where a conversation has none; null: persona.system, for the author

    @model_validator(mode="after")
    def is_taken_in_one_way(self) -> "Source":
        """The source, unless it says twice how much of it is taken."""
        if self.share is not None and self.limit is not None:
            raise ValueError(f"{self.name} has a share and a limit; leave one out")
        return self


class Interview(Source):
    """What `questions` made."""

    kind: Literal["interview"]


class Monologue(Source):
    """Passages without a question of their own, under an open prompt."""

    kind: Literal["monologue"]
    prompts: list[str] = Field([])  # empty: some that fit any memoir


class Files(Source):
    """What lies in files: below data/sources/, or in a repository of the Hub."""

    path: str | None = None  # a file or a folder
    hub: str | None = None  # the id of a data set
    revision: str | None = None  # its commit
    split: str = "train"  # of a data set
    sha256: str | None = None  # of a data set's files
    validation: float | str | None = None  # a share to hold out; a set's own: a path, or a split
    group: str | None = None  # the column by which rows stay on one side
    fields: dict[str, str] = Field({})  # the columns' names, by what they hold

    @field_validator("path", "validation")
    @classmethod
    def is_below_the_sources(cls, value: object) -> object:
        """The value, unless it is a path that DVC would not watch."""
        if isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError(f"give it as it is named below {FOLDER}/")
        if isinstance(value, float) and not 0 <= value <= 0.5:
            raise ValueError("a share from 0 to 0.5")
        return value

    @model_validator(mode="after")
    def lies_in_one_place(self) -> "Files":
        """The source, unless it has no place or two."""
        if self.hub is None and self.path is None:
            raise ValueError(f"{self.name} needs a path below {FOLDER}/, or the id of a set as hub")
        if self.hub and (self.hub.count("/") != 1 or len(self.revision or "") != 40):
            raise ValueError(
                f"{self.name}: hub is owner/name, pinned by its commit of 40 hex digits as revision"
            )
        if self.hub is None and (self.revision or self.sha256):
            raise ValueError(f"{self.name}: revision and sha256 go with hub")
        return self

    @property
    def held_out(self) -> float | None:
        """The share that it wants held out: 0 beside its own split, None where it is silent."""
        return 0.0 if isinstance(self.validation, str) else self.validation

    @property
    def known_fields(self) -> Sequence[str]:
        """What `fields` can name."""
        return ()

    @model_validator(mode="after")
    def names_known_fields(self) -> "Files":
        """The source, unless `fields` names what its kind does not have."""
        if strange := sorted(set(self.fields) - set(self.known_fields)):
            known = ", ".join(self.known_fields)
            raise ValueError(f"{self.name}: fields has {strange[0]}; known here: {known}")
        return self


class ChatmlText(Files):
    """A text of ChatML in each row."""

    kind: Literal["chatml"]

    @property
    def known_fields(self) -> Sequence[str]:
        return ("text",)


class Instructions(Files):
    """A question and its answer in each row."""

    kind: Literal["instructions"]

    @property
    def known_fields(self) -> Sequence[str]:
        return ("system", "question", "input", "answer")


class Messages(Files):
    """A list of messages in each row."""

    kind: Literal["messages"]
    tools: Tools = "refuse"  # turns of tools; keep: as models that speak ChatML write them

    @property
    def known_fields(self) -> Sequence[str]:
        return ("messages", "role", "content")


class Transcript(Files):
    """Turns of speakers, one of whom is the voice to learn."""

    kind: Literal["transcript"]
    author: str = Field(pattern=r"\S")  # as the transcript names the speaker
    max_chars: int = Field(8000, ge=100)  # of a conversation; it ends with a whole exchange
    min_chars: int = Field(20, ge=0)  # of a turn; a shorter one that asks nothing is left out

    @property
    def known_fields(self) -> Sequence[str]:
        return ("title", "conversation", "speaker", "text")


AnySource = Annotated[
    Interview | Monologue | ChatmlText | Instructions | Messages | Transcript,
    Field(discriminator="kind"),
]
BOOKS = (Interview, Monologue)
AUTHORS = (Interview, Monologue, Transcript)  # in whom the author speaks
