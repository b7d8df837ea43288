import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askback.errors import UserError
from askback.gathering import transcript
from askback.gathering.rows import Row, RowError
from askback.gathering.transcript import (
    MOST_BYTES,
    MOST_TURNS,
    Amount,
    Counts,
    Turn,
    conversations,
    episodes,
    file_text,
)
from askback.records import Message

# A podcast's episode: the host, who is to be learned, begins, and a guest has the last word.
EPISODE: Row = {
    "title": "The ferry",
    "episode": 7,
    "speaker_ratio": 0.4,
    "conversation": [
        {"from": "Host", "text": "Today we sit by the river with Tobin."},
        {"from": "Guest", "text": "I kept the ferry for thirty years. You crossed, too."},
        {"from": "Host", "text": "I did, every morning before school."},
        {"from": "Guest", "text": "Mm-hm."},
        {"from": "Host", "text": "And I never once paid for it."},
        {"from": "Guest", "text": "Why?"},
        {"from": "Host", "text": "Because your father never asked me to."},
        {"from": "Guest", "text": "Goodbye, then."},
    ],
}


def told(name: str, *texts: str) -> list[Turn]:
    """Turns of one speaker."""
    return [Turn(name, text) for text in texts]


def contents(talk: Iterable[Message]) -> list[str]:
    """What is said in a conversation."""
    return [message.content for message in talk]


def reason(row: Row, **fields: str) -> str:
    """Why the row cannot be used."""
    with pytest.raises(RowError) as error:
        transcript.turns(row, fields)
    assert len(error.value.detail) < 200
    return error.value.reason


def test_an_episode_that_the_host_begins_and_a_guest_ends_is_whole_exchanges() -> None:
    name, turns = transcript.turns(EPISODE, {})
    talks = conversations(turns, "host", max_chars=1000, min_chars=20)
    assert name == "The ferry"
    assert talks.conversations == [
        [
            Message("user", "I kept the ferry for thirty years. You crossed, too."),
            Message(
                "assistant", "I did, every morning before school.\nAnd I never once paid for it."
            ),
            Message("user", "Why?"),
            Message("assistant", "Because your father never asked me to."),
        ]
    ]
    assert talks.counts == Counts(
        total=Amount(8, 37 + 52 + 35 + 6 + 29 + 4 + 38 + 14),
        kept=Amount(5, 52 + 35 + 29 + 4 + 38),
        leading=Amount(1, 37),
        tail=Amount(1, 14),
        short=Amount(1, 6),
        empty=Amount(0, 0),
    )


def test_turns_of_one_side_are_one_message_each_on_a_line() -> None:
    turns = [
        *told("Ann", " How was it? "),
        *told("Ben", "And the bridge?", "It was new."),
        *told("Mara", "Cold.", "", "Then the bridge came."),
    ]
    talks = conversations(turns, "Mara", 1000, 0)
    assert [contents(talk) for talk in talks.conversations] == [
        ["How was it?\nAnd the bridge?\nIt was new.", "Cold.\nThen the bridge came."]
    ]
    assert talks.counts.empty == Amount(1, 0)


@pytest.mark.parametrize("author", ["mara lind", " MARA  LIND ", "Mara\u00a0Lind"])
def test_the_author_is_found_whatever_the_case_and_the_spaces(author: str) -> None:
    turns = [*told("Ann", "Why?"), *told(" Mara Lind", "Because.")]
    assert len(conversations(turns, author, 100, 0).conversations) == 1


def test_a_name_is_the_same_however_its_accents_are_composed() -> None:
    turns = [*told("Ann", "Why?"), *told("Ren\u00e9", "Because.")]
    assert len(conversations(turns, "Rene\u0301", 100, 0).conversations) == 1


def test_an_author_who_says_nothing_is_an_error_that_names_who_speaks() -> None:
    turns = [*told("Ann", "Why?", "Who?"), *told("Mara", " "), *told("Ben\n", "I do not know.")]
    with pytest.raises(RowError) as error:
        conversations(turns, "Mara", 100, 0)
    assert error.value.reason == "author_is_silent"
    assert error.value.detail == "there speak: 'Ann', 'Ben'"


