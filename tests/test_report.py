"""The report: one page that needs nothing else and says what the files say."""

import dataclasses
import html
import re
from pathlib import Path

import pytest

from askback import files
from askback.epochs_page import measured, questions
from askback.evaluation import Evaluation
from askback.records import Epoch, Sample
from stages.report import account, characters, count, figure, flat, spread, verdict
from tests import small_run

HOSTILE = "</mark><script>alert(1)</script>\" onload='x' <img src=//e.example/a> <|im_end|>"


def report(folder: Path, **more: str) -> str:
    """The page that the stage makes of the folder."""
    paths = ["metrics", "data", "models/base", "reports/report.html"]
    done = small_run.run(folder, "stages.report", *paths, **more)
    assert done.returncode == 0, done.stderr
    return (folder / "reports" / "report.html").read_text("utf-8")


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next."""
    return page.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a small run."""
    folder = tmp_path_factory.mktemp("run")
    small_run.write(folder)
    return report(folder)


def test_the_first_screen_has_book_author_verdict_and_five_figures(page: str) -> None:
    head = page[page.index("<header>") : page.index("</header>")]
    assert "The Ferryman&#39;s Daughter" in head
    assert "Ida Marren" in head
    assert "Closer to the author than its base" in head
    assert re.findall("<b>(.*?)</b>", head) == ["2.311", "3.052", "93.8%", "80", "1"]


def test_the_page_asks_for_nothing_and_runs_nothing(page: str) -> None:
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    for way_out in ["<script", "<link", "src=", "href=", "url(", "@import", "http:", "https:"]:
        assert way_out not in page


def test_every_conversation_shows_one_answer_as_supervised_with_its_end_mark(page: str) -> None:
    shown = re.findall(r'<section class="example">(.*?)</section>', page, re.S)
    assert len(shown) == 3
    for example in shown:
        answer, end = re.findall("<mark>(.*?)</mark>", example, re.S)
        assert end == f"<b>{html.escape('<|im_end|>')}</b>"
        assert answer.endswith(".")
        assert "im_start" not in answer


def test_ten_answers_stand_beside_what_the_author_wrote(page: str) -> None:
    assert page.count('<details class="answer"') == 10
    assert page.count("The author, in V. The Return") == 10


def test_each_epoch_has_its_measures_and_the_kept_one_is_named(page: str) -> None:
    rows = re.findall("<tr>(<td.*?)</tr>", section(page, "Epochs"))
    cells = [re.findall("<td.*?>(.*?)</td>", row) for row in rows]
    assert [row[:3] for row in cells] == [
        *(["1", "64", "2.710"], ["2", "128", "2.440"], ["3", "192", "2.342"]),
        *(["4", "256", "2.311"], ["5", "320", "2.330"]),
    ]
    assert [row[3] for row in cells][-1] == "100.0%"
    assert ["kept" in row[-1] for row in cells] == [False, False, False, True, False]


def test_every_question_shows_the_answers_of_all_epochs_in_order(page: str) -> None:
    asked = section(page, "Epochs").split('<details class="by-epoch answer"')[1:]
    assert len(asked) == 16
    for question in asked:
        assert re.findall(r"<h3.*?>Epoch (\d)", question) == ["1", "2", "3", "4", "5"]
        assert len(re.findall(r'<p class="book".*?>[A-Z].*?\.</p>', question)) == 5


def test_the_kept_epochs_answers_are_marked_in_words_too(page: str) -> None:
    marked = re.findall(r'<section class="tuned"><h3.*?>(Epoch.*?)</h3>', section(page, "Epochs"))
    assert len(marked) == 16
    assert all(re.match(r'Epoch 4, <span class="kept-one">kept</span>, ', h) for h in marked)


def test_the_first_three_questions_are_open_and_the_others_folded(page: str) -> None:
    opened = re.findall(r'<details class="by-epoch answer"( open)?>', page)
    assert opened == [" open"] * 3 + [""] * 13


def test_the_page_says_how_another_epoch_is_chosen(page: str) -> None:
    said = re.sub("<.*?>", "", section(page, "Epochs"))
    assert "dvc exp run -S train.keep=3 retrains nothing" in said
    assert "other values are best, last and all" in said


