"""The interview as conversations: single exchanges, chains of passages, and monologues."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.gathering.interview import OPEN, monologues, talks
from askback.records import Ids, Passage
from tests.gathered import exchange, interview


def test_an_exchange_becomes_a_conversation_word_for_word():
    (talk,) = talks([exchange(1, answer="  In year 1 we rowed.\n\nThen we slept. ")], 1)
    assert [(message.role, message.content) for message in talk.messages] == [
        ("user", "What did you do in year 1?"),
        ("assistant", "  In year 1 we rowed.\n\nThen we slept. "),
    ]
    assert (talk.document, talk.chapter, talk.place) == ("book", "I", exchange(1).passage)
    assert talk.passages == [exchange(1).passage]


def test_up_to_three_passages_of_a_chapter_make_a_conversation_of_several_turns():
    found = list(talks(interview(2, each=5), 3))
    assert [len(talk.passages) for talk in found] == [3, 2, 3, 2]
    first = interview(2, each=5)[:3]
    assert [m.content for m in found[0].messages] == [
        text for e in first for text in (e.question, e.answer)
    ]
    assert [m.role for m in found[0].messages] == ["user", "assistant"] * 3
    assert found[0].passages == [e.passage for e in first]


def test_a_passage_with_two_questions_is_in_two_conversations_and_in_neither_twice():
    exchanges = [
        exchange(number, question=f"{ask} {number}?")
        for number in range(3)
        for ask in ("Why", "How")
    ]
    found = list(talks(exchanges, 3))
    assert [[m.content for m in talk.messages[::2]] for talk in found] == [
        ["Why 0?", "Why 1?", "Why 2?"],
        ["How 0?", "How 1?", "How 2?"],
    ]
    assert found[0].passages == found[1].passages


numbers = st.lists(st.integers(0, 3), min_size=1, max_size=6)  # questions of each passage


@given(chapters=st.lists(numbers, max_size=4), turns=st.integers(1, 5))
def test_every_exchange_is_in_one_conversation_and_no_passage_twice_in_any(chapters, turns):
    exchanges = [
        exchange(passage, f"Chapter {chapter}", question=f"Question {number}?")
        for chapter, passages in enumerate(chapters)
        for passage, count in enumerate(passages)
        for number in range(count)
    ]
    found = list(talks(exchanges, turns))
    asked = Counter(
        (passage, message.content)
        for talk in found
        for passage, message in zip(talk.passages, talk.messages[::2], strict=True)
    )
    assert asked == Counter((e.passage, e.question) for e in exchanges)
    for talk in found:
        assert len(set(talk.passages)) == len(talk.passages) <= turns
        assert talk.group == f"book\x1f{talk.chapter}"


def passage(number: int) -> Passage:
    text = f"Passage {number} speaks for itself."
    return Passage(Ids()("book", text), "book", number, "I", 1, 1, "en", text, [])


def test_passages_without_a_question_stand_under_an_open_prompt_always_the_same():
    passages = [passage(number) for number in range(40)]
    without = {p.id for p in passages[:30]}
    found = list(monologues(passages, [], without))
    assert [talk.passages for talk in found] == [[p.id] for p in passages[:30]]
    assert [talk.messages[1].content for talk in found] == [p.text for p in passages[:30]]
    prompts = {talk.passages[0]: talk.messages[0].content for talk in found}
    assert set(prompts.values()) == set(OPEN)
    again = monologues(reversed(passages), [], without)
    assert {talk.passages[0]: talk.messages[0].content for talk in again} == prompts


def test_the_prompts_can_be_ones_own():
    (talk,) = monologues([passage(1)], ["And?"], {passage(1).id})
    assert talk.messages[0].content == "And?"


@pytest.mark.parametrize("turns", [1, 4])
def test_no_exchanges_are_no_conversations(turns):
    assert list(talks([], turns)) == []
