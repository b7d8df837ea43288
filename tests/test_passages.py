"""Which passages work as answers: each rule drops what it is for, and spares what looks like it."""

import time
from itertools import count

import pytest

from askback.asking.passages import RULES, fit
from askback.asking.quoted import quotations, quoted_share
from askback.records import Dropped, Passage
from tests.asked import GOOD
from tests.hostile_passages import ORDERS

ALL = [*RULES, "near_duplicate"]
NUMBERS = count()
MEMOIR = [" ".join(text.split()) for language, text, _ in GOOD if language == "en"]
LETTER = (
    "“Dear Sir, I have received your letter of the fourth and thank you for it with all my heart."
    " It found me in low spirits. My sister is no better, and the doctor, who comes every day, has"
    " begun to talk of the weather. I shall not come to London before the spring.”"
)


def passage(text: str, document: str = "book", chapter: str = "1") -> Passage:
    return Passage(f"p{next(NUMBERS)}", document, 1, chapter, 1, 1, "en", text, [])


def reasons(passages: list[Passage], rules: list[str] = ALL) -> list[str | None]:
    """Why each passage was dropped, if it was."""
    found = list(fit(passages, rules))
    assert [item.id for item in found] == [passage.id for passage in passages]
    return [item.reason if isinstance(item, Dropped) else None for item in found]


def test_what_an_author_tells_is_kept() -> None:
    shelf = [passage(" ".join(text.split())) for _, text, _ in GOOD]
    assert list(fit(shelf, ALL)) == shelf


def test_without_rules_everything_is_kept() -> None:
    shelf = [passage(LETTER), passage(LETTER), passage("1. a\n2. b\n3. c\n4. d")]
    assert list(fit(shelf, [])) == shelf
    assert reasons(shelf) == ["quotation", "quotation", "list"]
    assert reasons(shelf, ["list"]) == [None, None, "list"]
    assert reasons(shelf, ["near_duplicate"]) == [None, "near_duplicate", None]


def test_of_two_passages_that_are_nearly_the_same_the_earlier_stays() -> None:
    shelf = [passage(text, "first") for text in MEMOIR]
    again = [passage(f"{text} So much for that.", "second") for text in MEMOIR[:3]]
    found = list(fit([*shelf, *again], ["near_duplicate"]))
    assert found[: len(shelf)] == shelf
    assert found[len(shelf) :] == [
        Dropped(other.id, "near_duplicate", f"of {one.id}: {one.text[:60].strip()}")
        for one, other in zip(shelf, again, strict=False)
    ]


def test_a_passage_is_compared_with_those_that_were_kept() -> None:
    shelf = [passage(LETTER), passage(LETTER)]
    assert reasons(shelf, ["near_duplicate", "quotation"]) == ["quotation", "quotation"]


NOTICES = [
    "First published in 1961 by Half Weight Press. All rights reserved. No part of this book may be"
    " copied without leave. ISBN 978-0-00-000000-2.",
    "Thank you for reading this book. If you enjoyed this, please leave a review. Sign up for my"
    " newsletter to hear of the next.",
    "Also available from the same publisher: The Long Winter. Bestselling author of five novels."
    " Follow me on Goodreads.",
    "This is a work of fiction. Any resemblance to persons living or dead is chance.",
    "Alle Rechte vorbehalten. Printed in Germany. Umschlaggestaltung: Büro Nord.",
    "Tous droits réservés. Dépôt légal : mars 1994. Achevé d’imprimer à Lille.",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices_and_advertisement_are_boilerplate(text: str) -> None:
    shelf = [*map(passage, MEMOIR), passage(text)]
    assert reasons(shelf) == [None] * len(MEMOIR) + ["boilerplate"]


@pytest.mark.parametrize(
    "heading",
    ["About the Author", "Also by Ann Weir", "Copyright", "Über die Autorin", "Newsletter"],
)
def test_a_chapter_of_notices_is_boilerplate(heading: str) -> None:
    text = "Ann Weir was born in Leith. She lives in Oban with two dogs and a boat."
    assert reasons([passage(text, chapter=heading)]) == ["boilerplate"]


@pytest.mark.parametrize(
    "heading",
    [
        "Copyright Wars, and What They Cost Me in the Long Years That Followed",
        "1. Newsletter Days",
        "More than Bread",
    ],
)
def test_a_chapter_of_such_a_name_is_none(heading: str) -> None:
    assert reasons([passage(MEMOIR[0], chapter=heading)]) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "The copyright had gone to my uncle. He sold it to a man in Leeds who printed and bound in"
        " his cellar. I never saw a penny, and I never asked.",
        "All rights reserved, said the sign. I went in. Nobody was there. The dogs slept. I called"
        " out twice. Then I saw the other sign: First published in Leeds. It made no sense. I sat"
        " down on the step. It rained.",
        "She asked me to sign up for the newsletter. I said that I had written half of it. We both"
        " laughed, and then she took my photograph for the back page of it.",
        "Thank you for reading to me, she said, when I closed the book. Those were the last words"
        " that I had from her. I have read aloud every evening since, to nobody.",
    ],
)
def test_a_story_about_such_things_is_none(text: str) -> None:
    assert reasons([passage(text)]) == [None]


