"""`askback try 20`: asks about a few passages spread over the books, and shows what came of it."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence

from askback import chat
from askback.asking.backends import Settings
from askback.asking.interview import Interview, Settled, Subject
from askback.asking.replies import Replies, Reply, read
from askback.chat import TrainOn
from askback.errors import UserError
from askback.home import home
from askback.params import load
from askback.records import Dropped, Exchange, Passage
from askback.terminal import BOLD, DIM, prose, say
from stages.questions import QuestionsParams, ask, forecast, project
from stages.tokenize import TokenizeParams

HELP = "ask about a few passages, and show questions, answers, masks and cost"
EXAMPLES = """examples:
  askback try          twenty passages, spread over the books
  askback try 50       fifty; what was asked before is known and costs nothing"""


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    parser.add_argument("count", nargs="?", type=int, default=20, help="how many passages (20)")


def run(options: Namespace) -> None:
    """Asks, and prints each passage's exchange or why it has none; then what that cost."""
    params = load("questions", QuestionsParams)
    if params.backend == "embedded":
        raise UserError("params.yaml: questions.backend is embedded, which asks no model; name one")
    if options.count < 1:
        raise UserError(f"askback try {options.count}: write how many passages to ask about")
    whole = project()
    subjects = spread(whole.subjects, options.count)
    few = Interview(subjects, whole.edits, whole.wording, whole.switched_on)
    before = read([home("replies")])
    settled = ask(few, params)
    after = read([home("replies")])
    passages = {s.passage.id: s.passage for s in few.subjects if isinstance(s, Subject)}
    show(settled, passages, after)
    for line in account(settled, after.spent - before.spent):
        say(line)
    settings = Settings.read(os.environ) if params.backend == "endpoint" else None
    for line in forecast(whole, whole.wanted(after.get), after, settings).lines():
        say(line)


def spread(subjects: Sequence[Subject | Dropped], count: int) -> list[Subject]:
    """`count` passages at even distances, or all where there are fewer."""
    asked = [subject for subject in subjects if isinstance(subject, Subject)]
    count = min(count, len(asked))
    return [asked[(2 * n + 1) * len(asked) // (2 * count)] for n in range(count)]


def show(settled: Settled, passages: Mapping[str, Passage], replies: Replies) -> None:
    """Each exchange as the model will learn it, or the passage with the reason why it has none."""
    train_on = load("tokenize", TokenizeParams).train_on
    for outcome in settled.outcomes:
        print()
        if isinstance(outcome, Exchange):
            reply = replies.get(outcome.reply) if outcome.reply else None
            show_exchange(outcome, reply, train_on)
        else:
            say(f"passage {outcome.id}: {outcome.reason}", BOLD)
            prose(outcome.detail, "    ")
            prose(passages[outcome.id].text, "    ")


def show_exchange(exchange: Exchange, reply: Reply | None, train_on: TrainOn) -> None:
    """The exchange as ChatML; a + before each line that the model learns to say."""
    price = "" if reply is None or reply.price is None else f", ${reply.price:.6f}"
    say(f"passage {exchange.passage}", BOLD)
    say(f"  {exchange.document}, {exchange.chapter}; asked by {exchange.asked_by}{price}", DIM)
    for role, content in [("user", exchange.question), ("assistant", exchange.answer)]:
        learned = train_on == "everything" or role == "assistant"
        say(f"    {chat.IM_START}{role}")
        prose(content + chat.IM_END, "  + " if learned else "    ")


def account(settled: Settled, dollars: float) -> Iterator[str]:
    """What became of the passages, and what it cost."""
    kept = sum(isinstance(outcome, Exchange) for outcome in settled.outcomes)
    turned_down = ", ".join(f"{n} {fault}" for fault, n in sorted(settled.turned_down.items()))
    yield ""
    yield f"{kept} exchanges; questions turned down: {turned_down or 'none'}"
    yield f"${dollars:.4f} spent now"
