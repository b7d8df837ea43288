"""Chatml: what becomes of sources of every kind, one by one and mixed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from askback import files
from askback.chat import render
from askback.errors import UserError
from askback.records import Exchange
from tests.gathered import (
    ARGUMENTS,
    INTERVIEW,
    PARAMS,
    SYSTEM,
    Gathering,
    chats,
    exchange,
    interview,
    openai,
)

CHATS = {"name": "chats", "kind": "messages", "path": "chats.jsonl"}


def prose(of: str) -> str:
    """Thirty clauses on something, which no other thing shares."""
    return " ".join(f"The {of} of day {day} was not that of {day + 1};" for day in range(30))


@pytest.fixture
def here(tmp_path: Path) -> Gathering:
    """A folder with a book of fifteen chapters."""
    gathering = Gathering(tmp_path)
    gathering.write(interview(15))
    return gathering


def test_each_exchange_is_on_one_side_and_each_chapter_too(here):
    exchanges = [*(exchange(100 + number, "") for number in range(2)), *interview(15)]
    here.write(exchanges)
    here.run()
    train, validation = here.side("train"), here.side("validation")
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


def test_a_conversation_has_its_text_and_the_system_line_unless_that_is_empty(here):
    here.run()
    (talk,) = (talk for talk in here.talks if talk.passages == [interview(15)[0].passage])
    assert (talk.source, talk.document, talk.chapter) == ("interview", "book", "Chapter 0")
    assert talk.text == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        "<|im_start|>user\nWhat did you do in year 0?<|im_end|>\n"
        "<|im_start|>assistant\nIn year 0 we rowed 0 miles.\n\nThen we slept.<|im_end|>"
    )
    here.run(turns=3)
    assert [talk.text for talk in here.talks] == [render(talk.messages) for talk in here.talks]
    for system in ("", " \n"):
        here.run(system=system)
        assert {len(talk.messages) for talk in here.talks} == {2}


def test_an_id_stays_while_question_and_passage_stay(here):
    here.run()
    before = {talk.id: talk.passages for talk in here.talks}
    here.write([exchange(999, "New"), *interview(15)])
    here.run(system="Another one.", seed=3)
    after = {talk.id: talk.passages for talk in here.talks}
    assert len(before) == 45
    assert before.items() < after.items()


def test_an_answer_that_stands_in_two_chapters_is_kept_to_learn_from_and_not_to_test(here):
    motto = "All rivers\nrun  to the sea, and the sea is not full."
    here.write(
        [exchange(number, chapter, motto) for number, chapter in enumerate("AB")]
        + [exchange(7, "A"), exchange(8, "B")]
    )
    here.run()
    (dropped,) = here.dropped
    (kept,) = (talk for talk in here.side("train") if motto in talk.text)
    assert dropped.reason == "also_in_train"
    assert dropped.detail == f"the answer is also that of {kept.id}"
    assert next(talk.passages for talk in here.side("validation")) in (
        [exchange(7, "A").passage],
        [exchange(8, "B").passage],
    )
    found = here.metrics
    assert (found["kept"], found["dropped"]) == (3, {"also_in_train": 1})
    assert found["chapters"] == {"train": 1, "validation": 1}
    held_out = here.side("validation")[0].chapter
    assert found["held_out"] == [{"document": "book", "chapter": held_out}]


def test_two_questions_to_one_passage_are_on_one_side_and_no_duplicates(here):
    here.write(
        [
            exchange(number, chapter, prose(f"{number} {chapter}"), f"{ask} did you row so far?")
            for chapter in "ABC"
            for number in range(3)
            for ask in ("Why", "How")
        ]
    )
    here.run()
    passages = [{t.passages[0] for t in here.side(side)} for side in ("train", "validation")]
    assert not passages[0] & passages[1]
    assert sum(map(len, passages)) == 9
    assert len(here.talks) == 18


# The four kinds of data that people begin with, in the shapes in which they find them.


def test_a_row_of_chatml_text_becomes_its_turns(here):
    text = (
        "<|im_start|>user\nWarum steigt Brot?<|im_end|>\n"
        "<|im_start|>assistant\nDie Hefe atmet <|im_end|> mitten im Satz.<|im_end|>\n"
        "<|im_start|>user\nUnd ohne Hefe?<|im_end|>\n"
        "<|im_start|>assistant\nDann bleibt es flach.<|im_end|>\n"
        "<|im_start|>user\nDanke.<|im_end|>\n"
    )
    test = text.replace("Brot", "Teig").replace("flach", "ein Fladen, und der ist auch gut")
    here.source("oasst/train.jsonl", [{"text": text}, {"text": "no ChatML"}])
    here.source("oasst/test.jsonl", [{"text": test}])
    here.run({"name": "oasst", "kind": "chatml", "path": "oasst", "validation": "oasst/test.jsonl"})
    (talk,) = here.side("train")
    assert [(m.role, m.content) for m in talk.messages] == [
        ("user", "Warum steigt Brot?"),
        ("assistant", "Die Hefe atmet <|im_end|> mitten im Satz."),
        ("user", "Und ohne Hefe?"),
        ("assistant", "Dann bleibt es flach."),
    ]
    assert (talk.source, talk.document, talk.passages) == ("oasst", "oasst/train.jsonl", [])
    assert [t.messages[0].content for t in here.side("validation")] == ["Warum steigt Teig?"]
    (dropped,) = here.dropped
    assert (dropped.id, dropped.reason) == ("oasst/train.jsonl row 2", "malformed_chatml")
    assert here.metrics["sources"]["oasst"]["mended"]["trailing_questions"] == 2


def test_an_openorca_row_with_an_empty_system_prompt_is_a_question_and_an_answer(here):
    row = {"id": "niv.1", "system_prompt": "", "question": "What is 2 + 2?", "response": "Four."}
    told = {
        "id": "t0.2",
        "system_prompt": "Be brief.",
        "question": "Is salt wet?",
        "response": "No.",
    }
    here.source("orca.jsonl", [row, told])
    here.run({"name": "orca", "kind": "instructions", "path": "orca.jsonl", "validation": 0.0},
             INTERVIEW)  # fmt: skip
    said = here.said()
    assert ("What is 2 + 2?", "Four.") in said
    assert ("Be brief.", "Is salt wet?", "No.") in said
    assert here.metrics["sources"]["orca"]["mended"]["empty_system"] == 0
    assert here.dropped == []


def test_an_episode_that_the_host_begins_and_that_ends_oddly_is_host_answering_guest(here):
    said = [
        ("Host", "The following is a conversation with a ferryman about his river."),
        ("Guest", "Why do you ask everyone about rivers, of all things?"),
        ("Host", "Because nobody lies about a river."),
        ("Host", "And because I grew up beside one that was mostly mud."),
        ("Guest", "And what did the mud teach you, if one may ask?"),
        ("Host", "That slow things arrive, and that they arrive late."),
        ("Guest", "Thank you for having me, it has been a pleasure to row with you."),
    ]
    row = {"title": "The River", "episode": 7, "speaker_ratio_host": 0.5,
           "conversation": [{"from": name, "text": text} for name, text in said]}  # fmt: skip
    here.source("talks.jsonl", [row])
    here.run({"name": "talks", "kind": "transcript", "path": "talks.jsonl", "author": "Host",
              "validation": 0.0}, INTERVIEW)  # fmt: skip
    (talk,) = (talk for talk in here.side("train") if talk.source == "talks")
    texts = [text for _, text in said]
    assert [m.content for m in talk.messages] == [
        SYSTEM,
        texts[1],
        f"{texts[2]}\n{texts[3]}",
        texts[4],
        texts[5],
    ]
    assert [m.role for m in talk.messages] == ["system", *["user", "assistant"] * 2]
    assert talk.document == "The River"
    mended = here.metrics["sources"]["talks"]["mended"]
    assert (mended["leading_answers"], mended["trailing_questions"]) == (1, 1)


def test_a_book_interview_of_three_turns_keeps_history_and_no_passage_twice(here):
    here.run(turns=3)
    talks = here.talks
    assert {len(talk.messages) for talk in talks} == {7}
    passages = [passage for talk in talks for passage in talk.passages]
    assert sorted(passages) == sorted(e.passage for e in interview(15))
    answers = [m.content for talk in talks for m in talk.messages if m.role == "assistant"]
    assert sorted(answers) == sorted(e.answer for e in interview(15))


def test_subtitles_and_plays_are_transcripts_too(here):
    here.source(
        "film/one.vtt",
        "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Ada>Where does this road go, do you know?\n\n"
        "00:05.000 --> 00:09.000\n<v Bo>To the quarry, if it has not fallen in.\n",
    )
    here.source(
        "film/two.txt",
        "ADA. Is the quarry still there, after all these years?\n\n"
        "BO. It is there, and it is deeper.\n\nADA. Then let us go and look at it.\n\n"
        "BO. You go first, and I shall count to ten.\n",
    )
    here.run({"name": "film", "kind": "transcript", "path": "film", "author": "Bo",
              "validation": 0.0}, INTERVIEW)  # fmt: skip
    film = {
        t.document: [m.content for m in t.messages[1:]] for t in here.talks if t.source == "film"
    }
    assert film == {
        "one": ["Where does this road go, do you know?", "To the quarry, if it has not fallen in."],
        "two": [
            "Is the quarry still there, after all these years?",
            "It is there, and it is deeper.",
            "Then let us go and look at it.",
            "You go first, and I shall count to ten.",
        ],
    }


# Rules for all, and the mix.


def test_what_another_source_says_already_is_left_out_with_that_ones_id(here):
    here.source("chats.jsonl", [openai("Why?", " So. "), *chats(40)])
    here.source("more.jsonl", [openai("Why?\n", "So."), openai("Why?", "so?")])
    here.run(CHATS, {"name": "more", "kind": "messages", "path": "more.jsonl"})
    (dropped,) = here.dropped
    (kept,) = (talk for talk in here.talks if talk.text.endswith("assistant\nSo.<|im_end|>"))
    assert (dropped.source, dropped.reason) == ("more", "duplicate")
    assert (dropped.place, dropped.detail) == ("more.jsonl row 1", f"it says what {kept.id} says")


LONG = prose("lantern")


def test_near_duplicates_are_left_out_across_sources_unless_they_are_wanted(here):
    first = openai("What do you remember of the tide?", LONG)
    near = openai("What do you remember of the tide?", LONG.replace("lantern", "lamp", 1))
    here.source("chats.jsonl", [*chats(40), first])
    here.source("more.jsonl", [near, openai("How deep is it?", "Two fathoms, at the turn.")])
    more = {"name": "more", "kind": "messages", "path": "more.jsonl"}
    here.run(CHATS, more)
    (dropped,) = here.dropped
    assert (dropped.reason, dropped.place) == ("near_duplicate", "more.jsonl row 1")
    here.run(CHATS, more, near_duplicates=False)
    assert here.dropped == []


def test_what_a_sets_own_test_split_has_is_not_learnt(here):
    held_out = openai("What do you remember of the tide?", LONG)
    near = openai("What do you remember of the tide, sir?", LONG)
    here.source("chats.jsonl", [near, *chats(40), held_out])
    here.source("test.jsonl", [held_out])
    here.run(CHATS | {"validation": "test.jsonl"})
    (kept,) = here.side("validation")
    assert kept.messages[1].content == LONG
    assert len(here.side("train")) == 40
    assert {d.reason for d in here.dropped} == {"near_duplicate", "duplicate"}


def test_rows_with_one_first_question_or_of_one_group_are_on_one_side(here):
    asked = [
        openai(f"Question {n}?", f"Answer {n}, in way {way}.") for n in range(60) for way in "ab"
    ]
    grouped = [
        openai(f"{way} {n}?", f"Reply {n} {way}.", tree=f"t{n}") for n in range(60) for way in "xyz"
    ]
    here.source("chats.jsonl", asked)
    here.source("trees.jsonl", grouped)
    trees = {"name": "trees", "kind": "messages", "path": "trees.jsonl", "group": "tree"}
    here.run(CHATS, trees, held_out=0.3)
    sides = {"train": here.side("train"), "validation": here.side("validation")}
    for source in ("chats", "trees"):
        for n in range(60):
            found = [
                side
                for side, talks in sides.items()
                for talk in talks
                if talk.source == source and talk.messages[0].content.endswith(f" {n}?")
            ]
            assert len(set(found)) == 1
            assert len(found) == (2 if source == "chats" else 3)


def test_a_share_is_drawn_on_both_sides_and_counted(here):
    here.source("chats.jsonl", chats(400))
    here.run(INTERVIEW, CHATS | {"share": 0.5}, mix_by="conversations")
    found = here.metrics["sources"]
    assert found["interview"]["train"]["conversations"] == 30
    assert found["chats"]["train"]["conversations"] == 30
    assert found["chats"]["share"]["conversations"] == 0.5
    assert found["chats"]["not_drawn"] + 30 + found["chats"]["validation"]["conversations"] == 400
    assert 1 <= found["chats"]["validation"]["conversations"] <= 6
    assert here.metrics["not_drawn"] == found["chats"]["not_drawn"]
    here.run(INTERVIEW, CHATS | {"share": 0.25})
    assert here.metrics["sources"]["chats"]["share"]["characters"] == pytest.approx(0.25, abs=0.02)
    here.run(INTERVIEW, CHATS | {"limit": 7})
    assert here.metrics["sources"]["chats"]["train"]["conversations"] == 7


def test_a_row_more_in_one_source_moves_nothing_in_another(here):
    here.source("chats.jsonl", chats(300))
    here.source("more.jsonl", chats(300, "b"))
    more = {"name": "more", "kind": "messages", "path": "more.jsonl"}

    def sides() -> dict[str, set[str]]:
        here.run(INTERVIEW, CHATS | {"share": 0.4}, more | {"limit": 50})
        return {
            side: {talk.id for talk in here.side(side) if talk.source != "more"}
            for side in ("train", "validation")
        }

    before = sides()
    here.source("more.jsonl", [*chats(3, "new"), *chats(300, "b"), *chats(5, "newer")])
    after = sides()
    for side in ("train", "validation"):
        larger, smaller = sorted((before[side], after[side]), key=len, reverse=True)
        assert smaller <= larger  # more or fewer of the same order, never others
        assert len(larger - smaller) <= 3


def test_other_languages_are_left_out_where_some_are_named(here):
    french = openai(
        "Pourquoi êtes-vous parti si tôt ce matin-là ?", "Parce que la mer était calme."
    )
    here.source("chats.jsonl", [french, *chats(40)])
    here.run(CHATS, languages=["en"])
    (dropped,) = here.dropped
    assert (dropped.reason, dropped.detail) == ("other_language", "it is in fr")
    assert here.metrics["bad_rows"] == 0


def test_a_source_can_have_a_system_message_of_its_own(here):
    said = [("system", "Mine."), ("user", "How?"), ("assistant", "Thus.")]
    own = {"messages": [{"role": role, "content": text} for role, text in said]}
    rows = [openai("Why?", "So."), own]
    here.source("chats.jsonl", [*rows, *chats(40)])
    here.run(CHATS | {"system": "Be kind."})
    assert {("Be kind.", "Why?", "So."), ("Mine.", "How?", "Thus.")} <= here.said()
    here.run(CHATS)
    assert {("Why?", "So."), ("Mine.", "How?", "Thus.")} <= here.said()


def test_monologues_are_passages_whose_question_failed(here):
    from askback.records import Dropped, Passage

    texts = {f"{n:016x}": f"Passage {n} speaks of the sea and of number {n}." for n in range(4)}
    passages = [Passage(id_, "book", 1, "Chapter 1", 1, 1, "en", t, []) for id_, t in texts.items()]
    reasons = ["gives_away", "several", "boilerplate", "edited_out"]
    files.write(here.folder / "passages.jsonl", passages)
    files.write(
        here.folder / "questions.jsonl",
        [Dropped(p.id, reason, "") for p, reason in zip(passages, reasons, strict=True)],
    )
    here.run(INTERVIEW, {"name": "monologue", "kind": "monologue"})
    found = [talk for talk in here.talks if talk.source == "monologue"]
    assert [talk.passages for talk in found] == [[passages[0].id], [passages[1].id]]
    sides = {t.chapter: side for side in ("train", "validation") for t in here.side(side)}
    for side in ("train", "validation"):
        for talk in here.side(side):
            assert sides[talk.chapter] == side  # with the interview of its chapter


# What goes wrong.


def test_bad_rows_are_named_in_the_ledger_twenty_are_printed_and_the_others_are_kept(here, capsys):
    rows = chats(100)
    for n in range(0, 90, 3):
        rows[n] = {"messages": [{"role": "user", "content": n}]}
    here.source("chats.jsonl", rows)
    here.run(CHATS)
    assert [(d.id, d.reason, d.source) for d in here.dropped] == [
        (f"chats.jsonl row {n + 1}", "wrong_type", "chats") for n in range(0, 90, 3)
    ]
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "chatml: chats.jsonl row 1: wrong_type: a content is no text: 0"
    assert printed[19].startswith("chatml: chats.jsonl row 58: ")
    assert printed[20] == "chatml: and 10 more rows; `askback show --dropped` has them"
    assert printed[21] == "kept 70, dropped 30 wrong_type"
    assert here.metrics["bad_rows"] == 0.3
    assert len(here.talks) == 70


SAME = [exchange(n, chapter, "All rivers run to the sea.") for n, chapter in enumerate("AB")]
BAD: dict[str, tuple[list[Exchange], str]] = {
    "none": ([], "interview.jsonl has no exchanges"),
    "one chapter": (interview(1), "interview.jsonl: all is one chapter"),
    "one answer": (SAME, "interview.jsonl: all that the held-out chapters say"),
}


@pytest.mark.parametrize(("exchanges", "message"), BAD.values(), ids=BAD.keys())
def test_a_side_that_would_be_empty_is_one_line_and_nothing_written(here, exchanges, message):
    here.write(exchanges)
    with pytest.raises(UserError, match=message):
        here.run()
    assert not (here.folder / "chat").exists()
    assert not list(here.folder.glob(".*.part"))


WRONG = {
    "a path that is not there": ({"path": "chat.jsonl"}, r"chats: sources/chat.jsonl is missing"),
    "a path outside": ({"path": "../x.jsonl"}, r"sources\[0\]\.path: give it as it is named below"),
    "two ways": ({"share": 0.5, "limit": 3}, r"sources\[0\]: chats has a share and a limit"),
    "a typo": ({"autor": "Bo"}, r"chatml.sources\[0\].autor: unknown key"),
    "a share alone": ({"share": 0.5}, "must add up to 1 and not 0.5"),
    "no field": (
        {"fields": {"answer": "a"}},
        "fields has answer; known here: messages, role, cont",
    ),
    "rows of another kind": (
        {"kind": "instructions"},
        "chats: none of its 40 rows is a conversation; the first: chats.jsonl row 1: missing_field",
    ),
    "an unpinned set": ({"hub": "a/b", "path": None}, "hub is owner/name, pinned by its commit"),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG)
def test_a_source_that_cannot_be_read_is_one_line_that_names_it(here, change, told):
    here.source("chats.jsonl", chats(40))
    with pytest.raises(UserError, match=told) as caught:
        here.run(CHATS | change)
    assert "\n" not in str(caught.value)
    assert not (here.folder / "chat").exists()


def test_two_sources_of_one_name_are_refused(here):
    here.source("chats.jsonl", chats(40))
    with pytest.raises(UserError, match="two sources are named chats"):
        here.run(CHATS, CHATS)


def test_two_runs_give_the_same_bytes_whatever_the_hash_seed(here):
    here.source("chats.jsonl.gz", chats(200))
    here.run(INTERVIEW, CHATS | {"path": "chats.jsonl.gz", "share": 0.3})
    names = ["chat/train.parquet", "chat/validation.parquet", "metrics.json", "dropped.jsonl"]
    first = [files.sha256(here.folder / name) for name in names]
    command = [sys.executable, "-m", "stages.chatml", "interview.jsonl", "passages.jsonl"]
    command += ["questions.jsonl", "sources", "chat", "--metrics", "metrics.json"]
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": seed}
        command_line = [*command, "--dropped", "dropped.jsonl"]
        subprocess.run(command_line, cwd=here.folder, env=env, check=True, capture_output=True)
        assert [files.sha256(here.folder / name) for name in names] == first


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def of_hub(here: Gathering, **changes: object) -> subprocess.CompletedProcess[str]:
    """The stage, run without a network on a data set that was downloaded before."""
    source = {"name": "set", "kind": "messages", "hub": "owner/talks", "revision": COMMIT} | changes
    text = json.dumps({"persona": {"author": None, "system": ""},
                       "chatml": PARAMS | {"sources": [source]}})  # fmt: skip
    (here.folder / "params.yaml").write_text(text)
    home = {"HF_HOME": str(here.folder / "hub"), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "stages.chatml", *ARGUMENTS],
        cwd=here.folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_set_of_the_hub_is_read_at_its_commit_by_its_splits_and_pinned_by_its_hash(here):
    snapshot = here.folder / "hub/hub/datasets--owner--talks/snapshots" / COMMIT
    here.source("data/train-00000-of-00001.jsonl", chats(30))
    here.source("data/test-00000-of-00001.jsonl", chats(5, "t"))
    here.source("loader.py", "open('canary', 'w')\n")
    snapshot.parent.mkdir(parents=True)
    (here.folder / "sources").rename(snapshot)
    (here.folder / "sources").mkdir()
    unpinned = of_hub(here, validation="test")
    assert unpinned.returncode == 2
    told = "params.yaml: chatml.sources: set: owner/talks is not pinned; write sha256: "
    sha256 = unpinned.stderr.removeprefix(f"chatml: {told}").strip()
    assert len(sha256) == 64
    done = of_hub(here, validation="test", sha256=sha256)
    assert done.returncode == 0, done.stderr
    assert len(here.side("train")) == 30
    assert len(here.side("validation")) == 5
    place = "owner/talks/data/train-00000-of-00001.jsonl"
    assert {talk.document for talk in here.side("train")} == {place}
    other = of_hub(here, validation="test", sha256="0" * 64)
    assert other.returncode == 2
    assert "is not what sha256 says; write sha256: " + sha256 in other.stderr
    without = of_hub(here, split="valid", sha256=sha256)
    assert without.returncode == 2
    assert "owner/talks has no table with valid in its name" in without.stderr
    assert not (here.folder / "canary").exists()


def test_tables_of_a_set_that_name_no_split_are_all_for_training_or_one_is_named(here):
    snapshot = here.folder / "hub/hub/datasets--owner--talks/snapshots" / COMMIT
    here.source("augmented/one.jsonl", chats(30))
    here.source("augmented/two.jsonl", chats(30, "b"))
    snapshot.parent.mkdir(parents=True)
    (here.folder / "sources").rename(snapshot)
    (here.folder / "sources").mkdir()
    for path, kept in ((None, 60), ("augmented", 60), ("augmented/two.jsonl", 30)):
        told = of_hub(here, path=path).stderr
        done = of_hub(here, path=path, sha256=told.rpartition("sha256: ")[2].strip())
        assert done.returncode == 0, done.stderr
        assert len(here.talks) == kept


def test_a_set_that_is_not_there_without_a_network_is_the_worlds_fault(here):
    done = of_hub(here)
    assert done.returncode == 3
    assert done.stderr.startswith("chatml: cannot reach the Hub for owner/talks; run again")
