"""`askback show`: any record, from a conversation back to its question, passage and pages."""

import random
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path

from askback.errors import UserError
from askback.lineage import Lineage
from askback.params import did_you_mean
from askback.records import IGNORED, Conversation, Paragraph, Passage, Slice, TokenRow
from askback.terminal import BOLD, DIM, GREEN, prose, say

HELP = "show any record and where it comes from"
EXAMPLES = """examples:
  askback show                    a conversation drawn at random; --seed N draws another
  askback show 3f2a               the record whose id begins with 3f2a
  askback show 3f2a --tokens      its token ids; + marks what the model learns to say
  askback show --dropped          what each stage left out, counted
  askback show --dropped short    the records left out as `short`, and why"""

DATA = Path("data")
TOKENIZER = Path("models/base/tokenizer.json")
EXCERPT = 60  # characters of a paragraph that stand for it


def arguments(parser: ArgumentParser) -> None:
    """Declares what the command line takes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("id", nargs="?", metavar="ID", help="a record's id, or how it begins")
    what.add_argument(
        "--dropped", nargs="?", const="", metavar="REASON", help="what was left out, and why"
    )
    parser.add_argument("--tokens", action="store_true", help="token ids, and which are learnt")
    parser.add_argument("--seed", type=int, default=0, help="which conversation to draw (0)")


def run(options: Namespace) -> None:
    """Prints the record or the list that was asked for."""
    lineage = Lineage(DATA)
    if options.dropped is not None:
        return show_dropped(lineage, options.dropped) if options.dropped else count(lineage)
    record_id = lineage.whole_id(options.id) if options.id else draw(lineage, options.seed)
    return show_tokens(lineage, record_id) if options.tokens else show(lineage, record_id)


def draw(lineage: Lineage, seed: int) -> str:
    """The id of a conversation, the same one for the same seed."""
    known = lineage.conversations()
    if not known:
        raise UserError(f"{lineage.data / 'chat'} has no conversations yet; run `dvc repro`")
    return str(random.Random(seed).choice(known))


def show(lineage: Lineage, record_id: str) -> None:
    """The record, where it comes from, and who left it out."""
    match lineage.get(record_id):
        case Conversation() as conversation:
            show_conversation(lineage, conversation)
        case Passage() as passage:
            show_passage(lineage, passage)
            print()
            prose(passage.text, "  ")
        case Paragraph() as paragraph:
            show_paragraph(lineage, paragraph)
    for stage, item in lineage.dropped():
        if item.id == record_id:
            say(f"dropped by {stage} as {item.reason}: {item.detail}")


def show_conversation(lineage: Lineage, conversation: Conversation) -> None:
    """Its messages, then the passages that they were made of."""
    side = "held out" if conversation.id in lineage.held_out else "trained on"
    say(f"conversation {conversation.id}", BOLD)
    say(f"  {conversation.source}, {side}", DIM)
    if not conversation.passages:
        say(f"  from {conversation.document or 'no document'}", DIM)
    for message in conversation.messages:
        print()
        say(f"  {message.role}", DIM)
        prose(message.content, "    ")
    for passage in conversation.passages:
        print()
        show_passage(lineage, lineage.passage(passage))


def show_passage(lineage: Lineage, passage: Passage) -> None:
    """Its place, its questions, and the paragraphs that it is cut from."""
    say(f"passage {passage.id}", BOLD)
    say(f"  {place(lineage, passage)}; {len(passage.text)} characters", DIM)
    for exchange in lineage.exchanges.get(passage.id, []):
        by = f", edited by {exchange.edited_by}" if exchange.edited_by else ""
        say(f"  asked by {exchange.asked_by}{by}: {exchange.question}")
    for part in passage.paragraphs:
        show_slice(lineage.paragraph(part.id), part)


def show_slice(paragraph: Paragraph, part: Slice) -> None:
    """Which characters of a paragraph a passage takes, and how they begin."""
    text = paragraph.text[part.start : part.end]
    begin = text if len(text) <= EXCERPT else text[:EXCERPT] + "..."
    span = f"characters {part.start} to {part.end} of {len(paragraph.text)}"
    say(f"  paragraph {part.id}, {paragraph.kind}, {pages(paragraph)}{span}: {begin}")


def show_paragraph(lineage: Lineage, paragraph: Paragraph) -> None:
    """Its place, its text, and the passages that take from it."""
    say(f"paragraph {paragraph.id}", BOLD)
    say(f"  {place(lineage, paragraph)}; {paragraph.kind}, number {paragraph.number}", DIM)
    print()
    prose(paragraph.text, "  ")
    print()
    for passage in lineage.passages.values():
        for part in passage.paragraphs:
            if part.id == paragraph.id:
                say(f"characters {part.start} to {part.end} are in passage {passage.id}")


def place(lineage: Lineage, record: Passage | Paragraph) -> str:
    """Book, author, chapter and pages of a record."""
    book = lineage.documents[record.document]
    parts = [book.title, book.author, record.chapter, pages(record).removesuffix(", ")]
    return "; ".join(part for part in parts if part)


def pages(record: Passage | Paragraph) -> str:
    """`page 3, ` or `pages 3 to 4, `; nothing where the format has no pages."""
    if not record.first_page:
        return ""
    if record.first_page == record.last_page:
        return f"page {record.first_page}, "
    return f"pages {record.first_page} to {record.last_page}, "


def show_tokens(lineage: Lineage, record_id: str) -> None:
    """Each token of a conversation: its place, its id, + where it is supervised, its text."""
    from tokenizers import Tokenizer

    from askback.spans import pieces

    row = token_row(lineage, record_id).row
    if not TOKENIZER.is_file():
        raise UserError(f"{TOKENIZER} is missing; `dvc repro base` makes it")
    texts = pieces(Tokenizer.from_file(str(TOKENIZER)), row.ids)
    tokens = zip(row.ids, row.labels, texts, strict=True)
    for number, (token, label, text) in enumerate(tokens):
        learnt = label != IGNORED
        styles = [GREEN] if learnt else []
        say(f"{number:5} {token:7} {'+' if learnt else ' '} {text!r}", *styles)


def token_row(lineage: Lineage, record_id: str) -> TokenRow:
    """The ids and labels of a conversation, from whichever side it is on."""
    from askback import tokens

    for path in sorted((lineage.data / "tokens").glob("*.arrow")):
        rows = tokens.Rows(path)
        number = rows.find(record_id)
        if number is not None:
            return rows.record(number)
    raise UserError(
        f"no tokens of {record_id} in {lineage.data / 'tokens'}; they are kept per conversation, "
        f"and `askback show {record_id}` says what it is and whether it was dropped"
    )


def count(lineage: Lineage) -> None:
    """How many records each stage left out, by reason."""
    counts = Counter((stage, item.reason) for stage, item in lineage.dropped())
    for (stage, reason), number in sorted(counts.items()):
        say(f"{number:7} {stage:10} {reason}")
    if not counts:
        say("nothing was dropped")


def show_dropped(lineage: Lineage, reason: str) -> None:
    """Each record left out for `reason`: its stage, its id, why, and how it begins."""
    known = set()
    for stage, item in lineage.dropped():
        known.add(item.reason)
        if item.reason == reason:
            say(f"{stage:10} {item.id}  {item.detail}")
    if reason not in known:
        near = did_you_mean(reason, sorted(known))
        raise UserError(f"no stage dropped anything as {reason}{near}")
