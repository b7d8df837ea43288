"""The embedded interviewer: asks by rule, without a model, as a stand-in for one.

It finds the phrases that set a passage apart from the rest of its book and puts one of them into an
open form that reads well with any noun phrase. Its phrases and forms are English; where it finds no
phrase it asks in a form without one.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from askback.records import Passage

NAME = "embedded"
MAX_CHARS = 200  # of a question
APART = 6  # passages after one asked in some form that are asked in others
CHOICE = 5  # phrases of a passage, the best first
LONGEST = 3  # words of a phrase, without its article

FORMS = [
    "What did {phrase} mean to you?",
    "How do you look back on {phrase} today?",
    "What comes to mind first when you think of {phrase}?",
    "What made {phrase} stay with you?",
    "Why does the thought of {phrase} still matter to you?",
    "What did you feel about {phrase} at the time?",
    "What did {phrase} teach you?",
    "How did {phrase} change the way you saw things?",
    "What would you like us to understand about {phrase}?",
    "How did {phrase} come to matter to you?",
    "What drew your attention to {phrase}?",
    "What do people get wrong about {phrase}?",
    "What moved you to write about {phrase}?",
    "Why did you want to tell us about {phrase}?",
    "When you remember {phrase}, what do you feel?",
    "What went through your mind when it came to {phrase}?",
    "How would you explain {phrase} to someone who was not there?",
    "What lay behind {phrase}, as you saw it?",
    "What part did {phrase} play in what followed?",
    "Would you take us back to {phrase}?",
    "What did you make of {phrase}?",
    "How did you come to think as you do about {phrase}?",
    "What surprised you most about {phrase}?",
    "What was it about {phrase} that touched you?",
    "What has stayed with you of {phrase}?",
    "What did {phrase} tell you about people?",
    "What makes {phrase} worth remembering?",
    "What would be lost without {phrase}?",
    "What should nobody forget about {phrase}?",
    "What brought {phrase} back to you?",
    "How did you come to know about {phrase}?",
    "What did {phrase} stand for, in your eyes?",
]
PLAIN_FORMS = [
    "What was on your mind then?",
    "What did you feel at that moment?",
    "What happened next, as you remember it?",
    "Why did this matter to you?",
    "How do you see it today?",
    "What would you like us to understand here?",
    "What made you think so?",
    "What did that teach you?",
    "Would you tell us more about that time?",
    "What lay behind it?",
    "What has stayed with you of it?",
    "How did it go on from there?",
    "What should nobody forget about this?",
    "What moved you to tell us this?",
]
# With the passage's number, for books that run out of forms: long ones in other languages.
NUMBERED_FORMS = [f"About passage {{phrase}}: {form[0].lower()}{form[1:]}" for form in PLAIN_FORMS]

TOKEN = re.compile(r"(?:Mr|Mrs|Ms|Dr|St)\.|[^\W\d_]+(?:[’'-][^\W\d_]+)*|\S")
ARTICLES = {"the": "the", "a": "the", "an": "the", "my": "your", "our": "your"}
DETERMINERS = frozenset([*ARTICLES, "his", "her", "its", "their", "this", "these", "those"])
PERHAPS_ADJECTIVE = frozenset([",", "and", "or", "but", "yet", "nor", "as"])  # a word before these
SURELY_NOUN = frozenset([".", ";", ":", "!", "?", "of", "who", "whom", "whose", "which"])
OPENS = frozenset(".!?:;\"“‘'—–(…")  # the next word is capitalised whatever it is
ENDS_NO_PHRASE = re.compile(r"(?:..ed|ly|ful|ous|[ai]ble|less|ish|[’']s|\.)$")

# Words that say too little to be asked about, and capitals that name nothing.
VAGUE_WORDS = """
    account aforesaid attempt beginning best better bit case chance chief circumstance
    circumstances concerning couple course day days deal degree effect end evening fact good
    going great greater greatest half hour hours idea instance kind larger latter left length
    like little long lot making man manner matter means men mention mere middle minute minutes
    moment month months morning nearest need night number occasion old one opportunity order
    others pair particular people person place point possible present purpose quite rate
    remainder remaining rest result said sake same second set several share short sight smaller
    sort state thing things thought thousand time times trifle use usual want way ways week
    weeks word words worse worst year years young
    ah god lord madam oh sir yes
    january february april june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
"""
VAGUE = frozenset(VAGUE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Run:
    """Words in a row that are no stop words, and the tokens around them."""

    before: str
    words: tuple[str, ...]
    after: str


def questions(passages: Sequence[Passage], seed: int) -> Iterator[str]:
    """One question for each passage, in order; no two are equal in a book.

    What is asked of one passage depends on the book, the seed, and the passages before.
    """
    for _, of_book in groupby(passages, key=lambda passage: passage.document):
        yield from of_one_book(list(of_book), seed)


def of_one_book(passages: Sequence[Passage], seed: int) -> Iterator[str]:
    """The questions to one book's passages."""
    asked: set[str] = set()
    subjects: set[str] = set()
    recent: deque[str] = deque(maxlen=APART)
    phrases = key_phrases([p.text if p.language == "en" else "" for p in passages])
    for passage, found in zip(passages, phrases, strict=True):
        new_first = sorted(found, key=lambda phrase: phrase in subjects)
        for form, phrase in ways_to_ask(passage, new_first, seed):
            question = form.replace("{phrase}", phrase)
            if form not in recent and question not in asked and len(question) <= MAX_CHARS:
                break
        asked.add(question)
        subjects.add(phrase)
        recent.append(form)
        yield question