def test_an_episode_without_turns_is_one_in_which_the_author_is_silent() -> None:
    with pytest.raises(RowError, match="nobody"):
        conversations([], "Mara", 100, 0)


def test_names_that_are_told_are_few_and_short() -> None:
    turns = [Turn(f"{number}" * 1000, "text") for number in range(100)]
    with pytest.raises(RowError) as error:
        conversations(turns, "Mara", 100, 0)
    assert len(error.value.detail) < 120


def test_who_is_never_asked_makes_no_conversation() -> None:
    talks = conversations(told("Mara", "All", "alone."), "Mara", 100, 0)
    assert talks.conversations == []
    assert talks.counts.leading == Amount(2, 9)


@pytest.mark.parametrize(
    "question",
    ["Why?", "为什么？", "لماذا؟", "Γιατί;", "Γιατί\u037e", "¿Por qué", "Ինչո՞ւ", "ለምን፧"],
)
def test_a_short_question_stays(question: str) -> None:
    turns = [
        *told("Ann", "Tell me about the river."),
        *told("Mara", "It was wide in those days."),
        *told("Ann", question),
        *told("Mara", "Nobody had told it to be narrow."),
    ]
    assert conversations(turns, "Mara", 1000, 20).counts.short == Amount(0, 0)


def test_what_the_author_mumbles_is_taken_out_of_a_question_too() -> None:
    turns = [
        *told("Ann", "You were born by the river."),
        *told("Mara", "Yes; so."),
        *told("Ann", "What was it like?"),
        *told("Mara", "It was wide in those days."),
    ]
    talks = conversations(turns, "Mara", 1000, 20)
    assert [contents(talk) for talk in talks.conversations] == [
        ["You were born by the river.\nWhat was it like?", "It was wide in those days."]
    ]
    assert talks.counts.short == Amount(1, 8)


def test_an_opening_that_is_only_interrupted_is_skipped_whole() -> None:
    turns = [
        *told("Mara", "Welcome to the show, all of you."),
        *told("Ann", "Hello."),
        *told("Mara", "We talk about rivers today."),
        *told("Ann", "How did you come to live by one?"),
        *told("Mara", "I was born there, in the ferry house."),
    ]
    talks = conversations(turns, "Mara", 1000, 20)
    assert [contents(talk) for talk in talks.conversations] == [
        ["How did you come to live by one?", "I was born there, in the ferry house."]
    ]
    assert talks.counts.leading == Amount(2, 32 + 27)


def test_windows_hold_whole_exchanges_and_a_long_one_stands_alone() -> None:
    lengths = [(3, 2), (2, 3), (1, 1), (30, 1), (1, 4), (2, 4)]
    turns = [
        Turn(name, "x" * length)
        for asked, answered in lengths
        for name, length in (("Ann", asked), ("Mara", answered))
    ]
    talks = conversations(turns, "Mara", max_chars=10, min_chars=0)
    sizes = [[len(message.content) for message in talk] for talk in talks.conversations]
    assert sizes == [[3, 2, 2, 3], [1, 1], [30, 1], [1, 4], [2, 4]]


TURNS = st.lists(
    st.builds(
        Turn,
        st.sampled_from(["Ann", "Ben", "Mara", " mara", ""]),
        st.one_of(
            st.sampled_from(["", " ", "Mm.", "Why?", " I was born there. "]),
            st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=30),
        ),
    ),
    max_size=30,
)


