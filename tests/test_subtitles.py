import time
from pathlib import Path

import pytest

from askback.errors import UserError
from askback.gathering import subtitles
from askback.gathering.rows import RowError
from askback.gathering.transcript import Turn

TIMES = "00:00:01.000 --> 00:00:02.000"

VOICES = """\
WEBVTT - The ferry
Kind: captions
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000

NOTE
Mara: this is no cue

STYLE
::cue(v[voice="Mara"]) { color: red }

REGION
id:left

intro
00:01.000 --> 00:02.000 align:start position:0%
<v Mara Lind><i>I was</i> born &amp; <00:00:01.500>raised</v>

00:02.000 --> 00:03.000
by the <c.loud>river</c>.
<v.quiet Tobin>Note: so&nbsp;was I,</v>
<v Mara Lind>Were you?</v> <v Tobin>I was.

00:03.000 --> 00:04.000
- All my life.
"""

NAMES = """\
1
00:00:01,000 --> 00:00:02,000
- Mara Lind: {\\an8}Were you born
here?
- TOBIN: I was,

2
00:00:02,000 --> 00:00:03,000
at 10:30 in the morning.

3
00:00:03,000 --> 00:00:04,000
Mara Lind: <b>Remember:</b> I was, too.

4
00:00:04,000 --> 00:00:05,000
Remember: we had nothing.
"""

# As YouTube's recognition writes it: each line is shown again above the next one.
ROLLING = """\
WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.790 align:start position:0%
 
I<00:00:00.480><c> was</c><00:00:00.880><c> born</c>

00:00:02.790 --> 00:00:02.800 align:start position:0%
I was born
 

00:00:02.800 --> 00:00:05.110 align:start position:0%
I was born
by<00:00:02.960><c> the</c><00:00:03.120><c> river</c>

00:00:05.110 --> 00:00:05.120 align:start position:0%
by the river
 

00:00:05.120 --> 00:00:07.000 align:start position:0%
by the river
&gt;&gt; TOBIN: I<00:00:05.500><c> know</c>
"""  # noqa: W293


def found(folder: Path, name: str, text: str, author: str = "") -> list[tuple[int, Turn]]:
    """The turns of a file in which nothing is broken, with their lines."""
    path = folder / name
    path.write_bytes(text.encode())
    turns = list(subtitles.turns(path, author))
    assert not [error for _, error in turns if isinstance(error, RowError)]
    return [(line, turn) for line, turn in turns if isinstance(turn, Turn)]


def said(folder: Path, *shown: str, name: str = "a.srt", author: str = "") -> list[tuple[str, str]]:
    """Who says what in cues that show these texts."""
    cues = "\n\n".join(f"{number}\n{TIMES}\n{text}" for number, text in enumerate(shown, 1))
    return [(turn.speaker, turn.text) for _, turn in found(folder, name, cues, author)]


def test_webvtt_says_by_its_tags_who_speaks(tmp_path: Path) -> None:
    assert found(tmp_path, "a.vtt", VOICES) == [
        (15, Turn("Mara Lind", "I was born & raised by the river.")),
        (18, Turn("Tobin", "Note: so was I,")),
        (18, Turn("Mara Lind", "Were you?")),
        (18, Turn("Tobin", "I was. - All my life.")),
    ]


def test_srt_says_by_names_in_front_of_texts_who_speaks(tmp_path: Path) -> None:
    assert found(tmp_path, "a.srt", NAMES) == [
        (2, Turn("Mara Lind", "Were you born here?")),
        (2, Turn("TOBIN", "I was, at 10:30 in the morning.")),
        (12, Turn("Mara Lind", "Remember: I was, too. Remember: we had nothing.")),
    ]


def test_what_rolls_up_is_said_once(tmp_path: Path) -> None:
    assert found(tmp_path, "a.vtt", ROLLING) == [
        (5, Turn("", "I was born by the river")),
        (21, Turn("TOBIN", "I know")),
    ]


def test_what_is_said_twice_without_rolling_stays(tmp_path: Path) -> None:
    shown = ["No.", "No.", "No.", "I will not.", "Not today.", "Never.", "You know."]
    assert said(tmp_path, *shown) == [("", " ".join(shown))]


