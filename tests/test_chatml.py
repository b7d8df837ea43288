import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from askback import conversations, files
from askback.records import Conversation, Dropped, Exchange, Ids
from stages.chatml import held_out, talks, unseen

SYSTEM = "You are the author of this book."


def exchange(number: int, chapter: str = "I", answer: str = "", question: str = "") -> Exchange:
    """An exchange of the book, its answer and question its own unless given."""
    answer = answer or f"  In year {number} we rowed.\n\nThen we slept. "
    question = question or f"What did you do in year {number}?"
    name = Ids()("passage", f"{chapter} {number}")
    return Exchange(name, "book", chapter, 1, 1, question, answer, "embedded", None, None)


def interview(chapters: int, each: int = 3) -> list[Exchange]:
    """A book of `each` exchanges in every chapter."""
    return [
        exchange(each * chapter + number, f"Chapter {chapter}")
        for chapter in range(chapters)
        for number in range(each)
    ]


def headings(count: int) -> list[tuple[str, str]]:
    return [("book", f"Chapter {number}") for number in range(count)]


def test_an_exchange_becomes_a_conversation_word_for_word() -> None:
    (talk,) = talks([exchange(1)], SYSTEM)
    assert [(message.role, message.content) for message in talk.messages] == [
        ("system", SYSTEM),
        ("user", "What did you do in year 1?"),
        ("assistant", "  In year 1 we rowed.\n\nThen we slept. "),
    ]
    assert (talk.source, talk.document, talk.chapter) == ("interview", "book", "I")
    assert talk.passages == [exchange(1).passage]
    assert talk.text == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        "<|im_start|>user\nWhat did you do in year 1?<|im_end|>\n"
        "<|im_start|>assistant\nIn year 1 we rowed.\n\nThen we slept.<|im_end|>"
    )


@pytest.mark.parametrize("system", ["", " \n"])
def test_without_a_system_line_the_question_comes_first(system: str) -> None:
    (talk,) = talks([exchange(1)], system)
    assert [message.role for message in talk.messages] == ["user", "assistant"]


def test_an_id_stays_while_passage_and_question_stay() -> None:
    before = {talk.id for talk in talks(interview(3), SYSTEM)}
    after = {talk.id for talk in talks([exchange(99, "New"), *interview(3)], "")}
    assert len(before) == 9
    assert before < after


def test_two_questions_to_one_passage_are_two_conversations_on_one_side() -> None:
    exchanges = [exchange(1), exchange(1, question="And then?")]
    found = list(talks(exchanges, SYSTEM))
    assert len({talk.id for talk in found}) == 2
    assert len({(talk.passages[0], talk.chapter) for talk in found}) == 1


@pytest.mark.parametrize(
    ("chapters", "share", "number"),
    [
        *[(2, 0.1, 1), (3, 0.1, 1), (5, 0.5, 1), (6, 0.0, 2), (14, 0.5, 4)],
        *[(15, 0.1, 5), (15, 0.0, 5), (60, 0.1, 6), (100, 0.1, 10), (20, 0.5, 10)],
    ],
)
def test_the_share_is_held_out_but_five_of_fifteen_and_a_third_of_fewer(
    chapters: int, share: float, number: int
) -> None:
    assert len(held_out(headings(chapters), share, 0)) == number


def test_a_chapter_more_moves_at_most_two_to_the_other_side() -> None:
    for count in range(15, 80):
        before, after = held_out(headings(count), 0.1, 0), held_out(headings(count + 1), 0.1, 0)
        assert len(before ^ after) <= 2


def test_every_chapter_is_held_out_under_some_seed() -> None:
    drawn = Counter(chapter for seed in range(300) for chapter in held_out(headings(30), 0.1, seed))
    assert sorted(drawn) == sorted(headings(30))
    assert max(drawn.values()) < 2 * 300 * 5 / 30  # drawn by lot, 50 times each on average


def test_the_order_of_the_books_does_not_matter() -> None:
    assert held_out(headings(30), 0.2, 7) == held_out(headings(30)[::-1], 0.2, 7)


