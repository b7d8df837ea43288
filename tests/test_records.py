"""Ids: a text keeps its name whatever happens around it."""

import subprocess
import sys
from pathlib import Path

import pytest

from askback.records import IGNORED, Ids, Row

TEXTS = ["The ferry left at six.", "Nobody waved.", "The ferry left at six.", "Smörgås 🛶"]


def names(texts: list[str], document: str = "ferry") -> list[str]:
    """The ids of the texts in this order."""
    ids = Ids()
    return [ids(document, text) for text in texts]


def test_an_id_is_pinned():
    """Every reply paid for and every edit made is found by it: it may never change."""
    assert names(["Nobody waved."]) == ["61ea3e0babd75832"]


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_ids_are_equal_in_every_process(hash_seed):
    code = (
        "import sys; from askback.records import Ids; ids = Ids();"
        "print([ids('ferry', text) for text in sys.argv[1:]])"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code, *TEXTS],
        cwd=Path(__file__).parents[1],
        env={"PYTHONHASHSEED": hash_seed, "LC_ALL": "C.UTF-8"},
    )

    assert printed.decode().strip() == str(names(TEXTS))


def test_copies_of_a_text_have_ids_of_their_own():
    assert len(set(names(["Amen."] * 100))) == 100


def test_the_same_text_in_another_document_has_another_id():
    assert names(["Amen."], "psalms") != names(["Amen."], "hymns")


def test_documents_do_not_count_each_others_copies():
    ids = Ids()
    ids("psalms", "Amen.")

    assert ids("hymns", "Amen.") == names(["Amen."], "hymns")[0]


def test_where_a_document_ends_and_its_text_begins_matters():
    assert names(["bc"], "a") != names(["c"], "ab")


@pytest.mark.parametrize("place", range(len(TEXTS) + 1))
def test_inserting_a_text_renames_no_other(place):
    longer = names([*TEXTS[:place], "A page that was missing.", *TEXTS[place:]])

    assert longer[:place] + longer[place + 1 :] == names(TEXTS)


def test_inserting_a_copy_renames_only_later_copies():
    before = dict(zip("abcd", names(["Amen.", "One.", "Amen.", "Two."]), strict=True))
    after = names(["Amen.", "Amen.", "One.", "Amen.", "Two."])

    assert [after[0], after[2], after[1], after[4]] == list(before.values())


def test_texts_that_change_places_keep_their_ids():
    one, two = names(["One.", "Two."])

    assert names(["Two.", "One."]) == [two, one]


def test_the_first_token_of_a_row_is_never_counted_as_predicted():
    assert Row([5, 6, 7], [5, 6, 7]).supervised == 2
    assert Row([5, 6, 7], [IGNORED, 6, IGNORED]).supervised == 1
    assert Row([5], [5]).supervised == 0
