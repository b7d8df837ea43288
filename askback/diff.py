"""`askback diff`: what became of the conversations between two revisions or experiments."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

from askback.terminal import BOLD, DIM, GREEN, colours, say, visible

if TYPE_CHECKING:
    from askback.comparison import Comparison, Counts, Numbers, Pairs
    from askback.revisions import Revision
    from askback.word_diff import Piece

HELP = "show conversations added, dropped and changed between two revisions or experiments"
EXAMPLES = """examples:
  askback diff                    what the workspace changed since the last commit
  askback diff v1 main            a tag and a branch; any commit will do
  askback diff HEAD loud-owl      an experiment, as `dvc exp show` names it
  askback diff v1 --list 50       the first 50 of each kind; 0 for the counts alone
  askback diff v1 --json          the same for programs"""

RED = "31"  # SGR
PERCENT = (50, 90, 99)
EXCERPT = 76  # characters of a message that stand for it
MANY = 30  # figures that are printed

Item = dict[str, Any]


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    parser.add_argument(
        "before", nargs="?", default="HEAD", metavar="A", help="a revision or experiment (HEAD)"
    )
    parser.add_argument(
        "after", nargs="?", default="workspace", metavar="B", help="another (the workspace)"
    )
    parser.add_argument(
        "--list", type=natural, default=5, metavar="N", help="how many of each kind to show (5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def natural(text: str) -> int:
    """A number from 0 up."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is no number from 0 up")
    return int(text)


def run(options: Namespace) -> None:
    """Prints what was added, dropped, changed and moved, and how the figures moved."""
    from askback.comparison import compare
    from askback.revisions import revision

    before, after = revision(options.before), revision(options.after)
    found = compare(before, after)
    told = {
        "before": before.name,
        "after": after.name,
        "sources": {name: asdict(counts) for name, counts in found.counts.items()},
        "lengths": lengths(found),
        "dropped_by_reason": moves(before.figures.get("dropped"), after.figures.get("dropped")),
        "figures": moves(rest(before.figures), rest(after.figures), moved=True),
    }
    listed = examples(before, after, found, options.list)
    if options.json:
        print(json.dumps(told | listed, indent=2))
    else:
        show(told, found, listed)


def lengths(found: Comparison) -> dict[str, tuple[int, int]]:
    """Characters of a conversation, before and after: what so many have at most; and of all."""
    sizes = found.before.characters, found.after.characters
    quantiles = {f"{p} %": (quantile(sizes[0], p), quantile(sizes[1], p)) for p in PERCENT}
    return quantiles | {"total": (int(sizes[0].sum()), int(sizes[1].sum()))}


