"""The stage `questions` as DVC runs it, in a folder of its own."""

import json
import subprocess
import sys

from tests.endpoint import Endpoint
from tests.inquiries import Inquiry, surroundings

INPUTS = ["documents.jsonl", "passages.jsonl", "prompt.txt", "judge.txt", "edits"]
STAGE = {
    "cmd": (
        f"{sys.executable} -m stages.questions {' '.join(INPUTS)} interview.jsonl "
        "--metrics metrics.json --dropped dropped.jsonl"
    ),
    "deps": INPUTS,
    "params": ["questions"],
    "outs": ["interview.jsonl", "dropped.jsonl"],
    "metrics": ["metrics.json"],
}


def repro(inquiry: Inquiry, *endpoints: Endpoint, **variables: str) -> subprocess.Popen[str]:
    """`dvc repro` in the inquiry's folder."""
    folder = inquiry.folder
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"questions": STAGE}}))
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "-v"],
        cwd=folder,
        env=surroundings(endpoints, {"DVC_NO_ANALYTICS": "1", **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