def test_what_stands_in_three_passages_is_boilerplate_in_all() -> None:
    footer = "The weights and measures of this tale are those of the county. Write to the Press."
    repeated = [passage(f"{footer} Number {number}.") for number in range(3)]
    assert reasons([*map(passage, MEMOIR), *repeated]) == [None] * len(MEMOIR) + ["boilerplate"] * 3
    assert reasons([*map(passage, MEMOIR), *repeated[:2]], ["boilerplate"])[-2:] == [None, None]


def test_a_saying_that_comes_again_is_none() -> None:
    saying = "A weight that is put down loudly is lighter than it was."
    others = [passage(text, "other") for text in MEMOIR]
    shelf = [*others, *(passage(f"{text} {saying}") for text in MEMOIR[:3])]
    assert reasons(shelf, ["boilerplate"]) == [None] * len(shelf)
    short = [passage(f"He said no. I went home. {word} was late.", "other") for word in "ABC"]
    assert reasons([*others, *short], ["boilerplate"]) == [None] * (len(others) + 3)
    assert reasons([passage(f"He said no. {text[:200]}") for text in MEMOIR]) == [None] * len(
        MEMOIR
    )


def test_a_book_that_is_on_the_shelf_three_times_stays_once() -> None:
    copies = [passage(text, document) for document in "abc" for text in MEMOIR]
    assert len(MEMOIR) >= 10
    kept = [None] * len(MEMOIR)
    assert reasons(copies) == kept + ["near_duplicate"] * 2 * len(MEMOIR)


QUOTED = [
    LETTER,
    f"He read it aloud:\n\n{LETTER}",
    LETTER.replace(". It", ".\n\n“It").replace(". I shall", ".\n\n“I shall"),
    LETTER.replace("“", "„").replace("”", "“"),
    LETTER.replace("“", "«").replace("”", "»"),
    LETTER.replace("“", "« ").replace("”", " »"),
    LETTER.replace("“", "»").replace("”", "«"),
    LETTER.replace("“", '"').replace("”", '"'),
    LETTER.replace("“", "‘").replace("”", "’").replace("I have", "I’ve"),
    LETTER.replace("“", "「").replace("”", "」"),
    LETTER.removeprefix("“"),
    LETTER.removesuffix("”"),
    "\n".join(f"> {line}." for line in LETTER.strip("“”").split(". ")),
    "The snow is gone,\nthe road is long,\nand what was done\nwas done in song.",
]


@pytest.mark.parametrize("text", QUOTED)
def test_what_somebody_else_wrote_is_a_quotation(text: str) -> None:
    shelf = [*map(passage, MEMOIR), passage(text)]
    assert reasons(shelf) == [None] * len(MEMOIR) + ["quotation"]


@pytest.mark.parametrize(
    "text",
    [
        # Dialogue, with and without words around.
        "“Why should I mind,” he said, “if you bump it?”\n\n“It would lose a bit.”\n\n“How big?”",
        "“Where were you?”\n\n“Out.”\n\n“With whom, and until when, may one ask?”\n\n“With none.”",
        "— Où étais-tu ?\n\n— Dehors.\n\n— Avec qui ?\n\n— Personne.",
        "« Où étais-tu ? » dit-elle. « Dehors », dis-je, et je posai mon chapeau sur la table.",
        # A letter with as much of the author around it.
        f"{MEMOIR[0]}\n\n{LETTER}",
        # Apostrophes, feet and inches, and a word in quotes.
        "The dogs’ dinner wasn’t ready. ‘Twas the cook’s fault, and the boys’ as well, that’s all.",
        "The board was 6' 2\" long and 10\" wide, and my father's hands weren't steady any more.",
        "She called it “home”. I never did, and neither did my brother, who had been born there.",
        # Short paragraphs, and an address.
        "I left.\n\nIt rained.\n\nNobody came.\n\nI had two shillings and a letter for the Bishop.",
        "Miss Gorrie\nShore Street\nPortannoch",
    ],
)
def test_what_the_author_tells_is_no_quotation(text: str) -> None:
    assert reasons([*map(passage, MEMOIR), passage(text)]) == [None] * (len(MEMOIR) + 1)