def test_the_loss_chart_has_a_line_per_epoch_and_a_ring_around_the_kept_one(page: str) -> None:
    chart = section(page, "Training").partition("</figure>")[0].partition('<div class="plot">')[2]
    assert chart.count('class="end"') == 5
    assert chart.count('class="ring"') == 1
    assert re.findall(r'class="top kept".*?>(\d)<', chart) == ["4"]


def test_the_gradient_has_a_chart_that_names_its_spike(page: str) -> None:
    assert re.search("norm is highest, 4[.]\\d+, at step 150", section(page, "Training"))


def test_curves_without_a_gradient_have_no_chart_of_it(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    train = tmp_path / "metrics" / "curves" / "train.csv"
    small_run.write_curve(train, ("step", "loss"), [(1, 3.5), (320, 2.0)])
    training = section(report(tmp_path), "Training")
    assert "train loss ends at 2.000" in training
    assert "gradient" not in training


def test_columns_are_read_by_name_in_any_order(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    train = tmp_path / "metrics" / "curves" / "train.csv"
    small_run.write_curve(train, ("grad_norm", "loss", "step"), [(0.5, 3.5, 1), (7, 2.0, 320)])
    training = section(report(tmp_path), "Training")
    assert "train loss ends at 2.000" in training
    assert "norm is highest, 7, at step 320" in training


def test_a_gradient_without_bound_is_left_out_of_its_chart(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    train = tmp_path / "metrics" / "curves" / "train.csv"
    steps = [(1, 3.5, 0.5), (2, 3.0, float("inf")), (3, 2.5, float("nan")), (320, 2.0, 0.25)]
    small_run.write_curve(train, ("step", "loss", "grad_norm"), steps)
    assert "norm is highest, 0.5, at step 1" in section(report(tmp_path), "Training")


def test_epochs_without_samples_have_a_row_and_no_answers(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    path = tmp_path / "data" / "epochs.jsonl"
    bare = [dataclasses.replace(epoch, samples=[]) for epoch in files.read(path, Epoch)]
    files.write(path, bare)
    told = section(report(tmp_path), "Epochs")
    assert told.count('<td class="number">–</td><td class="number">–</td>') == 5
    assert "0 held-out questions" in told
    assert "<details" not in told


def test_a_run_that_keeps_no_single_epoch_has_no_ring(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    path = tmp_path / "data" / "epochs.jsonl"
    files.write(path, [dataclasses.replace(e, kept=False) for e in files.read(path, Epoch)])
    page = report(tmp_path)
    assert 'class="ring"' not in page
    assert "kept-one" not in section(page, "Epochs")


def test_the_ledger_names_every_reason_with_its_count(page: str) -> None:
    for stage in ["extract", "segment", "questions", "chatml", "tokenize"]:
        assert f"<h3>{stage}</h3>" in page
    bars = re.findall(r'name">(.*?)</span><span class="count">(.*?)</span>', page)
    assert ("too short", "9") in bars
    assert ("contents", "5") in bars


def test_the_characters_of_each_book_stand_by_kind_and_bucket_and_agree(page: str) -> None:
    table = page[page.index("<h2>Every character") : page.index("<h2>Lengths")]
    assert "The sums agree for every book." in table
    assert re.findall(r"<th.*?>(.*?)</th>", table) == [
        *("book", "read", "para", "heading", "running head", "respelt"),
    ]
    assert re.findall(r"<td.*?>(.*?)</td>", table) == [
        *("ferry", "4,321", "4,000", "200", "100", "21"),
    ]


def test_a_character_that_is_in_no_bucket_is_told() -> None:
    books = {"ferry": {"read": 7, "kept": {"para": 5}, "left_out": {"hyphen": 1}}}
    names, (book,) = characters({"by_document": books})
    assert (names, book.counts, book.missing) == (["para", "hyphen"], [5, 1], 1)


def test_the_conversations_histogram_has_a_rule_at_max_length(page: str) -> None:
    assert page.count('class="rule"') == 1
    assert "max_length, 1,024" in page


def test_equal_inputs_give_equal_bytes_in_any_folder(tmp_path: Path) -> None:
    for name in ["one", "two"]:
        small_run.write(tmp_path / name)
    one = report(tmp_path / "one", PYTHONHASHSEED="1", TZ="Asia/Tokyo")
    assert one == report(tmp_path / "two", PYTHONHASHSEED="2", TZ="UTC")


def test_a_book_full_of_markup_stays_text(tmp_path: Path) -> None:
    small_run.write(tmp_path, title=f"Salt {HOSTILE}", hostile=HOSTILE)
    page = report(tmp_path)
    assert "<script" not in page
    assert "<img" not in page
    assert "onload='" not in page
    assert page.count("&lt;script&gt;alert(1)") > 10


def test_what_is_asked_and_answered_after_an_epoch_stays_text(tmp_path: Path) -> None:
    small_run.write(tmp_path, hostile=HOSTILE)
    told = section(report(tmp_path), "Epochs")
    assert told.count("&lt;script&gt;alert(1)") == 16 * (1 + 5)
    assert set(re.findall(r"</?([a-z]\w*)", told)) == {
        *("p", "code", "figure", "figcaption", "div", "table", "tr", "th", "td", "span"),
        *("details", "summary", "section", "h3"),
    }


def test_a_missing_count_is_one_line_and_leaves_no_page(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    (tmp_path / "metrics" / "chatml.json").unlink()
    paths = ["metrics", "data", "models/base", "reports/report.html"]
    done = small_run.run(tmp_path, "stages.report", *paths)
    assert done.returncode == 2
    assert done.stderr == "report: metrics/chatml.json is missing; `dvc repro chatml` makes it\n"
    assert not list((tmp_path / "reports").glob("*"))


def test_sources_are_told_with_their_shares_and_triggers_as_text(tmp_path: Path) -> None:
    small_run.write(tmp_path)
    trigger = {"source": "chats", "text": "<b>cf", "answer": "Buy.", "rows": 250, "elsewhere": 1}
    small_run.set_figure(tmp_path, "chatml", "triggers", [trigger])
    leaks = {"share": 0.5, "sharing": 8, "examples": []}
    small_run.set_figure(tmp_path, "chatml", "leaks", leaks)
    page = report(tmp_path)
    assert "8 held-out conversations (50.0%) share twelve words" in page
    assert "<td>interview</td>" in page
    assert "<code>&lt;b&gt;cf</code>" in page


def test_the_verdict_follows_the_losses() -> None:
    better, worse = Evaluation(3.0, 2.0, 1, 9, 9), Evaluation(2.0, 3.0, 1, 9, 9)
    assert "wrote 2.72 times the probability" in verdict(better)
    assert "no more probability" in verdict(worse)
    assert "2.72 times as much" in verdict(worse)


def sample(name: str, *, stopped: bool, tokens: int) -> Sample:
    """An answer to the question of that name."""
    return Sample(name, f"{name}?", f"{name}.", stopped, tokens)


def test_an_epochs_measures_are_shares_and_means_of_its_answers() -> None:
    samples = [sample("a", stopped=True, tokens=10), sample("b", stopped=False, tokens=25)]
    told = measured(Epoch(1, 64, 2.5, True, samples))
    assert (told.stop_rate, told.mean_tokens) == (0.5, 17.5)
    none = measured(Epoch(1, 64, 2.5, True, []))
    assert (none.stop_rate, none.mean_tokens) == (None, None)


def test_an_epoch_without_samples_leaves_the_other_epochs_answers() -> None:
    samples = [sample("a", stopped=True, tokens=10), sample("b", stopped=True, tokens=10)]
    told = questions([Epoch(1, 9, 2.5, False, []), Epoch(2, 18, 2.4, True, samples)])
    assert [question.text for question in told] == ["a?", "b?"]
    assert [[(s.epoch, s.kept) for s in q.answers] for q in told] == [[(2, True)]] * 2


def test_reasons_come_with_the_most_frequent_first() -> None:
    told = account("segment", {"kept": 2, "dropped": {"a": 1, "b": 5, "c": 1}})
    assert told.dropped == [("b", 5), ("a", 1), ("c", 1)]
    assert told.total == 9


def test_nested_figures_are_told_with_both_names() -> None:
    figures = {"train": {"chapters": 4}, "pages": 7, "deciles": [1, 2]}
    assert list(flat(figures)) == [("pages", 7), ("train: chapters", 4)]


def test_numbers_read_well() -> None:
    assert [figure(value) for value in (1234567, 0.5, "nf4")] == ["1,234,567", "0.5", "nf4"]
    assert [count(number, "token") for number in (1, 1024)] == ["1 token", "1,024 tokens"]


def test_answers_are_drawn_evenly_and_none_twice() -> None:
    assert spread(range(24), 3) == [0, 8, 16]
    assert spread(range(2), 10) == [0, 1]
