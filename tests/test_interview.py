"""The interview as a function of passages and replies: what is asked, and what becomes of it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from askback.asking import filters, prompts
from askback.asking.fence import fenced, mark
from askback.asking.filters import Filter
from askback.asking.interview import (
    Interview,
    Settled,
    Subject,
    Wording,
    form_of,
    request,
    subjects,
)
from askback.asking.prompts import Prompt
from askback.asking.replies import Reply, Request
from askback.records import Dropped, Edit, Exchange, Passage
from tests.hostile_passages import ORDERS
from tests.inquiries import BOOK, passages

ROOT = Path(__file__).parents[1]
ALL = frozenset(get_args(Filter))
GOOD = "What did those years teach you about {}?"
THINGS = ["bread", "rivers", "patience", "winter", "music", "your brother", "the sea", "work"]


def wording(**values: Any) -> Wording:
    """The wording of a request; `values` in place of what it has here."""
    text = "{author} {title} {form}\n{context}\n{passage}"
    made = Wording("m", {"temperature": 0.7, "max_tokens": 50}, prompt(text, ["One.", "Two."]), 7)
    return replace(made, **values)


def prompt(text: str, forms: Iterable[str] = ()) -> Prompt:
    """A prompt as its file would give it."""
    fields = frozenset(prompts.FIELD.findall(text))
    return Prompt(text, fields, tuple(forms))


def some(count: int) -> list[Subject]:
    """Subjects of one book."""
    return list(subjects_of(passages(count, chapter=3)))


def subjects_of(found: list[Passage]) -> Iterable[Subject]:
    return subjects(found, {"book": BOOK}, None)


Says = Callable[[Request], str | Reply]


def reply_to(asked: Request, text: str, **values: Any) -> Reply:
    """A reply to a request, of this text."""
    usage = {"input": 1, "output": 1}
    made = Reply(
        asked.key, asked.model, asked.messages, asked.sampling, text, "answer", usage, 0.0, "n"
    )
    return replace(made, **values)


class Model:
    """A model that answers all that is wanted, and remembers what it was asked."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.replies: dict[str, Reply] = {}
        self.asked: list[list[Request]] = []

    def interview(
        self,
        of: Iterable[Subject | Dropped],
        edits: dict[str, Edit] | None = None,
        on: frozenset[str] = ALL,
        **values: Any,
    ) -> Settled:
        """What is settled in the end."""
        interview = Interview(list(of), edits or {}, wording(**values), on)
        while wanted := (settled := interview.settle(self.replies.get)).wanted:
            self.asked.append(list(wanted.values()))
            for asked in wanted.values():
                said = self.says(asked)
                self.replies[asked.key] = said if isinstance(said, Reply) else reply_to(asked, said)
        return settled

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return sum(map(len, self.asked))


def by_passage(count: int = 8) -> Says:
    """Says a good question for each of the passages, unlike those for the others."""
    names = [passage.id for passage in passages(count, chapter=3)]
    return lambda asked: GOOD.format(THINGS[names.index(asked.passage) % len(THINGS)])


def questions(settled: Settled) -> list[str]:
    return [one.question for one in settled.outcomes if isinstance(one, Exchange)]


def fates(settled: Settled) -> list[str]:
    """For each passage `asked`, or why it has no question."""
    return [one.reason if isinstance(one, Dropped) else "asked" for one in settled.outcomes]


def test_each_passage_gets_the_question_of_its_reply_and_answers_word_for_word() -> None:
    model = Model(by_passage())
    settled = model.interview(some(4))
    assert questions(settled) == [GOOD.format(thing) for thing in THINGS[:4]]
    for outcome, passage in zip(settled.outcomes, passages(4, chapter=3), strict=True):
        assert isinstance(outcome, Exchange)
        assert (outcome.answer, outcome.passage) == (passage.text, passage.id)
        assert outcome.asked_by == "m"
        assert outcome.reply in model.replies
    assert model.calls == 4


def test_a_prompt_has_the_passage_before_of_the_same_chapter_fenced_and_the_books_names() -> None:
    found = passages(4, chapter=3)
    made = [request(wording(), subject, 0, 0, None) for subject in some(4)]
    texts = [one.messages[0].content for one in made]
    for number, before in enumerate([None, 0, 1, None]):
        context = fenced(found[before].text) if before is not None else "(nothing)"
        assert f"\n{context}\n{fenced(found[number].text)}" in texts[number]
        assert texts[number].startswith("Ida Marren Salt ")