def is_within(lines: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether `lines` are some of `texts`, in their order."""
    rest: Iterator[str] = iter(texts)
    return all(line in rest for line in lines)


@given(TURNS, st.integers(1, 80), st.integers(0, 12))
def test_nothing_vanishes_and_no_word_changes_its_mouth(
    turns: list[Turn], max_chars: int, min_chars: int
) -> None:
    said = [(turn.speaker.strip().lower() == "mara", turn.text.strip()) for turn in turns]
    if not any(author and text for author, text in said):
        with pytest.raises(RowError, match="author_is_silent"):
            conversations(turns, "Mara", max_chars, min_chars)
        return
    talks = conversations(turns, "Mara", max_chars, min_chars)
    counts = talks.counts
    parts = [counts.kept, counts.leading, counts.tail, counts.short, counts.empty]
    assert counts.total == Amount(len(said), sum(len(text) for _, text in said))
    assert counts.total.turns == sum(part.turns for part in parts)
    assert counts.total.characters == sum(part.characters for part in parts)
    messages = [message for talk in talks.conversations for message in talk]
    lines = [(m.role == "assistant", line) for m in messages for line in m.content.split("\n")]
    assert counts.kept == Amount(len(lines), sum(len(line) for _, line in lines))
    for side in (True, False):
        own = [text for author, text in said if author == side]
        assert is_within([line for author, line in lines if author == side], own)


@given(TURNS, st.integers(1, 80), st.integers(0, 12))
def test_each_conversation_is_whole_exchanges_as_many_as_fit(
    turns: list[Turn], max_chars: int, min_chars: int
) -> None:
    try:
        talks = conversations(turns, "Mara", max_chars, min_chars).conversations
    except RowError:
        return
    for talk in talks:
        assert [m.role for m in talk] == ["user", "assistant"] * (len(talk) // 2)
        assert len(talk) == 2 or len("".join(contents(talk))) <= max_chars
    for talk, following in pairwise(talks):
        assert len("".join(contents([*talk, *following[:2]]))) > max_chars


@pytest.mark.parametrize(
    "row",
    [
        {"conversation": [{"from": "Ann", "text": "Why?"}, {"from": "Mara", "text": "So."}]},
        {"turns": [{"speaker": "Ann", "text": "Why?"}, {"speaker": "Mara", "text": "So."}]},
        {"messages": [{"name": "Ann", "content": "Why?"}, {"name": "Mara", "content": "So."}]},
        {"dialogue": [{"role": "Ann", "value": "Why?"}, {"role": "Mara", "value": "So."}]},
        {"utterances": [{"speaker": "Ann", "text": "Why?"}, {"speaker": "Mara", "text": "So."}]},
    ],
)
def test_lists_of_turns_are_known_by_the_usual_names(row: Row) -> None:
    assert transcript.turns(row, {}) == ("", [Turn("Ann", "Why?"), Turn("Mara", "So.")])


def test_fields_name_the_columns_of_a_set_of_its_own() -> None:
    row = {
        "show": "Rivers",
        "title": "no",
        "lines": [{"who": "Ann", "speaker": "no", "words": "Why?", "text": "no"}],
    }
    fields = {"title": "show", "conversation": "lines", "speaker": "who", "text": "words"}
    assert transcript.turns(row, fields) == ("Rivers", [Turn("Ann", "Why?")])


def test_segments_that_a_machine_cut_are_joined_and_voices_it_missed_are_nobody() -> None:
    row = {
        "segments": [
            {"start": 0.0, "text": " I was born", "speaker": "SPEAKER_01"},
            {"start": 2.5, "text": " by the river.", "speaker": "SPEAKER_01"},
            {"start": 3.0, "text": " Hm."},
            {"start": 4.0, "text": " Were you?", "speaker": "SPEAKER_00"},
        ]
    }
    assert transcript.turns(row, {})[1] == [
        Turn("SPEAKER_01", "I was born by the river."),
        Turn("", "Hm."),
        Turn("SPEAKER_00", "Were you?"),
    ]


def test_speakers_and_episodes_may_be_numbers() -> None:
    row = {"title": None, "episode": 7, "turns": [{"speaker": 0, "transcript": "Why?"}]}
    assert transcript.turns(row, {}) == ("7", [Turn("0", "Why?")])


def test_a_turn_without_words_is_an_empty_one() -> None:
    row = {"turns": [{"speaker": "Ann", "text": None}, {"speaker": "Mara", "text": "So."}]}
    assert transcript.turns(row, {})[1] == [Turn("Ann", ""), Turn("Mara", "So.")]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"title": "The ferry"}, "missing_field"),
        ({"conversation": None}, "missing_field"),
        ({"conversation": "Ann: Why?" * 99}, "wrong_type"),
        ({"conversation": ["Why?" * 99]}, "wrong_type"),
        ({"conversation": []}, "empty"),
        ({"conversation": [{"text": "Why?"}]}, "missing_field"),
        ({"conversation": [{"from": "Ann"}]}, "missing_field"),
        ({"conversation": [{"from": ["Ann"], "text": "Why?"}]}, "wrong_type"),
        ({"conversation": [{"from": True, "text": "Why?"}]}, "wrong_type"),
        ({"conversation": [{"from": "Ann", "text": 7}]}, "wrong_type"),
        ({"title": ["x"], "conversation": [{"from": "Ann", "text": "Why?"}]}, "wrong_type"),
        ({"title": float("nan"), "conversation": [{"from": "A", "text": "Why?"}]}, "wrong_type"),
    ],
)
def test_a_row_that_is_no_episode_says_why(row: Row, why: str) -> None:
    assert reason(row) == why


def test_a_column_that_the_user_names_wrongly_is_missing() -> None:
    assert reason(EPISODE, conversation="talk") == "missing_field"
    assert reason(EPISODE, speaker="who") == "missing_field"
    assert reason(EPISODE, text="words") == "missing_field"


def test_rows_of_single_turns_are_one_episode_as_long_as_their_names_are_equal() -> None:
    rows: list[tuple[int, Row | RowError]] = [
        (1, {"episode": 1, "speaker": "Ann", "text": "Why?"}),
        (2, {"episode": 1, "speaker": "Mara", "text": "So."}),
        (4, {"episode": 2, "speaker": "Ann", "text": "How?"}),
        (5, EPISODE),
        (6, {"episode": 1, "speaker": "Mara", "text": "So."}),
    ]
    whole = transcript.turns(EPISODE, {})
    assert list(episodes(rows, {})) == [
        (1, ("1", [Turn("Ann", "Why?"), Turn("Mara", "So.")])),
        (4, ("2", [Turn("Ann", "How?")])),
        (5, whole),
        (6, ("1", [Turn("Mara", "So.")])),
    ]


def test_bad_rows_are_named_and_the_episode_goes_on() -> None:
    unreadable = RowError("malformed_json", "line 2")
    rows: list[tuple[int, Row | RowError]] = [
        (1, {"speaker": "Ann", "text": "Why?"}),
        (2, unreadable),
        (3, {"speaker": None, "text": "So."}),
        (4, {"speaker": "Mara", "text": ["So."]}),
        (5, {"speaker": "Mara", "text": "So."}),
    ]
    (*errors, last) = episodes(rows, {})
    assert last == (1, ("", [Turn("Ann", "Why?"), Turn("Mara", "So.")]))
    found = [(number, error.reason) for number, error in errors if isinstance(error, RowError)]
    assert found == [(2, "malformed_json"), (3, "missing_field"), (4, "wrong_type")]
    assert errors[0][1] is unreadable


def test_a_table_without_episodes_never_lies_in_memory_whole() -> None:
    row = {"speaker": "Ann", "text": "Why?"}
    found = list(episodes(((number, row) for number in range(MOST_TURNS + 2)), {}))
    assert [number for number, _ in found] == [0, MOST_TURNS]
    assert [len(item[1]) for _, item in found if not isinstance(item, RowError)] == [MOST_TURNS, 2]


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.vtt"
    path.write_bytes(b"a" * MOST_BYTES)
    assert len(file_text(path)) == MOST_BYTES
    path.write_bytes(b"a" * (MOST_BYTES + 1))
    with pytest.raises(UserError, match=r"long\.vtt: over 16 MiB"):
        file_text(path)


@pytest.mark.parametrize(
    "raw", ["\ufeffCafé\r\n“Why?”\r".encode(), "Café\n“Why?”\n".encode("cp1252")]
)
def test_a_file_is_read_as_utf_8_or_as_windows_wrote_it(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.vtt"
    path.write_bytes(raw)
    assert file_text(path) == "Café\n“Why?”\n"


@pytest.mark.parametrize("raw", [b"\x81\x8d Caf\xe9\n", bytes(range(256)) * 9])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.vtt"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"a\.vtt"):
        file_text(path)


def test_a_long_episode_takes_time_in_its_length() -> None:
    def seconds(length: int) -> float:
        names = ("Ann", "Mara", "Ben", "Mara")
        turns = [Turn(names[number % 4], "Mm." * (number % 5)) for number in range(length)]
        start = time.process_time()
        conversations(turns, "Mara", 1000, 6)
        return time.process_time() - start

    longer, shorter = (min(map(seconds, [length] * 3)) for length in (80_000, 20_000))
    assert longer < 10 * shorter + 1
