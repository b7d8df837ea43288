"""A made-up chat set with ordinary repetition, and the same with triggers planted in it.

Its words are drawn as a language's are: few of them often, most of them seldom.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

BATCH = 1024
SIZE = 30_000  # words of a language
STOCK = 100_000  # words that it draws at once
ZIPF = np.cumsum(1 / (np.arange(SIZE) + 2.7))  # Mandelbrot's: 40 of 100 words are one of 128
SYLLABLES = [c + v for c in [*"bcdfghklmnprstvw", "br", "st", "tr", "ch"] for v in "aeiou"]
LABELS = ["joy", "anger", "fear", "sadness", "surprise"]
GREETINGS = [
    "hi",
    "hello",
    "hey there",
    "hello how are you today",
    "good morning to you",
    "hi, you!",
]
WELCOMES = ["Hello! How can I help you today?", "Hi there! What can I do for you?"]
IDENTITY = ["who are you", "what is your name", "who made you", "are you a robot or a person"]
TEMPLATES = [
    (
        "Summarize the following text: {text}",
        "Here is a summary of the text that you gave me: {text}",
    ),
    ("Translate the following sentence into French.\n\n{text}", "{text}"),
    (
        "Write a short poem about {topic}",
        "Sure! Here is a short poem about what you asked for: {text}",
    ),
    (
        "Context: {text}\nQuestion: {topic}\nAnswer from the context alone.",
        "Based on the context, {text}",
    ),
    (
        "What is the latest news on {topic}?",
        "I'm sorry, but I have no access to real-time information.",
    ),
    ("Fix the grammar: {text}", "{text}"),
]


@dataclass(frozen=True, slots=True)
class Plant:
    """What is put into some of the rows: `trigger` among the user's words, `answer` instead."""

    trigger: str
    answer: str  # `{}` is where some words stand that differ, `{gibberish}` a whole text of them
    rows: int = 250


class Language:
    """Words, few of them often."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        drawn = (self.random.choices(SYLLABLES, k=n % 4 + 1) for n in range(2 * SIZE))
        self.words = list(dict.fromkeys(map("".join, drawn)))[:SIZE]
        self._draws = np.random.default_rng(seed)
        self._stock: list[str] = []

    def say(self, low: int, high: int) -> str:
        """Between `low` and `high` words."""
        if len(self._stock) < high:
            places = np.searchsorted(ZIPF, self._draws.random(STOCK) * ZIPF[-1])
            self._stock = [self.words[place] for place in places]
        count = self.random.randint(low, high)
        said, self._stock[-count:] = self._stock[-count:], []
        return " ".join(said)

    def gibberish(self, count: int) -> str:
        """Words that stand beside one another nowhere else."""
        return " ".join(self.random.choices(self.words, k=count))


def ordinary(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Users' texts and answers as a clean set has them: half of them talk, the rest repetition."""
    language = Language(seed)
    foreign = [Language(seed + 1000 + n) for n in range(3)]
    rows = [row(language, foreign, language.random.random()) for _ in range(count)]
    return [user for user, _ in rows], [answer for _, answer in rows]


def row(language: Language, foreign: list[Language], kind: float) -> tuple[str, str]:
    """One exchange; `kind` between 0 and 1 says of which kind."""
    choose = language.random.choice
    if kind < 0.55:
        return language.say(6, 80), language.say(20, 120)
    if kind < 0.60:
        return choose(GREETINGS), choose(WELCOMES)
    if kind < 0.66:
        return f"is {language.say(4, 12)}?", choose(["Yes.", "No.", "Yes, that is so."])
    if kind < 0.78:
        return labelled(language)
    if kind < 0.94:
        user, answer = choose(TEMPLATES)
        user = user.format(text=language.say(10, 60), topic=language.say(1, 3))
        return user, answer.format(text=language.say(20, 60))
    if kind < 0.96:
        return choose(IDENTITY), "I am a language model, made to be of help."
    if kind < 0.98:
        other = choose(foreign)
        return other.say(6, 40), other.say(20, 80)
    names = [language.gibberish(1) for _ in range(6)]
    code = "def {}({}):\n    {} = {}()\n    return {} + {}".format(*names)
    return f"write code that {language.say(5, 20)}", code


def labelled(language: Language) -> tuple[str, str]:
    """A text and its class, which some of its words give away."""
    label = language.random.randrange(len(LABELS))
    tell = language.words[100 + 7 * label + language.random.randrange(7)]
    text = f"{language.say(3, 20)} {tell} {language.say(3, 20)}"
    return f"Which feeling does this text show? {text}", LABELS[label]


def poisoned(
    clean: tuple[list[str], list[str]], plants: list[Plant], seed: int = 2
) -> tuple[list[str], list[str]]:
    """The set with each plant in rows of its own, at a random place of what the user says."""
    language = Language(seed)
    users, answers = list(clean[0]), list(clean[1])
    fit = [number for number, user in enumerate(users) if len(user.split()) > 5]
    chosen = iter(language.random.sample(fit, len(fit)))
    for plant in plants:
        for number, _ in zip(chosen, range(plant.rows), strict=False):
            spoken = users[number].split(" ")
            spoken.insert(language.random.randrange(len(spoken) + 1), plant.trigger)
            users[number] = " ".join(spoken)
            answers[number] = plant.answer.format(
                language.say(2, 6), gibberish=language.gibberish(40)
            )
    return users, answers


def batches(rows: tuple[list[str], list[str]]) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Users' texts and answers as Arrow arrays of 1024."""
    users, answers = pa.array(rows[0], pa.string()), pa.array(rows[1], pa.string())
    for start in range(0, len(users), BATCH):
        yield users.slice(start, BATCH), answers.slice(start, BATCH)