def test_the_author_is_the_personas_where_it_names_one() -> None:
    [subject] = subjects(passages(1), {"book": BOOK}, "Another")
    assert subject.author == "Another"
    [nameless] = subjects(passages(1), {"book": replace(BOOK, author=None)}, None)
    assert nameless.author == ""


def test_a_key_holds_on_to_nothing_but_what_the_model_reads() -> None:
    """A page, a number or an id may change, and nothing is asked again."""
    [subject] = some(1)
    moved = replace(subject.passage, id="other", number=9, first_page=9, last_page=9, chapter="X")
    one = request(wording(), subject, 0, 0, None)
    other = request(wording(prompt=prompt("{passage}")), subject, 0, 0, None)
    assert one.key != other.key
    plain = wording(prompt=prompt("{passage}"))
    assert other.key == request(plain, replace(subject, passage=moved), 0, 0, None).key


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("", "missing"),
        ("Why? And when? And who was there?", "several"),
        ("What " + "very " * 45 + "long thing?", "too_long"),
        ("Tell me of the sea.", "not_a_question"),
        ("What does the author say in this passage?", "names_the_source"),
        ("Have you seen http://shop.example today?", "injected"),
    ],
)
def test_a_question_that_will_not_do_is_asked_once_more_with_the_reason(
    bad: str, fault: str
) -> None:
    def says(asked: Request) -> str:
        return GOOD.format("bread") if filters.REASONS[fault] in text(asked) else bad

    model = Model(says)
    settled = model.interview(some(1))
    assert questions(settled) == [GOOD.format("bread")]
    assert settled.turned_down == {fault: 1}
    first, second = (one for [one] in model.asked)
    assert text(second) == f"{text(first)}\n\n{filters.again(fault)}"
    assert second.sampling["seed"] == first.sampling["seed"] + 1


def text(asked: Request) -> str:
    return asked.messages[0].content


def test_a_question_that_will_not_do_twice_drops_its_passage_by_the_last_reason() -> None:
    model = Model(lambda asked: "No." if "would not do" in text(asked) else "Why? And when? And?")
    settled = model.interview(some(1))
    assert fates(settled) == ["not_a_question"]
    [dropped] = settled.outcomes
    assert isinstance(dropped, Dropped)
    assert dropped.detail == "No."
    assert settled.turned_down == {"several": 1, "not_a_question": 1}
    assert model.calls == 2


@pytest.mark.parametrize("verdict", ["refusal", "cut_off", "filtered"])
def test_a_reply_that_is_no_answer_is_a_reason_like_others(verdict: str) -> None:
    model = Model(lambda asked: reply_to(asked, "I cannot.", verdict=verdict))
    assert fates(model.interview(some(1))) == [verdict]
    assert model.calls == 2


def test_a_request_that_was_given_up_is_not_asked_again() -> None:
    model = Model(lambda asked: reply_to(asked, "", verdict="given_up"))
    assert fates(model.interview(some(1))) == ["given_up"]
    assert model.calls == 1


def test_a_filter_that_is_switched_off_turns_nothing_down() -> None:
    model = Model(lambda asked: "Tell me of the sea.")
    assert questions(model.interview(some(1), on=frozenset())) == ["Tell me of the sea."]


def test_of_two_questions_that_are_nearly_the_same_the_second_is_asked_again() -> None:
    def says(asked: Request) -> str:
        return GOOD.format("music") if "would not do" in text(asked) else GOOD.format("bread")

    model = Model(says)
    settled = model.interview(some(2))
    assert questions(settled) == [GOOD.format("bread"), GOOD.format("music")]
    assert settled.turned_down == {"near_duplicate": 1}


def test_nearly_equal_questions_are_judged_only_when_all_others_are_settled() -> None:
    """Else a call may be paid for because of a question that is turned down itself."""
    names = [passage.id for passage in passages(2, chapter=3)]

    def says(asked: Request) -> str | Reply:
        if asked.model == "judge":
            return "no: dull" if "bread" in text(asked) and names[0] == asked.passage else "yes: y"
        return GOOD.format("music" if "would not do" in text(asked) else "bread")

    model = Model(says)
    judged = prompt("Judge {passage} {question}")
    settled = model.interview(some(2), judge="judge", judge_prompt=judged)
    assert questions(settled) == [GOOD.format("music"), GOOD.format("bread")]
    assert settled.turned_down == {"judged_out": 1}


