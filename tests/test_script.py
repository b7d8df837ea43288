import re
import time
from pathlib import Path

import pytest

from askback.gathering import script, transcript

# A play as libraries type it: names with a full stop, directions in brackets.
PLAY = """\
The Project Gutenberg eBook of The Ferry

*** START OF THE PROJECT GUTENBERG EBOOK THE FERRY ***

THE FERRY

A PLAY FOR RIVER PEOPLE

DRAMATIS PERSONAE

MARA LIND
TOBIN, a ferryman
MRS. VALE

ACT I.

SCENE I. A kitchen. MARA at the window.

MARA. (_rising_) Did you hear what the river said when the ice went
out of it? I have listened to it since I was a child, and I know it as
one knows a well-
worn coat.

TOBIN. [Sits down.] Yes. I heard (as
you did) that it is old. [Exit.]

[Enter MRS. VALE with a
lamp.]

MRS. VALE (to Mara). He _never_ listens.
[She puts the lamp down.]
Nor did his father.

MRS. VALE goes to the window.

A VOICE. Who is there?

MRS. VALE. Nobody. Enter, friend, if you
like the dark.

SCENE II. The bank.

TOBIN.
I. I do not know.

MARA. OK.

Exeunt.

CURTAIN

*** END OF THE PROJECT GUTENBERG EBOOK THE FERRY ***

MARA. This is the licence.
"""

FILM = """\
                           THE FERRY

                      Written by Nobody

FADE IN:

12   INT. KITCHEN - NIGHT                                    12

Mara stands at the sink. BANG. She turns.

                         MARA (V.O.)
               I never liked the river, and it
               never liked me.

She goes to the window.

                         TOBIN
                    (quietly, as one
                    speaks to a child)
               You said that last year.
                         (MORE)

                                                             2.

                         TOBIN (CONT'D)
               And the year before.

                                                   CUT TO:

EXT. BANK - DAY

                         MARA
               OK. FBI. I did say so.
"""
SPOKEN = [
    (11, "MARA", "I never liked the river, and it never liked me."),
    (17, "TOBIN", "You said that last year."),
    (25, "TOBIN", "And the year before."),
    (32, "MARA", "OK. FBI. I did say so."),
]

VERSE = """\
MARA.
O that the river would go down to sea,
And take with it the winter and the ice,
  [Thunder.]
Nor leave us here who never learnt to swim!

 Enter Tobin.

Tobin.
Yes.

MARA.
No. I will not go down there with you tonight, nor on any other night that
comes, whatever you say.

Tobin.
Then go alone,
And may the water bear you. Mara, go.
"""

TALK = """\
A conversation by the river, 2 May.

Interviewer: Where were you born?

Mara Lind: By the river.

It was a small house. Remember: we had nothing.
OK. Nothing at all.

[laughter]

PART TWO

So much for the summary of this part.

Interviewer (aside): And then?
Mara Lind: At 10:30 the bridge.
Ben Vale: May I ask one thing?

It is small.

Mara Lind: Yes.
"""


def found(folder: Path, text: str, author: str = "") -> list[tuple[int, str, str]]:
    """The speeches of a file: the line, who says what."""
    path = folder / "a.txt"
    path.write_bytes(text.encode())
    return [(line, turn.speaker, turn.text) for line, turn in script.turns(path, author)]


def test_a_play_is_what_its_persons_say(tmp_path: Path) -> None:
    assert found(tmp_path, PLAY) == [
        (
            19,
            "MARA",
            "Did you hear what the river said when the ice went out of it? I have listened to it "
            "since I was a child, and I know it as one knows a well-worn coat.",
        ),
        (24, "TOBIN", "Yes. I heard (as you did) that it is old."),
        (30, "MRS. VALE", "He never listens.\nNor did his father."),
        (38, "MRS. VALE", "Nobody. Enter, friend, if you like the dark."),
        (43, "TOBIN", "I. I do not know."),
        (46, "MARA", "OK."),
    ]


def test_a_film_script_is_what_stands_below_names(tmp_path: Path) -> None:
    assert found(tmp_path, FILM) == SPOKEN


@pytest.mark.parametrize("mark", [":", "."])
def test_names_of_a_film_script_may_end_with_a_mark(tmp_path: Path, mark: str) -> None:
    assert found(tmp_path, re.sub(r"(MARA|TOBIN)( \(.*\))?\n", rf"\1\2{mark}\n", FILM)) == SPOKEN


def test_verse_keeps_its_lines_and_prose_does_not(tmp_path: Path) -> None:
    assert found(tmp_path, VERSE) == [
        (
            1,
            "MARA",
            "O that the river would go down to sea,\n"
            "And take with it the winter and the ice,\n"
            "Nor leave us here who never learnt to swim!",
        ),
        (9, "Tobin", "Yes."),
        (
            12,
            "MARA",
            "No. I will not go down there with you tonight, nor on any other night that comes, "
            "whatever you say.",
        ),
        (16, "Tobin", "Then go alone,\nAnd may the water bear you. Mara, go."),
    ]


def test_after_a_colon_a_speech_has_paragraphs(tmp_path: Path) -> None:
    assert found(tmp_path, TALK) == [
        (3, "Interviewer", "Where were you born?"),
        (
            5,
            "Mara Lind",
            "By the river.\nIt was a small house. Remember: we had nothing. OK. Nothing at all.",
        ),
        (16, "Interviewer", "And then?"),
        (17, "Mara Lind", "At 10:30 the bridge."),
        (22, "Mara Lind", "Yes."),
    ]