@pytest.mark.parametrize("name", ["a.vtt", "a.srt"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_line_ends_of_any_system_change_nothing(
    tmp_path: Path, name: str, line_end: str, mark: str
) -> None:
    text = (VOICES if name == "a.vtt" else NAMES).strip()
    as_is = found(tmp_path, name, text)
    assert found(tmp_path, name, mark + text.replace("\n", line_end)) == as_is


def test_cues_may_lack_numbers_and_empty_lines(tmp_path: Path) -> None:
    text = f"{TIMES}\nMARA: One\n2\n{TIMES}\nTOBIN: Two\n{TIMES}\nMARA: Three\n\n4\n\n{TIMES}\nfour"
    assert found(tmp_path, "a.srt", text) == [
        (1, Turn("MARA", "One")),
        (4, Turn("TOBIN", "Two")),
        (6, Turn("MARA", "Three four")),
    ]


def test_a_number_that_is_said_stays(tmp_path: Path) -> None:
    assert said(tmp_path, "MARA: How many?\n42", "Or so.") == [("MARA", "How many? 42 Or so.")]


@pytest.mark.parametrize(
    ("shown", "who", "what"),
    [
        ("MARA: So.", "MARA", "So."),
        ("MARA (V.O.): So.", "MARA", "So."),
        ("[Mara Lind] So.", "Mara Lind", "So."),
        ("[Mara Lind]: So.", "Mara Lind", "So."),
        (">> MARA: So.", "MARA", "So."),
        (">> Mara Lind: So.", "Mara Lind", "So."),
        (">>Mara Lind: So.", "Mara Lind", "So."),
        ("- MARA: So.", "MARA", "So."),
        ("-MARA: So.", "MARA", "So."),
        ("MARA:\nSo.", "MARA", "So."),
        ("SPEAKER_01: So.", "SPEAKER_01", "So."),
        ("Anna van der Lind: So.", "Anna van der Lind", "So."),
        ("马拉：是的。", "马拉", "是的。"),
        ("مارا: نعم.", "مارا", "نعم."),
        ("O'Brien-Ødegård: So.", "O'Brien-Ødegård", "So."),
    ],
)
def test_names_are_written_in_many_ways(tmp_path: Path, shown: str, who: str, what: str) -> None:
    assert said(tmp_path, "TOBIN: Why?", shown, author=who) == [("TOBIN", "Why?"), (who, what)]


@pytest.mark.parametrize(
    "shown",
    [
        "Remember: so.",
        "it was like this: so.",
        "At 10:30 so.",
        "https://a.example",
        "[The] river",
        "a < b and c > d",
        "I <3 you",
        "&lt;v Ann&gt; so",
        "That was the year in which we all left the Valley of the River: so.",
    ],
)
def test_what_only_looks_like_a_name_is_said_by_who_spoke_before(
    tmp_path: Path, shown: str
) -> None:
    (turn,) = said(tmp_path, "MARA: Well.", shown)
    text = shown.replace("&lt;", "<").replace("&gt;", ">")
    assert turn == ("MARA", f"Well. {text}")


def test_whose_words_cannot_be_told_are_nobodys(tmp_path: Path) -> None:
    assert said(tmp_path, "MARA: Well.", "- Yes.\n-No.", "MARA: So.", ">> Why?") == [
        ("MARA", "Well."),
        ("", "Yes. No."),
        ("MARA", "So."),
        ("", "Why?"),
    ]


def test_sounds_are_not_said(tmp_path: Path) -> None:
    shown = ["MARA: Well.", "[Music]", "[Laughter] So.", "[Laughter] It was.", "MUSIC: la"]
    assert said(tmp_path, *shown) == [("MARA", "Well. [Laughter] So. [Laughter] It was. MUSIC: la")]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("2\n00:00:02,000 -> 00:00:03,000\nlost", "'00:00:02,000 -> 00:00:03,000'"),
        ("2\n00:00:xx,000 --> 00:00:03,000\nlost", "'00:00:xx,000 --> 00:00:03,000'"),
        ("-->\nlost", "'-->'"),
        ("lost", "'lost'"),
        ("x" * 10_000, "xxx'"),
    ],
)
def test_a_broken_cue_is_named_and_the_others_are_kept(
    tmp_path: Path, block: str, told: str
) -> None:
    path = tmp_path / "a.srt"
    path.write_text(f"1\n{TIMES}\nMARA: One\n\n{block}\n\n3\n{TIMES}\nthree\n")
    first, broken, last = subtitles.turns(path)
    assert (first, last[1]) == ((2, Turn("MARA", "One")), Turn("MARA", "three"))
    assert isinstance(broken[1], RowError)
    assert broken[1].reason == "broken_times"
    assert broken[1].detail.endswith(told)
    assert len(broken[1].detail) < 120
    assert broken[0] == 5


def test_numbers_of_characters_may_be_of_any_length(tmp_path: Path) -> None:
    long = f"&#{'9' * 5000};"
    assert said(tmp_path, f"MARA: &#233;&#xe9;&eacute;&unheard; {long}") == [
        ("MARA", f"ééé&unheard; {long}")
    ]


@pytest.mark.parametrize("name", ["a.vtt", "a.srt"])
@pytest.mark.parametrize("text", ["", "\n\n", "WEBVTT\n", f"WEBVTT\n\n{TIMES}\n", f"{TIMES}\n \n"])
def test_a_file_in_which_nobody_speaks_has_no_turns(tmp_path: Path, name: str, text: str) -> None:
    assert found(tmp_path, name, text) == []


def test_a_file_in_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(f"1\n{TIMES}\nMara: caf".encode() + b"\x81\x8d\n")
    with pytest.raises(UserError, match=r"a\.srt"):
        list(subtitles.turns(tmp_path / "a.srt"))


LENGTH = 100_000  # characters of a hostile file
HOSTILE = ["<v ", "<v a", "<", "{\\", "&#1", "[", "[]", "[a] ", "- ", ">", "A: ", "A (", " ", "00:"]
HOSTILE_LINES = ["a\n", "\n", "1\n", "a\n\n", "-->\n", "1 --> ", f"{TIMES}\n", f"{TIMES}\na\n\n"]


@pytest.mark.parametrize("unit", [*HOSTILE, *HOSTILE_LINES])
def test_a_hostile_file_takes_time_in_its_length(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(f"WEBVTT\n\n{TIMES}\n{unit * (LENGTH // len(unit))}")
    start = time.process_time()
    list(subtitles.turns(path, "a"))
    assert time.process_time() - start < 3  # the square of its length would be a minute