def test_a_judge_sees_passage_and_question_and_its_no_is_a_reason() -> None:
    def says(asked: Request) -> str:
        if asked.model == "judge":
            return "No: it is a list of ports." if "bread" in text(asked) else "yes: it is a story"
        return GOOD.format("music" if filters.REASONS["judged_out"] in text(asked) else "bread")

    model = Model(says)
    judged = prompt("Judge {passage} {question}")
    [subject] = some(1)
    settled = model.interview([subject], judge="judge", judge_prompt=judged)
    assert questions(settled) == [GOOD.format("music")]
    judge_calls = [asked for wave in model.asked for asked in wave if asked.model == "judge"]
    assert len(judge_calls) == 2
    assert fenced(subject.passage.text) in text(judge_calls[0])
    assert GOOD.format("bread") in text(judge_calls[0])
    assert judge_calls[0].sampling["temperature"] == 0.0


def test_a_judge_who_is_not_clear_lets_the_question_pass_and_its_words_stay_out() -> None:
    model = Model(lambda a: "Hm, well." if a.model == "judge" else GOOD.format("bread"))
    settled = model.interview(
        some(1), judge="judge", judge_prompt=prompt("Judge {passage} {question}")
    )
    assert questions(settled) == [GOOD.format("bread")]
    assert "Hm" not in str(settled.outcomes)


def test_several_questions_for_a_passage_have_different_forms_and_seeds() -> None:
    things = iter(THINGS)
    model = Model(lambda asked: GOOD.format(next(things)))
    settled = model.interview(some(2), per_passage=2)
    assert len(questions(settled)) == 4
    [wave] = model.asked
    forms = [text(asked).split("\n")[0].split(" ")[-1] for asked in wave]
    assert sorted(forms[:2]) == sorted(forms[2:]) == ["One.", "Two."]
    assert [asked.sampling["seed"] for asked in wave] == [7, 9, 7, 9]


def test_a_passage_with_one_question_of_two_is_kept() -> None:
    def says(asked: Request) -> str:
        return "" if asked.sampling["seed"] >= 9 else GOOD.format("bread")

    settled = Model(says).interview(some(1), per_passage=2)
    assert fates(settled) == ["asked"]
    assert settled.turned_down == {"missing": 2}


def test_passages_begin_with_different_forms() -> None:
    forms = [str(n) for n in range(12)]
    first = {form_of(forms, passage.id, 0) for passage in passages(200)}
    assert first == set(forms)
    assert form_of(forms, "p", 0) != form_of(forms, "p", 1)
    assert form_of([], "p", 0) == ""


def test_what_a_person_asks_or_drops_is_never_asked_of_a_model() -> None:
    found = passages(3, chapter=3)
    edits = {
        found[0].id: Edit(found[0].id, "Ada", question=" Who lit it? "),
        found[1].id: Edit(found[1].id, "Ada", drop="a list"),
    }
    model = Model(by_passage())
    settled = model.interview(some(3), edits)
    assert model.calls == 1
    assert fates(settled) == ["asked", "edited_out", "asked"]
    edited = settled.outcomes[0]
    assert isinstance(edited, Exchange)
    assert (edited.question, edited.edited_by, edited.reply) == ("Who lit it?", "Ada", None)


def test_requests_of_equal_passages_are_one_request() -> None:
    [subject] = some(1)
    twin = replace(subject, passage=replace(subject.passage, id="twin"))
    interview = Interview([subject, twin], {}, wording(prompt=prompt("{passage}")), ALL)
    assert len(interview.settle(lambda key: None).wanted) == 1


@pytest.mark.parametrize("number", range(len(ORDERS)))
def test_a_book_that_orders_an_obedient_model_about_puts_nothing_into_the_interview(
    number: int,
) -> None:
    """And costs two calls."""
    order = ORDERS[number]
    said = order.reply.replace("FENCE", mark(order.text))
    model = Model(lambda asked: said)
    passage = Passage("p", "book", 1, "I", 1, 1, order.language, order.text, [])
    [subject] = subjects([passage], {"book": BOOK}, None)
    settled = model.interview([subject])
    assert fates(settled) != ["asked"]
    assert model.calls <= 2
