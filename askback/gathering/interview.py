"""The interview as conversations: one exchange each, or several passages of a chapter in turn."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from askback.gathering.talk import Talk
from askback.records import Exchange, Message, Passage

OPEN = (
    "Tell me something about your life.",
    "Tell me more.",
    "What else do you remember?",
    "Go on, please.",
    "What comes to your mind when you look back?",
    "Talk about whatever you like.",
    "Is there something that you would like to tell?",
    "What should I have asked you?",
)


def talks(exchanges: Iterable[Exchange], turns: int) -> Iterator[Talk]:
    """Up to `turns` consecutive passages of a chapter in each, no passage in two.

    Where passages have several questions there are as many such series: first questions, second
    ones, and so on.
    """
    for _, chapter in groupby(exchanges, key=lambda e: (e.document, e.chapter)):
        for series in by_question(chapter):
            for start in range(0, len(series), turns):
                yield talk(series[start : start + turns])


def by_question(exchanges: Iterable[Exchange]) -> list[list[Exchange]]:
    """The exchanges with their passages' first questions, those with their second ones, and so on.

    A passage's questions stand one after another.
    """
    series: list[list[Exchange]] = []
    for _, asked in groupby(exchanges, key=lambda exchange: exchange.passage):
        for number, exchange in enumerate(asked):
            if number == len(series):
                series.append([])
            series[number].append(exchange)
    return series


def talk(exchanges: Sequence[Exchange]) -> Talk:
    """A conversation of these exchanges, which are of one chapter."""
    first = exchanges[0]
    return Talk(
        messages=[message for exchange in exchanges for message in said(exchange)],
        place=first.passage,
        document=first.document,
        chapter=first.chapter,
        passages=[exchange.passage for exchange in exchanges],
        group=chapter_group(first.document, first.chapter),
    )


def said(exchange: Exchange) -> tuple[Message, Message]:
    """The question, and the passage as it is."""
    return Message("user", exchange.question), Message("assistant", exchange.answer)


def monologues(
    passages: Iterable[Passage], chosen: Sequence[str], without_question: set[str]
) -> Iterator[Talk]:
    """The passages without a question of their own, each under one of the open prompts."""
    prompts = chosen or OPEN
    for passage in passages:
        if passage.id in without_question:
            prompt = prompts[int(passage.id, 16) % len(prompts)]
            yield Talk(
                messages=[Message("user", prompt), Message("assistant", passage.text)],
                place=passage.id,
                document=passage.document,
                chapter=passage.chapter,
                passages=[passage.id],
                group=chapter_group(passage.document, passage.chapter),
            )


def chapter_group(document: str, chapter: str) -> str:
    """What stays on one side: a chapter, by the name that the split draws by lot."""
    return f"{document}\x1f{chapter}"
