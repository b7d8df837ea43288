"""`askback batch`: asks through a provider's batch files, which cost half as much as calls."""

import os
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from askback import batches
from askback.asking import budget
from askback.asking.replies import Replies, Reply, Request, read
from askback.asking.store import Store
from askback.batches import Call, Failure
from askback.errors import UserError, WorldError
from askback.home import home
from askback.lock import locked
from askback.params import load
from askback.stage import DISK
from askback.terminal import say
from stages.questions import QuestionsParams, project

HELP = "ask through a provider's batch files, at half the price"
EXAMPLES = """examples:
  askback batch export ask.jsonl                  what is wanted, to upload; or for vllm run-batch
  askback batch import output.jsonl error.jsonl   what came back; then `dvc repro`
  askback batch export --again more.jsonl         also what is still out in earlier batches

ASKBACK_PRICE holds for batches, too: set it to their half. Nothing is exported that ASKBACK_BUDGET
would not pay for. What is turned down after an import is wanted once more: export again."""


@dataclass
class Import:
    """What an import found."""

    taken: list[Reply] = field(default_factory=list)
    known: int = 0  # replies that the store had
    failed: list[Failure] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # lines of no use, by file:line

    def lines(self) -> Iterator[str]:
        """The account, for people."""
        yield from self.faults
        known = f"; {self.known:,} were there before" if self.known else ""
        yield f"{len(self.taken):,} replies taken in{known}"
        for code, number in sorted(Counter(failure.code for failure in self.failed).items()):
            first = next(failure for failure in self.failed if failure.code == code)
            yield f"{number:,} calls failed with {code}, the first about passage {first.passage}"
        if self.failed:
            yield "what failed is wanted as before: export it again, or let `dvc repro` ask"


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    ways = parser.add_subparsers(dest="way", metavar="export|import", required=True)
    out = ways.add_parser("export", help="write a batch file of what is wanted", allow_abbrev=False)
    out.add_argument("file", type=Path, metavar="FILE", help="a new file; -2 and so on beside it")
    out.add_argument("--again", action="store_true", help="also what is out, to be paid for twice")
    back = ways.add_parser("import", help="take in what came back", allow_abbrev=False)
    back.add_argument("files", nargs="+", type=Path, metavar="FILE", help="results and errors")


def run(options: Namespace) -> None:
    """Writes or reads batch files; raises WorldError where the disk fails."""
    try:
        with locked(home("replies")):
            if options.way == "export":
                send_out(options.file, options.again)
            else:
                take_in(options.files)
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise WorldError(f"{error}; make room and run again") from None


def send_out(path: Path, again: bool) -> None:
    """Exports what is wanted and not out, as far as the budget goes, and says what to do next."""
    if (backend := load("questions", QuestionsParams).backend) != "endpoint":
        raise UserError(f"params.yaml: questions.backend is {backend}; batches need: endpoint")
    kept, replies, price = home("batches"), read([home("replies")]), budget.price(os.environ)
    wanted = list(project().settle(replies.get).wanted.values())
    asked = wanted if again else without(wanted, batches.out(kept, replies))
    limit = budget.limit(os.environ)
    left = None if limit is None else limit - replies.spent
    calls = list(batches.affordable(batches.calls(asked, price), left))
    with Store(home("replies")) as store:
        paths = batches.export(calls, path, store, kept)
    for line in sent(paths, calls, len(asked) - len(calls)):
        say(line)


def without(wanted: Sequence[Request], out: set[str]) -> list[Request]:
    """The requests that no provider has, having said how many one has."""
    asked = [request for request in wanted if request.key not in out]
    if len(asked) < len(wanted):
        say(f"{len(wanted) - len(asked):,} requests are out; import their results, or add --again")
    return asked


def sent(paths: Sequence[Path], calls: Sequence[Call], left_out: int) -> Iterator[str]:
    """The account of an export, for people."""
    for path in paths:
        yield f"{path}: {path.stat().st_size / 1e6:.1f} MB"
    costs = [call.intent.most for call in calls]
    most = sum(cost for cost in costs if cost is not None)
    cost = "price unknown" if None in costs else f"${most:.4f} at most"
    yield f"{len(calls):,} requests, {cost}" if calls else "nothing to export"
    if left_out:
        yield f"{left_out:,} requests are left out: ASKBACK_BUDGET does not pay for them"
    if calls:
        yield "next: upload, wait, download, `askback batch import` results and errors"


def take_in(paths: Sequence[Path]) -> None:
    """Imports result and error files, and says what they brought and what is still out."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} is no file; download the batch's output and errors")
    kept, replies = home("batches"), read([home("replies")])
    calls = {call.name: call for call in batches.exported(kept)}
    with Store(home("replies")) as store:
        found = take(lines(paths), calls, replies, store)
    batches.keep_failures(found.failed, kept)
    for line in found.lines():
        say(line)
    if out := batches.out(kept, replies):
        say(f"{len(out):,} requests are still out")


def take(
    lines: Iterable[tuple[str, bytes]], calls: Mapping[str, Call], replies: Replies, store: Store
) -> Import:
    """Adds the replies in `lines` to the store, but for those that it has."""
    found = Import()
    open_calls = {(intent.key, intent.nonce) for intent in replies.unanswered}
    for one in batches.results(lines, calls):
        match one:
            case str():
                found.faults.append(one)
            case Failure():
                found.failed.append(one)
            case Reply() if (one.key, one.nonce) in open_calls or not replies.get(one.key):
                open_calls.discard((one.key, one.nonce))
                store.add(one)
                replies.add(one)
                found.taken.append(one)
            case Reply():
                found.known += 1
    return found


def lines(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Every line of the files that is not blank, with its place."""
    for path in paths:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line