def test_quotations_are_measured_over_paragraphs() -> None:
    assert list(quotations(["“ab", "“cd”", "x “e” y"])) == [len("“ab“cd”"), 3]
    assert list(quotations(["“ab", "cd"])) == [len("“ab")]
    assert list(quotations(["ab” cd “e”"])) == [3, 3]
    assert list(quotations(["x", "ab” cd “e”"])) == [3]
    assert list(quotations(["‘a’s b’ c.’ d"])) == [len("‘a’s b’ c.’")]
    assert quoted_share("“ab” and “cd”") == 0
    assert quoted_share("“abcdefg” x") == 9 / 11
    assert quoted_share("") == 0


LISTS = [
    "What we took:\n- a rope\n- two lamps\n- bread for a week\n- the good knife",
    "1. Open the valve.\n2. Wait until the water is cold.\n3. Close the valve again.",
    "(a) rope\n(b) lamps\n(c) bread",
    "• rope\n\n• lamps\n\n• bread and salt",
    "Rope    2s 6d\nLamps    4s\nBread    1s\nSalt    3d",
    "| rope | 2 |\n| lamps | 4 |\n| bread | 1 |",
    "Rope ........ 12\nLamps ........ 31\nBread ........ 44",
    "Rope, lamps, bread, salt, knives, candles, a kettle, tea, sugar, two blankets, nails, tar.",
]


@pytest.mark.parametrize("text", LISTS)
def test_items_rows_and_enumerations_are_a_list(text: str) -> None:
    assert reasons([*map(passage, MEMOIR), passage(text)]) == [None] * len(MEMOIR) + ["list"]


@pytest.mark.parametrize(
    "text",
    [
        "- Where were you?\n\n- Out.\n\n- With whom?\n\n- With nobody.",
        "A. Weir came first.\n\nB. Brown was late.\n\nC. Gray never came at all.",
        "I took bread, salt, a rope and two lamps, and I left the key and the cat behind.",
        "We had three rules:\n\n1. Say nothing.\n\nThat was the first, and the only one that I"
        " have ever kept for longer than a week, for reasons that will become clear in the next.",
        "- a rope",
        "What we took:\n- a rope\n- two lamps\nThe rest of it we left, and were glad.\n- rum",
        "Bread, salt, rope and two lamps, she said, and the clock, God help us, were all we had.",
        "He wrote:\n> I come\nand came, in the rain, without a hat, and with his brother's horse.",
        "1961 was the year. 1962 was not. 1963 I should like to have over again.",
    ],
)
def test_prose_with_commas_numbers_or_dashes_is_no_list(text: str) -> None:
    assert reasons([*map(passage, MEMOIR), passage(text)]) == [None] * (len(MEMOIR) + 1)


@pytest.mark.parametrize("rule", ["quotation", "list"])
def test_what_most_of_a_book_is_made_of_is_its_style(rule: str) -> None:
    texts = QUOTED if rule == "quotation" else LISTS * 2
    most = [passage(f"{text}", "manual") for text in texts[:8]]
    shelf = [passage(text, "manual") for text in MEMOIR[:7]]
    assert reasons([*most, *shelf], [rule]) == [None] * 15
    assert reasons([*most[:7], *shelf], [rule]) == [rule] * 7 + [None] * 7
    others = [passage(text, "memoir") for text in MEMOIR]
    assert reasons([*most[:5], *others], [rule]) == [rule] * 5 + [None] * len(MEMOIR)


def test_no_hostile_passage_stops_it() -> None:
    shelf = [order.passage for order in ORDERS]
    assert {item.id for item in fit(shelf, ALL)} == {order.kind for order in ORDERS}


def test_empty_passages_do_not_stop_it() -> None:
    assert reasons([passage(""), passage(" "), passage("\n\n"), passage("?")]) == [None] * 4
    assert list(fit([], ALL)) == []


@pytest.mark.parametrize(
    "unit", ["a@", "“a\n\n“", "- a\n", "\n", ". ", "1. ", "| ", "a, ", "‘a.’", "  "]
)
def test_a_hostile_passage_takes_time_in_its_length(unit: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        list(fit([passage((unit * length)[:length])], list(RULES)))
        return time.process_time() - start

    longer, shorter = (min(map(seconds, [length] * 3)) for length in (80_000, 20_000))
    assert longer < 10 * shorter + 0.2