def test_an_answer_that_stands_in_two_chapters_is_kept_to_learn_from_and_not_to_test() -> None:
    motto = "All rivers\nrun  to the sea."
    train = list(talks([exchange(1, "I", motto)], SYSTEM))
    held = list(talks([exchange(2, "II", "All rivers run to the sea."), exchange(3, "II")], ""))
    dropped, kept = unseen(held, train)
    assert isinstance(dropped, Dropped)
    assert (dropped.id, dropped.reason) == (held[0].id, "also_in_train")
    assert train[0].id in dropped.detail
    assert kept == held[1]


def run(
    folder: Path, exchanges: Sequence[Exchange], share: str = "0.1", **env: str
) -> subprocess.CompletedProcess[str]:
    """The stage, run in `folder` on `exchanges`."""
    files.write(folder / "interview.jsonl", exchanges)
    (folder / "params.yaml").write_text(
        f"persona:\n  author: null\n  system: {SYSTEM}\nchatml:\n  held_out: {share}\n  seed: 0\n"
    )
    command = [sys.executable, "-m", "stages.chatml", "interview.jsonl", "chat"]
    return subprocess.run(
        [*command, "--metrics", "metrics.json", "--dropped", "dropped.jsonl"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def side(folder: Path, name: str) -> list[Conversation]:
    return list(conversations.read(folder / "chat" / f"{name}.parquet"))


def test_each_exchange_is_on_one_side_and_each_chapter_too(tmp_path: Path) -> None:
    before_the_first = [exchange(100 + number, "") for number in range(2)]
    exchanges = [*before_the_first, *interview(15)]
    done = run(tmp_path, exchanges)
    assert done.returncode == 0, done.stderr
    train, validation = side(tmp_path, "train"), side(tmp_path, "validation")
    chapters = [{talk.chapter for talk in found} for found in (train, validation)]
    assert not chapters[0] & chapters[1]
    assert chapters[0] | chapters[1] == {e.chapter for e in exchanges}
    assert len(chapters[1]) == 5
    order = [e.passage for e in exchanges]
    for found in (train, validation):
        assert [t.passages[0] for t in found] == [
            passage for passage in order if passage in {t.passages[0] for t in found}
        ]
    assert sorted(t.passages[0] for t in train + validation) == sorted(order)


def test_the_metrics_say_what_is_held_out(tmp_path: Path) -> None:
    motto = "All rivers run to the sea."
    exchanges = [exchange(n, chapter, motto) for n, chapter in enumerate("AB")]
    exchanges += [exchange(7, "A"), exchange(8, "B")]
    assert run(tmp_path, exchanges).returncode == 0
    train, validation = side(tmp_path, "train"), side(tmp_path, "validation")
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "kept": 3,
        "dropped": {"also_in_train": 1},
        "chapters": {"train": 1, "validation": 1},
        "held_out": [{"document": "book", "chapter": validation[0].chapter}],
        "conversations": {"train": 2, "validation": 1},
        "characters": {
            "train": sum(len(talk.messages[-1].content) for talk in train),
            "validation": len(validation[0].messages[-1].content),
        },
    }


def test_two_runs_give_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    sums = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        assert run(folder, interview(20), PYTHONHASHSEED=seed).returncode == 0
        sums.append([files.sha256(path) for path in sorted(folder.glob("chat/*"))])
    assert sums[0] == sums[1]
    assert len(sums[0]) == 2


SAME = [exchange(n, chapter, "All rivers run to the sea.") for n, chapter in enumerate("AB")]
BAD = {
    "none": ([], "0.1", "interview.jsonl has no exchanges"),
    "one chapter": (interview(1), "0.1", "interview.jsonl: all is one chapter"),
    "one answer": (SAME, "0.1", "interview.jsonl: all that the held-out chapters say"),
    "share": (interview(3), "0.6", "chatml.held_out: input should be less than or equal to 0.5"),
}


@pytest.mark.parametrize(("exchanges", "share", "message"), BAD.values(), ids=BAD.keys())
def test_a_side_that_would_be_empty_is_one_line_and_nothing_written(
    tmp_path: Path, exchanges: list[Exchange], share: str, message: str
) -> None:
    done = run(tmp_path, exchanges, share)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    made = {path.name for path in tmp_path.iterdir()} - {".askback"}
    assert made == {"interview.jsonl", "params.yaml"}
