"""`askback replies`: what is stored of models' replies, what it cost, and whether it is sound."""

import math
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from askback.asking.replies import Replies, Reply, Request, nonce, read
from askback.asking.store import Store
from askback.errors import UserError, WorldError
from askback.home import home
from askback.lock import locked
from askback.packing import checked, pack
from askback.terminal import say
from stages.questions import project

HELP = "count, check or pack the replies that models were paid for"
EXAMPLES = """examples:
  askback replies stats      how many there are, of which model, and what they cost
  askback replies verify     reads every line, and exits 3 where one is damaged
  askback replies compact    packs the files of many runs into one
  askback replies give-up 3f2a    asks no more about the passage 3f2a: it is dropped by that name"""


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    actions.add_parser("stats", help="replies, tokens and dollars", allow_abbrev=False)
    actions.add_parser("verify", help="name every damaged line", allow_abbrev=False)
    actions.add_parser("compact", help="pack all files into one", allow_abbrev=False)
    give_up = actions.add_parser("give-up", help="ask no more about a passage", allow_abbrev=False)
    give_up.add_argument("passage", metavar="PASSAGE", help="its id, or how it begins")


def run(options: Namespace) -> None:
    """Does what was asked with the store of this repository."""
    if options.action == "give-up":
        return give_up(home("replies"), options.passage)
    {"stats": stats, "verify": verify, "compact": compact}[options.action](home("replies"))


def files(folder: Path) -> list[Path]:
    """The files of a store; says so where there is none."""
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        say(f"no replies in {folder}")
    return found


def stats(folder: Path) -> None:
    """Prints replies by model and verdict, their tokens and dollars, and what is unanswered."""
    found = files(folder)
    if not found:
        return
    replies = read([folder])
    for line in account(replies):
        say(line)
    size = sum(path.stat().st_size for path in found)
    say(f"stored      {counted(len(found), 'file')}, {size:,} bytes in {folder}")


def account(replies: Replies) -> Iterator[str]:
    """Lines that say what there is, and what it cost."""
    kinds: Counter[tuple[str, str]] = Counter()
    tokens: Counter[str] = Counter()
    prices: list[float | None] = []
    for reply in replies:
        kinds[reply.model, reply.verdict] += 1
        tokens.update(reply.usage)
        prices.append(reply.price)
    for (model, verdict), number in sorted(kinds.items()):
        yield f"{number:11,} {verdict} of {model}"
    yield "tokens      " + (", ".join(f"{n:,} {kind}" for kind, n in sorted(tokens.items())) or "0")
    yield f"paid        {dollars(prices)} for {counted(len(prices), 'reply', 'replies')}"
    if lost := len(replies) - len(prices):
        yield f"damaged     {counted(lost, 'reply', 'replies')}; see `askback replies verify`"
    most = [intent.most for intent in replies.unanswered]
    yield f"unanswered  {counted(len(most), 'call')}, which may have cost {dollars(most)}"
    yield f"spent       ${replies.spent:,.4f} in the eyes of ASKBACK_BUDGET"


def dollars(prices: Sequence[float | None]) -> str:
    """The sum of what is known, and how many are not."""
    known = [price for price in prices if price is not None]
    unknown = f" and {len(prices) - len(known):,} of unknown price" * (len(known) < len(prices))
    return f"${math.fsum(known):,.4f}{unknown}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def verify(folder: Path) -> None:
    """Reads every line and names the damaged ones; raises WorldError where there are some."""
    count = damaged = torn = 0
    found = files(folder)
    for path in found:
        for line in checked(path):
            count += line.record is not None
            torn += not (line.record or line.fault)
            if line.fault:
                damaged += 1
                say(f"{path}:{line.number}: {line.fault}")
    tails = f"; {counted(torn, 'torn tail')}, as a crash leaves them" * bool(torn)
    if found:
        say(f"{counted(count, 'sound line')}{tails}")
    if damaged:
        raise WorldError(
            f"{counted(damaged, 'damaged line')} in {folder}; put a sound copy of the file beside "
            "it under another name, and both are read; what no copy has will be asked again"
        )


def compact(folder: Path) -> None:
    """Packs the store's files into one, and says what became of them.

    Raises WorldError where the disk fails, and nothing is lost.
    """
    if not files(folder):
        return
    with locked(folder):
        try:
            packed = pack(folder)
        except OSError as error:
            raise WorldError(f"{folder}: {error}; nothing is lost: make room, run again") from error
    for path in packed.left:
        say(f"{path}: not packed: it has damaged lines, or is being written to")
    if not packed.files:
        return say("nothing to pack")
    left_out = counted(packed.lines - packed.kept, "line")
    say(
        f"{counted(packed.files, 'file')} are one now, of {counted(packed.kept, 'line')}; "
        f"{left_out} left out: copies, and intents whose reply is there"
    )


def give_up(folder: Path, passage: str) -> None:
    """Stores, for each request about the passage that has no reply, that it will have none.

    Raises UserError where there is no such request.
    """
    with locked(folder):
        wanted = project().wanted(read([folder]).get)
        about = [request for request in wanted if request.passage.startswith(passage)]
        if not about:
            raise UserError(f"no request about a passage {passage} is without a reply")
        with Store(folder) as store:
            for request in about:
                store.add(given_up(request))
    for name in sorted({request.passage for request in about}):
        say(f"passage {name} is given up; next: dvc repro")


def given_up(request: Request) -> Reply:
    """The reply that says that there will be none."""
    return Reply(
        key=request.key,
        model=request.model,
        messages=request.messages,
        sampling=request.sampling,
        text="",
        verdict="given_up",
        usage={"input": 0, "output": 0},
        price=0.0,
        nonce=nonce(),
    )
