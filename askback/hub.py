"""Repositories of the Hugging Face Hub, at a commit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from askback.errors import UserError, WorldError


def snapshot(
    name: str, revision: str, patterns: Sequence[str], key: str, kind: Literal["model", "dataset"]
) -> Path:
    """The folder with the files of a repository that fit `patterns`, downloaded where missing.

    Raises UserError, naming the params' `key`, where the Hub has no such repository for the user,
    and WorldError where there is no Hub.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=list(patterns), repo_type=kind
            )
        )
    except LocalEntryNotFoundError:
        raise WorldError(f"cannot reach the Hub for {name}; run again when it answers") from None
    except HfHubHTTPError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"params.yaml: {key}: the Hub has no {name} for you: {reason}") from None
