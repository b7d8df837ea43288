"""`askback show`: from any record back to the book, and nothing in a book steers the terminal."""

import ast
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from askback import conversations, files
from askback.errors import UserError
from askback.lineage import Lineage
from askback.records import Conversation, Dropped, Message
from askback.terminal import visible
from tests import small_run

HOSTILE = "\x1b]0;owned\x07\x1b[2J \u202egnp.exe\u202c \x9b31m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run."""
    made = tmp_path_factory.mktemp("run")
    small_run.write(made)
    return made


def show(folder: Path, *arguments: str) -> CompletedProcess[str]:
    """`askback show` in the folder."""
    return small_run.run(folder, "askback.cli", "show", *arguments)


def first(folder: Path) -> Conversation:
    """The first conversation to learn from."""
    return next(conversations.read(folder / "data" / "chat" / "train.parquet"))


def test_a_conversation_leads_to_its_question_passage_paragraph_and_pages(folder: Path) -> None:
    lineage = Lineage(folder / "data")
    conversation = first(folder)
    passage = lineage.passages[conversation.passages[0]]
    paragraph = lineage.paragraphs[passage.paragraphs[0].id]
    told = show(folder, conversation.id).stdout
    assert f"conversation {conversation.id}\n  interview, trained on" in told
    assert conversation.messages[1].content in told
    assert f"passage {passage.id}" in told
    assert "The Ferryman's Daughter; Ida Marren; I. The Ferry; page 5" in told
    size = len(paragraph.text)
    where = f"paragraph {paragraph.id}, para, page 5, characters 0 to {size} of {size}"
    assert where in told
    assert "asked by embedded: " + conversation.messages[1].content in told


def test_a_conversation_of_no_passages_shows_its_source_its_document_and_what_was_said(
    tmp_path: Path,
) -> None:
    said = [Message("user", "Why?"), Message("assistant", "It rained.")]
    talk = Conversation("ab12", "forum", "thread 7", "", [], said, "")
    conversations.write(tmp_path / "data" / "chat" / "train.parquet", [talk])
    assert show(tmp_path, "ab").stdout == (
        "conversation ab12\n  forum, trained on\n  from thread 7\n"
        "\n  user\n    Why?\n\n  assistant\n    It rained.\n"
    )


def test_a_held_out_conversation_is_found_in_whichever_row_group_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chat" / "validation.parquet"
    talks = [Conversation(f"c{n}", "forum", "", "", [], [], str(n)) for n in range(2100)]
    conversations.write(path, talks)
    lineage = Lineage(tmp_path)
    for number in [0, 1023, 1024, 2048, 2099]:
        assert lineage.get(f"c{number}") == talks[number]
    assert lineage.get("c2100") is None
    assert "c7" in lineage.held_out
    assert "c7" not in lineage.training
    assert lineage.conversations().to_pylist() == sorted(talk.id for talk in talks)


@pytest.mark.prove
def test_one_conversation_of_a_hundred_thousand_is_shown_in_two_seconds(tmp_path: Path) -> None:
    said = [Message("user", "Why? " * 40), Message("assistant", "It rained. " * 100)]
    talks = (Conversation(f"{n:016x}", "forum", "", "", [], said, "x" * 1300) for n in range(10**5))
    conversations.write(tmp_path / "data" / "chat" / "train.parquet", talks)
    times = []
    for number in [0, 54_321, 99_999]:
        start = time.perf_counter()
        told = show(tmp_path, f"{number:016x}").stdout
        times.append(time.perf_counter() - start)
        assert told.startswith(f"conversation {number:016x}\n")
    assert min(times) < 2


def test_a_damaged_file_of_conversations_is_named(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "chat" / "train.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 and no more")
    done = show(tmp_path)
    assert done.returncode == 2
    assert "train.parquet: damaged, or not a file of conversations; delete it" in done.stderr


def test_a_paragraph_leads_to_the_passages_that_take_from_it(folder: Path) -> None:
    passage = next(iter(Lineage(folder / "data").passages.values()))
    told = show(folder, passage.paragraphs[0].id).stdout
    assert f"are in passage {passage.id}" in told


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(folder: Path) -> None:
    passage = next(iter(Lineage(folder / "data").passages))
    assert show(folder, passage[:10]).stdout == show(folder, passage).stdout