def quantile(sizes: Numbers, percent: int) -> int:
    """The smallest of the sizes that so many percent do not exceed; 0 where there are none."""
    import numpy as np

    return int(np.sort(sizes)[-(-percent * len(sizes) // 100) - 1]) if len(sizes) else 0


def rest(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures but for what was dropped."""
    return {name: value for name, value in figures.items() if name != "dropped"}


def moves(before: object, after: object, moved: bool = False) -> dict[str, tuple[Any, Any]]:
    """Numbers by their dotted names, before and after; None where there is none."""
    old, new = dict(numbers(before)), dict(numbers(after))
    names = sorted(old.keys() | new.keys())
    return {n: (old.get(n), new.get(n)) for n in names if not moved or old.get(n) != new.get(n)}


def numbers(value: object, *names: str) -> Iterator[tuple[str, int | float]]:
    """The numbers within nested objects; texts and lists are none."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from numbers(part, *names, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield ".".join(names), value


def examples(
    before: Revision, after: Revision, found: Comparison, count: int
) -> dict[str, list[Item]]:
    """The first `count` conversations of each kind, with what they say."""

    def both(pairs: Pairs) -> list[Item]:
        old, new = (numbers[:count].tolist() for numbers in pairs)
        couples = zip(before.conversations(old), after.conversations(new), strict=True)
        return [{"before": one, "after": other} for one, other in couples]

    return {
        "added": after.conversations(found.added[:count].tolist()),
        "dropped": before.conversations(found.dropped[:count].tolist()),
        "changed": both(found.changed),
        "moved": both(found.moved),
    }


def show(told: Mapping[str, Any], found: Comparison, listed: Mapping[str, list[Item]]) -> None:
    """Prints all of it for people."""
    say(f"{told['before']} -> {told['after']}", BOLD)
    show_sources(found.counts)
    show_moves("characters of a conversation: what so many have at most", told["lengths"])
    show_moves("dropped by chatml", told["dropped_by_reason"])
    show_moves("figures of metrics/chatml.json that moved", told["figures"])
    totals = total(found.counts)
    for kind, count in [("added", totals.added), ("dropped", totals.dropped)]:
        heading(kind, count, listed[kind])
        for item in listed[kind]:
            show_item(item)
    heading("changed", totals.changed, listed["changed"])
    for couple in listed["changed"]:
        show_change(couple["before"], couple["after"])
    heading("moved", totals.moved, listed["moved"])
    for couple in listed["moved"]:
        old, new = couple["before"], couple["after"]
        say(f"  {new['id']}  {new['source']}: {old['side']} -> {new['side']}")


def show_sources(counts: Mapping[str, Counts]) -> None:
    """A table of what became of each source's conversations."""
    whole = total(counts)
    titles = ["before", "dropped", "added", "after", "changed", "moved", "share of characters"]
    rows = [["", *titles]]
    for name, of in [*counts.items(), *([("all", whole)] if len(counts) != 1 else [])]:
        shares = share(of.characters_before, whole.characters_before)
        shares += " -> " + share(of.characters_after, whole.characters_after)
        rows.append([visible(name), *(f"{number:,}" for number in astuple(of)[:6]), shares])
    table(rows)


def total(counts: Mapping[str, Counts]) -> Counts:
    """The sums over all sources."""
    from askback.comparison import Counts

    none = [(0,) * len(Counts.__slots__)]
    return Counts(*map(sum, zip(*none, *map(astuple, counts.values()), strict=True)))


def share(part: int, whole: int) -> str:
    """The share in percent; a dash where there is nothing to share."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def show_moves(title: str, moves: Mapping[str, tuple[Any, Any]]) -> None:
    """A table of numbers before and after; nothing where there are none."""
    if not moves:
        return
    print()
    say(title, DIM)
    rows = [[visible(name), number(old), "->", number(new)] for name, (old, new) in moves.items()]
    table(rows[:MANY])
    if len(rows) > MANY:
        say(f"  and {len(rows) - MANY} more, which --json has")


def number(value: float | None) -> str:
    """A figure for people; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def table(rows: Sequence[Sequence[str]]) -> None:
    """Prints the rows, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        say("  " + "  ".join([first.ljust(widths[0]), *cells]).rstrip())


def heading(kind: str, count: int, items: Sequence[Item]) -> None:
    """Says how many there are of a kind, and how many follow; nothing where none does."""
    if items:
        print()
        few = f", the first {len(items)}" if len(items) < count else ""
        say(f"{kind}: {count:,}{few}", BOLD)


def show_item(item: Item) -> None:
    """A conversation's id and source, and how its first exchange begins."""
    say(f"  {item['id']}  {item['source']}, {item['side']}")
    spoken = [message for message in item["messages"] if message["role"] != "system"]
    for message in spoken[:2]:
        text = " ".join(message["content"][: 4 * EXCERPT].split())
        more = "..." if len(text) > EXCERPT else ""
        say(f"    {message['role']}: {text[:EXCERPT]}{more}", DIM)


def show_change(old: Item, new: Item) -> None:
    """Which words of a conversation went and came."""
    from askback.word_diff import hunks

    ids = old["id"] if old["id"] == new["id"] else f"{old['id']} -> {new['id']}"
    say(f"  {ids}  {new['source']}, {new['side']}")
    for hunk in hunks(spelled(old), spelled(new)):
        print("    " + "".join(map(painted, hunk)).strip())


def spelled(item: Item) -> str:
    """A conversation as one text to compare, each message under its role."""
    return " ".join(f"{message['role']}: {message['content']}" for message in item["messages"])


def painted(piece: Piece) -> str:
    """The words of a piece on one line, marked where they went or came as Git marks them."""
    words = visible(" ".join(piece.text.replace("\n", "\u21b5").split()))
    if not piece.change:
        return f"{words} "
    style, begin, end = (RED, "[-", "-]") if piece.change == "-" else (GREEN, "{+", "+}")
    marked = f"{begin}{words}{end}"
    return (f"\x1b[{style}m{marked}\x1b[0m" if colours() else marked) + " "