def test_who_speaks_once_is_in_nobodys_mouth_unless_it_is_the_author(tmp_path: Path) -> None:
    assert (18, "Ben Vale", "May I ask one thing?\nIt is small.") in found(
        tmp_path, TALK, "ben vale"
    )
    assert not [what for _, who, what in found(tmp_path, TALK) if "ask" in what]


def test_speeches_need_no_empty_lines_between_them(tmp_path: Path) -> None:
    text = "MARA\nThe river\nran by.\nTOBIN\nIt did.\nExit Tobin.\nMARA\nSo it did.\nTOBIN\nYes.\n"
    assert [(who, what) for _, who, what in found(tmp_path, text)] == [
        ("MARA", "The river ran by."),
        ("TOBIN", "It did."),
        ("MARA", "So it did."),
        ("TOBIN", "Yes."),
    ]


@pytest.mark.parametrize(
    "name",
    ["FIRST FERRYMAN", "O'BRIEN", "ØDEGÅRD-LÓPEZ", "МАРА", "ΜΑΡΑ", "DR. VALE", "SOLDIER #2", "Q"],
)
@pytest.mark.parametrize("mark", ["\n", ".\n", ". ", ": ", ":\n", " (aside). ", ". (aside) "])
def test_names_are_written_in_many_ways(tmp_path: Path, name: str, mark: str) -> None:
    assert found(tmp_path, f"{name}{mark}So it was.\n", name) == [(1, name, "So it was.")]


@pytest.mark.parametrize("name", ["马拉", "مارا", "J. R. Vale", "Speaker 1", "GROSS, HOST"])
def test_after_a_colon_names_may_be_of_any_script(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, f"{name}: 是的。\n", name) == [(1, name, "是的。")]


def test_lines_without_spaces_between_words_join_without_one(tmp_path: Path) -> None:
    assert found(tmp_path, "马拉：河水在那些日子里\n更宽。\n马拉：是的。\n") == [
        (1, "马拉", "河水在那些日子里更宽。"),
        (3, "马拉", "是的。"),
    ]


def test_a_line_too_long_to_be_wrapped_is_a_paragraph(tmp_path: Path) -> None:
    text = f"Mara: {'So it was. ' * 20}\n{'And so. ' * 20}\nMara: Yes.\n"
    assert (
        found(tmp_path, text)[0][2]
        == f"{'So it was. ' * 20}".strip() + "\n" + ("And so. " * 20).strip()
    )


HEADINGS = ["ACT II", "Act Two.", "SCENE. The bank.", "Scene 3", "Zweiter Aufzug", "FIRST ACT"]
FILM_HEADINGS = ["INT. KITCHEN - NIGHT", "3A EXT. BANK", "FADE OUT.", "SMASH CUT TO:", "THE END"]


@pytest.mark.parametrize("heading", [*HEADINGS, *FILM_HEADINGS, "A NEW PART"])
def test_a_heading_ends_a_speech_and_is_no_part_of_it(tmp_path: Path, heading: str) -> None:
    text = f"Mara: So.\n\n{heading}\n\nIt is night.\n\nMara: Yes.\n"
    assert [what for _, _, what in found(tmp_path, text)] == ["So.", "Yes."]


@pytest.mark.parametrize(
    "line", ["Act as you like.", "Enter, friend.", "Exit strategies.", "NO!", "Scene of my life."]
)
def test_a_paragraph_that_only_begins_as_a_heading_stays(tmp_path: Path, line: str) -> None:
    text = f"Mara: So.\n\n{line}\n\nMara: Yes.\n"
    assert [what for _, _, what in found(tmp_path, text)] == [f"So.\n{line}", "Yes."]


def test_a_bracket_that_never_closes_takes_nothing_away(tmp_path: Path) -> None:
    text = "MARA.\n[So it was (or was it?\nYes.\n\nMARA.\nNo [or] so]\n"
    assert [what for _, _, what in found(tmp_path, text)] == [
        "[So it was (or was it? Yes.",
        "No [or] so]",
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "A text.\n\nAnother one.\n", "MARA\n\nTOBIN\n", "Mara:"]
)
def test_a_file_in_which_nobody_speaks_has_no_turns(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


def test_a_play_becomes_conversations(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(PLAY)
    turns = [turn for _, turn in script.turns(path, "Mrs. Vale")]
    (talk,) = transcript.conversations(turns, "Mrs. Vale", 1000, 0).conversations
    assert [message.content[-20:] for message in talk] == [
        "did) that it is old.",
        "f you like the dark.",
    ]


LENGTH = 100_000  # characters of a hostile file
HOSTILE = ["[", "(", "()", "( ", "A: ", "A. ", "A ", "A (", " ", "_", "a_ ", "MRS. ", "1", "Enter "]
HOSTILE_LINES = [
    "\n",
    "[\n",
    "()\n",
    "A:\n",
    "A.\nb\n\n",
    "A\nb\n\n",
    "CAST\n\n",
    "A: \n\n",
    "a\n\n",
]


@pytest.mark.parametrize("unit", [*HOSTILE, *HOSTILE_LINES])
@pytest.mark.parametrize("opening", ["", "A: (", "A. ["])
def test_a_hostile_file_takes_time_in_its_length(tmp_path: Path, unit: str, opening: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(opening + unit * (LENGTH // len(unit)))
    start = time.process_time()
    list(script.turns(path, "a"))
    assert time.process_time() - start < 3  # the square of its length would be a minute