def ways_to_ask(passage: Passage, phrases: Sequence[str], seed: int) -> Iterator[tuple[str, str]]:
    """Forms and what goes into them, the better first; the last are new for every passage."""
    order = random.Random(f"{seed}:{passage.id}")
    for phrase in phrases:
        for form in order.sample(FORMS, len(FORMS)):
            yield form, phrase
    for forms in (PLAIN_FORMS, NUMBERED_FORMS):
        for form in order.sample(forms, len(forms)):
            yield form, str(passage.number)


def key_phrases(texts: Sequence[str]) -> list[list[str]]:
    """The noun phrases that set each text apart from the others, the best first."""
    runs = [list(content_runs(text)) for text in texts]
    if not any(runs):
        return [[] for _ in texts]
    nouns = seen_as_nouns(run for of_text in runs for run in of_text)
    result = []
    for of_text, weights in zip(runs, word_weights(runs), strict=True):
        phrases = dict.fromkeys(p for run in of_text for p in noun_phrases(run, nouns))
        result.append(sorted(phrases, key=lambda p: -phrase_weight(p, weights))[:CHOICE])
    return result


def word_weights(runs: Sequence[Sequence[Run]]) -> Iterator[dict[str, float]]:
    """For each text the weights of its words by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=lowered, norm=None)
    table = vectorizer.fit_transform(runs)
    words = vectorizer.get_feature_names_out()
    for row in table:
        yield dict(zip(words[row.indices], row.data.tolist(), strict=True))


def phrase_weight(phrase: str, weights: Mapping[str, float]) -> float:
    """The mean weight of a phrase's words, as if it had one more of no weight.

    So two telling words go before one. Rounded, since logarithms differ in their last bits between
    processors.
    """
    known = [weights[word] for word in phrase.lower().split() if word in weights]
    return round(sum(known) / (len(known) + 1), 6)


def lowered(runs: Sequence[Run]) -> list[str]:
    """All words of a text that are no stop words."""
    return [word.lower() for run in runs for word in run.words]


def content_runs(text: str) -> Iterator[Run]:
    """The words between stop words and punctuation."""
    tokens = [".", *TOKEN.findall(text), "."]
    start = 0
    for is_content, group in groupby(tokens, key=is_content_word):
        end = start + len(list(group))
        if is_content:
            yield Run(tokens[start - 1], tuple(tokens[start:end]), tokens[end].lower())
        start = end


def is_content_word(token: str) -> bool:
    """Whether a token is a word, and neither a stop word nor a contraction such as `don't`."""
    stem = re.sub(r"[’']s$", "", token)
    return stem[0].isalpha() and stem.lower() not in stop_words() and not set("’'") & set(stem)


@cache
def stop_words() -> frozenset[str]:
    """The English words that carry little meaning alone, and a letter's first."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset([*ENGLISH_STOP_WORDS, "dear"])


def seen_as_nouns(runs: Iterator[Run]) -> set[str]:
    """The words that stand somewhere alone after a determiner, where an adjective hardly could."""
    return {
        run.words[0]
        for run in runs
        if len(run.words) == 1
        and run.before.lower() in DETERMINERS
        and run.after not in PERHAPS_ADJECTIVE
        and run.words[0] not in VAGUE
        and not ENDS_NO_PHRASE.search(run.words[0])
    }


def noun_phrases(run: Run, nouns: set[str]) -> Iterator[str]:
    """What is named in a run: a phrase after an article, or a name at its end."""
    article = ARTICLES.get(run.before.lower())
    words = up_to_noun(run, nouns) if article else name(run)
    if 0 < len(words) <= LONGEST and words[-1].lower() not in VAGUE and len(words[-1]) > 2:
        yield " ".join([article, *words] if article else words)


def up_to_noun(run: Run, nouns: set[str]) -> Sequence[str]:
    """The run's words up to its first nouns, as far as the book tells nouns from verbs."""
    before_nouns = 0
    for is_noun, group in groupby(run.words, key=lambda w: w in nouns or w[0].isupper()):
        end = before_nouns + len(list(group))
        if is_noun:
            return run.words[:end]
        before_nouns = end
    ends_well = run.after in SURELY_NOUN and not ENDS_NO_PHRASE.search(run.words[-1])
    return run.words if ends_well else ()


def name(run: Run) -> Sequence[str]:
    """The capitalised words at the end of a run, unless they may be the start of a sentence."""
    start = len(run.words)
    while start and run.words[start - 1][0].isupper():
        start -= 1
    if start == 0 and run.before in OPENS:
        return ()
    return () if ENDS_NO_PHRASE.search(run.words[-1]) else run.words[start:]