def test_a_beginning_of_many_ids_is_answered_with_some_of_them(folder: Path) -> None:
    done = show(folder, "d0000")
    assert done.returncode == 2
    assert done.stderr.startswith("askback: d0000 begins 5 ids (d000000000000000, ")


def test_an_unknown_id_is_one_line_and_exit_code_2(folder: Path) -> None:
    done = show(folder, "zzz")
    assert done.returncode == 2
    assert done.stderr == ("askback: nothing in data has the id zzz; `askback show` samples one\n")


def test_without_an_id_the_seed_draws_a_conversation(folder: Path) -> None:
    first, again, other = show(folder), show(folder), show(folder, "--seed", "7")
    assert first.stdout.startswith("conversation c")
    assert first.stdout == again.stdout != other.stdout


def test_a_dropped_record_says_who_dropped_it_and_why(folder: Path) -> None:
    told = show(folder, "d000000000000003").stdout
    assert told == "dropped by segment as contents: a line of the contents\n"


def test_tokens_show_every_id_and_mark_the_answer_through_its_end(folder: Path) -> None:
    conversation = first(folder)
    lines = show(folder, conversation.id, "--tokens").stdout.splitlines()
    learnt = [line.split(" + ")[1] for line in lines if " + " in line]
    assert ast.literal_eval(" ".join(learnt)) == conversation.messages[2].content + "<|im_end|>"
    assert lines[0].split()[2] == "'<|im_start|>'"


def test_a_record_without_tokens_says_so(folder: Path) -> None:
    done = show(folder, "d000000000000003", "--tokens")
    assert done.returncode == 2
    assert "no tokens of d000000000000003" in done.stderr


def test_dropped_alone_counts_by_stage_and_reason(folder: Path) -> None:
    rows = [line.split(maxsplit=2) for line in show(folder, "--dropped").stdout.splitlines()]
    assert rows == [["5", "segment", "contents"], ["9", "segment", "too short"]]


def test_dropped_with_a_reason_lists_each_record(folder: Path) -> None:
    lines = show(folder, "--dropped", "too short").stdout.splitlines()
    assert len(lines) == 9
    assert lines[0].split() == ["segment", "e000000000000000", "40", "characters"]


def test_a_mistyped_reason_is_answered_with_the_nearest(folder: Path) -> None:
    done = show(folder, "--dropped", "to short")
    assert done.returncode == 2
    assert "did you mean too short?" in done.stderr


def test_nothing_made_yet_is_said_with_the_remedy(tmp_path: Path) -> None:
    done = show(tmp_path)
    assert done.returncode == 2
    assert "run `dvc repro`" in done.stderr


def test_a_passage_made_anew_since_is_the_users_to_update(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    files.write(tmp_path / "data" / "passages.jsonl", [])
    done = show(tmp_path)
    assert done.returncode == 2
    assert "is not in it any more; run `dvc repro`" in done.stderr


def test_no_book_steers_the_terminal(tmp_path: Path) -> None:
    small_run.write(tmp_path, title=HOSTILE, hostile=HOSTILE)
    item = Dropped("f" * 16, "hostile" + HOSTILE, HOSTILE)
    files.write(tmp_path / "data" / "dropped" / "extract.jsonl", [item])
    lineage = Lineage(tmp_path / "data")
    calls = [
        [],
        ["--tokens"],
        [next(iter(lineage.passages))],
        [next(iter(lineage.paragraphs))],
        [item.id],
        ["--dropped"],
    ]
    for arguments in calls:
        told = show(tmp_path, *arguments).stdout
        assert not set(told) & set("\x1b\x07\x9b\u202e\u202c"), arguments
        assert "x1b" in told, arguments


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain, naïve, Ωραία 😀\n\tline", "plain, naïve, Ωραία 😀\n\tline"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\r\x00\x7f\x85", "\\r\\x00\\x7f\\x85"),
        ("\u2066\u2028\ufeff", "\\u2066\\u2028\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text: str, told: str) -> None:
    assert visible(text) == told


def test_an_exact_id_wins_over_longer_ones_that_begin_with_it(tmp_path: Path) -> None:
    (tmp_path / "dropped").mkdir()
    records = [Dropped("ab", "short", ""), Dropped("abc", "short", "")]
    files.write(tmp_path / "dropped" / "segment.jsonl", records)
    lineage = Lineage(tmp_path)
    assert lineage.whole_id("ab") == "ab"
    with pytest.raises(UserError, match="begins 2 ids"):
        lineage.whole_id("a")
