"""Paying once, as a person sees it who edits, changes, goes back, shares or kills: git and DVC."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from askback import files
from askback.asking.filters import REASONS
from askback.records import Edit
from tests.checkout import CHAPTERS, NEW, NEW_CHAPTER, NEW_PAGE, PASSAGES, Checkout, asked_about
from tests.endpoint import Endpoint
from tests.fake_model import passage
from tests.processes import alive, descendants, wait_until
from tests.project import ran
from tests.united import united

# The last passage of the book, so that it stands in no other's prompt, is asked about with two
# questions at first.
TURNED_DOWN = PASSAGES[-1]
SCRIPT = [
    (REASONS["several"], "Where did you look for what had been put away with such care?"),
    (TURNED_DOWN, "What did they want? And where was the rope?"),
]
ALL = sorted([*PASSAGES, TURNED_DOWN])  # all that a first run asks about, one of them twice


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint that does as it should."""
    folder = tmp_path_factory.mktemp("endpoint")
    with Endpoint(folder, transcript=True, script=SCRIPT) as started:
        yield started


@pytest.fixture(scope="module")
def first(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that has asked all questions once, committed."""
    made = Checkout.with_book(tmp_path_factory.mktemp("first") / "project", endpoint)
    assert made.repro() == ALL
    made.commit("questions")
    return made


@pytest.fixture
def checkout(first: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the first."""
    return first.copied(tmp_path / "project")


def test_the_rows_of_the_interview_name_the_replies_that_were_paid_for(first: Checkout) -> None:
    assert [row.answer for row in first.interview] == PASSAGES
    for row in first.interview:
        assert row.reply
        reply = first.replies.get(row.reply)
        assert reply
        assert (reply.text, reply.model) == (row.question, row.asked_by)
    assert len(first.replies) == len(ALL)


def test_a_change_of_the_book_asks_about_the_passages_whose_text_or_context_it_changed(
    checkout: Checkout,
) -> None:
    before = {row.answer: row for row in checkout.interview}
    ferry, bank, bridge = (list(paragraphs) for _, paragraphs in CHAPTERS)

    def printed(*front: tuple[str, list[str]], name: str = "ferry") -> list[str]:
        chapters = zip([title for title, _ in CHAPTERS], (ferry, bank, bridge), strict=True)
        checkout.write_book([*front, *chapters], name)
        return checkout.repro()

    bank[1] = bank[1].replace("other", "farther")
    ferry.insert(0, NEW[0])
    changed = [*bank[1:3], *ferry[:2]]  # and each time the next, which the change stands before
    assert printed() == sorted(changed), "an edited paragraph, a new first one"
    bank[:0] = [NEW[1], NEW[2], NEW_PAGE]
    for path in (checkout.folder / "data/raw").glob("ferry.*"):
        path.unlink()
    new = [*NEW[1:], PASSAGES[4], *NEW_CHAPTER[1]]
    assert printed(NEW_CHAPTER, name="ferryman") == sorted(new), "a chapter, a page, a new name"
    now = {row.answer: row for row in checkout.interview}
    for answer in {*PASSAGES} - {PASSAGES[0], *PASSAGES[4:7]}:
        assert now[answer].question == before[answer].question
        assert now[answer].reply == before[answer].reply


def test_an_earlier_prompt_asks_nothing_whichever_way_it_comes_back(checkout: Checkout) -> None:
    prompt = checkout.folder / "prompts/interview.txt"
    text, made = prompt.read_text("utf-8"), checkout.made()
    checkout.run("git", "checkout", "-q", "-b", "another-prompt")
    prompt.write_text(text.replace("twenty words", "ten words"), "utf-8")
    assert checkout.repro() == ALL
    other = checkout.made()
    checkout.commit("another prompt")
    checkout.run("git", "checkout", "-q", "-")
    checkout.dvc("checkout", "-q", "--with-deps", "questions")
    assert checkout.made() == made
    assert checkout.repro() == []
    assert ran(checkout.told) == []
    checkout.run("git", "checkout", "-q", "-")
    checkout.dvc("checkout", "-q", "--with-deps", "questions")
    assert checkout.made() == other
    prompt.write_text(text, "utf-8")
    assert checkout.repro("--no-run-cache", OPENAI_BASE_URL="") == []
    assert ran(checkout.told) == ["questions"]
    assert checkout.made() == made


def test_experiments_in_temporary_folders_and_queues_share_what_is_paid_for(
    checkout: Checkout, tmp_path: Path
) -> None:
    with Endpoint(tmp_path / "endpoint", transcript=True, script=SCRIPT) as endpoint:
        queued = checkout.copied(tmp_path / "queued", endpoint)
        assert (
            queued.asked("exp", "run", "--queue", "questions", "-S", "questions.per_passage=2")
            == []
        )
        with queued.start("exp", "run", "--run-all") as worker:
            run = "exp", "run", "--temp", "questions"
            assert checkout.asked(*run, "-S", "questions.seed=1") == ALL
            assert ran(checkout.told) == ["questions"]
            checkout.set({"questions.seed": 1})
            back = "-S", "questions.seed=0", "-S", "questions.filters=[several]"
            assert checkout.asked(*run, *back) == []
            assert ran(checkout.told) == ["questions"]
        told = (queued.folder / "told").read_text("utf-8")
        assert worker.returncode == 0, told
        assert ran(told) == ["questions"], told
        assert asked_about(endpoint.received()) == ALL, "the second questions"
    assert len(checkout.replies) == len(queued.replies) == 2 * len(ALL)


def test_what_params_ask_for_again_is_not_asked_again(checkout: Checkout) -> None:
    checkout.set({"questions.sampling.temperature": 0.2, "questions.filters": []})
    assert checkout.repro() == sorted(PASSAGES)
    lenient = checkout.made()
    assert checkout.interview[-1].question == SCRIPT[1][1]
    checkout.set({"questions.filters": ["several"]})
    assert checkout.repro() == [TURNED_DOWN], "what the filter turned down"
    assert checkout.interview[-1].question == SCRIPT[0][1]
    checkout.set({"questions.sampling.temperature": 0.7, "questions.per_passage": 2})
    assert checkout.repro() == ALL, "the second questions"
    assert len(checkout.interview) == 2 * len(PASSAGES)
    back = {"questions.per_passage": 1, "questions.filters": []}
    checkout.set(back | {"questions.sampling.temperature": 0.2})
    assert checkout.repro("--no-run-cache", OPENAI_BASE_URL="") == []
    assert checkout.made() == lenient


def test_an_edited_passage_is_not_asked_about_and_without_the_edit_is_as_it_was(
    checkout: Checkout,
) -> None:
    made, rows = checkout.made(), checkout.interview
    path = checkout.folder / "data/edits/ada.jsonl"
    asked = Edit(rows[2].passage, "Ada", question="Who taught you to listen?")
    left_out = Edit(rows[7].passage, "Ada", drop="Nobody asks this.")
    files.write(path, [asked, left_out])
    checkout.set({"questions.sampling.temperature": 0.2})
    edited = {rows[2].answer, rows[7].answer}
    assert checkout.repro() == [text for text in ALL if text not in edited]
    assert checkout.interview[2].question == asked.question
    assert [one.id for one in checkout.dropped] == [left_out.passage]
    path.unlink()
    checkout.set({"questions.sampling.temperature": 0.7})
    assert checkout.repro("--no-run-cache") == []
    assert checkout.made() == made


def test_two_stores_united_in_any_order_at_any_date_make_the_same_interview(
    first: Checkout, tmp_path: Path
) -> None:
    with Endpoint(tmp_path / "endpoint", seed=1, transcript=True, script=SCRIPT) as endpoint:
        second = first.copied(tmp_path / "second", endpoint)
        shutil.rmtree(second.folder / ".askback")
        assert second.repro("-s", "--force", "--no-run-cache") == ALL
    one = united(tmp_path / "one", a=(first, 1970), b=(second, 2099))
    other = united(tmp_path / "other", a=(second, 1970), b=(first, 2099))
    for seed, checkout in enumerate([one, other]):
        options = "-s", "--force", "--no-run-cache"
        assert checkout.repro(*options, OPENAI_BASE_URL="", PYTHONHASHSEED=str(seed)) == []
    assert one.made() == other.made()
    assert one.md5s("questions") == other.md5s("questions")
    told = [{row.question for row in checkout.interview} for checkout in (first, second, one)]
    assert told[2] & (told[0] - told[1])
    assert told[2] & (told[1] - told[0])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_to_dvc_alone_leaves_nobody_asking_beside_the_next_run(
    number: signal.Signals, first: Checkout, tmp_path: Path
) -> None:
    """What the run without a dvc had in flight it waits for, and the next asks none of it."""
    with Endpoint(tmp_path / "endpoint", latency=0.4, transcript=True, script=SCRIPT) as endpoint:
        checkout = first.copied(tmp_path / "project", endpoint)
        checkout.set({"questions.seed": 1})
        two = {"ASKBACK_CONCURRENCY": "2"}
        with checkout.start("repro", "questions", **two) as dvc:
            wait_until(lambda: len(endpoint.answered()) >= 3)
            stage = descendants(dvc.pid)
            dvc.send_signal(number)
        assert stage
        with checkout.start("repro", "questions", **two) as again:
            wait_until(lambda: not any(map(alive, stage)), seconds=10)
        told = (checkout.folder / "told").read_text("utf-8")
        assert again.returncode == 0, told
        assert " 0 to ask" not in told, "the run that dvc had started went on to its end"
        assert asked_about(endpoint.received()) == ALL
        assert endpoint.most_at_once() == 2


def test_a_run_that_stopped_short_is_no_result_and_the_next_asks_the_rest(
    first: Checkout, tmp_path: Path
) -> None:
    refused = PASSAGES[7]  # the last of its chapter
    with Endpoint(
        tmp_path / "endpoint", transcript=True, script=SCRIPT, since={7: "503"}
    ) as endpoint:
        checkout = first.copied(tmp_path / "project", endpoint)
        locked = checkout.lock()
        checkout.set({"questions.seed": 1})
        checkout.repro(code=3, ASKBACK_CONCURRENCY="2")
        assert_not_done(checkout, locked)
        assert len(checkout.replies) == len(ALL) + 6
        gained = {passage(event.text) for event in endpoint.received()[:6]}
        endpoint.stop()
        endpoint.start(since={}, marked={refused: "400_context"})
        assert checkout.repro(code=2) == sorted([*{*PASSAGES} - gained, TURNED_DOWN])
        assert refused not in gained
        assert_not_done(checkout, locked)
        id_ = next(row.passage for row in first.interview if row.answer == refused)
        assert f"askback replies give-up {id_}" in checkout.told
        checkout.run("askback", "replies", "give-up", id_)
        assert checkout.repro(OPENAI_BASE_URL="") == []
        assert [(one.id, one.reason) for one in checkout.dropped] == [(id_, "given_up")]
        assert [row.answer for row in checkout.interview] == [p for p in PASSAGES if p != refused]


def assert_not_done(checkout: Checkout, locked: object) -> None:
    """Neither DVC nor the folder has anything of the run that stopped."""
    assert checkout.lock() == locked
    assert not (checkout.folder / "data/interview.jsonl").exists()
    assert "questions:" in checkout.dvc("status", "questions").stdout
