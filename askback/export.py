"""`askback export`: the mixed set as other trainers read it, every row with where it comes from.

Their loader, `datasets`, takes the type of a column from the first ten megabytes and fails where
a list that was empty until then has items. So the passages are one string, and the first row of
an Alpaca file is one with a history.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from askback import conversations, files
from askback.chat import MARKS, render
from askback.errors import UserError
from askback.records import Conversation, Message, Role
from askback.terminal import say

HELP = "write the mixed set for another trainer"
EXAMPLES = """examples:
  askback export --to openai             data/export/openai/train.jsonl and validation.jsonl
  askback export --to sharegpt --out DIR for axolotl, LLaMA-Factory, Unsloth
  askback export --to openai --bare      no column but `messages`, for services that refuse others

LLaMA-Factory wants the columns of --to alpaca by name, in its dataset_info.json:
  "columns": {"prompt": "instruction", "query": "input", "response": "output",
              "system": "system", "history": "history"}"""

Format = Callable[[Conversation], dict[str, object]]

CHAT = Path("data/chat")
OUT = Path("data/export")
SIDES = ("train", "validation")
SPEAKERS: dict[Role, str] = {"system": "system", "user": "human", "assistant": "gpt"}
LINE_ENDS = ("\x85", "\u2028", "\u2029")  # to Python's splitlines, which some trainers use
LONG = 4  # messages from which on there is a history, a system message or not
FEW = 5  # ids that stand for all


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"where to (default: {OUT}/FORMAT)"
    )
    parser.add_argument(
        "--bare", action="store_true", help="leave out id, source, document and passages"
    )


def run(options: Namespace) -> None:
    """Writes both sides, or neither, and says how many conversations each has."""
    folder: Path = options.out or OUT / options.to
    check(folder)
    marked: list[str] = []
    with files.whole(folder.absolute()) as part:
        part.mkdir()
        counts = {
            side: write(part / f"{side}.jsonl", rows(side, options.to, options.bare, marked))
            for side in SIDES
        }
        if marked and options.to == "text":
            raise UserError(
                f"{CHAT}: {told(marked)}; a reader of text takes these for structure, so nothing "
                "is written; use --to openai"
            )
    for side, count in counts.items():
        say(f"{folder / side}.jsonl: {count:,} conversations")
    if marked:
        say(f"{told(marked)}; trainers that parse ChatML may take these for structure")


def check(folder: Path) -> None:
    """Raises UserError where there is nothing to export, or other files would be lost."""
    for side in SIDES:
        if not (CHAT / f"{side}.parquet").is_file():
            raise UserError(f"{CHAT / side}.parquet is missing; `dvc repro chatml` makes it")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder")
    ours = {f"{side}.jsonl" for side in SIDES}
    if folder.exists() and (others := sorted({path.name for path in folder.iterdir()} - ours)):
        raise UserError(
            f"{folder} holds {others[0]}, and export replaces the folder; name a new one"
        )


def told(marked: Sequence[str]) -> str:
    """How many conversations hold ChatML's marks, and the first of them."""
    some = ", ".join(marked[:FEW]) + (", ..." if len(marked) > FEW else "")
    return f"conversations that hold ChatML's marks: {len(marked):,} ({some})"


def rows(side: str, name: str, bare: bool, marked: list[str]) -> Iterator[dict[str, object]]:
    """The rows of one side; the ids of those that hold ChatML's marks are added to `marked`."""
    path, form = CHAT / f"{side}.parquet", FORMATS[name]
    for conversation in typed(path) if name == "alpaca" else conversations.read(path):
        if any(mark in message.content for message in conversation.messages for mark in MARKS):
            marked.append(conversation.id)
        yield form(conversation) | ({} if bare else provenance(conversation))


def typed(path: Path) -> Iterator[Conversation]:
    """The conversations, the first with a history before all others: it types the column."""
    found = enumerate(conversations.read(path))
    first = next(((at, c) for at, c in found if len(c.messages) >= LONG), None)
    if first is None:
        return conversations.read(path)
    others = (c for at, c in enumerate(conversations.read(path)) if at != first[0])
    return chain([first[1]], others)


def write(path: Path, rows: Iterable[dict[str, object]]) -> int:
    """Writes one JSON object a line, in UTF-8; returns how many."""
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007  # it outlives the loop
            file.write(line(row).encode())
    return count


def line(row: dict[str, object]) -> str:
    """The row as JSON that only a newline ends."""
    text = json.dumps(row, ensure_ascii=False)
    for end in LINE_ENDS:
        text = text.replace(end, f"\\u{ord(end):04x}")
    return text + "\n"


def provenance(conversation: Conversation) -> dict[str, object]:
    """What leads from a row back to its book."""
    return {
        "id": conversation.id,
        "source": conversation.source,
        "document": conversation.document,
        "passages": " ".join(conversation.passages),
    }


def openai(conversation: Conversation) -> dict[str, object]:
    """`messages` of role and content."""
    messages = [{"role": m.role, "content": m.content} for m in conversation.messages]
    return {"messages": messages}


def sharegpt(conversation: Conversation) -> dict[str, object]:
    """`conversations` of speaker and value."""
    turns = [{"from": SPEAKERS[m.role], "value": m.content} for m in conversation.messages]
    return {"conversations": turns}


def alpaca(conversation: Conversation) -> dict[str, object]:
    """The last exchange as instruction and output, those before it as history.

    Raises UserError where users and assistants do not take turns.
    """
    system, turns = opened(conversation.messages)
    spoken: list[Role] = ["user", "assistant"]
    if not turns or [turn.role for turn in turns] != spoken * (len(turns) // 2):
        raise UserError(
            f"{CHAT}: {conversation.id}: no exchanges of user and assistant; use --to openai"
        )
    said = [turn.content for turn in turns]
    *history, (question, answer) = zip(said[::2], said[1::2], strict=True)
    row = {"instruction": question, "input": "", "output": answer, "system": system}
    return row | {"history": history}


def opened(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The system message, empty where there is none, and the others."""
    if messages and messages[0].role == "system":
        return messages[0].content, messages[1:]
    return "", messages


def text(conversation: Conversation) -> dict[str, object]:
    """The whole as ChatML."""
    return {"text": render(conversation.messages)}


FORMATS: dict[str, Format] = {
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "openai": openai,
    "text": text,
}
